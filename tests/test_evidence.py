"""Evidence keeps its promise: bets are fair, fading only lowers, forgiveness has a date."""

from __future__ import annotations

import math
import random
from datetime import timedelta
from typing import Any

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


def test_the_ladder_that_is_shipped() -> None:
    """The numbers that the README and the drill's table are about."""
    ladder = Ladder()

    assert (ladder.watch, ladder.soft, ladder.hard, ladder.ceiling) == (2.0, 4.0, 6.0, 8.0)
    assert (ladder.soft_refill, ladder.hard_refill, ladder.tight_burst) == (1 / 1440, 1 / 4800, 1 / 15)
    assert (ladder.grace, ladder.fade, ladder.form) == (timedelta(days=1), 1.0, "cusum")
    assert ladder.forgives_after == timedelta(days=7)
    assert not hasattr(ladder, "__dict__")
    with pytest.raises(TypeError):
        Ladder(2.0)  # type: ignore[misc]


@pytest.mark.parametrize(("evidence", "tier", "share", "burst"), [
    (-math.inf, Tier.CLEAR, 1.0, 60.0),
    (1.999, Tier.CLEAR, 1.0, 60.0),
    (2.0, Tier.WATCH, 1.0, 60.0),
    (3.999, Tier.WATCH, 1.0, 60.0),
    (4.0, Tier.SOFT, 1 / 1440, 4.0),
    (5.999, Tier.SOFT, 1 / 1440, 4.0),
    (6.0, Tier.HARD, 1 / 4800, 4.0),
    (8.0, Tier.HARD, 1 / 4800, 4.0),
])
def test_a_tier_begins_at_its_threshold(evidence: float, tier: Tier, share: float, burst: float) -> None:
    """Each tier holds from its threshold on, and has its own share of the refill and of the burst."""
    ladder = Ladder()

    assert ladder.tier(evidence) is tier
    assert ladder.share(tier) == share
    assert ladder.burst(tier, 60.0, 0.25) == burst


@pytest.mark.parametrize(("base", "cost", "burst"), [
    (60.0, 7.0, 7.0),  # what a request costs can always be saved up
    (60.0, 70.0, 60.0),  # but not more than the base holds
    (6.0, 0.25, 1.0),  # a fifteenth would be less than one
    (0.5, 0.25, 0.5),
])
def test_what_fits_the_base_fits_a_tight_tier(base: float, cost: float, burst: float) -> None:
    """Of a tight burst at least one request is left, and never more than of the base."""
    assert Ladder().burst(Tier.SOFT, base, cost) == burst


@pytest.mark.parametrize(("wealth", "idle", "left"), [
    (6.0, 86_400.0, 6.0),  # the grace is not over
    (6.0, 86_400.0 - 0.5, 6.0),
    (6.0, 86_400.0 + 0.5, 6.0 - 0.5 * LN10 / 86_400),
    (6.0, 2 * 86_400.0, 6.0 - LN10),
    (6.0, 9 * 86_400.0, 0.0),
    (0.5, 1.1 * 86_400.0, 0.5 - 0.1 * LN10),
    (0.25, 9 * 86_400.0, 0.0),
    (-0.5, 9 * 86_400.0, -0.5),  # what a lifetime has lost is not given back
])
def test_how_much_fades(wealth: float, idle: float, left: float) -> None:
    """A decade a day after the first, down to one."""
    assert Ladder().faded(wealth, idle) == pytest.approx(left, rel=1e-12, abs=1e-12)


def test_nothing_fades_without_wealth_or_time() -> None:
    """Where there is no grace, no time has passed at 0; what stands at one or below stays as it is, to the bit."""
    at_once = Ladder(grace=timedelta(0), fade=2.0)

    assert at_once.faded(3.0, 0.0) == 3.0
    assert at_once.faded(3.0, 86_400.0 / 4) == pytest.approx(3.0 - LN10 / 2)
    assert math.copysign(1.0, at_once.faded(-0.0, 86_400.0)) == -1.0
    assert at_once.forgives_after == timedelta(days=3)


@pytest.mark.parametrize(("wealth", "factor", "ceiling", "cusum", "lifetime"), [
    (1.0, 0.5, 3.0, 1.5, 1.5),
    (1.0, -0.75, 3.0, 0.25, 0.25),
    (0.5, -0.75, 3.0, 0.0, -0.25),
    (6.0, 2.0, 3.0, 3 * LN10, 3 * LN10),
    (18.0, 2.0, 12.0, 8 * LN10, 8 * LN10),
])
def test_where_a_bet_leaves_the_wealth(
    wealth: float, factor: float, ceiling: float, cusum: float, lifetime: float
) -> None:
    """Log factors add up, to the lower ceiling, and only a lifetime goes below one."""
    assert Ladder().moved(wealth, factor, ceiling) == cusum
    assert Ladder(form="lifetime").moved(wealth, factor, ceiling) == lifetime


def test_a_single_wealth_below_one_is_not_lost_in_the_average() -> None:
    """What has lost counts as what it is, and no more signals are missing than there are."""
    assert combined([-2.0], 1) == pytest.approx(-2.0 / LN10)
    assert combined([LN10, LN10, LN10], 2) == pytest.approx(1 + math.log10(1.5))
    assert combined([3 * LN10], 0) == 0.0
    assert combined([700.0, -700.0], 2) == pytest.approx((700.0 - math.log(2)) / LN10)


@pytest.mark.parametrize("fine", [
    {"watch": 0.5},
    {"watch": 4.0},
    {"soft": 6.0},
    {"ceiling": 6.0},
    {"soft_refill": 1.0},
    {"soft_refill": 1 / 4800},
    {"tight_burst": 1.0},
    {"tight_burst": 1e-3},
    {"grace": timedelta(0)},
    {"fade": 1e-3},
])
def test_the_edges_of_a_ladder_may_be_used(fine: dict[str, Any]) -> None:
    """Each bound that is said to be included is."""
    ladder = Ladder(**fine)

    assert all(getattr(ladder, name) == value for name, value in fine.items())


@pytest.mark.parametrize(("wrong", "told"), [
    ({"watch": 0.0}, "watch, soft, hard, ceiling: must rise from above 0, got 0.0, 4.0, 6.0, 8.0"),
    ({"watch": -1.0}, "watch, soft, hard, ceiling: must rise"),
    ({"hard_refill": -1e-4}, "soft_refill, hard_refill: must fall"),
    ({"tight_burst": -0.5}, "tight_burst: must lie above 0"),
    ({"fade": -1.0}, "fade: must be above 0 decades a day, got -1.0"),
    ({"watch": 4.5}, "watch, soft, hard, ceiling: must rise"),
    ({"soft": 6.5}, "watch, soft, hard, ceiling: must rise"),
    ({"ceiling": 5.5}, "watch, soft, hard, ceiling: must rise"),
    ({"hard_refill": 0.0}, "soft_refill, hard_refill: must fall from at most 1 to above 0"),
    ({"soft_refill": 1 / 4801}, "soft_refill, hard_refill: must fall"),
    ({"soft_refill": 1.5}, "soft_refill, hard_refill: must fall"),
    ({"tight_burst": 0.0}, "tight_burst: must lie above 0 and be at most 1, got 0.0"),
    ({"tight_burst": 1.5}, "tight_burst: must lie above 0 and be at most 1, got 1.5"),
    ({"grace": timedelta(microseconds=-1)}, "grace: must not be negative"),
    ({"fade": 0.0}, "fade: must be above 0 decades a day, got 0.0"),
    ({"fade": math.inf}, "fade: must be above 0 decades a day, got inf"),
    ({"form": "ville"}, "form: must be 'cusum' or 'lifetime', got 'ville'"),
])
def test_a_ladder_that_cannot_be_climbed_is_refused(wrong: dict[str, Any], told: str) -> None:
    """What is wrong is named, with what it may be; and it is said of each that is wrong."""
    with pytest.raises(ExceptionGroup, match="invalid Ladder") as raised:
        Ladder(**wrong)
    assert str(raised.value.exceptions[0]).startswith(f"Ladder.{told}")
    assert len(raised.value.exceptions) == 1

    with pytest.raises(ExceptionGroup) as both:
        Ladder(**wrong | {"form": "martingale"})
    assert len(both.value.exceptions) == (1 if "form" in wrong else 2)
