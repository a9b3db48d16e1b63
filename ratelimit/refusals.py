"""Refusals that still stand: what was refused a moment ago need not be worked out again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from ratelimit.admission import left_at, refuses
from ratelimit.ledger import evidence_by_signal

if TYPE_CHECKING:
    from ratelimit.charges import Charges, Orders, Terms
    from ratelimit.decision import Decision, Tier
    from ratelimit.profile import Account, PrincipalProfile
    from ratelimit.stores import Charged

#: Principals whose last refusal is remembered.
MOST = 1 << 15

#: Seconds after which the store is asked again all the same: it forgets whom nobody asks about.
STANDS = 86_400.0


class Refusal(msgspec.Struct, kw_only=True):
    """One refusal, and what it hangs on.

    decision  as it was made, *at* Unix seconds.
    own_tier  the tier of the principal's own evidence.
    charges   what was asked.
    mine      the principal, of whom *folds* requests had been learned.
    heard_at  when it is answered although cohorts hold it, Unix seconds; infinite if never.
    account   the one that refuses for the longest, and whether a cohort shares it.
    wait      for how many seconds more it does, when it was last looked at.
    """

    decision: Decision
    own_tier: Tier
    at: float
    charges: Charges
    mine: PrincipalProfile
    folds: int
    heard_at: float
    account: Account
    shared: bool
    wait: float = 0.0

    def covers(self, costs: tuple[float, ...], terms: Terms, *, trusted: bool, orders: Orders) -> bool:
        """Say whether a request asked so is refused by the same account for the same reasons."""
        asked = self.charges
        return (
            asked.terms is terms
            and trusted is asked.trusted
            and (orders is asked.orders or orders == asked.orders)
            and (costs == asked.costs or all(cost >= was for cost, was in zip(costs, asked.costs, strict=True)))
        )

    def seen(self, now: float, *, remaining: bool = True) -> Decision:
        """Return the decision as it stands at *now* (Unix seconds), when it was found; what remains only if asked."""
        decision, charges, ladder = self.decision, self.charges, self.charges.terms.ladder
        fades = decision.evidence and now - self.mine.active_at > ladder.grace.total_seconds()
        share = ladder.share(self.own_tier)
        return msgspec.structs.replace(
            decision,
            retry_after=min(self.wait, self.heard_at - now),
            remaining=left_at(decision.remaining, charges.terms, share, now - self.at) if remaining else (),
            evidence=evidence_by_signal(self.mine, ladder, now) if fades else decision.evidence,
        )


class Refusals:
    """Remembers the last refusal of each principal, as long as nothing can have changed it.

    A tightened principal that keeps asking is refused by the same empty budget every time: by its own, or by one that
    a cohort shares. As long as that account is tightened and empty, and nothing was learned of the principal, no
    request of it can be granted, so the refusal is given again for the price of looking at that one account: the many
    requests of a stopped harvest cost less than those of anybody else.

    It is not given to a request that costs less, or comes when the principal's trust has changed, or what people
    ordered about it; and one that continues a conversation must not be asked here at all. Nor is it given for longer
    than a day, so that a store which forgets the idle does not forget who is refused: to come back as a stranger would
    be a way out.
    """

    __slots__ = ("_kept",)

    def __init__(self) -> None:
        self._kept: dict[bytes, Refusal] = {}

    def __len__(self) -> int:
        return len(self._kept)

    def find(self, key: bytes, *, now: float) -> Refusal | None:
        """Return the refusal of the principal with *key* that still stands at *now*; ``None`` without one."""
        kept = self._kept.get(key)
        if kept is None:
            return None
        # A clock that stepped back is the store's to judge.
        if kept.at <= now < min(kept.heard_at, kept.at + STANDS) and kept.mine.folds == kept.folds:
            kept.wait = refuses(kept.charges, kept.account, shared=kept.shared, now=now)
            if kept.wait:
                return kept
        del self._kept[key]
        return None

    def keep(self, charges: Charges, charged: Charged, decision: Decision) -> None:
        """Remember that *decision* refused *charges*, if anything is sure to refuse the next as well."""
        stands = charged.admission.stands
        if stands is None:
            return
        if len(self._kept) >= MOST:
            del self._kept[next(iter(self._kept))]
        account, shared = stands
        self._kept[charges.principal] = Refusal(
            decision=decision,
            own_tier=charged.admission.own_tier,
            at=charged.now,
            charges=charges,
            mine=charged.profile,
            folds=charged.profile.folds,
            heard_at=charged.admission.heard_at,
            account=account,
            shared=shared,
        )
