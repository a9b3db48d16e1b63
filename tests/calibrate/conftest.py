"""Shared by the calibration's tests: traffic of people, and a harvest to put among them."""

from __future__ import annotations

import contextlib
import io
import json
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from ratelimit.calibrate.run import Options, run

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

START = 1_760_000_000.0


class Calibrated(NamedTuple):
    """Exit code, what was printed, and that as JSON where it is."""

    code: int
    out: str
    err: str

    @property
    def made(self) -> Any:
        """What ``--json`` printed."""
        return json.loads(self.out)


def row(at: float, principal: str, text: str, **more: object) -> dict[str, Any]:
    """Return one row of a trace."""
    return {"at": at, "principal": principal, "path": "/v1/chat/completions",
            "body": {"model": "m", "messages": [{"role": "user", "content": text}]}} | more


@pytest.fixture(scope="session")
def people(writer: Callable[..., Any]) -> Callable[..., list[dict[str, Any]]]:
    """Give a maker of a week of *many* people, of 40 prompts each, who all use one client; drawn from a seed."""

    def make(many: int = 80, seed: int = 5) -> list[dict[str, Any]]:
        writes = writer(seed, subjects=40)
        asks = [writes.person(2 + number % 4) for number in range(many)]
        rows = [row(START + 15_000.0 * turn + 137.0 * number, f"person-{number}", ask())
                for turn in range(40) for number, ask in enumerate(asks)]
        return sorted(rows, key=lambda one: one["at"])

    return make


@pytest.fixture(scope="session")
def harvest(writer: Callable[..., Any]) -> Callable[..., list[dict[str, Any]]]:
    """Give a maker of a harvest of *many* requests in that week, spread over so many young accounts."""

    def make(many: int, accounts: int) -> list[dict[str, Any]]:
        writes = writer(11)
        template = "Answer this in full and explain every step of it: "
        return [row(START + 600_000.0 * number / many, f"farm-{number * 7 % accounts}", template + writes.harvest(),
                    since=START - 86_400.0) for number in range(many)]

    return make


def written(rows: list[dict[str, Any]], folder: Path) -> Path:
    """Write *rows* as a trace, in time order, and return where it is."""
    path = folder / "trace.jsonl"
    path.write_text("".join(json.dumps(one) + "\n" for one in sorted(rows, key=lambda one: one["at"])), "utf-8")
    return path


def calibrated(path: Path, **options: Any) -> Calibrated:
    """Calibrate by a trace, in this process."""
    out, err = io.StringIO(), io.StringIO()
    chosen = Options(**{"trace": str(path), "quiet": True, "alpha": 0.05, "json": True} | options)
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = run(chosen)
    return Calibrated(code, out.getvalue(), err.getvalue())


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Give what writes rows as a trace."""
    return lambda rows: written(rows, tmp_path)


@pytest.fixture
def calibrate(tmp_path: Path) -> Callable[..., Calibrated]:
    """Give what calibrates by rows."""
    return lambda rows, **options: calibrated(written(rows, tmp_path), **options)


@pytest.fixture(scope="session")
def fitted(people: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Calibrated:
    """Give what comes of the people alone."""
    return calibrated(written(people(), tmp_path_factory.mktemp("fitted")))
