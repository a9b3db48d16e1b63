"""What a security engineer asks of a policy, as assertions over rehearsals.

Each looks at rehearsals from the seeds 1, 2, 3 ... A rehearsal keeps the limit or not; the assertion fails if too many
do not, by Wald's sequential probability ratio test of P(a rehearsal is over the limit) <= 5 % against >= 40 %, either
error at most 5 %. So it takes two rehearsals or seven, seldom more, and says the same every time.
"""

from __future__ import annotations

import math
from datetime import timedelta
from typing import TYPE_CHECKING

from ratelimit.decision import Tier
from ratelimit.drill.acting import Crowd
from ratelimit.testing.play import Play
from ratelimit.testing.runs import Run, Size, rehearsed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ratelimit.drill.acting import Adversary
    from ratelimit.policy import Policy

#: P(over the limit) that is still good, and that is surely bad.
GOOD, BAD = 0.05, 0.40

#: The probability of either error: of failing a policy of *GOOD*, or passing one of *BAD*.
ERROR = 0.05

_ENOUGH = math.log((1 - ERROR) / ERROR)
_KEPT, _OVER = math.log((1 - BAD) / (1 - GOOD)), math.log(BAD / GOOD)

#: Rehearsals after which the test ends in any case; the larger share decides then.
MOST = 24


def assert_harvest_at_most(
    policy: Policy, campaign: Adversary, *, share: float = 0.05, crowds: Sequence[Crowd] | None = None,
    size: Size | None = None,
) -> None:
    """Demand that *campaign* gets at most *share* (0 to 1) of the distinct payloads that it asks for.

    crowds  the honest people among whom it hides; ``None``: all that ``ratelimit.drill`` has.
    size    accounts and days: see ``Size``.

    Raises: AssertionError, with what each rehearsal came to.
    """
    _demand(
        lambda seed: rehearsed(policy, seed=seed, campaign=campaign, crowds=crowds, size=size),
        lambda run: run.harvested <= share, lambda run: f"harvested {run.harvested:.1%}",
        f"the campaign {campaign.name!r} harvests more than {share:.1%} of what it asks for",
    )


def assert_tightens_within(
    policy: Policy, campaign: Adversary, *, requests: int = 500, crowds: Sequence[Crowd] | None = None,
    size: Size | None = None,
) -> None:
    """Demand that *campaign* meets the tier soft within so many of its *requests*, over all its accounts.

    Raises: AssertionError, with what each rehearsal came to.
    """
    _demand(
        lambda seed: rehearsed(policy, seed=seed, campaign=campaign, crowds=crowds, size=size),
        lambda run: run.tightened_at is not None and run.tightened_at <= requests,
        lambda run: f"tightened after {run.tightened_at:,} of {run.sent:,} requests" if run.tightened_at else
                    f"not tightened in {run.sent:,} requests",
        f"the campaign {campaign.name!r} is not tightened within {requests:,} requests",
    )


def assert_honest_loss_at_most(
    policy: Policy, crowd: Crowd | Sequence[Crowd], *, share: float = 0.001, campaign: Adversary | None = None,
    size: Size | None = None,
) -> None:
    """Demand that at most *share* (0 to 1) of the requests of an honest *crowd* are refused.

    campaign  one that goes on beside them; ``None``: none.

    Raises: AssertionError, with what each rehearsal came to.
    """
    crowds = [crowd] if isinstance(crowd, Crowd) else list(crowd)
    names = ", ".join(repr(one.name) for one in crowds)
    _demand(
        lambda seed: rehearsed(policy, seed=seed, campaign=campaign, crowds=crowds, size=size),
        lambda run: run.lost <= share, lambda run: f"lost {run.lost:.2%}",
        f"honest people ({names}) lose more than {share:.2%} of their requests",
    )


def assert_forgives_within(policy: Policy, *, after: timedelta = timedelta(days=7)) -> None:
    """Demand that whoever has the most evidence that the ladder holds is clear, and answered, so long *after*.

    A second more is allowed, for what falls due at that very moment.

    Raises: AssertionError.
    """
    ceiling = policy.ladder.ceiling
    with Play(policy) as play:
        play.suspect("suspect", ceiling)
        play.suspect_cohorts("suspect", ceiling, own=policy.presumption.ceiling)
        play.wait(after + timedelta(seconds=1))
        decision = play.ask("suspect", "Am I forgiven?")
        if decision.tier is not Tier.CLEAR or decision.refused:
            answer = "refused" if decision.refused else "answered"
            raise AssertionError(
                f"{after} after its last request a principal of the most evidence is {answer} in the tier "
                f"{decision.tier}; the ladder forgives after {policy.ladder.forgives_after}: raise fade, or lower grace"
            )


def _demand(
    rehearse: Callable[[int], Run], keeps: Callable[[Run], bool], told: Callable[[Run], str], otherwise: str
) -> None:
    """Rehearse until it is sure whether the limit is kept. Raises: AssertionError if it is not."""
    ratio, over = 0.0, 0
    seen: list[str] = []
    while abs(ratio) < _ENOUGH and len(seen) < MOST:
        run = rehearse(len(seen) + 1)
        kept = keeps(run)
        over += not kept
        ratio += _KEPT if kept else _OVER
        seen.append(f"  seed {len(seen) + 1}: {told(run)}{'' if kept else ' (over)'}")
    if ratio >= _ENOUGH or (ratio > -_ENOUGH and over * 2 > len(seen)):
        rows = "\n".join(seen)
        raise AssertionError(f"{otherwise}: in {over} of {len(seen)} rehearsals (confidence {1 - ERROR:.0%})\n{rows}")
