"""What a store is asked for, and what it answers, as values."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import msgspec

from ratelimit.decision import Tier

if TYPE_CHECKING:
    from ratelimit.decision import Reason, Remaining
    from ratelimit.evidence import Ladder
    from ratelimit.observation import CohortRef
    from ratelimit.presumption import Presumption
    from ratelimit.profile import Account

#: An account, and the levels at which its budgets are to stand.
Write: TypeAlias = "tuple[Account, tuple[float, ...]]"


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
    cells                    whether any of them looks at the cells of prompt space that a principal reached.
    longest                  the longest window of the budgets, seconds.
    slots                    how many requests may be in flight at once; 0: any number.
    slot_seconds             how long one that is not given back is taken.
    """

    budgets: tuple[BudgetTerms, ...]
    ladder: Ladder
    presumption: Presumption
    signals: tuple[str, ...]
    cohort_signals: tuple[str, ...]
    longest: float
    cells: bool = False
    slots: int = 0
    slot_seconds: float = 0.0

    @property
    def watches(self) -> bool:
        """Whether there is any signal: a policy of budgets alone learns nothing."""
        return bool(self.signals or self.cohort_signals)


class Orders(msgspec.Struct, frozen=True, gc=False):
    """What people ordered about a request's judgement.

    least    the tier that its principal is held at, at the least.
    without  the hashes (16 hexadecimal digits) of the cohorts that hold nobody.
    """

    least: Tier = Tier.CLEAR
    without: tuple[str, ...] = ()


#: Nobody ordered anything.
NO_ORDERS = Orders()


class Charges(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What one request is to be charged: everything, or nothing.

    principal  its key.
    payer      the key that pays as well, or ``None``.
    cohorts    the cohorts it is seen in.
    costs      units, one a budget of *terms*.
    terms      the policy in numbers.
    trusted    whether a cohort's evidence leaves it alone as long as its own behaviour does.
    aged       whether its age alone makes it trusted.
    held_at    the typical standing, log10, from which it is held, if it was not seen before.
    earlier    the digests of the user turns before the last that travel along.
    now        Unix seconds, for stores that have no clock of their own.
    lease      64 bits that stand for this request among those in flight; 0: it takes no slot.
    orders     what people ordered about it.
    on_store_error  the policy's rule for when the store's server is away: "local", "open" or "closed".
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
    lease: int = 0
    aged: bool = False
    orders: Orders = NO_ORDERS
    on_store_error: str = "local"

    @property
    def plain(self) -> bool:
        """Whether budgets alone are asked: no evidence counts, and no cohort holds anybody."""
        return not (self.cohorts or self.terms.watches)


class Seat(msgspec.Struct, frozen=True, gc=False):
    """How a principal sits in one cohort, from the past alone.

    evidence log10 of the evidence against the cohort.
    tier     the cohort's.
    cleared  whether the principal's own behaviour clears it there.
    held     whether it must share the budget of the cohort, which is tightened.
    firm     whether it is held for what it did itself, and not because the cohort's guests have had their share.
    guest    whether it is presumed innocent in a cohort that is.
    shown    the tier that its decisions show of the cohort: what holds it, as far as its own behaviour bears it out.
    hears    seconds without an answer after which it is answered although it is held; infinite if it never is.
    counts   whether its next bet moves the cohort's evidence. Once that is tightened only held members' bets do, so
             that passers-by forgive nobody.
    """

    evidence: float
    tier: Tier
    cleared: bool
    held: bool
    firm: bool
    guest: bool
    shown: Tier
    hears: float
    counts: bool


class Admission(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What came of it.

    allowed      whether everything was granted.
    own_tier     the tier of the principal's own evidence.
    tier         the tier that counted: that, or that of a cohort whose budget it must share.
    continues    whether the request continues a conversation that the principal is known to have had.
    seats        how the principal sits in each cohort of the charge.
    reasons      why it was refused.
    remaining    what is left of each budget.
    retry_after  seconds; infinite if never.
    writes       what is to be kept of it: nothing, if it was refused (but for what a clock that stepped back corrects).
    heard_at     when it is answered if it is not until then although cohorts hold it, Unix seconds; infinite if never.
    stands       if it was refused, the account that refuses for the longest of those that the next request will be
                 asked of as well, whatever it is, and whether a cohort shares it; ``None`` if there is none.
    pools        the cohorts whose shared budgets were charged, besides those of principal and payer.
    seated       the accounts in which a slot is taken for the request: the principal's, and its payer's.
    slots_left   how many slots more could be taken at once; ``None``: none were asked for.
    """

    allowed: bool
    own_tier: Tier
    tier: Tier
    continues: bool
    seats: tuple[Seat, ...]
    reasons: tuple[Reason, ...]
    remaining: tuple[Remaining, ...]
    retry_after: float
    writes: tuple[Write, ...]
    heard_at: float
    stands: tuple[Account, bool] | None
    pools: tuple[CohortRef, ...] = ()
    seated: tuple[Account, ...] = ()
    slots_left: int | None = None
