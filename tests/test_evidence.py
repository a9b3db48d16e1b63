"""Evidence keeps its promise: bets are fair, fading only lowers, forgiveness has a date."""

from __future__ import annotations

import math
import random
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ratelimit.decision import Tier
from ratelimit.evidence import LN10, Ladder, combined

wealths = st.lists(st.floats(-20, 20), max_size=6)


@given(evidence=st.floats(-5, 12), more=st.floats(0, 5))
def test_more_evidence_never_means_a_looser_tier(evidence: float, more: float) -> None:
    """The tier rises with the evidence, and the refill falls with the tier, never to nothing, never above the base."""
    ladder = Ladder()
    low, high = ladder.tier(evidence), ladder.tier(evidence + more)

    assert low <= high
    assert 0 < ladder.share(high) <= ladder.share(low) <= 1
    assert 1 <= ladder.burst(high, 60.0, 1.0) <= ladder.burst(low, 60.0, 1.0) <= 60


@given(wealths=wealths, missing=st.integers(0, 5))
def test_signals_are_averaged(wealths: list[float], missing: int) -> None:
    """Evidence is log10 of the plain average of the wealths, absent signals standing at one."""
    signals = len(wealths) + missing
    if not wealths:
        assert combined(wealths, signals) == 0.0
        return

    expected = math.log10((sum(map(math.exp, wealths)) + missing) / signals)
    assert combined(wealths, signals) == pytest.approx(expected)


@given(wealth=st.floats(-10, 20), idle=st.floats(0, 30 * 86_400), more=st.floats(0, 86_400))
def test_fading_only_lowers_and_waits_for_the_grace(wealth: float, idle: float, more: float) -> None:
    """Evidence is whole within the grace, falls with time after it, and does not fade below one."""
    ladder = Ladder()
    faded = ladder.faded(wealth, idle)

    assert ladder.faded(wealth, idle + more) <= faded <= wealth
    if idle <= ladder.grace.total_seconds() or wealth <= 0:
        assert faded == wealth
    else:
        assert faded >= 0


@given(
    grace=st.floats(0, 10), fade=st.floats(0.01, 10), above=st.floats(0, 6), form=st.sampled_from(["cusum", "lifetime"])
)
def test_forgiveness_has_a_date(grace: float, fade: float, above: float, form: str) -> None:
    """From the ceiling, evidence is back at clear once forgives_after has passed without a bet."""
    ladder = Ladder(grace=timedelta(days=grace), fade=fade, ceiling=6 + above, form=form)  # type: ignore[arg-type]
    idle = ladder.forgives_after.total_seconds() + 1.0

    assert ladder.tier(ladder.faded(ladder.ceiling * LN10, idle) / LN10 - 1e-9) is Tier.CLEAR


@given(factors=st.lists(st.floats(-3, 3), max_size=50), ceiling=st.floats(0.5, 12))
def test_wealth_stays_between_its_floor_and_its_ceiling(factors: list[float], ceiling: float) -> None:
    """In the cusum form wealth never falls below one; in neither does it pass the signal's or the ladder's ceiling."""
    for form in ("cusum", "lifetime"):
        ladder, wealth = Ladder(form=form), 0.0  # type: ignore[arg-type]
        for factor in factors:
            wealth = ladder.moved(wealth, factor, ceiling)

            assert wealth <= min(ceiling, ladder.ceiling) * LN10 + 1e-9
            assert form == "lifetime" or wealth >= 0


def test_an_honest_principal_reaches_the_soft_tier_as_seldom_as_promised() -> None:
    """At the null's edge the lifetime form passes 10^2 in at most 1 % of lives, and the cusum form once in 100 steps.

    4,000 lives of 400 fair bets: under the promise, more than 60 lives above 10^2 has a chance below 10^-2.
    """
    rng, q, lives, steps = random.Random(7), 0.6, 4000, 400
    own, strange = math.log(0.5 / q), math.log(0.5 / (1 - q))
    ever, alarms = 0, 0
    for _ in range(lives):
        lifetime, cusum, top = 0.0, 0.0, 0.0
        for _ in range(steps):
            factor = own if rng.random() < q else strange
            lifetime += factor
            cusum = max(0.0, cusum + factor)
            top = max(top, lifetime)
            if cusum >= 2 * LN10:
                alarms, cusum = alarms + 1, 0.0
        ever += top >= 2 * LN10

    assert ever <= 60
    assert alarms <= lives * steps / 100
