"""One cohort's part in one request: the bets on a member, and what the cohort learns of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ratelimit.evidence import LN10
from ratelimit.stores import CohortFold

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ratelimit.charges import Seat
    from ratelimit.observation import CohortRef, Features
    from ratelimit.presumption import Presumption
    from ratelimit.profile import CohortProfile, PrincipalProfile
    from ratelimit.signals import CohortSignal

#: The typical standing below which a member is looked at every fourth time, by a fair draw: natural log of 10^-2.
_LONG_CLEARED = -2.0 * LN10

#: The least careful standing that is kept: natural log of 10^-2.
_CAREFUL_FLOOR = -2.0 * LN10


class Seating:
    """One cohort's part in a request: collects the bets, and says what the cohort learns."""

    __slots__ = ("_cohort", "_joins", "_moves", "_presumption", "_seat", "_standing")

    def __init__(
        self, ref: CohortRef, profile: PrincipalProfile, cohort: CohortProfile | None, seat: Seat, *,
        presumption: Presumption,
    ) -> None:
        self._joins = ref.key not in profile.standings
        self._cohort, self._seat, self._presumption = cohort, seat, presumption
        self._standing = profile.standing(ref)
        self._moves: list[tuple[str, float, float]] = []

    def score(self, signals: Sequence[CohortSignal], features: Features, profile: PrincipalProfile) -> None:
        """Bet on one prompt. Whether a bet counts was settled before, from the past alone: so every bet stays fair."""
        if self._cohort is None or self._cohort.past is None:
            return
        if self._standing.typical < _LONG_CLEARED and features.draw & 3:  # a look now and then will do
            return
        for signal in signals:
            bet = signal.score(features, profile, self._cohort)
            if bet is None:
                continue
            if self._seat.counts:
                self._moves.append((signal.name, bet.careful, signal.ceiling))
            low, high = self._presumption.floor * LN10, self._presumption.ceiling * LN10
            self._standing.careful = min(high, max(_CAREFUL_FLOOR, self._standing.careful + bet.careful))
            self._standing.typical = min(high, max(low, self._standing.typical + bet.typical))

    def fold(self, trust: float) -> CohortFold:
        """Say what the cohort learns of a member that has so much *trust* to add while it is not cleared."""
        cleared = self._standing.typical <= self._presumption.cleared * LN10
        self._standing.drawn += self._seat.guest
        returns, self._standing.drawn = (self._standing.drawn, 0) if cleared else (0, self._standing.drawn)
        was = not self._joins and not self._seat.cleared  # counted among the uncleared so far
        change = 0.0 if was is not cleared else -trust if cleared else trust
        return CohortFold(
            moves=tuple(self._moves), standing=self._standing, trust=change, returns=returns, learns=not cleared
        )
