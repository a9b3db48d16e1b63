"""The accounts that profiles hold: how evidence moves and fades in them, and how budgets stand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ratelimit import gcra
from ratelimit.decision import Tier
from ratelimit.evidence import LN10, combined

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ratelimit.charges import Terms
    from ratelimit.evidence import Ladder
    from ratelimit.presumption import Presumption
    from ratelimit.profile import Account, CohortProfile, Left, Standing

#: The least careful standing that is kept: natural log of 10^-2.
_CAREFUL_FLOOR = -2.0 * LN10


def evidence_of(account: Account, terms: Terms, signals: tuple[str, ...], now: float) -> float:
    """Return log10 of the evidence that *signals* hold against an *account*, faded by the time since the last bet."""
    if not account.wealth:
        return 0.0
    ladder, idle = terms.ladder, now - account.active_at
    if len(signals) == 1:
        return ladder.faded(account.wealth.get(signals[0], 0.0), idle) / LN10
    wealths = [ladder.faded(account.wealth[name], idle) for name in signals if name in account.wealth]
    return combined(wealths, len(signals))


def tier_of(account: Account, terms: Terms, signals: tuple[str, ...], now: float) -> Tier:
    """Return the tier of an *account* at *now*, as *signals* see it."""
    # An average is at most its largest part, and fading only lowers: most accounts are done here.
    if not account.wealth or max(account.wealth.values()) < terms.ladder.watch * LN10:
        return Tier.CLEAR
    return terms.ladder.tier(evidence_of(account, terms, signals, now))


def evidence_by_signal(account: Account, ladder: Ladder, now: float) -> dict[str, float]:
    """Return log10 of the evidence that each signal holds against an *account*, faded as above."""
    idle = now - account.active_at
    return {name: ladder.faded(wealth, idle) / LN10 for name, wealth in account.wealth.items()}


def move(account: Account, moves: Sequence[tuple[str, float, float]], terms: Terms, now: float) -> None:
    """Let bets of (signal, log factor, ceiling) come out: first the time since the last one fades the evidence."""
    if not moves:
        return
    ladder, idle = terms.ladder, now - account.active_at
    account.empty = None
    for name, wealth in account.wealth.items():
        account.wealth[name] = ladder.faded(wealth, idle)
    for name, factor, ceiling in moves:
        account.wealth[name] = ladder.moved(account.wealth.get(name, 0.0), factor, ceiling)
    account.active_at = max(account.active_at, now)


def stand(standing: Standing, careful: float, typical: float, presumption: Presumption) -> bool:
    """Move a member's *standing* by what its bets came to, within its floors; return whether it is cleared by it."""
    most = presumption.ceiling * LN10
    standing.careful = min(most, max(_CAREFUL_FLOOR, standing.careful + careful))
    standing.typical = min(most, max(presumption.floor * LN10, standing.typical + typical))
    return standing.typical <= presumption.cleared * LN10


def inherit(account: Account, left: Left, terms: Terms, signals: tuple[str, ...]) -> None:
    """Begin a new *account* with what is *left* of one that had to go: as spent, and as tight."""
    missing = left.spent_until - account.at
    if missing > 0:
        account.levels = {budget.name: min(budget.burst, missing * budget.refill) for budget in terms.budgets}
        account.spent_until = left.spent_until
    if left.wealth > 0:
        account.wealth = dict.fromkeys(signals, left.wealth)
        account.active_at = left.active_at


def drain_pool(cohort: CohortProfile, terms: Terms, now: float) -> None:
    """Empty the shared budget of a *cohort* that turned tight: what was spent while it was clear was never counted."""
    levels = [terms.ladder.burst(Tier.SOFT, budget.burst, 1.0) for budget in terms.budgets]
    keep(cohort, tuple(levels), terms, now)


def guests_of(cohort: CohortProfile, presumption: Presumption, now: float) -> float:
    """Return how many requests of its guests stand against a *cohort*, after what flowed off since."""
    flow = presumption.guests_per_day / 86_400.0
    return gcra.drained(cohort.guests, cohort.guests_at, now=now, refill=flow)


def keep(account: Account, levels: tuple[float, ...], terms: Terms, now: float) -> None:
    """Let the budgets of an *account* stand at *levels* at *now*."""
    account.empty = None
    account.at = stood_at(account, terms, now) if account.at > now else now
    until = now
    for budget, level in zip(terms.budgets, levels, strict=True):
        account.levels[budget.name] = level
        until = max(until, now + level / budget.refill)
    account.spent_until = until


def add(account: Account, units: tuple[float, ...], terms: Terms, tier: Tier, now: float) -> None:
    """Add *units*, one a budget, to the levels of an *account* of that *tier*; below 0 they are given back."""
    at, share = stood_at(account, terms, now), terms.ladder.share(tier)
    levels = [
        max(0.0, gcra.drained(account.levels.get(budget.name, 0.0), at, now=now, refill=budget.refill * share) + more)
        for budget, more in zip(terms.budgets, units, strict=True)
    ]
    keep(account, tuple(levels), terms, now)


def stood_at(account: Account, terms: Terms, now: float) -> float:
    """Return since when the levels of an *account* have drained, as seen at *now*."""
    # A clock that stepped back stalls the refill for one window at most; beyond that the old time was the wrong one.
    return account.at if account.at - now <= terms.longest else now
