"""Laws of what is granted: never more than the budget says, and never nothing."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from hypothesis import strategies as st

from ratelimit import gcra
from ratelimit.stores import MemoryStore
from ratelimit.testing.laws.law import Law, played
from ratelimit.testing.laws.traces import asks, mixed, suspicions
from ratelimit.testing.steps import Ask

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ratelimit.clock import Clock
    from ratelimit.decision import Tier
    from ratelimit.policy import Policy
    from ratelimit.testing.play import MakeStore
    from ratelimit.testing.steps import Step

#: Units, or a share of them, that rounding may add.
_SLACK = 1e-6

#: Requests that a law asks of a tightened principal.
_ROUNDS = 3


def _tiny(clock: Clock, secret: bytes) -> MemoryStore:
    """Return a store with room for so few that they push each other out."""
    return MemoryStore(clock=clock, secret=secret, principals=2, cohorts=2)


def _costs(policy: Policy) -> dict[str, float]:
    """Return what a request costs, by budget; of those whose cost hangs on the request nothing is said."""
    return {budget.name: float(budget.cost) for budget in policy.budgets
            if not callable(budget.cost)}


def _bounded(policy: Policy, steps: Sequence[Step], store: MakeStore | None) -> str | None:
    """Count what was granted in every window that ends with a grant."""
    costs, granted = _costs(policy), defaultdict[str, list[float]](list)
    with played(policy, store) as play:
        for step in steps:
            for decision in step.on(play):
                if decision.refused or not isinstance(step, Ask):
                    continue
                now = play.clock.now()
                times = granted[step.who]
                times.append(now)
                for budget in policy.budgets:
                    window = budget.window.total_seconds()
                    spent = costs.get(budget.name, 0.0) * sum(now - at <= window for at in times)
                    if spent > (budget.burst + budget.quota) * (1 + _SLACK):
                        return (f"{step.who!r} was granted {spent:g} units of {budget.name!r} within {window:g} s, "
                                f"which is more than its burst of {budget.burst} and quota of {budget.quota}.")
    return None


def _never_looser(policy: Policy, steps: Sequence[Step], store: MakeStore | None) -> str | None:
    """Charge whatever is granted to a plain bucket of the base budget: it must have room."""
    costs = _costs(policy)
    levels: dict[tuple[str, str], tuple[float, float]] = {}
    with played(policy, store or _tiny) as play:
        for step in steps:
            for decision in step.on(play):
                if decision.refused or not isinstance(step, Ask):
                    continue
                now = play.clock.now()
                for budget in policy.budgets:
                    level, at = levels.get((step.who, budget.name), (0.0, now))
                    base = gcra.charge(level, at, now=now, refill=budget.quota / budget.window.total_seconds(),
                                       burst=float(budget.burst) + _SLACK, cost=costs.get(budget.name, 0.0))
                    if not base.allowed:
                        return (f"{step.who!r} was granted a request that its base budget {budget.name!r} refuses "
                                f"({budget.quota} in {budget.window.total_seconds():g} s, burst {budget.burst}).")
                    levels[step.who, budget.name] = base.level, now
    return None


def _steady(policy: Policy, steps: Sequence[Step], store: MakeStore | None) -> str | None:
    """Ask as who was tightened, and work the refill out from when there will be more."""
    shares: dict[tuple[str, Tier], float] = {}
    with played(policy, store) as play:
        for step in steps:
            step.on(play)
        who = steps[0].who if steps and not hasattr(steps[0], "seconds") else "ann"
        for number in range(_ROUNDS):
            decision = Ask(who, f"Question {number}").on(play)[0]
            tier = decision.tier
            for row, budget in zip(decision.remaining, policy.budgets, strict=True):
                if row.reset_after <= 0.0 or budget.burst - row.units < 1.0:
                    continue
                share = budget.window.total_seconds() / (budget.quota * row.reset_after)
                if not 0.0 < share <= 1.0 + _SLACK:
                    return f"In the tier {tier} the budget {budget.name!r} refills at {share:g} of its base refill."
                first = shares.setdefault((budget.name, tier), share)
                if abs(share / first - 1.0) <= 0.01:
                    continue
                return (f"In the tier {tier} the budget {budget.name!r} refills at {share:.3g} of its base refill, and "
                        f"did at {first:.3g} before.")
            wait = decision.retry_after
            if decision.behavioural and wait == float("inf"):
                return f"In the tier {tier} the principal is never answered again."
            play.wait(wait if 0.0 < wait < float("inf") else 1.0)
    return None


def _crowded(policy: Policy) -> st.SearchStrategy[list[Step]]:
    """Draw traces in which many ask, so that a store has to let some go."""
    many: st.SearchStrategy[Step] = asks(policy, ("ann", "bob", "cyd", "dan"))
    return st.lists(many, min_size=3, max_size=8) | mixed(policy)


def _tightened(policy: Policy) -> st.SearchStrategy[list[Step]]:
    return st.lists(suspicions(policy, ("ann",), cohorts=False), min_size=1, max_size=3)


bounded = Law(
    name="bounded", says="in any window a principal is granted at most burst + quota, whatever the interleaving.",
    tolerance="a millionth, for rounding; budgets whose cost is a function are left out", drawn=mixed, breach=_bounded,
)
never_looser = Law(
    name="never_looser", says="no behaviour, no cohort and no eviction ever gives more than the base budget.",
    tolerance="a millionth of a unit, for rounding; budgets whose cost is a function are left out", drawn=_crowded,
    breach=_never_looser,
)
steady = Law(
    name="steady",
    says="what a tier leaves of the refill is always the same, more than nothing, and never above the base.",
    tolerance="one in a hundred", drawn=_tightened, breach=_steady,
)
