"""Shared by the replay's tests: traces, and ways to replay them."""

from __future__ import annotations

import contextlib
import io
import json
import signal
import sys
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from ratelimit.replay.run import Options, run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

START = 1_760_000_000.0


class Replayed(NamedTuple):
    """What one replay came to: exit code, what it printed, and the decisions that it wrote."""

    code: int
    out: str
    err: str
    decisions: list[dict[str, Any]]


def row(at: float = START, principal: str = "key-1", text: str = "hello there", **more: object) -> dict[str, Any]:
    """Return one row of a trace."""
    body = {"model": "m", "messages": [{"role": "user", "content": text}]}
    return {"at": at, "principal": principal, "since": None, "verified": False, "links": {},
            "path": "/v1/chat/completions", "body": body} | more


def jsonl(rows: list[Any]) -> bytes:
    """Return *rows* as JSON lines."""
    return b"".join(json.dumps(one).encode() + b"\n" for one in rows)


def replayed(data: bytes, folder: Path, **options: Any) -> Replayed:
    """Replay the trace *data*, by way of a file in *folder*, in this process."""
    path, output = folder / "trace.jsonl", folder / "decisions.jsonl"
    path.write_bytes(data)
    out, err = io.StringIO(), io.StringIO()
    chosen = Options(**{"trace": str(path), "output": str(output), "quiet": True} | options)
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = run(chosen)
    lines = output.read_text("utf-8").splitlines() if output.exists() else []
    return Replayed(code, out.getvalue(), err.getvalue(), [json.loads(line) for line in lines])


@pytest.fixture(scope="session")
def make_row() -> Callable[..., dict[str, Any]]:
    """Give a maker of rows."""
    return row


@pytest.fixture(scope="session")
def as_lines() -> Callable[[list[Any]], bytes]:
    """Give what writes rows as JSON lines."""
    return jsonl


@pytest.fixture
def replay(tmp_path: Path) -> Callable[..., Replayed]:
    """Give what replays bytes, in this process."""
    return lambda data, **options: replayed(data, tmp_path, **options)


@pytest.fixture(scope="session")
def replay_in(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Replayed]:
    """Give what replays bytes, in this process, as often as a property asks."""
    folder = tmp_path_factory.mktemp("replay")

    def again(data: bytes, **options: Any) -> Replayed:
        for left in folder.iterdir():
            left.unlink()
        return replayed(data, folder, **options)

    return again


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """Give what makes a module of a name and a text, to be found by ``--policy`` and ``--mapper``."""
    folder = tmp_path / "modules"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)

    def make(name: str, text: str) -> None:
        (folder / f"{name}.py").write_text(text, "utf-8")
        monkeypatch.delitem(sys.modules, name, raising=False)

    return make


@pytest.fixture(scope="session")
def packed_by_zstd() -> Callable[[bytes], bytes]:
    """Give what packs bytes into one zstd frame."""
    if sys.version_info >= (3, 14):
        from compression import zstd  # noqa: PLC0415 (only where it is)

        return zstd.compress
    import zstandard  # noqa: PLC0415 (only where it is needed)

    return lambda data: zstandard.ZstdCompressor().compress(data)


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Ctrl-C that is heard, here and by children, even if these tests run where it is ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(scope="session")
def harvest(writer: Callable[..., Any]) -> list[dict[str, Any]]:
    """Give an hour of ten people and of a harvest over 30 accounts of a day, which ends tightened."""
    template = "Answer the following question in detail and explain every step. "
    writes, rows = writer(7), []
    people = [writes.person() for _ in range(10)]
    for number in range(1500):
        at = START + 3 * number
        if number % 3:
            account = (number - number // 3) * 7 % 30
            rows.append(row(at, f"farm-{account}", template + writes.harvest(), since=START - 86_400,
                            links={"network": "as1", "payment": f"card-{account}"}))
        else:
            who = number // 3 % 10
            rows.append(row(at, f"person-{who}", people[who](), since=START - 9e7, verified=who < 5,
                            links={"network": f"as-{who}"}))
    return rows
