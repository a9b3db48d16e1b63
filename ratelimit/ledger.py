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

#: The summed trust that a cohort's shared refill can draw on, so that no crowd makes it large.
MOST_TRUST = 1.0


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


def cohort_tier(cohort: CohortProfile, terms: Terms, now: float) -> Tier:
    """Return the tier of a *cohort* at *now*."""
    return sticky(cohort, tier_of(cohort, terms, terms.cohort_signals, now))


def sticky(cohort: CohortProfile, tier: Tier) -> Tier:
    """Return the *tier* of a cohort, as its evidence has it, or soft if it was tightened and is not let go yet.

    Evidence that hovers about the step would open the budget again and again, so a cohort that was tightened is let go
    only once its evidence is below the tier watch.
    """
    return Tier.SOFT if tier is Tier.WATCH and cohort.tight else tier


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


def share_of(terms: Terms, tier: Tier, trust: float = 0.0) -> float:
    """Return the share of the base refill that an account gets in *tier*, whose members add their *trust*."""
    if tier < Tier.SOFT:
        return 1.0
    return min(1.0, terms.ladder.share(tier) * (1.0 + min(MOST_TRUST, max(0.0, trust))))


def correct(account: Account, units: Sequence[float], terms: Terms, share: float, now: float) -> None:
    """Add *units*, one a budget, to the levels of an *account* that refills at a *share* of the base refill.

    It is drained first: what was added late must not find its way past the time that went by. A level does not fall
    below empty, so corrections commute as long as none finds less than it gives back. A level may rise above the burst:
    by what all requests together took beyond their estimates that were in flight when it was reached. Nothing is
    granted until such a debt has drained.
    """
    at = stood_at(account, terms, now)
    levels = [
        max(0.0, more + gcra.drained(account.levels.get(budget.name, 0.0), at, now=now, refill=budget.refill * share))
        for budget, more in zip(terms.budgets, units, strict=True)
    ]
    keep(account, tuple(levels), terms, now)


def in_flight(account: Account, now: float) -> dict[int, float]:
    """Return the slots of an *account* that are taken at *now*; those whose time is up are given back."""
    slots = account.slots
    if not slots:
        return {}
    late = [lease for lease, until in slots.items() if until <= now]
    for lease in late:
        del slots[lease]
    return slots


def take_slot(account: Account, lease: int, terms: Terms, now: float) -> None:
    """Take a slot of an *account* for the request with *lease*."""
    if account.slots is None:
        account.slots = {}
    account.slots[lease] = now + terms.slot_seconds


def release_slot(account: Account, lease: int) -> None:
    """Give the slot of *lease* back; do nothing if it is not taken any more."""
    if account.slots:
        account.slots.pop(lease, None)


def stood_at(account: Account, terms: Terms, now: float) -> float:
    """Return since when the levels of an *account* have drained, as seen at *now*."""
    # A clock that stepped back stalls the refill for one window at most; beyond that the old time was the wrong one.
    return account.at if account.at - now <= terms.longest else now
