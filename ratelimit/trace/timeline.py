"""Tiers over time, in bounded memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ratelimit.decision import Tier

_MOST = 240


class Timeline:
    """Counts requests by tier in stretches of equal length, of which there are at most 240: then they are joined.

    >>> timeline = Timeline()
    >>> for at in (0.0, 30.0, 400.0): timeline.add(at, 2)
    >>> timeline.stretches()[0], timeline.stretches()[6]
    ([0, 0, 2, 0], [0, 0, 1, 0])
    """

    __slots__ = ("_counts", "_width")

    def __init__(self) -> None:
        self._width = 60.0
        self._counts: dict[int, list[int]] = {}

    def add(self, at: float, tier: Tier | int) -> None:
        """Count a request at *at* (Unix seconds) that met *tier*."""
        row = self._counts.get(int(at // self._width))
        if row is None:
            row = self._counts[int(at // self._width)] = [0, 0, 0, 0]
            row[tier] += 1
            self._join()
        else:
            row[tier] += 1

    @property
    def days(self) -> float:
        """Days from the first stretch to the end of the last."""
        return len(self.stretches()) * self._width / 86_400.0

    def stretches(self) -> list[list[int]]:
        """Return a row of four counts (clear, watch, soft, hard) a stretch, from the first to the last."""
        if not self._counts:
            return []
        first, last = min(self._counts), max(self._counts)
        return [self._counts.get(number, [0, 0, 0, 0]) for number in range(first, last + 1)]

    def _join(self) -> None:
        while max(self._counts) - min(self._counts) >= _MOST:
            self._width *= 2
            joined: dict[int, list[int]] = {}
            for number, row in self._counts.items():
                into = joined.setdefault(number // 2, [0, 0, 0, 0])
                for tier, count in enumerate(row):
                    into[tier] += count
            self._counts = joined
