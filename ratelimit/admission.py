"""What a store decides in its one atomic step, as a pure function of accounts and time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from ratelimit import gcra
from ratelimit.decision import Cause, Reason, Remaining, Tier
from ratelimit.evidence import LN10, Ladder, combined

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ratelimit.observation import CohortRef
    from ratelimit.presumption import Presumption
    from ratelimit.profile import Account, CohortProfile, Left, PrincipalProfile

_NO_GRANTS: list[gcra.Grant] = []

#: The summed trust that a cohort's shared refill can draw on, so that no crowd makes it large.
MOST_TRUST = 1.0


class BudgetTerms(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A budget in numbers: units, and seconds."""

    name: str
    quota: int
    window: float
    burst: float
    refill: float


class Terms(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The numbers of a policy that travel with every charge, so that a policy may change without resetting anybody.

    signals, cohort_signals  their names.
    longest                  the longest window of the budgets, seconds.
    """

    budgets: tuple[BudgetTerms, ...]
    ladder: Ladder
    presumption: Presumption
    signals: tuple[str, ...]
    cohort_signals: tuple[str, ...]
    longest: float

    @property
    def watches(self) -> bool:
        """Whether there is any signal: a policy of budgets alone learns nothing."""
        return bool(self.signals or self.cohort_signals)



class Charges(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What one request is to be charged: everything, or nothing.

    principal  its key.
    payer      the key that pays as well, or ``None``.
    cohorts    the cohorts it is seen in.
    costs      units, one a budget of *terms*.
    terms      the policy in numbers.
    trusted    whether a cohort's evidence leaves it alone as long as its own behaviour does.
    held_at    the typical standing, log10, from which it is held, if it was not seen before.
    earlier    the digests of the user turns before the last that travel along.
    now        Unix seconds, for stores that have no clock of their own.
    """

    principal: bytes
    payer: bytes | None
    cohorts: tuple[CohortRef, ...]
    costs: tuple[float, ...]
    terms: Terms
    trusted: bool
    held_at: float
    earlier: tuple[int, ...]
    now: float


class Seat(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """How a principal sits in one cohort, from the past alone.

    evidence log10 of the evidence against the cohort.
    tier     the cohort's.
    cleared  whether the principal's own behaviour clears it there.
    held     whether it must share the budget of the cohort, which is tightened.
    guest    whether it is presumed innocent in a cohort that is.
    shown    the tier that its decisions show of the cohort: what holds it, as far as its own behaviour bears it out.
    counts   whether its next bet moves the cohort's evidence. Once that is tightened only held members' bets do, so
             that passers-by forgive nobody.
    """

    evidence: float
    tier: Tier
    cleared: bool
    held: bool
    guest: bool
    shown: Tier
    counts: bool


_OPEN = Seat(evidence=0.0, tier=Tier.CLEAR, cleared=False, held=False, guest=False, shown=Tier.CLEAR, counts=True)


class Admission(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What came of it, with the levels to keep.

    allowed      whether everything was granted.
    own_tier     the tier of the principal's own evidence.
    tier         the tier that counted: that, or that of a cohort whose budget it must share.
    continues    whether the request continues a conversation that the principal is known to have had.
    seats        how the principal sits in each cohort of the charge.
    reasons      why it was refused.
    remaining    what is left of each budget.
    retry_after  seconds; infinite if never.
    levels, payer_levels
                 the levels afterwards: own, and the payer's (empty without one).
    pool_levels  those of each cohort of the charge, and then of each other; empty where the pool was not charged.
    """

    allowed: bool
    own_tier: Tier
    tier: Tier
    continues: bool
    seats: tuple[Seat, ...]
    reasons: tuple[Reason, ...]
    remaining: tuple[Remaining, ...]
    retry_after: float
    levels: tuple[float, ...]
    payer_levels: tuple[float, ...]
    pool_levels: tuple[tuple[float, ...], ...]


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


def admit(
    charges: Charges,
    mine: PrincipalProfile,
    payer: Account | None,
    cohorts: Sequence[CohortProfile | None],
    others: Sequence[tuple[CohortRef, CohortProfile]] = (),
    *,
    now: float,
) -> Admission:
    """Charge the principal, its payer, and the pools of the tightened cohorts that hold it: all, or none.

    *cohorts* are those of the charge, ``None`` where not seen before. *others* are tightened ones in which the
    principal has a standing: whoever is held shares their budgets too, whatever the shape of the present request.

    A pool is charged from the tier soft on, and begins empty (see ``drain_pool``): tightening hands out no fresh burst.
    """
    terms = charges.terms
    own_tier = tier_of(mine, terms, terms.signals, now)
    own = _grants(mine, charges, own_tier, now)
    paid = [] if payer is None else _grants(payer, charges, Tier.CLEAR, now)
    continues = bool(charges.earlier) and not mine.pieces.keys().isdisjoint(charges.earlier)
    crowd = [*zip(charges.cohorts, cohorts, strict=True), *others]
    seats = [_seat(charges, mine, ref, cohort, continues=continues, now=now) for ref, cohort in crowd]
    pools = [
        _grants(cohort, charges, seat.tier, now, trust=cohort.trust) if seat.held and cohort else _NO_GRANTS
        for (_, cohort), seat in zip(crowd, seats, strict=True)
    ]

    refused = _Refused(terms)
    refused.add(own, Cause.BEHAVIOUR if own_tier >= Tier.SOFT else Cause.QUOTA)
    refused.add(paid, Cause.QUOTA)
    for (ref, _), grants in zip(crowd, pools, strict=True):
        if grants:
            refused.add(grants, Cause.COHORT, kind=ref.kind)
    allowed = not refused.reasons
    return Admission(
        allowed=allowed,
        own_tier=own_tier,
        tier=max([own_tier, *[seat.shown for seat in seats]]),
        continues=continues,
        seats=tuple(seats[: len(charges.cohorts)]),
        reasons=tuple(refused.reasons),
        remaining=_remaining(own, charges, terms.ladder.share(own_tier), allowed=allowed),
        retry_after=refused.wait,
        levels=_levels(own, charges, allowed=allowed),
        payer_levels=_levels(paid, charges, allowed=allowed),
        pool_levels=tuple([_levels(grants, charges, allowed=allowed) for grants in pools]),
    )


def settle(
    charges: Charges,
    admission: Admission,
    mine: Account,
    payer: Account | None,
    cohorts: Sequence[CohortProfile | None],
    *,
    now: float,
) -> None:
    """Write the levels of an *admission* into the accounts it was made of; *cohorts* with the others behind them."""
    _keep(mine, admission.levels, charges.terms, now)
    if payer is not None:
        _keep(payer, admission.payer_levels, charges.terms, now)
    for cohort, levels in zip(cohorts, admission.pool_levels, strict=True):
        if cohort is not None and levels:
            _keep(cohort, levels, charges.terms, now)
    if admission.allowed:
        for cohort, seat in zip(cohorts, admission.seats, strict=False):
            if cohort is not None and seat.guest:
                cohort.guests = guests_of(cohort, charges.terms.presumption, now) + 1.0
                cohort.guests_at = max(cohort.guests_at, now)


def move(account: Account, moves: Sequence[tuple[str, float, float]], terms: Terms, now: float) -> None:
    """Let bets of (signal, log factor, ceiling) come out: first the time since the last one fades the evidence."""
    if not moves:
        return
    ladder, idle = terms.ladder, now - account.active_at
    for name, wealth in account.wealth.items():
        account.wealth[name] = ladder.faded(wealth, idle)
    for name, factor, ceiling in moves:
        account.wealth[name] = ladder.moved(account.wealth.get(name, 0.0), factor, ceiling)
    account.active_at = max(account.active_at, now)


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
    _keep(cohort, tuple(levels), terms, now)


def _seat(
    charges: Charges, mine: PrincipalProfile, ref: CohortRef, cohort: CohortProfile | None, *, continues: bool,
    now: float,
) -> Seat:
    standing = mine.standings.get(ref.key)
    careful, typical = mine.prior if standing is None else (standing.careful, standing.typical)
    if not typical and not careful and (cohort is None or not cohort.wealth):
        return _OPEN  # most seats by far
    terms, presumption = charges.terms, charges.terms.presumption
    careful, typical = careful / LN10, typical / LN10
    evidence = 0.0 if cohort is None else evidence_of(cohort, terms, terms.cohort_signals, now)
    tier, cleared = terms.ladder.tier(evidence), typical <= presumption.cleared
    held = guest = False
    if cohort is not None and tier >= Tier.SOFT and not cleared:
        if charges.trusted:
            held = careful >= presumption.trusted
        else:
            guest = ref.presumed and typical < _held_at(charges, mine, continues=continues)
            guest = guest and guests_of(cohort, presumption, now) <= presumption.guests_at_once - 1
            held = not guest
    spoken = careful >= presumption.outspoken
    return Seat(
        evidence=evidence,
        tier=tier,
        cleared=cleared,
        held=held,
        guest=guest,
        shown=Tier.CLEAR if not held else tier if spoken else min(tier, Tier.SOFT),
        counts=not cleared and (held if tier >= Tier.SOFT else not spoken),
    )


def _held_at(charges: Charges, mine: PrincipalProfile, *, continues: bool) -> float:
    if continues:
        return charges.terms.presumption.continuing
    return charges.held_at if mine.held_at is None else mine.held_at


def guests_of(cohort: CohortProfile, presumption: Presumption, now: float) -> float:
    """Return how many requests of its guests stand against a *cohort*, after what flowed off since."""
    flow = presumption.guests_per_day / 86_400.0
    return gcra.drained(cohort.guests, cohort.guests_at, now=now, refill=flow)


class _Refused:
    """Collects why a request is refused, and the longest wait."""

    def __init__(self, terms: Terms) -> None:
        self._budgets = terms.budgets
        self.reasons: list[Reason] = []
        self.wait = 0.0

    def add(self, grants: list[gcra.Grant], cause: Cause, kind: str = "") -> None:
        for budget, grant in zip(self._budgets, grants, strict=False):
            if not grant.allowed:
                self.wait = max(self.wait, grant.retry_after)
                self.reasons.append(_reason(budget, grant, cause, kind))


def _reason(budget: BudgetTerms, grant: gcra.Grant, cause: Cause, kind: str) -> Reason:
    name = budget.name
    if grant.retry_after == float("inf"):
        return Reason(cause=Cause.COST, name=name,
                      detail=f"The request costs more than the {budget.burst:g} units that {name!r} can hold.")
    if cause is Cause.COHORT:
        return Reason(cause=cause, name=kind,
                      detail=f"The budget {name!r} shared by a tightened {kind} cohort is empty.")
    if cause is Cause.BEHAVIOUR:
        return Reason(cause=cause, name=name,
                      detail=f"The budget {name!r} is empty; evidence against the principal slows its refill.")
    return Reason(cause=cause, name=name, detail=f"The budget {name!r} is empty.")


def _grants(
    account: Account, charges: Charges, tier: Tier, now: float, *, trust: float = 0.0
) -> list[gcra.Grant]:
    ladder, at = charges.terms.ladder, _at(account, charges.terms, now)
    share = min(1.0, ladder.share(tier) * (1.0 + min(MOST_TRUST, max(0.0, trust))))
    return [
        gcra.charge(account.levels.get(budget.name, 0.0), at, now=now, refill=budget.refill * share,
                    burst=ladder.burst(tier, budget.burst, cost), cost=cost)
        for budget, cost in zip(charges.terms.budgets, charges.costs, strict=True)
    ]


def _levels(grants: list[gcra.Grant], charges: Charges, *, allowed: bool) -> tuple[float, ...]:
    if not grants:
        return ()
    if allowed:
        return tuple([grant.level for grant in grants])
    # Take back what single budgets granted: all or nothing.
    return tuple([grant.level - cost if grant.allowed else grant.level
                  for grant, cost in zip(grants, charges.costs, strict=True)])


def _remaining(grants: list[gcra.Grant], charges: Charges, share: float, *, allowed: bool) -> tuple[Remaining, ...]:
    rows = []
    for grant, budget, cost in zip(grants, charges.terms.budgets, charges.costs, strict=True):
        units = grant.remaining + (cost if grant.allowed and not allowed else 0.0)
        rows.append(Remaining(budget=budget.name, quota=budget.quota, window=budget.window, units=units,
                              reset_after=min(1.0, budget.burst - units) / (budget.refill * share)))
    return tuple(rows)


def _keep(account: Account, levels: tuple[float, ...], terms: Terms, now: float) -> None:
    account.at = _at(account, terms, now) if account.at > now else now
    until = now
    for budget, level in zip(terms.budgets, levels, strict=True):
        account.levels[budget.name] = level
        until = max(until, now + level / budget.refill)
    account.spent_until = until


def _at(account: Account, terms: Terms, now: float) -> float:
    # A clock that stepped back stalls the refill for one window at most; beyond that the old time was the wrong one.
    return account.at if account.at - now <= terms.longest else now
