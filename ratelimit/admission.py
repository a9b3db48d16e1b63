"""What a store decides in its one atomic step, as a pure function of accounts and time."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import msgspec

from ratelimit import gcra
from ratelimit.budget import CONCURRENCY
from ratelimit.charges import Admission, Seat, Write
from ratelimit.decision import Cause, Reason, Remaining, Tier
from ratelimit.evidence import LN10
from ratelimit.ledger import (
    cohort_tier,
    evidence_of,
    guests_of,
    in_flight,
    keep,
    share_of,
    sticky,
    stood_at,
    take_slot,
    tier_of,
)
from ratelimit.profile import CohortProfile, Empty

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ratelimit.charges import BudgetTerms, Charges, Terms
    from ratelimit.gcra import Grant
    from ratelimit.observation import CohortRef
    from ratelimit.profile import Account, PrincipalProfile

#: The longest that one is told to wait for a slot, seconds: most are given back long before their time is up.
SLOT_WAIT = 1.0

#: How most sit in most cohorts: nothing is known of either.
OPEN = Seat(0.0, Tier.CLEAR, cleared=False, held=False, firm=False, guest=False, shown=Tier.CLEAR, hears=math.inf,
            counts=True)
#: The same where much is asked of a member's own behaviour before its bets count.
UNHEARD = msgspec.structs.replace(OPEN, counts=False)
NO_SLOT = Reason(cause=Cause.CONCURRENCY, name=CONCURRENCY,
                  detail="As many requests are in flight as may be at once.")


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

    One that only cohorts refuse, and that was not answered for long, is heard all the same (see ``Presumption``).
    A pool is charged from the tier soft on, and begins empty (see ``drain_pool``): tightening hands out no fresh burst.
    """
    terms = charges.terms
    shown = tier_of(mine, terms, terms.signals, now)
    own_tier = tier = max(shown, charges.orders.least)
    continues = bool(charges.earlier) and not set(charges.earlier).isdisjoint(mine.pieces)
    seats, shares = [], []
    for ref, cohort in zip(charges.cohorts, cohorts, strict=True):
        seat = _seat(charges, mine, ref, cohort, continues=continues, now=now)
        seats.append(seat)
        if seat.held and cohort is not None:
            tier = max(tier, seat.shown)
            shares.append((ref, cohort, seat, ref.key in mine.standings))
    for ref, cohort in others:
        seat = _seat(charges, mine, ref, cohort, continues=continues, now=now)
        if seat.held:
            tier = max(tier, seat.shown)
            shares.append((ref, cohort, seat, True))
    own = _grants(mine, charges, own_tier, now)
    alone = payer is None and not shares and not charges.lease
    if alone and mine.at <= now and not [grant for grant in own if not grant.allowed]:  # most requests by far
        return Admission(
            allowed=True, own_tier=own_tier, tier=tier, continues=continues, seats=tuple(seats), reasons=(),
            remaining=remaining_of(own, charges, terms.ladder.share(own_tier), allowed=True), retry_after=0.0,
            writes=((mine, tuple([grant.level for grant in own])),), heard_at=math.inf, stands=None,
        )
    asked = _Asked(charges, now)
    cause = Cause.OPERATOR if own_tier > shown else Cause.BEHAVIOUR if own_tier >= Tier.SOFT else Cause.QUOTA
    asked.draw(mine, own, cause, firm=True)
    if payer is not None:
        asked.draw(payer, _grants(payer, charges, Tier.CLEAR, now), Cause.QUOTA, firm=False)
    for ref, cohort, seat, stands in shares:
        asked.share(ref, cohort, seat, stands=stands)
    slots_left = asked.seat(mine, payer) if charges.lease and terms.slots else None
    heard_at = asked.heard_at(mine)
    heard = bool(asked.reasons) and now >= heard_at
    allowed = heard or not asked.reasons
    return Admission(
        allowed=allowed,
        own_tier=own_tier,
        tier=tier,
        continues=continues,
        seats=tuple(seats),
        reasons=() if heard else tuple(asked.reasons),
        remaining=remaining_of(own, charges, terms.ladder.share(own_tier), allowed=allowed),
        retry_after=0.0 if heard else min(asked.wait, max(0.0, heard_at - now)),
        writes=tuple(asked.own if heard else asked.writes if allowed else asked.corrections),
        heard_at=heard_at,
        stands=asked.stands,
        pools=tuple(asked.pools) if allowed and not heard else (),
        seated=tuple(asked.seated) if allowed else (),
        slots_left=slots_left if slots_left is None or not allowed else slots_left - 1,
    )


def settle(
    charges: Charges, admission: Admission, cohorts: Sequence[CohortProfile | None], *, now: float
) -> None:
    """Write what an *admission* comes to into the accounts that it was made of."""
    for account, levels in admission.writes:
        keep(account, levels, charges.terms, now)
    if not admission.allowed:
        return
    for account in admission.seated:
        take_slot(account, charges.lease, charges.terms, now)
    for cohort, seat in zip(cohorts, admission.seats, strict=True):
        if seat.guest and cohort is not None:
            cohort.guests = guests_of(cohort, charges.terms.presumption, now) + 1.0
            cohort.guests_at = max(cohort.guests_at, now)


def refuses(charges: Charges, account: Account, *, shared: bool, now: float) -> float:
    """Return the seconds for which *account* by itself refuses *charges*, whose principal it belongs to; 0 if not.

    *shared*: it is the budget of a cohort, and the principal is held in that as long as it is tightened.
    """
    terms, known = charges.terms, account.empty
    if known is not None and now < known.settled_until and known.terms is terms and known.costs == charges.costs:
        return max(0.0, known.refuses_until - now)
    if isinstance(account, CohortProfile):
        tier, trust = cohort_tier(account, terms, now), account.trust
    else:
        tier, trust = max(tier_of(account, terms, terms.signals, now), charges.orders.least), 0.0
    if shared and tier < Tier.SOFT:
        return 0.0
    wait = max([grant.retry_after for grant in _grants(account, charges, tier, now, trust=trust)])
    if wait:
        # From *grace* on the evidence fades, and the tier and the refill with it.
        settled = account.active_at + terms.ladder.grace.total_seconds() if tier else math.inf
        account.empty = Empty(terms, charges.costs, now + wait, min(now + wait, settled))
    return wait


def left_at(rows: Sequence[Remaining], terms: Terms, share: float, elapsed: float) -> tuple[Remaining, ...]:
    """Return what will be left of budgets of which *rows* are left, *elapsed* seconds later, if nothing is spent."""
    later = []
    for row, budget in zip(rows, terms.budgets, strict=True):
        rate = budget.refill * share
        units = min(budget.burst, row.units + elapsed * rate)
        later.append(Remaining(row.budget, row.quota, row.window, units, min(1.0, budget.burst - units) / rate))
    return tuple(later)


def _seat(
    charges: Charges, mine: PrincipalProfile, ref: CohortRef, cohort: CohortProfile | None, *, continues: bool,
    now: float,
) -> Seat:
    standing = mine.standings.get(ref.key)
    careful, typical = mine.prior if standing is None else (standing.careful, standing.typical)
    if not typical and not careful and (cohort is None or not cohort.wealth):
        return UNHEARD if ref.caution.patience else OPEN  # most seats by far
    terms, presumption = charges.terms, charges.terms.presumption
    careful, typical = careful / LN10, typical / LN10
    evidence = 0.0 if cohort is None else evidence_of(cohort, terms, terms.cohort_signals, now)
    tier, cleared = terms.ladder.tier(evidence), typical <= presumption.cleared
    if cohort is not None:
        tier = sticky(cohort, tier)
    held = firm = guest = False
    patience = ref.caution.patience
    hears = math.inf
    if cohort is not None and tier >= Tier.SOFT and not cleared:
        if charges.trusted and not _came_of_age(charges, mine, typical, patience):
            held_at = presumption.trusted + patience
            held = firm = careful >= held_at
            hears = presumption.hears_after(careful, held_at)
        else:
            held_at = _held_at(charges, mine, continues=continues) + patience
            firm = not ref.presumed or typical >= held_at
            held = firm
            if not firm and not patience:
                guest = guests_of(cohort, presumption, now) <= presumption.guests_at_once - 1
                held = not guest
            if ref.presumed:
                hears = presumption.hears_after(typical, held_at)
    spoken = careful >= presumption.outspoken
    shown = Tier.CLEAR if not held else tier if spoken or tier < Tier.SOFT else Tier.SOFT
    carried = cohort is not None and cohort.outspoken >= presumption.carried_by
    # Where nothing ties the members, only of those whose own behaviour says something does a bet say anything.
    suspect = not cleared and (not patience or typical >= patience)
    counts = suspect and (held if tier >= Tier.SOFT else carried or not spoken)
    return Seat(evidence, tier, cleared, held, firm, guest, shown, hears, counts)


def _came_of_age(charges: Charges, mine: PrincipalProfile, typical: float, patience: float) -> bool:
    """Say whether age alone would free one that came young and is held for what it did: waiting is no help."""
    first, presumption = mine.held_at, charges.terms.presumption
    if first is None and mine.prior[1] > 0:  # of one that had to be evicted it is not known: it may have come young
        first = presumption.young
    if not charges.aged or first is None or first >= presumption.settled:
        return False
    return typical >= first + patience


def _held_at(charges: Charges, mine: PrincipalProfile, *, continues: bool) -> float:
    if continues:
        return charges.terms.presumption.continuing
    return charges.held_at if mine.held_at is None else mine.held_at


class _Asked:
    """Asks one account after the other, and collects what is to be written, or why it is refused and for how long."""

    __slots__ = (
        "_charges", "_hears", "_now", "_standing", "corrections", "own", "pools", "reasons", "seated", "stands", "wait",
        "writes",
    )

    def __init__(self, charges: Charges, now: float) -> None:
        self._charges, self._now = charges, now
        self.reasons: list[Reason] = []
        self.writes: list[Write] = []
        self.own: list[Write] = []
        self.pools: list[CohortRef] = []
        self.seated: list[Account] = []
        self._hears = 0.0
        self.corrections: list[Write] = []
        self.wait = 0.0
        self.stands: tuple[Account, bool] | None = None
        self._standing = 0.0

    def draw(self, account: Account, grants: list[Grant], cause: Cause, *, firm: bool) -> None:
        """Take the *grants* of a principal's budgets; *firm*: whether they are asked whatever else is sent."""
        if self._take(account, grants, cause, "", firm=firm):
            self.own.append(self.writes[-1])
        else:
            self._hears = math.inf

    def share(self, ref: CohortRef, cohort: CohortProfile, seat: Seat, *, stands: bool) -> None:
        """Ask the budgets that a cohort shares; *stands*: whether they are asked whatever else the principal sends."""
        grants = _grants(cohort, self._charges, seat.tier, self._now, trust=cohort.trust)
        if self._take(cohort, grants, Cause.COHORT, ref.kind, firm=seat.firm and stands):
            self.pools.append(ref)
        else:
            self._hears = max(self._hears, seat.hears)

    def seat(self, *accounts: Account | None) -> int:
        """Ask each account for a slot; return how many more the fullest of them has, before this one is taken."""
        left = self._charges.terms.slots
        for account in filter(None, accounts):
            taken = in_flight(account, self._now)
            left = min(left, self._charges.terms.slots - len(taken))
            if left > 0:
                self.seated.append(account)
                continue
            self._hears = math.inf
            self.wait = max(self.wait, min(SLOT_WAIT, min(taken.values()) - self._now))
            self.reasons.append(NO_SLOT)
            break
        return max(0, left)

    def heard_at(self, mine: PrincipalProfile) -> float:
        """Return when it is answered at the latest if only cohorts refuse it, Unix seconds; infinite if never."""
        return mine.at + self._hears if self.reasons else math.inf

    def _take(self, account: Account, grants: list[Grant], cause: Cause, kind: str, *, firm: bool) -> bool:
        longest, charges = 0.0, self._charges
        if account.at - self._now > charges.terms.longest:  # the clock stepped back: its levels stand so from now on
            self.corrections.append((account, tuple([account.levels.get(budget.name, 0.0)
                                                     for budget in charges.terms.budgets])))
        for budget, grant in zip(charges.terms.budgets, grants, strict=True):
            if not grant.allowed:
                longest = max(longest, grant.retry_after)
                self.reasons.append(reason_of(budget, grant.retry_after, cause, kind))
        if not longest:
            self.writes.append((account, tuple([grant.level for grant in grants])))
            return True
        self.wait = max(self.wait, longest)
        if firm and longest > self._standing:
            self.stands, self._standing = (account, cause is Cause.COHORT), longest
        return False


def reason_of(budget: BudgetTerms, wait: float, cause: Cause, kind: str) -> Reason:
    """Say why *budget*, empty for *wait* seconds, refuses."""
    name = budget.name
    if wait == math.inf:
        return Reason(cause=Cause.COST, name=name,
                      detail=f"The request costs more than the {budget.burst:g} units that {name!r} can hold.")
    if cause is Cause.COHORT:
        return Reason(cause=cause, name=kind,
                      detail=f"The budget {name!r} shared by a tightened {kind} cohort is empty.")
    if cause is Cause.OPERATOR:
        return Reason(cause=cause, name=name, detail=f"The budget {name!r} is empty; an operator slows its refill.")
    if cause is Cause.BEHAVIOUR:
        return Reason(cause=cause, name=name,
                      detail=f"The budget {name!r} is empty; evidence against the principal slows its refill.")
    return Reason(cause=cause, name=name, detail=f"The budget {name!r} is empty.")


def _grants(account: Account, charges: Charges, tier: Tier, now: float, *, trust: float = 0.0) -> list[Grant]:
    terms, levels, at = charges.terms, account.levels, stood_at(account, charges.terms, now)
    if tier < Tier.SOFT:
        return [
            gcra.charge(levels.get(budget.name, 0.0), at, now=now, refill=budget.refill, burst=budget.burst, cost=cost)
            for budget, cost in zip(terms.budgets, charges.costs, strict=True)
        ]
    ladder, share = terms.ladder, share_of(terms, tier, trust)
    return [
        gcra.charge(levels.get(budget.name, 0.0), at, now=now, refill=budget.refill * share,
                    burst=ladder.burst(tier, budget.burst, cost), cost=cost)
        for budget, cost in zip(terms.budgets, charges.costs, strict=True)
    ]


def remaining_of(grants: list[Grant], charges: Charges, share: float, *, allowed: bool) -> tuple[Remaining, ...]:
    """Return what is left of each budget after *grants*, at a *share* of the refill."""
    rows = []
    for grant, budget, cost in zip(grants, charges.terms.budgets, charges.costs, strict=True):
        units = grant.remaining + (cost if grant.allowed and not allowed else 0.0)
        owed = max(0.0, grant.level - budget.burst)
        rows.append(Remaining(budget.name, budget.quota, budget.window, units,
                              (owed + min(1.0, budget.burst - units)) / (budget.refill * share)))
    return tuple(rows)
