"""Where lines come from, and what happens when that breaks."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest

from ratelimit.offline.interrupts import Interrupts
from ratelimit.replay import source
from ratelimit.replay.source import Source

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

COMMAND = [sys.executable, "-m", "ratelimit", "replay"]


def _replay(*arguments: str, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [*COMMAND, *arguments], input=given, capture_output=True, check=False, timeout=60
    )


def _lines(path: Path) -> list[bytes | None]:
    opened = Source(str(path))
    try:
        return list(opened.lines(Interrupts()))
    finally:
        opened.close()


@pytest.mark.parametrize("packing", ["plain", "gzip", "zstd"])
def test_standard_input_is_read_whatever_it_is(
    packing: str, replay: Callable[..., Any], as_lines: Callable[..., bytes], make_row: Callable[..., Any],
    packed_by_zstd: Callable[[bytes], bytes],
) -> None:
    """``-`` reads a pipe, plain or packed, and ``-o -`` writes decisions to one, the summary to standard error."""
    trace = as_lines([make_row(text=f"word{number}") for number in range(100)])
    pack = {"plain": bytes, "gzip": gzip.compress, "zstd": packed_by_zstd}[packing]
    done = _replay("-", "-o", "-", "--quiet", given=pack(trace))

    assert (done.returncode, b"requests" in done.stderr) == (0, True)
    assert done.stdout.count(b"\n") == 100
    assert replay(trace).decisions == [json.loads(line) for line in done.stdout.splitlines()]


def test_a_pipe_that_trickles_is_read_as_it_comes(tmp_path: Path) -> None:
    """A first byte that comes alone hides nothing, and a line is there once its end is."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    found: list[bytes | None] = []
    writing = threading.Event()

    def write() -> None:
        with path.open("wb", buffering=0) as pipe:
            for byte in b"\xef\xbb\xbfone\ntwo\n":
                pipe.write(bytes([byte]))
            writing.wait(30)

    thread = threading.Thread(target=write)
    thread.start()
    opened = Source(str(path))
    lines = opened.lines(Interrupts())
    found = [next(lines), next(lines)]
    writing.set()
    thread.join()

    assert found == [b"one\n", b"two\n"]
    assert list(lines) == []
    assert opened.size == 0
    opened.close()


@pytest.mark.parametrize("packing", ["gzip", "zstd"])
@pytest.mark.parametrize("damage", ["cut", "changed"])
def test_packed_data_that_breaks_off_stops_the_run(
    packing: str, damage: str, replay: Callable[..., Any], as_lines: Callable[..., bytes],
    make_row: Callable[..., Any], packed_by_zstd: Callable[[bytes], bytes],
) -> None:
    """Exit code 1 and a sentence; what came before stands, in the decisions and in the summary."""
    first, second = (as_lines([make_row(text=os.urandom(40).hex()) for _ in range(2000)]) for _ in range(2))
    pack = {"gzip": gzip.compress, "zstd": packed_by_zstd}[packing]
    rest = pack(second)
    broken = rest[: len(rest) // 2] if damage == "cut" else rest[:3] + b"\xff" * 40 + rest[43:]
    found = replay(pack(first) + broken)

    assert found.code == 1
    assert f"ratelimit replay: the {packing} data of " in found.err.splitlines()[-1]
    assert " breaks off or is damaged: " in found.err
    assert 0 < len(found.decisions) < 4000
    assert f"{len(found.decisions):,} lines, " in found.out


def test_zstd_frames_that_may_be_skipped_are(
    tmp_path: Path, packed_by_zstd: Callable[[bytes], bytes]
) -> None:
    """Parallel and seekable compressors put such frames at the front or at the end."""
    skippable = b"\x50\x2a\x4d\x18" + (4).to_bytes(4, "little") + b"note"
    path = tmp_path / "trace"
    path.write_bytes(skippable + packed_by_zstd(b"one\n") + skippable + packed_by_zstd(b"two\n") + skippable)

    assert _lines(path) == [b"one\n", b"two\n"]


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_a_line_too_long_is_one_bad_line(
    pack: Callable[[bytes], bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is not held in memory, and the next line is found."""
    monkeypatch.setattr(source, "LONGEST_LINE", 8)
    path = tmp_path / "trace"
    path.write_bytes(pack(b"1234567\n12345678\n" + b"x" * 100 + b"\nnext\n12345678"))

    assert _lines(path) == [b"1234567\n", None, None, b"next\n", None]


def test_a_line_too_long_is_answered(
    replay: Callable[..., Any], as_lines: Callable[..., bytes], make_row: Callable[..., Any]
) -> None:
    """The decisions still answer line by line."""
    good = as_lines([make_row()])
    found = replay(good + b'{"at":' + b" " * (1 << 24) + b"1}\n" + good, max_bad=0.5)

    assert "line 2: is longer than 16,777,216 bytes" in found.err
    assert [line["at"] is None for line in found.decisions] == [False, True, False]


@pytest.mark.parametrize("missing", ["nothing.jsonl", "."])
def test_a_trace_that_cannot_be_opened_is_named(missing: str, replay: Callable[..., Any], tmp_path: Path) -> None:
    """Exit code 2, the name and the reason, and no file of decisions is touched."""
    before = tmp_path / "decisions.jsonl"
    before.write_text("{}\n")
    found = replay(b"", trace=str(tmp_path / missing))

    assert (found.code, found.out) == (2, "")
    assert "cannot be read (" in found.err
    assert before.read_text() == "{}\n"


def test_zstd_without_its_extra_says_what_to_install(
    tmp_path: Path, packed_by_zstd: Callable[[bytes], bytes]
) -> None:
    """Where nothing unpacks zstd the exact pip command is given, with exit code 2."""
    path = tmp_path / "trace.zst"
    path.write_bytes(packed_by_zstd(b"{}\n"))
    hidden = ("import sys; sys.modules['zstandard'] = sys.modules['compression.zstd'] = None; "
              f"from ratelimit.cli import main; sys.exit(main(['replay', {str(path)!r}]))")
    done = subprocess.run(
        [sys.executable, "-c", hidden], capture_output=True, text=True, check=False, timeout=60
    )

    assert done.returncode == 2
    assert done.stderr == (f"ratelimit replay: {path} is packed by zstd, and reading that needs zstandard: "
                           "pip install 'behavioral-ratelimit[replay]'\n")
