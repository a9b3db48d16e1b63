"""Waiting lines for requests that are held back: one a principal, paced, so that nobody stampedes."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from typing import TYPE_CHECKING

from aiolimiter import AsyncLimiter
from cachetools import TTLCache

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Lanes that are kept at most, and seconds for which an unused one is. A lane that is forgotten costs its principal
#: nothing but the pacing.
_MOST, _KEPT = 4096, 60.0

#: The shortest pace, seconds: what the event loop's timers can keep.
_SHORTEST = 0.001


class Lane:
    """One principal's line: one goes every *pace* seconds, the first after one *pace*, in order of arrival."""

    __slots__ = ("_limiter", "_used", "pace", "waiting")

    def __init__(self, pace: float) -> None:
        self.pace = max(pace, _SHORTEST)
        self.waiting = 0
        self._limiter = AsyncLimiter(1, self.pace)
        self._used = False

    def __repr__(self) -> str:
        return f"Lane(pace={self.pace:.3f}, waiting={self.waiting})"

    @property
    def length(self) -> float:
        """Seconds until the last in the line can go, about."""
        return self.pace * self.waiting

    async def turn(self) -> None:
        """Wait for one's turn; cancelling gives it up."""
        if not self._used:
            self._used = True
            await self._limiter.acquire()  # does not wait: it spends what the budget has spent already
        await self._limiter.acquire()


class Lanes:
    """The lines of all principals that are held back just now; bounded, and forgetful."""

    def __init__(self) -> None:
        self._lanes: TTLCache[str, Lane] = TTLCache(_MOST, _KEPT, timer=lambda: asyncio.get_running_loop().time())

    def __repr__(self) -> str:
        return f"Lanes({len(self._lanes)})"

    @contextmanager
    def place(self, principal: str, pace: float) -> Iterator[Lane]:
        """Take a place in the line of *principal*, whose budget lets one request more go in *pace* seconds."""
        lane = self._lanes.get(principal)
        if lane is None or not lane.waiting or pace > lane.pace:  # who waits in a line too fast comes over to this one
            lane = Lane(pace)
        self._lanes[principal] = lane  # again, so that it counts as used
        lane.waiting += 1
        try:
            yield lane
        finally:
            lane.waiting -= 1
