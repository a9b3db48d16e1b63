"""What a store decides in its one atomic step, as a pure function of accounts and time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ratelimit import gcra
from ratelimit.charges import Admission, Seat
from ratelimit.decision import Cause, Reason, Remaining, Tier
from ratelimit.evidence import LN10
from ratelimit.ledger import evidence_of, guests_of, keep, stood_at, tier_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ratelimit.charges import BudgetTerms, Charges, Terms
    from ratelimit.observation import CohortRef
    from ratelimit.profile import Account, CohortProfile, PrincipalProfile

_NO_GRANTS: list[gcra.Grant] = []

#: The summed trust that a cohort's shared refill can draw on, so that no crowd makes it large.
MOST_TRUST = 1.0

_OPEN = Seat(evidence=0.0, tier=Tier.CLEAR, cleared=False, held=False, guest=False, shown=Tier.CLEAR, counts=True)


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
    keep(mine, admission.levels, charges.terms, now)
    if payer is not None:
        keep(payer, admission.payer_levels, charges.terms, now)
    for cohort, levels in zip(cohorts, admission.pool_levels, strict=True):
        if cohort is not None and levels:
            keep(cohort, levels, charges.terms, now)
    if admission.allowed:
        for cohort, seat in zip(cohorts, admission.seats, strict=False):
            if cohort is not None and seat.guest:
                cohort.guests = guests_of(cohort, charges.terms.presumption, now) + 1.0
                cohort.guests_at = max(cohort.guests_at, now)


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
    ladder, at = charges.terms.ladder, stood_at(account, charges.terms, now)
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
