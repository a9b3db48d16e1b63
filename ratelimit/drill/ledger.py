"""What a rehearsal came to, counted as it goes."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ratelimit.drill.acting import Answer, Ask
    from ratelimit.drill.scene import Scene

#: Stretches of equal length into which the time is cut, for curves.
STRETCHES = 90


class Ledger:
    """Counts asks and answers.

    sent, answered  requests of the campaign.
    wanted          distinct payloads that it asked for.
    harvested       distinct payloads that it got.
    accounts        accounts that it sent from.
    harvest         payloads harvested anew, by stretch.
    tiers           requests by tier, honest and not, by stretch.
    honest          (requests, refused) by honest kind.
    arrivals        when each honest account asked, Unix seconds.
    """

    def __init__(self, start: float, seconds: float, *, arrivals: bool = False) -> None:
        self._start, self._per = start, STRETCHES / seconds
        self._keeps = arrivals
        self.sent = self.answered = self.wanted = self.harvested = 0
        self.accounts: set[str] = set()
        self.harvest = [0] * STRETCHES
        self.tiers = {side: [[0] * 4 for _ in range(STRETCHES)] for side in (True, False)}
        self.honest: dict[str, list[int]] = {}
        self.arrivals: dict[str, array[float]] = {}
        self._seen = bytearray()

    def note(self, scene: Scene, ask: Ask, answer: Answer) -> None:
        """Count one."""
        now, by = scene.now, ask.by
        stretch = min(STRETCHES - 1, int((now - self._start) * self._per))
        self.tiers[by.honest][stretch][scene.tier] += 1
        if by.honest:
            row = self.honest.setdefault(by.kind, [0, 0])
            row[0] += 1
            row[1] += not answer.allowed
            if self._keeps:
                self.arrivals.setdefault(by.principal.id, array("d")).append(now)
            return
        self.sent += 1
        self.accounts.add(by.principal.id)
        if answer.allowed:
            self.answered += 1
        if ask.payload >= 0:
            self._payload(ask.payload, stretch, got=answer.allowed)

    def _payload(self, number: int, stretch: int, *, got: bool) -> None:
        seen = self._seen
        if number >= len(seen):
            seen.extend(bytes(number + 1 - len(seen) + (len(seen) >> 3)))
        was = seen[number]
        if not was:
            self.wanted += 1
        if got and was < 2:
            self.harvested += 1
            self.harvest[stretch] += 1
            seen[number] = 2
        elif not was:
            seen[number] = 1

    @property
    def honest_requests(self) -> int:
        """Requests of all honest people."""
        return sum(row[0] for row in self.honest.values())

    @property
    def honest_refused(self) -> int:
        """Of these, the refused ones."""
        return sum(row[1] for row in self.honest.values())
