"""Signals are fair bets: no honest principal inside the null gains by more than chance, a harvest loses."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ratelimit.observation import Features
from ratelimit.profile import CohortProfile, PrincipalProfile
from ratelimit.signals import Affinity, Coverage
from ratelimit.signals.affinity import CAREFUL, TYPICAL, factors
from ratelimit.sketches import Cells, Lens, cell_of

LENS = Lens()
NOTHING = np.zeros(0, np.float32)


def features(words: list[int], tag: int = 1, draw: int = 0, own: PrincipalProfile | None = None) -> Features:
    """Return what a signal sees of a prompt of *words*, all of one weight, by a principal with the past of *own*."""
    ids = np.array(sorted(set(words)), np.intp)
    fingerprint = LENS.look(ids, np.ones(ids.size, np.float32))
    near = 0.0 if own is None or own.past is None else own.past.nearest(LENS)
    return Features(ids=ids, rarity=np.ones(ids.size, np.float32), own_share=np.zeros(ids.size, np.float32),
                    fingerprint=fingerprint, lens=LENS, nearest_own=near, draw=draw, tag=tag, continues=False,
                    bare=True, now=0.0)


def person(prompts: list[list[int]]) -> PrincipalProfile:
    """Return a principal that asked *prompts*."""
    profile = PrincipalProfile(0.0)
    for words in prompts:
        profile.learn(features(words))
    return profile


def crowd(prompts: list[list[int]], tag: int | None = None) -> CohortProfile:
    """Return a cohort in which strangers, or *tag* alone, asked *prompts*."""
    profile = CohortProfile(0.0)
    profile.members = 2
    for number, words in enumerate(prompts):
        profile.learn(features(words, 100 + number % 7 if tag is None else tag, number))
    return profile


def about(rng: random.Random, subject: int) -> list[int]:
    """Return a prompt about one of many subjects of forty words each."""
    return rng.sample(range(1 + subject * 40, 41 + subject * 40), 10)


@given(
    m=st.integers(1, 8), n=st.integers(16, 64), careful=st.booleans(),
    leaning=st.lists(st.floats(0, 1), min_size=3, max_size=3),
)
def test_affinity_is_a_fair_bet_inside_its_null(m: int, n: int, careful: bool, leaning: list[float]) -> None:
    """The expected factor is at most one for honest principals that lean to their own side at least as the null does.

    Any such principal comes from the null by moving probability from outcomes on the strangers' side to their left.
    """
    back = (CAREFUL if careful else TYPICAL)[m - 1]
    chance = m / (m + n)
    honest = chance + (1 - chance) * back
    close = 0.35 * chance + 0.11 * (1 - chance)
    outcomes = [0.65 * honest, 0.20 * honest, close, 1 - 0.85 * honest - close]
    for place, share in enumerate(leaning, start=1):
        outcomes[place - 1] += share * outcomes[place]
        outcomes[place] *= 1 - share

    expected = sum(p * math.exp(factor) for p, factor in zip(outcomes, factors(m, n, back), strict=True))
    assert expected <= 1 + 1e-9


@given(m=st.integers(1, 8), n=st.integers(16, 64), back=st.sampled_from(CAREFUL + TYPICAL))
def test_affinity_gains_on_a_harvest(m: int, n: int, back: float) -> None:
    """Under exchangeability the expected log factor is above zero: a harvest loses on average, at every size."""
    chance = m / (m + n)
    close = 0.35 * chance + 0.11 * (1 - chance)
    harvest = [0.25 * chance, 0.40 * chance, close, 0.89 * (1 - chance)]

    assert math.isclose(sum(harvest), 1.0)
    assert sum(p * factor for p, factor in zip(harvest, factors(m, n, back), strict=True)) > 0 or back < 0.12


def test_affinity_wins_on_a_harvest_and_loses_on_people() -> None:
    """Wealth grows where own and strangers' pasts are exchangeable, and falls where people come back to themselves."""
    rng, signal = random.Random(3), Affinity()
    wealth = {"harvest": 0.0, "people": 0.0}
    for number in range(300):
        subjects = list(range(100))
        mine = {"harvest": subjects, "people": [number % 100, (number + 1) % 100]}
        for kind, choice in mine.items():
            own = person([about(rng, rng.choice(choice)) for _ in range(8)])
            others = crowd([about(rng, rng.choice(subjects)) for _ in range(64)])
            bet = signal.score(features(about(rng, rng.choice(choice)), own=own), own, others)
            wealth[kind] += bet.careful if bet else 0.0

    assert wealth["harvest"] > 5
    assert wealth["people"] < -100


def test_affinity_does_not_bet_without_a_past() -> None:
    """Too short a past of one's own or of strangers, or no fingerprint, is no bet."""
    rng, signal = random.Random(4), Affinity()
    own, few = person([about(rng, 1) for _ in range(8)]), person([about(rng, 1)])
    others, fewer = crowd([about(rng, 2) for _ in range(64)]), crowd([about(rng, 2) for _ in range(15)])
    now = about(rng, 1)

    assert signal.score(features(now, own=own), own, others) is not None
    assert signal.score(features(now, own=few), few, others) is None
    assert signal.score(features(now, own=own), own, fewer) is None
    assert signal.score(features([], own=own), own, others) is None


def test_a_text_that_strangers_also_send_is_no_bet() -> None:
    """A near duplicate of a stranger's prompt, as in a public benchmark, says nothing of anybody."""
    rng, signal = random.Random(5), Affinity()
    own, public = person([about(rng, 1) for _ in range(8)]), about(rng, 2)

    assert signal.score(features(public, own=own), own, crowd([public] * 64)) is None


def test_a_rerun_of_ones_own_is_no_bet() -> None:
    """The same prompt again says nothing: a harvest cannot look at home by repeating itself."""
    rng, signal = random.Random(5), Affinity()
    mine = [about(rng, 1) for _ in range(8)]
    own = person(mine)

    assert signal.score(features(mine[3], own=own), own, crowd([about(rng, 2) for _ in range(64)])) is None


def test_a_member_is_never_compared_with_itself() -> None:
    """A cohort in which nobody else asked anything gives no bet."""
    rng, signal = random.Random(6), Affinity()
    own = person([about(rng, 1) for _ in range(8)])

    assert signal.score(features(about(rng, 1), own=own), own, crowd([about(rng, 1) for _ in range(64)], tag=1)) is None


@pytest.mark.parametrize("side", ["wide", "narrow"])
@given(p=st.floats(0.0, 1.0), volume=st.integers(0, 3000))
def test_coverage_is_a_fair_bet_inside_its_null(side: str, p: float, volume: int) -> None:
    """At every volume the expected factor is at most one where P(new cell) lies between lo and hi."""
    signal, seen, fresh = Coverage(side=side), [1, 2, 3], [5000, 6000, 7000]  # type: ignore[arg-type]
    own = person([seen])
    own.cells = Cells()
    own.cells.learn(cell_of(features(seen).fingerprint))  # type: ignore[arg-type]
    own.cells.volume = volume
    new, old = math.exp(signal.score(features(fresh), own)), math.exp(signal.score(features(seen), own))
    rows = [row for row in signal.honest if row[0] <= volume]
    if not rows:
        assert (new, old) == (1.0, 1.0)
        return

    _, low, high = rows[-1]
    assert not low <= p <= high or p * new + (1 - p) * old <= 1 + 1e-9


def test_coverage_is_seen_on_both_sides() -> None:
    """A principal that never comes back to a cell gains on the wide side, one that never leaves it on the narrow."""
    rng = random.Random(7)
    found = {}
    for side, prompt in (("wide", lambda: rng.sample(range(1, 60_000), 10)), ("narrow", lambda: [1, 2, 3])):
        own, signal, wealth = person([]), Coverage(side=side), 0.0  # type: ignore[arg-type]
        for _ in range(400):
            seen = features(prompt())
            wealth += signal.score(seen, own)
            own.learn(seen)
        found[side] = wealth

    assert found["wide"] > 3
    assert found["narrow"] > 3
