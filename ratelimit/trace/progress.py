"""How far a command is, and how long it takes from there."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from ratelimit.clock import SystemClock
from ratelimit.trace.text import lasting

if TYPE_CHECKING:
    from ratelimit.trace.bar import Bar

#: Seconds between two lines of text, where there is no bar.
_EVERY = 5.0


class Progress:
    """Shows on standard error how far a command is: a bar, or a line every few seconds without ``rich``.

    quiet   whether nothing is shown.
    piped   whether lines are written where standard error is no terminal, too: for what takes many minutes.
    """

    def __init__(self, *, quiet: bool, piped: bool = False) -> None:
        self._clock = SystemClock()
        self._began = self._said = self._clock.now()
        terminal = sys.stderr.isatty()
        self._loud = not quiet and (terminal or piped)
        self._bar = _bar() if self._loud and terminal else None

    @property
    def seconds(self) -> float:
        """Seconds since the beginning."""
        return self._clock.now() - self._began

    def show(self, doing: str, done: float | None) -> None:
        """Show what is *doing*, and the share *done* of all of it, 0 to 1; ``None``: not known."""
        if self._bar is not None:
            self._bar.show(doing, done)
        elif self._loud and (now := self._clock.now()) - self._said >= _EVERY:
            self._said = now
            sys.stderr.write(f"{doing}{_far(now - self._began, done)}\n")
            sys.stderr.flush()

    def close(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.close()


def _far(seconds: float, done: float | None) -> str:
    return f", {done:.1%} done, about {lasting(seconds * (1 - done) / done)} left" if done else ""


def _bar() -> Bar | None:
    try:
        from ratelimit.trace.bar import Bar  # noqa: PLC0415 (rich is an extra)
    except ModuleNotFoundError:
        return None
    return Bar()
