"""Shared by the drill's tests: ways to rehearse."""

from __future__ import annotations

import contextlib
import io
import sys
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from ratelimit.drill.run import Options, run

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


class Drilled(NamedTuple):
    """What one drill came to: exit code, and what it printed."""

    code: int
    out: str
    err: str


def drilled(*names: str, **options: Any) -> Drilled:
    """Rehearse, in this process, two days of thirty accounts unless said otherwise."""
    out, err = io.StringIO(), io.StringIO()
    chosen = Options(**{"names": names, "days": 1.0, "accounts": 30, "quiet": True} | options)
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = run(chosen)
    return Drilled(code, out.getvalue(), err.getvalue())


@pytest.fixture(scope="session")
def drill() -> Callable[..., Drilled]:
    """Give what rehearses."""
    return drilled


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """Give what makes a module of a name and a text, to be found by its name."""
    monkeypatch.syspath_prepend(tmp_path)

    def make(name: str, text: str) -> None:
        (tmp_path / f"{name}.py").write_text(text, "utf-8")
        monkeypatch.delitem(sys.modules, name, raising=False)

    return make
