"""The generic cell rate algorithm against a model that counts every unit."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ratelimit import gcra

gaps = st.integers(0, 400).map(lambda eighths: eighths / 8)
costs = st.integers(0, 24).map(lambda eighths: eighths / 8)
refills = st.sampled_from([0.125, 0.5, 1.0, 3.0])
bursts = st.integers(1, 8).map(float)


def model(requests: list[tuple[float, float]], refill: float, burst: float) -> list[bool]:
    """Pour out exactly, in fractions, from a tub of *burst* units that refills steadily."""
    tub, last, granted = Fraction(burst), Fraction(0), []
    for at, cost in requests:
        tub = min(Fraction(burst), tub + (Fraction(at) - last) * Fraction(refill))
        last = Fraction(at)
        granted.append(tub >= Fraction(cost))
        tub -= Fraction(cost) if granted[-1] else 0
    return granted


@given(steps=st.lists(st.tuples(gaps, costs), max_size=60), refill=refills, burst=bursts)
def test_it_grants_what_a_brute_force_tub_grants(
    steps: list[tuple[float, float]], refill: float, burst: float
) -> None:
    """Every grant and every refusal is that of an exact model in fractions."""
    at, level, last, granted, requests = 0.0, 0.0, 0.0, [], []
    for gap, cost in steps:
        at += gap
        requests.append((at, cost))
        grant = gcra.charge(level, last, now=at, refill=refill, burst=burst, cost=cost)
        level, last = grant.level, at
        granted.append(grant.allowed)

    assert granted == model(requests, refill, burst)


@given(steps=st.lists(st.tuples(gaps, costs), max_size=60), refill=refills, burst=bursts, window=st.integers(1, 50))
def test_no_window_holds_more_than_burst_and_quota(
    steps: list[tuple[float, float]], refill: float, burst: float, window: int
) -> None:
    """In any window of w seconds at most burst + w * refill units are granted."""
    at, level, last, spent = 0.0, 0.0, 0.0, []
    for gap, cost in steps:
        at += gap
        grant = gcra.charge(level, last, now=at, refill=refill, burst=burst, cost=cost)
        level, last = grant.level, at
        spent.append((at, cost if grant.allowed else 0.0))

    for start, _ in spent:
        assert sum(cost for when, cost in spent if start <= when <= start + window) <= burst + window * refill + 1e-6


@given(level=st.floats(0, 8), elapsed=gaps, refill=refills, burst=bursts, cost=costs)
def test_a_refusal_is_free_and_says_exactly_when_to_come_back(
    level: float, elapsed: float, refill: float, burst: float, cost: float
) -> None:
    """A refused charge adds nothing, is granted after retry_after, and not noticeably before."""
    level = min(level, burst)
    grant = gcra.charge(level, 0.0, now=elapsed, refill=refill, burst=burst, cost=cost)
    if grant.allowed:
        assert grant.retry_after == 0
        return

    assert grant.level == gcra.drained(level, 0.0, now=elapsed, refill=refill)
    if math.isinf(grant.retry_after):
        assert cost > burst
        return
    again = elapsed + grant.retry_after
    assert gcra.charge(grant.level, elapsed, now=again + 1e-6, refill=refill, burst=burst, cost=cost).allowed
    early = again - 0.01 * grant.retry_after
    assert grant.retry_after < 1e-3 or not gcra.charge(
        grant.level, elapsed, now=early, refill=refill, burst=burst, cost=cost
    ).allowed


def test_a_clock_that_steps_back_drains_nothing() -> None:
    """Time before the last charge is taken as no time at all."""
    assert gcra.drained(5.0, 100.0, now=40.0, refill=1.0) == 5.0


@given(level=st.floats(0, 8), at=gaps, tight=st.floats(0.001, 1.0), burst=bursts)
def test_a_tighter_refill_never_grants_more(level: float, at: float, tight: float, burst: float) -> None:
    """With the level kept in units, a smaller refill leaves at most as much: tightening hands out no fresh burst."""
    base = gcra.charge(min(level, burst), 0.0, now=at, refill=1.0, burst=burst, cost=1.0)
    tightened = gcra.charge(min(level, burst), 0.0, now=at, refill=tight, burst=burst, cost=1.0)

    assert base.allowed or not tightened.allowed
    assert base.allowed != tightened.allowed or tightened.remaining <= base.remaining


@pytest.mark.parametrize(("level", "cost", "burst", "refill", "found"), [
    (0.0, 1.0, 1.0, 1.0, (True, 1.0, 0.0, 0.0)),
    (0.0, 0.25, 1.0, 1.0, (True, 0.25, 0.75, 0.0)),
    (0.5, 0.5 + 5e-10, 1.0, 1.0, (True, 1.0 + 5e-10, 0.0, 0.0)),  # rounding refuses nobody, and leaves nothing
    (0.5, 0.5 + 5e-9, 1.0, 1.0, (False, 0.5, 0.5, 5e-9)),
    (1.0, 0.5, 1.0, 0.5, (False, 1.0, 0.0, 1.0)),
    (0.75, 0.5, 1.0, 0.5, (False, 0.75, 0.25, 0.5)),
    (12.0, 1.0, 10.0, 2.0, (False, 12.0, 0.0, 1.5)),  # a debt: more was spent than fits
    (0.5, 0.6, 1.0, 0.0, (False, 0.5, 0.5, math.inf)),  # nothing ever flows off
    (0.5, 0.6, 1.0, -0.5, (False, 0.5, 0.5, math.inf)),
    (0.0, 1.5, 1.0, 1.0, (False, 0.0, 1.0, math.inf)),  # it never fits
    (0.0, 0.0, 1.0, 1.0, (True, 0.0, 1.0, 0.0)),
])
def test_a_charge_at_its_edges(
    level: float, cost: float, burst: float, refill: float, found: tuple[bool, float, float, float]
) -> None:
    """All that a grant tells."""
    grant = gcra.charge(level, 7.0, now=7.0, refill=refill, burst=burst, cost=cost)

    assert grant.allowed is found[0]
    assert (grant.level, grant.remaining, grant.retry_after) == pytest.approx(found[1:], abs=1e-12)


def test_a_level_drains_with_time_and_never_backwards() -> None:
    """To nothing at last, and not at all under a clock that stepped back."""
    assert gcra.drained(5.0, 10.0, now=12.0, refill=2.0) == 1.0
    assert gcra.drained(5.0, 10.0, now=12.5, refill=2.0) == 0.0
    assert gcra.drained(5.0, 10.0, now=99.0, refill=2.0) == 0.0
    assert gcra.drained(5.0, 10.0, now=9.0, refill=2.0) == 5.0


def test_a_grant_is_a_value() -> None:
    """It cannot be changed."""
    grant = gcra.charge(0.0, 0.0, now=0.0, refill=1.0, burst=1.0, cost=1.0)
    with pytest.raises(AttributeError):
        grant.level = 0.0  # type: ignore[misc]  # it is what is tried
