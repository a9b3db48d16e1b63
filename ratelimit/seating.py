"""One cohort's part in one request: the bets on a member."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ratelimit.evidence import LN10
from ratelimit.observation import NO_CAUTION
from ratelimit.stores import CohortFold

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ratelimit.charges import Seat
    from ratelimit.observation import CohortRef, Features
    from ratelimit.profile import CohortProfile, PrincipalProfile
    from ratelimit.signals import CohortSignal

#: The typical standing below which a member is looked at every fourth time, by a fair draw: natural log of 10^-2.
_LONG_CLEARED = -2.0 * LN10

#: What clears a member of whatever standing: natural log.
_CLEARS = -100.0 * LN10


class Seating:
    """One cohort's part in a request: makes the bets, and says what the cohort is to learn of them."""

    __slots__ = ("_careful", "_cohort", "_long_cleared", "_moves", "_ref", "_seat", "_typical")

    def __init__(self, ref: CohortRef, seat: Seat, cohort: CohortProfile | None, profile: PrincipalProfile) -> None:
        self._ref, self._seat = ref, seat
        self._cohort = cohort if cohort is not None and cohort.past is not None else None
        standing = profile.standings.get(ref.key)
        self._long_cleared = standing is not None and standing.typical < _LONG_CLEARED
        self._moves: tuple[tuple[str, float, float], ...] = ()
        self._careful = self._typical = 0.0

    def score(self, signals: Sequence[CohortSignal], features: Features, profile: PrincipalProfile) -> None:
        """Bet on one prompt. Whether a bet counts was settled before, from the past alone: so every bet stays fair."""
        if features.sender > 1:
            self._moves += tuple([
                (signal.name, -back, signal.ceiling) for signal in signals if (back := signal.takes_back(features))
            ])
        if not self._judges(features, profile):
            return
        if self._cohort is None or (self._long_cleared and features.draw & 3):  # a look now and then will do
            return
        for signal in signals:
            bet = signal.score(features, profile, self._cohort)
            if bet is not None:
                if self._seat.counts:
                    self._moves += ((signal.name, bet.careful, signal.ceiling),)
                self._careful += bet.careful
                self._typical += bet.typical

    def _judges(self, features: Features, profile: PrincipalProfile) -> bool:
        """Say whether the cohort's caution lets the member be judged; one that asks much is cleared."""
        caution, pace = self._ref.caution, profile.pace
        if caution is NO_CAUTION:
            return True
        if pace is None or features.now - pace.began_at < caution.settling.total_seconds():
            return False
        if pace.rate(features.now) < caution.volume:
            return True
        self._careful = self._typical = _CLEARS
        return False

    def fold(self) -> CohortFold:
        """Say what the cohort is to learn."""
        return CohortFold(self._ref, self._moves, self._careful, self._typical, self._seat.guest)
