"""What a security engineer asserts holds or fails for a reason, the same every time."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from ratelimit import Affinity, Ladder, Policy
from ratelimit.drill import ADVERSARIES, CROWDS
from ratelimit.testing import (
    Size,
    assert_forgives_within,
    assert_harvest_at_most,
    assert_honest_loss_at_most,
    assert_tightens_within,
)
from ratelimit.testing.assertions import _demand
from ratelimit.testing.runs import Run

if TYPE_CHECKING:
    from collections.abc import Sequence

HYDRA, CHAT = ADVERSARIES["hydra"], CROWDS["chat"]
SMALL = Size(accounts=25, days=4)
BLIND = Policy(signals=(), cohort_signals=())


def test_a_harvest_that_is_stopped_passes() -> None:
    """And one that nobody looks at does not: the share of each rehearsal is told."""
    assert_harvest_at_most(Policy(), HYDRA, share=0.2, crowds=[CHAT], size=SMALL)
    with pytest.raises(AssertionError, match=r"'hydra' harvests more than 20.0% .* in 2 of 2 rehearsals") as raised:
        assert_harvest_at_most(BLIND, HYDRA, share=0.2, crowds=[CHAT], size=SMALL)

    assert "  seed 1: harvested 100.0% (over)\n  seed 2: harvested 100.0% (over)" in str(raised.value)


def test_a_campaign_is_tightened_within_so_many_requests() -> None:
    """Or else it is told when it was, or that it never was."""
    assert_tightens_within(Policy(), HYDRA, requests=700, crowds=[CHAT], size=SMALL)
    with pytest.raises(AssertionError, match=r"seed 1: tightened after \d+ of [\d,]+ requests \(over\)"):
        assert_tightens_within(Policy(), HYDRA, requests=20, crowds=[CHAT], size=SMALL)
    with pytest.raises(AssertionError, match=r"seed 1: not tightened in [\d,]+ requests \(over\)"):
        assert_tightens_within(BLIND, HYDRA, crowds=[CHAT], size=SMALL)


def test_honest_people_lose_nothing() -> None:
    """But under a policy whose bets are unfair to them they do."""
    unfair = Policy(cohort_signals=(Affinity(careful=(0.9,) * 8, typical=(0.95,) * 8),))
    assert_honest_loss_at_most(Policy(), CHAT, size=SMALL)
    with pytest.raises(AssertionError, match=r"honest people \('chat'\) lose more than 0.10% of their requests"):
        assert_honest_loss_at_most(unfair, CHAT, campaign=HYDRA, size=Size(accounts=25, days=8))


def test_forgiving_is_timed() -> None:
    """By the ladder's own time it holds, before it does not, and the mend is named."""
    assert_forgives_within(Policy())
    with pytest.raises(AssertionError, match="the ladder forgives after 7 days, 0:00:00: raise fade, or lower grace"):
        assert_forgives_within(Policy(), after=timedelta(days=6))
    assert_forgives_within(replace(Policy(), ladder=Ladder(fade=3.0)), after=timedelta(days=3))


@pytest.mark.parametrize(("over", "looks", "fails"), [
    ([False] * 20, 7, False),  # seven good ones are enough
    ([True] * 20, 2, True),  # and two bad ones
    ([True] + [False] * 20, 12, False),
    ([True, False, True], 3, True),
])
def test_it_looks_no_longer_than_it_must(over: Sequence[bool], looks: int, fails: bool) -> None:
    """Wald's test: it stops as soon as either error is below 5 %."""
    seen: list[int] = []

    def rehearse(seed: int) -> Run:
        seen.append(seed)
        return Run(sent=1, answered=1, harvested=float(over[seed - 1]), tightened_at=None, lost=0.0, people=1,
                   tightened=0, first=None)

    def demand() -> None:
        _demand(rehearse, lambda run: run.harvested < 0.5, lambda run: f"{run.harvested}", "too much")

    if fails:
        with pytest.raises(AssertionError, match="too much"):
            demand()
    else:
        demand()

    assert seen == list(range(1, looks + 1))
