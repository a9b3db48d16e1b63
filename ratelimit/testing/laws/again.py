"""Laws of doing it again: a retry changes nothing, and the same trace gives the same decisions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ratelimit.testing.laws.law import Law, played
from ratelimit.testing.laws.traces import mixed
from ratelimit.testing.steps import Ask

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hypothesis import strategies as st

    from ratelimit.decision import Decision
    from ratelimit.policy import Policy
    from ratelimit.testing.play import MakeStore
    from ratelimit.testing.steps import Step

#: How often a refused body is sent again.
_RETRIES = 3


def _retry_idempotent(policy: Policy, steps: Sequence[Step], store: MakeStore | None) -> str | None:
    """Play twice, the second time with each refused request sent again, and compare all others."""
    found: list[list[Decision]] = []
    for retries in (0, _RETRIES):
        with played(policy, store) as play:
            decisions = []
            for step in steps:
                if not isinstance(step, Ask):
                    step.on(play)
                    continue
                for _ in range(step.times):
                    one = Ask(step.who, step.text).on(play)[0]
                    decisions.append(one)
                    for _ in range(retries if one.refused else 0):
                        if not Ask(step.who, step.text).on(play)[0].refused:
                            return f"A refused body of {step.who!r} was granted when it was sent again at once."
            found.append(decisions)
    return _difference(found, "without retries", "where each refused body before it was sent again")


def _replay(policy: Policy, steps: Sequence[Step], store: MakeStore | None) -> str | None:
    """Play the same trace twice, on two new stores."""
    found = []
    for _ in range(2):
        with played(policy, store) as play:
            found.append([decision for step in steps for decision in step.on(play)])
    return _difference(found, "the first time", "the second time")


def _difference(found: list[list[Decision]], one: str, other: str) -> str | None:
    for number, (before, after) in enumerate(zip(*found, strict=True), 1):
        if (before.refused, before.tier) != (after.refused, after.tier):
            return f"Request {number} was {_told(before)} {one}, and {_told(after)} {other}."
        levels = zip(before.remaining, after.remaining, strict=True)
        if any(abs(row.units - again.units) > 1e-6 for row, again in levels):
            return f"After request {number} another part of the budget is left {one} than {other}."
    return None


def _told(decision: Decision) -> str:
    return f"{'refused' if decision.refused else 'granted'} in the tier {decision.tier}"


def _drawn(policy: Policy) -> st.SearchStrategy[list[Step]]:
    return mixed(policy, most=8)


retry_idempotent = Law(
    name="retry_idempotent", says="repeating a refused body changes nothing.",
    tolerance="a millionth of a unit, for rounding", drawn=_drawn, breach=_retry_idempotent,
)
replay = Law(
    name="replay", says="the same trace gives the same decisions.",
    tolerance="a millionth of a unit, for rounding", drawn=_drawn, breach=_replay,
)
