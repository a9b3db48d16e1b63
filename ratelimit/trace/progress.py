"""How far a replay is, on a terminal."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from ratelimit.clock import SystemClock

if TYPE_CHECKING:
    from ratelimit.trace.bar import Bar

#: Seconds between two lines of text, where there is no bar.
_EVERY = 5.0


class Progress:
    """Shows how far of *size* bytes (0: not known) a replay is: a bar, or a line every few seconds without ``rich``.

    Silent if *quiet*, and where standard error is no terminal.
    """

    def __init__(self, size: int, *, quiet: bool) -> None:
        self._size = size
        self._clock = SystemClock()
        self._began = self._said = self._clock.now()
        self._loud = not quiet and sys.stderr.isatty()
        self._bar = _bar(size) if self._loud else None

    @property
    def seconds(self) -> float:
        """Seconds since the beginning."""
        return self._clock.now() - self._began

    def show(self, lines: int, position: int) -> None:
        """Show that *lines* were decided and *position* bytes read."""
        if self._bar is not None:
            self._bar.show(lines, position)
        elif self._loud and self._clock.now() - self._said >= _EVERY:
            self._said = self._clock.now()
            share = f", {position / self._size:.0%} of the trace" if self._size else ""
            sys.stderr.write(f"{lines:,} lines{share}\n")

    def close(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.close()


def _bar(size: int) -> Bar | None:
    try:
        from ratelimit.trace.bar import Bar  # noqa: PLC0415 (rich is an extra)
    except ModuleNotFoundError:
        return None
    return Bar(size)
