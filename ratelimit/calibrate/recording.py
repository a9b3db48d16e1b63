"""Signals that write down what their bets came to, and bet as the signals that they stand for do."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from dataclasses import replace
from functools import lru_cache
from math import inf
from typing import TYPE_CHECKING

from ratelimit.observation import NO_CAUTION
from ratelimit.signals import Affinity, Coverage, Stamina, Wander
from ratelimit.signals.affinity import factors
from ratelimit.signals.base import Bet
from ratelimit.sketches import COHORT_PAST

if TYPE_CHECKING:
    from ratelimit.observation import Features
    from ratelimit.policy import Policy
    from ratelimit.profile import CohortProfile, PrincipalProfile
    from ratelimit.signals import CohortSignal, PrincipalSignal

#: The outcomes of affinity's bets, as its docstring has them.
STRONG, CLEAR, CLOSE, STRANGE = range(4)


class Book:
    """What one principal's bets came to, in order.

    rates     of each signal that bets on one rate: 1 for every bet that came out against the principal, else 0.
    cells     a number a prompt: the row of ``Coverage.honest`` that held, times two, plus one if the cell was new.
    affinity  by cohort, a number a bet: see ``packed``.
    """

    __slots__ = ("affinity", "cells", "rates")

    def __init__(self) -> None:
        self.rates: dict[str, bytearray] = {}
        self.cells = array("H")
        self.affinity: dict[bytes, array[int]] = {}


def packed(own: int, strangers: int, outcome: int) -> int:
    """Return a bet of affinity as one number, for m = *own* (1 to 8) and N = *strangers* (1 to 64).

    >>> unpacked(packed(8, 64, STRANGE))
    (8, 64, 3)
    """
    return (own - 1) << 8 | (strangers - 1) << 2 | outcome


def unpacked(bet: int) -> tuple[int, int, int]:
    """Return m, N and the outcome of a bet of affinity."""
    return (bet >> 8) + 1, (bet >> 2 & 63) + 1, bet & 3


class Recorder:
    """Collects what recording signals see of the present request, until it is kept in a book or dropped."""

    def __init__(self) -> None:
        self.rates: list[tuple[str, bool]] = []
        self.cells: list[int] = []
        self.affinity: list[tuple[int, int]] = []

    def keep(self, book: Book, cohorts: dict[int, bytes]) -> None:
        """Put all that was seen into *book*; *cohorts*: the key of each cohort's profile, by the profile's ``id``."""
        for name, lost in self.rates:
            book.rates.setdefault(name, bytearray()).append(lost)
        book.cells.extend(self.cells)
        for profile, bet in self.affinity:
            book.affinity.setdefault(cohorts[profile], array("H")).append(bet)

    def clear(self) -> None:
        """Begin the next request."""
        self.rates.clear()
        self.cells.clear()
        self.affinity.clear()

    def policy(self, policy: Policy) -> Policy:
        """Return *policy* with recording signals in place of those that can be fitted.

        Cohorts that ask for caution are left out: among strangers of every kind it is easier to lie near to oneself,
        and a null must hold where that is hardest.
        """
        return replace(
            policy,
            cohorts=tuple(rule for rule in policy.cohorts if not getattr(rule, "caution", NO_CAUTION).patience),
            signals=tuple(self._recording(signal) for signal in policy.signals),
            cohort_signals=tuple(
                _Affinities(signal, self) if isinstance(signal, Affinity) else signal
                for signal in policy.cohort_signals
            ),
        )

    def _recording(self, signal: PrincipalSignal) -> PrincipalSignal:
        if isinstance(signal, Wander | Stamina):
            return _Rates(signal, self)
        return _Cells(signal, self) if isinstance(signal, Coverage) and signal.side == "wide" else signal


class _Rates:
    """Stands for a signal that bets on one rate: a factor above one is a bet that came out against the principal."""

    def __init__(self, signal: Wander | Stamina, recorder: Recorder) -> None:
        self.name, self.ceiling = signal.name, signal.ceiling
        self._signal, self._recorder = signal, recorder

    def score(self, features: Features, own: PrincipalProfile) -> float:
        factor = self._signal.score(features, own)
        if factor:
            self._recorder.rates.append((self.name, factor > 0))
        return factor


class _Cells:
    """Stands for coverage on its wide side, where a new cell is a factor above one."""

    def __init__(self, signal: Coverage, recorder: Recorder) -> None:
        self.name, self.ceiling = signal.name, signal.ceiling
        self._signal, self._recorder = signal, recorder

    def score(self, features: Features, own: PrincipalProfile) -> float:
        factor = self._signal.score(features, own)
        if factor and own.cells is not None:
            row = bisect_right(self._signal.honest, (own.cells.volume, inf)) - 1
            self._recorder.cells.append(row * 2 + (factor > 0))
        return factor


class _Affinities:
    """Stands for affinity: which outcome a bet had follows from its two prices."""

    def __init__(self, signal: CohortSignal, recorder: Recorder) -> None:
        self.name, self.ceiling = signal.name, signal.ceiling
        self.takes_back = signal.takes_back
        self._signal, self._recorder = signal, recorder

    def score(self, features: Features, own: PrincipalProfile, cohort: CohortProfile) -> Bet | None:
        bet = self._signal.score(features, own, cohort)
        if bet is not None and own.past is not None and isinstance(self._signal, Affinity):
            many = len(own.past)
            strangers, outcome = _by_price(many, self._signal.careful[many - 1], self._signal.typical[many - 1])[bet]
            self._recorder.affinity.append((id(cohort), packed(many, strangers, outcome)))
        return bet


@lru_cache(maxsize=64)
def _by_price(own: int, careful: float, typical: float) -> dict[Bet, tuple[int, int]]:
    """Return N and the outcome of each bet that there can be, by its prices; what moves nothing counts as close."""
    found: dict[Bet, tuple[int, int]] = {Bet(0.0, 0.0): (COHORT_PAST, CLOSE)}
    for strangers in range(COHORT_PAST, 0, -1):
        prices = zip(factors(own, strangers, careful), factors(own, strangers, typical), strict=True)
        for outcome, price in enumerate(prices):
            found.setdefault(Bet(*price), (strangers, outcome))
    return found
