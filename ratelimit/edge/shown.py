"""What a caller is shown to have left, where the truth would tell it its tier."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from ratelimit.decision import Tier

if TYPE_CHECKING:
    from ratelimit.charges import Terms
    from ratelimit.decision import Decision
    from ratelimit.policy import Policy


def shown(
    decision: Decision, policy: Policy, *, own_tier: Tier, terms: Terms, costs: tuple[float, ...]
) -> Decision:
    """Return *decision* as headers may tell it.

    A budget that its owner's own evidence has tightened holds less and refills more slowly, and what is left of it
    would tell so at once. Unless all is disclosed, such a principal is shown what one would have left that had been
    idle: what a clear one sees that asks less than its refill, as the many accounts of a campaign do.
    """
    if policy.disclose == "full" or own_tier < Tier.SOFT:
        return decision
    remaining = tuple([
        msgspec.structs.replace(row, units=max(0.0, budget.burst - (0.0 if decision.refused else cost)))
        for row, budget, cost in zip(decision.remaining, terms.budgets, costs, strict=True)
    ])
    return msgspec.structs.replace(decision, remaining=remaining)
