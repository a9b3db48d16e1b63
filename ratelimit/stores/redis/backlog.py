"""What is still to be written: learned requests and corrections, bounded, oldest dropped first."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from typing import TYPE_CHECKING, Any

from redis.exceptions import RedisError

from ratelimit.stores.redis.line import FAILURES

if TYPE_CHECKING:
    from ratelimit.stores.redis.line import Call, Line

# What a server answers that cannot be written for now.
_AWAY = ("READONLY", "LOADING", "MASTERDOWN", "CLUSTERDOWN", "OOM", "TRYAGAIN", "NOREPLICAS")

_log = logging.getLogger("ratelimit")

# Calls of one batch.
_BATCH = 64


def is_away(answer: object) -> bool:
    """Say whether *answer* is a failure of the server's and not of what it was asked."""
    return isinstance(answer, RedisError) and any(word in str(answer) for word in _AWAY)


def _demand_here(answers: list[Any]) -> None:
    for answer in answers:
        if is_away(answer):
            raise answer


class Backlog:
    """At most *most* calls that nobody waits for, sent in batches; each batch may take *timeout* seconds.

    Each gets a number when it is first sent, and keeps it: so one whose answer was lost is sent again, and done once.
    Numbers count from one under a key of the server's that no other process has. At most a batch of them is under way,
    half of what the server remembers of each key.

    batches  how many were answered.
    """

    def __init__(self, *, most: int, timeout: float) -> None:
        self._calls: deque[Call] = deque()
        self._sent: deque[Call] = deque()  # without an answer: they go first
        self._most, self._timeout = most, timeout
        self._dropped = self.batches = 0
        self._writes, self._number = "", 0

    def __len__(self) -> int:
        return len(self._sent) + len(self._calls)

    def number_under(self, key: str) -> None:
        """Count from one under *key*, from the next call on that was not sent yet."""
        self._writes, self._number = key, 0

    def add(self, wanted: Call) -> None:
        """Keep one for later."""
        if len(self) >= self._most:
            (self._sent or self._calls).popleft()
            if not self._dropped:
                _log.error("RedisStore: what is learned can no longer be kept until the server is back; the oldest of "
                           "%d is forgotten for each that comes", self._most)
            self._dropped += 1
        self._calls.append(wanted)

    async def drain(self, line: Line) -> None:
        """Send all there is. Raises: one of FAILURES; what was not answered stays."""
        while self:
            while self._calls and len(self._sent) < _BATCH:
                self._number += 1
                self._sent.append(self._calls.popleft().numbered(self._writes, self._number))
            batch = [*self._sent]
            async with asyncio.timeout(self._timeout):
                answers = await line.send(batch)
            _demand_here(answers)
            self.batches += 1
            answered = set(map(id, batch))  # and nothing that another drain sent meanwhile
            self._sent = deque([wanted for wanted in self._sent if id(wanted) not in answered])
            self._complain(answers)
        if self._dropped:
            _log.error("RedisStore: %d learned requests and corrections were forgotten while the server was away",
                       self._dropped)
            self._dropped = 0

    def _complain(self, answers: list[object]) -> None:
        errors = [answer for answer in answers if isinstance(answer, FAILURES)]
        if errors:
            _log.error("RedisStore: %d of %d writes failed, the first by %s: %s", len(errors), len(answers),
                       type(errors[0]).__name__, errors[0])
