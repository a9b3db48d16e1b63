"""How much, and how steadily, a principal asks."""

from __future__ import annotations

import math
from typing import NamedTuple

_HOUR = 3600.0
_DAY = 86_400.0


class Hour(NamedTuple):
    """One clock hour of a principal.

    number   hours since 1970.
    prompts  prompts in it.
    repeats  those among them that it had asked before.
    """

    number: int
    prompts: int
    repeats: int


class Pace:
    """Prompts a day, as an average that forgets by a factor of e a day, and the current clock hour.

    began_at  the first prompt, Unix seconds; infinite before.
    """

    __slots__ = ("_at", "_number", "_per_day", "_prompts", "_repeats", "began_at")

    def __init__(self) -> None:
        self._at = 0.0
        self._per_day = 0.0
        self.began_at = math.inf
        self._number, self._prompts, self._repeats = -1, 0, 0

    @property
    def hour(self) -> Hour:
        """The current clock hour, as far as it went."""
        return Hour(self._number, self._prompts, self._repeats)

    @hour.setter
    def hour(self, hour: Hour) -> None:
        self._number, self._prompts, self._repeats = hour

    def per_day(self, now: float) -> float:
        """Return prompts a day at *now* (Unix seconds), 0 or more."""
        return self._per_day * math.exp(-max(0.0, now - self._at) / _DAY)

    def rate(self, now: float) -> float:
        """Return prompts a day at *now*, as ``per_day``, but made up for the days before it began.

        rate = per_day / (1 - e^-age),    age in days since the first prompt
        """
        age = (now - self.began_at) / _DAY
        return self.per_day(now) / -math.expm1(-age) if age > 0 else 0.0

    def learn(self, now: float, *, repeats: bool) -> None:
        """Count one prompt at *now*."""
        self._per_day = self.per_day(now) + 1.0
        self.began_at = min(self.began_at, now)
        self._at = max(self._at, now)
        number = hour_of(now)
        if number != self._number:
            self._number, self._prompts, self._repeats = number, 0, 0
        self._prompts += 1
        self._repeats += repeats


def hour_of(now: float) -> int:
    """Return the clock hour, counted from 1970, that *now* (Unix seconds) lies in."""
    return int(now // _HOUR)
