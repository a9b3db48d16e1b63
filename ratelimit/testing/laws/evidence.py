"""Laws of evidence: more of it never loosens, and all of it is forgiven."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from hypothesis import strategies as st

from ratelimit.decision import Tier
from ratelimit.testing.laws.law import Law, played
from ratelimit.testing.laws.traces import mixed, suspicions, waits
from ratelimit.testing.steps import Ask, Suspect, Wait

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ratelimit.policy import Policy
    from ratelimit.testing.play import MakeStore
    from ratelimit.testing.steps import Step

#: The longest that forgiving may take.
FORGIVES_WITHIN = timedelta(days=90)


def _monotone(policy: Policy, steps: Sequence[Step], store: MakeStore | None) -> str | None:
    """Play twice, the second time with *worse* added to each suspicion, and compare the tiers."""
    tiers: list[list[Tier]] = []
    for worse in (False, True):
        with played(policy, store) as play:
            found = []
            for step in steps:
                if isinstance(step, Suspect):
                    Suspect(step.who, step.decades + step.worse * worse).on(play)
                else:
                    found += [decision.tier for decision in step.on(play)]
            tiers.append(found)
    for number, (better, worse_tier) in enumerate(zip(*tiers, strict=True), 1):
        if worse_tier < better:
            return f"Request {number} met the tier {better}, and {worse_tier} where the behaviour before it was worse."
    return None


def _worse(policy: Policy) -> st.SearchStrategy[list[Step]]:
    ladder = policy.ladder
    suspicion = st.builds(Suspect, who=st.just("ann"), decades=st.sampled_from([-2.0, -0.5, 0.5, ladder.soft]),
                          worse=st.sampled_from([0.0, 0.5, ladder.watch, ladder.hard]))
    return st.lists(suspicion | waits(policy) | st.just(Ask("ann")), max_size=8).map(lambda steps: [*steps, Ask("ann")])


def _forgiving(policy: Policy, steps: Sequence[Step], store: MakeStore | None) -> str | None:
    """Wait for as long as the ladder says that forgiving takes; then everybody must be clear."""
    takes = policy.ladder.forgives_after
    after = f"{takes.total_seconds() / 86_400:g} days after"
    names = [step.who for step in steps if not isinstance(step, Wait)] or ["ann"]
    if takes > FORGIVES_WITHIN:
        return f"Forgiving takes {takes.days:,} days, which is longer than {FORGIVES_WITHIN.days}."
    with played(policy, store) as play:
        for step in steps:
            step.on(play)
        play.wait(takes.total_seconds() + 1.0)
        for who in dict.fromkeys(names):
            decision = Ask(who, "Am I forgiven?").on(play)[0]
            if decision.tier is not Tier.CLEAR:
                return f"{after} {who!r} stopped, its next request meets the tier {decision.tier}."
            if decision.refused and decision.behavioural:
                return f"{after} {who!r} stopped, it is still refused for its behaviour."
    return None


def _stopped(policy: Policy) -> st.SearchStrategy[list[Step]]:
    return mixed(policy, ("ann", "bob"), most=6) | st.lists(suspicions(policy, ("ann",)), min_size=1, max_size=2)


monotone = Law(
    name="monotone", says="a trace with a less honest prompt in place of an honest one never ends at a lower tier.",
    tolerance="none; what a bet came to stands for the prompt", drawn=_worse, breach=_monotone,
)
forgiving = Law(
    name="forgiving", says="when the behaviour stops, the tier falls back to clear in finite, stated time.",
    tolerance=f"the ladder's own forgives_after, which must not be more than {FORGIVES_WITHIN.days} days",
    drawn=_stopped, breach=_forgiving,
)

