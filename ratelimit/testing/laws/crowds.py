"""Laws of crowds: who shares nothing is left alone, who splits gains nothing, and who is trusted cannot be framed."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from hypothesis import strategies as st

from ratelimit.principal import Principal
from ratelimit.testing.laws.law import Law, played
from ratelimit.testing.laws.traces import asks, suspicions, waits
from ratelimit.testing.play import START
from ratelimit.testing.steps import Ask, Suspect, SuspectCohorts, principal, system_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ratelimit.decision import Decision
    from ratelimit.policy import Policy
    from ratelimit.testing.play import MakeStore
    from ratelimit.testing.steps import Step

#: New accounts whose trust is added up.
_ACCOUNTS = 1000

#: What so many new accounts may be trusted with together: as much as one principal of full trust.
_MINTED = 1.0


def _isolated(policy: Policy, steps: Sequence[Step], store: MakeStore | None) -> str | None:
    """Play with and without the others, and compare what is decided for the rest."""
    found: list[list[Decision]] = []
    for crowded in (False, True):
        with played(policy, store) as play:
            decisions = []
            for step in steps:
                other = getattr(step, "who", "").startswith("other")
                if not other:
                    decisions += step.on(play)
                elif crowded and isinstance(step, SuspectCohorts):
                    shared = set(play.cohorts_of(principal("ann")))
                    labels = play.cohorts_of(principal(step.who), system=system_of(step.who))
                    kinds = tuple({label.partition(":")[0] for label in labels if label not in shared})
                    if kinds:
                        play.suspect_cohorts(principal(step.who), step.decades, system=system_of(step.who),
                                             kinds=tuple(kind for kind in kinds if kind != "everyone"))
                elif crowded:
                    step.on(play)
            found.append(decisions)
    for number, (alone, crowded_one) in enumerate(zip(*found, strict=True), 1):
        if (alone.refused, alone.tier, alone.remaining) != (crowded_one.refused, crowded_one.tier,
                                                            crowded_one.remaining):
            return (f"Request {number} of those who share nothing with the others is {_told(alone)} without them, and "
                    f"{_told(crowded_one)} beside them.")
    return None


def _told(decision: Decision) -> str:
    return f"{'refused' if decision.refused else 'granted'} in the tier {decision.tier}"


def _split_proof(policy: Policy, steps: Sequence[Step], store: MakeStore | None) -> str | None:
    """Give the requests of *steps* once to one new account and once to as many as there are, in a tight cohort."""
    fresh = [Principal(id=f"new {number}", links={"network": "as-1"}, since=START) for number in range(_ACCOUNTS)]
    trusts = [policy.trust.of(one, now=START + 60.0) for one in fresh]
    if max(trusts) >= policy.trust.trusted_at or sum(trusts) > _MINTED:
        return (f"{_ACCOUNTS:,} accounts made a minute ago have a trust of {sum(trusts):g} together, and none may be "
                "trusted: whoever opens accounts adds to the refill of its cohorts.")
    strict = tuple(rule for rule in policy.cohorts if not rule.presumed)
    if not strict or not policy.cohort_signals:
        return None
    many = [step for step in steps if isinstance(step, Ask)]
    granted = []
    for split in (False, True):
        with played(replace(policy, cohorts=strict, signals=()), store) as play:
            for step in steps:
                if not isinstance(step, Ask):
                    step.on(play)
            count = 0
            for number, step in enumerate(many):
                who = replace(principal("fresh"), id=f"fresh {number if split else 0}")
                count += not play.ask(who, step.text).refused
            granted.append(count)
    one, several = granted
    if several > one:
        return (f"In a tightened cohort one new account was granted {one} of {len(many)} requests, and {len(many)} new "
                f"accounts {several} of theirs.")
    return None


def _splitting(policy: Policy) -> st.SearchStrategy[list[Step]]:
    return st.integers(0, 8).map(lambda many: [SuspectCohorts("ann", policy.ladder.ceiling), *[Ask("ann")] * many])


def _frame_proof(policy: Policy, steps: Sequence[Step], store: MakeStore | None) -> str | None:
    """Play with and without the strangers, and compare whether a trusted victim is granted what it asks."""
    found: list[list[Decision]] = []
    for framed in (False, True):
        with played(policy, store) as play:
            decisions = []
            for step in steps:
                if getattr(step, "who", "trusted").startswith("trusted"):
                    decisions += step.on(play)
                elif framed:
                    step.on(play)
            found.append(decisions)
    for number, (alone, framed_one) in enumerate(zip(*found, strict=True), 1):
        if framed_one.refused and not alone.refused:
            return (f"Request {number} of a trusted principal is granted, and refused ({framed_one.reasons[0].detail}) "
                    "once strangers that share its links and template behave badly.")
    return None


def _framing(policy: Policy) -> st.SearchStrategy[list[Step]]:
    strangers = suspicions(policy, ("ann", "bob"))
    return st.lists(strangers | asks(policy, ("trusted",)) | waits(policy), max_size=8).map(
        lambda steps: [*steps, Ask("trusted")])


def _apart(policy: Policy) -> st.SearchStrategy[list[Step]]:
    own = asks(policy, ("ann",)) | waits(policy) | st.builds(Suspect, st.just("ann"), st.just(policy.ladder.soft))
    others = asks(policy, ("other-1", "other-2")) | suspicions(policy, ("other-1", "other-2"))
    return st.lists(own | others, max_size=8).map(lambda steps: [*steps, Ask("ann")])


isolated = Law(
    name="isolated", says="principals that share no cohort do not change each other's decisions.",
    tolerance="a cohort of everyone is shared by all, and left out", drawn=_apart, breach=_isolated,
)
split_proof = Law(
    name="split_proof",
    says="cutting one campaign over new accounts of a cohort harvests no more than one account would.",
    tolerance="what guests are allowed in cohorts that presume innocence; and the trust of a thousand new accounts may "
              "add up to that of one principal", drawn=_splitting, breach=_split_proof,
)
frame_proof = Law(
    name="frame_proof",
    says="no behaviour of strangers takes a trusted principal below its own budget's floor.",
    tolerance="none, for a principal of trust 1", drawn=_framing, breach=_frame_proof,
)
