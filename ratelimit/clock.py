"""Where time comes from: the one file that reads a clock. Everything else is handed ``now``."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """Anything that tells the time as Unix seconds."""

    def now(self) -> float:
        """Return Unix seconds."""
        ...


class SystemClock:
    """The machine's clock."""

    __slots__ = ()

    def now(self) -> float:
        """Return Unix seconds."""
        return time.time()

    def __repr__(self) -> str:
        return "SystemClock()"


class ManualClock:
    """A clock that stands still until it is moved: for tests, replay and drills.

    >>> clock = ManualClock(100.0)
    >>> clock.advance(2.5)
    >>> clock.now()
    102.5
    """

    __slots__ = ("_now",)

    def __init__(self, now: float = 0.0) -> None:
        self._now = float(now)

    def now(self) -> float:
        """Return Unix seconds."""
        return self._now

    def advance(self, seconds: float) -> None:
        """Move forward by *seconds* (zero or more)."""
        if seconds < 0:
            raise ValueError(f"ManualClock.advance: seconds must not be negative, got {seconds}; to go back use set()")
        self._now += seconds

    def set(self, now: float) -> None:
        """Stand at *now*, wherever that is: clocks do step back, and callers must bear it."""
        self._now = float(now)

    def __repr__(self) -> str:
        return f"ManualClock({self._now!r})"
