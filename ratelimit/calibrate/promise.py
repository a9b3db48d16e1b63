"""What fitted nulls promise, tried on principals that they were not fitted to."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from ratelimit.calibrate.nulls import fit
from ratelimit.calibrate.recording import unpacked
from ratelimit.evidence import LN10, combined
from ratelimit.signals import Affinity, Coverage, Stamina, Wander
from ratelimit.signals.affinity import factors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from ratelimit.calibrate.crowds import Counted
    from ratelimit.calibrate.nulls import Fitted
    from ratelimit.calibrate.watching import Watched
    from ratelimit.policy import Policy

#: Parts into which principals are dealt; each is judged by nulls fitted to the others.
FOLDS = 5

#: How sure a promise is.
SURE = 0.95


class Promise(NamedTuple):
    """Of *principals* that the nulls were not fitted to, *outside* were tightened by their own bets.

    low, high  within which the share of such principals lies, with probability ``SURE``.
    """

    principals: int
    outside: int
    low: float
    high: float


def enough(alpha: float) -> int:
    """Return of how many principals none may be outside for a share below *alpha* to be sure.

        (1 - alpha)^n <= 1 - SURE

    >>> enough(0.01)
    299
    """
    return math.ceil(math.log(1 - SURE) / math.log1p(-alpha))


def promise(counted: Sequence[Counted], policy: Policy, alpha: float) -> Promise:
    """Deal the principals into parts by their keys, and try on each the nulls that are fitted to the others."""
    many = outside = 0
    for fold in range(FOLDS):
        others = [one for one in counted if one.key[0] % FOLDS != fold]
        if not others:
            continue
        fitted = fit(others, policy.signals, policy.cohort_signals, alpha)
        for one in counted:
            if one.key[0] % FOLDS == fold:
                many += 1
                outside += tightened(one.watched, fitted, policy)
    return Promise(many, outside, *interval(outside, many))


def tightened(watched: Watched, fitted: Fitted, policy: Policy) -> bool:
    """Say whether the bets of a principal reach the tier soft, of itself or of a cohort that it alone would carry.

    Its evidence is that of all its signals, averaged, each at its highest; time, which only fades it, is left out: so
    it may be a little more than a replay finds, never less.
    """
    ladder, signals = policy.ladder, fitted.signals
    steps = [(signal.ceiling, list(_moves(signal, watched))) for signal in signals]
    tops = [_top([moves], [ceiling], policy) for ceiling, moves in steps if moves]
    if tops and combined([top * LN10 for top in tops], len(signals)) >= ladder.soft:
        return True
    return any(
        _top([list(_prices(signal, bets))], [signal.ceiling], policy) >= ladder.soft
        for signal in fitted.cohort_signals if isinstance(signal, Affinity)
        for bets in watched.book.affinity.values()
    )


def _top(rows: Sequence[Sequence[float]], ceilings: Sequence[float], policy: Policy) -> float:
    """Return the most evidence (log10) that bets of these log factors ever reach."""
    top = 0.0
    for moves, ceiling in zip(rows, ceilings, strict=True):
        wealth = 0.0
        for factor in moves:
            wealth = policy.ladder.moved(wealth, factor, ceiling)
            top = max(top, wealth)
    return top / LN10


def _moves(signal: object, watched: Watched) -> Iterator[float]:
    """Yield the log factors of a signal's bets."""
    book = watched.book
    if isinstance(signal, Wander | Stamina):
        lost, won = math.log(signal.p1 / signal.p0), math.log((1 - signal.p1) / (1 - signal.p0))
        for one in book.rates.get(signal.name, b""):
            yield lost if one else won
    elif isinstance(signal, Coverage):
        wide = signal.side == "wide"
        for cell in book.cells:
            _, low, high = signal.honest[cell >> 1]
            edge, bet = (high, (1 + high) / 2) if wide else (low, low / 2)
            yield math.log(bet / edge if cell & 1 else (1 - bet) / (1 - edge))


def _prices(signal: Affinity, bets: Sequence[int]) -> Iterator[float]:
    """Yield the log factors of bets of affinity at the careful price."""
    for packed in bets:
        own, strangers, outcome = unpacked(packed)
        yield factors(own, strangers, signal.careful[own - 1])[outcome]


def interval(found: int, many: int) -> tuple[float, float]:
    """Return the exact interval, of probability ``SURE``, of a share of which *found* of *many* were found.

    >>> [round(edge, 4) for edge in interval(2, 300)]
    [0.0008, 0.0239]

    Source: Clopper and Pearson 1934.
    """
    tail = (1 - SURE) / 2
    low = 0.0 if not found else _solved(lambda share: 1 - _at_most(found - 1, many, share) < tail)
    high = 1.0 if found >= many else _solved(lambda share: _at_most(found, many, share) > tail)
    return low, high


def _solved(below: Callable[[float], bool]) -> float:
    """Return the share up to which *below* says yes."""
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        if below(middle):
            low = middle
        else:
            high = middle
    return low


def _at_most(found: int, many: int, share: float) -> float:
    """Return the probability that of *many* at most *found* are found, each with the probability *share*."""
    if share <= 0.0 or share >= 1.0:
        return float(share <= 0.0 or found >= many)
    logs = [
        math.lgamma(many + 1) - math.lgamma(one + 1) - math.lgamma(many - one + 1)
        + one * math.log(share) + (many - one) * math.log1p(-share)
        for one in range(found + 1)
    ]
    return min(1.0, sum(map(math.exp, logs)))
