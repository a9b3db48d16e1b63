"""The traces that laws are tried on: few names, and evidence put there by hand, so that they shrink well."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import strategies as st

from ratelimit.testing.steps import Ask, Step, Suspect, SuspectCohorts, Wait

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ratelimit.policy import Policy

#: New accounts that share a network.
NEW = ("ann", "bob", "cyd")


def waits(policy: Policy) -> st.SearchStrategy[Wait]:
    """Draw pauses, from none at all to longer than the longest window, and than evidence takes to fade."""
    longest = max(budget.window.total_seconds() for budget in policy.budgets)
    grace = policy.ladder.grace.total_seconds()
    return st.sampled_from([Wait(seconds) for seconds in sorted(
        {0.5, 1.0, longest / 100, longest / 10, longest / 2, longest, 2 * longest, grace + 1.0, grace + 86_400.0})])


def asks(policy: Policy, names: Sequence[str]) -> st.SearchStrategy[Ask]:
    """Draw requests, one or as many as empty a budget."""
    burst = max(budget.burst for budget in policy.budgets)
    times = sorted({1, 2, min(burst, 100), min(burst + 1, 101)})
    texts = ("Hello", "Who are you?", "What is a budget?")
    return st.builds(Ask, who=st.sampled_from(names), text=st.sampled_from(texts), times=st.sampled_from(times))


def suspicions(policy: Policy, names: Sequence[str], *, cohorts: bool = True) -> st.SearchStrategy[Step]:
    """Draw evidence for and against principals, and against their cohorts."""
    ladder = policy.ladder
    decades = st.sampled_from([-1.0, 0.5, ladder.watch, ladder.soft, ladder.hard, ladder.ceiling])
    kinds: list[st.SearchStrategy[Step]] = [st.builds(Suspect, st.sampled_from(names), decades)]
    if cohorts:
        kinds.append(st.builds(SuspectCohorts, st.sampled_from(names), decades))
    return st.one_of(*kinds)


def mixed(policy: Policy, names: Sequence[str] = NEW, *, cohorts: bool = True, most: int = 12) -> (
        st.SearchStrategy[list[Step]]):
    """Draw traces of all that can happen."""
    return st.lists(asks(policy, names) | waits(policy) | suspicions(policy, names, cohorts=cohorts),
                    min_size=1, max_size=most)
