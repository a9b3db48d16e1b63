"""What one worker keeps of what all share: warm enough to decide by itself while the server is away."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ratelimit.profile import CohortProfile
from ratelimit.sketches import CohortPast
from ratelimit.stores.memory import MemoryStore

if TYPE_CHECKING:
    from ratelimit.charges import Charges
    from ratelimit.profile import PrincipalProfile
    from ratelimit.stores.base import Charged
    from ratelimit.stores.redis.wire import Answer


class Replica(MemoryStore):
    """A memory store that takes over what the server answered.

    The lexicon and the pasts of cohorts are followed by the log, and only here; accounts are what the server said last.
    """

    def adopt(self, charges: Charges, answer: Answer) -> Charged:
        """Keep what the server answered as it stands there, and return it with the pasts of its cohorts."""
        charged, now = answer.charged, answer.charged.now
        mine = self._principals.get(charges.principal, now=now) if charges.plain else None
        if mine is not None and mine.learned:  # for what else is known of it was not asked
            _take_over(mine, charged.profile)
        else:
            self._principals.put(charges.principal, charged.profile, room=answer.rooms[0], now=now)
        if charges.payer is not None and answer.payer is not None:
            self._adopt_payer(charges.payer, *answer.payer, now)
        for ref, cohort, room in zip(charges.cohorts, charged.cohorts, answer.rooms[1:], strict=True):
            if cohort is not None:
                kept = self._cohorts.get(ref.key, now=now)
                cohort.past = None if kept is None else kept.past
                self._cohorts.put(ref.key, cohort, room=max(0, room), now=now)
                (self._tight.add if room == 2 else self._tight.discard)(ref.key)
        return charged

    def _adopt_payer(self, key: bytes, payer: PrincipalProfile, room: int, now: float) -> None:
        """Keep how the budgets of a payer stand; what it is known for as a principal stays."""
        kept = self._principals.get(key, now=now)
        if kept is None:
            self._principals.put(key, payer, room=room, now=now)
        else:
            _take_over(kept, payer)

    def principal_of(self, key: bytes, now: float) -> tuple[PrincipalProfile | None, int]:
        """Return what is known of a principal, and its room."""
        return self._principals.get(key, now=now), self._principals.room_of(key)

    def cohort_of(self, key: bytes, now: float) -> tuple[CohortProfile | None, int]:
        """Return what is known of a cohort, and its room."""
        return self._cohorts.get(key, now=now), self._cohorts.room_of(key)

    def past_of(self, key: bytes, now: float) -> CohortPast:
        """Return the past of a cohort, to be learned from the log."""
        cohort = self._cohorts.get(key, now=now)
        if cohort is None:
            cohort = CohortProfile(now)
            self._cohorts.put(key, cohort, room=0, now=now)
        if cohort.past is None:
            cohort.past = CohortPast()
        return cohort.past


def _take_over(kept: PrincipalProfile, told: PrincipalProfile) -> None:
    """Let the budgets of *kept* stand as the server *told*."""
    kept.levels, kept.at, kept.spent_until, kept.slots = told.levels, told.at, told.spent_until, told.slots
    kept.empty = None
