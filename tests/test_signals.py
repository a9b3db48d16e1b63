"""Signals are fair bets: no honest principal inside the null gains by more than chance, a harvest loses."""

from __future__ import annotations

import math
import random
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ratelimit.observation import Features
from ratelimit.profile import CohortProfile, PrincipalProfile
from ratelimit.signals import Affinity, Coverage, Stamina, Wander
from ratelimit.signals.affinity import CAREFUL, TYPICAL, factors
from ratelimit.sketches import Cells, Lens, Nearest, cell_of

if TYPE_CHECKING:
    from collections.abc import Callable

LENS = Lens()


def features(
    words: list[int], tag: int = 1, draw: int = 0, own: PrincipalProfile | None = None, **fields: object
) -> Features:
    """Return what a signal sees of a prompt of *words*, all of one weight, by a principal with the past of *own*."""
    ids = np.array(sorted(set(words)), np.intp)
    fingerprint = LENS.look(ids, np.ones(len(ids), np.float32))
    near = Nearest(0.0, 0.0) if own is None or own.past is None else own.past.nearest(LENS)
    seen = {
        "ids": ids, "fingerprint": fingerprint, "lens": LENS, "nearest_own": near, "public": False, "sender": 1,
        "repeats": near.contained > 0.95, "draw": draw, "tag": tag, "continues": False, "bare": True,
        "trusted": False, "tight": False, "now": 0.0,
    }
    return Features(**{**seen, **fields})  # type: ignore[arg-type]


def person(prompts: list[list[int]]) -> PrincipalProfile:
    """Return a principal that asked *prompts*."""
    profile = PrincipalProfile(0.0)
    for words in prompts:
        profile.learn(features(words), cells=True)
    return profile


def crowd(prompts: list[list[int]], tag: int | None = None) -> CohortProfile:
    """Return a cohort in which strangers, or *tag* alone, asked *prompts*."""
    profile = CohortProfile(0.0)
    profile.members = 2
    for number, words in enumerate(prompts):
        profile.learn(features(words, 100 + number // 2 if tag is None else tag, number))
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
    assert sum(p * factor for p, factor in zip(harvest, factors(m, n, back), strict=True)) > 0 or back < 0.3


def test_affinity_wins_on_a_harvest_and_loses_on_people() -> None:
    """Wealth grows where own and strangers' pasts are exchangeable, and falls where people come back to themselves."""
    rng, signal = random.Random(3), Affinity()
    wealth = {"harvest": 0.0, "people": 0.0}
    for number in range(600):
        subjects = list(range(30))
        mine = {"harvest": subjects, "people": [number % 30, (number + 1) % 30]}
        for kind, choice in mine.items():
            own = person([about(rng, rng.choice(choice)) for _ in range(8)])
            others = crowd([about(rng, rng.choice(subjects)) for _ in range(64)])
            bet = signal.score(features(about(rng, rng.choice(choice)), own=own), own, others)
            wealth[kind] += bet.careful if bet else 0.0

    assert wealth["harvest"] > 2
    assert wealth["people"] < -50


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
    assert signal.score(features(about(rng, 1), own=own, public=True), own, crowd([about(rng, 2)] * 64)) is None


def test_what_many_send_takes_back_what_its_first_sender_lost() -> None:
    """The fifth sender takes back as much as the bet on the first can have come to, and no other sender anything."""
    signal = Affinity()
    back = [signal.takes_back(features([1, 2, 3], sender=sender)) for sender in range(9)]

    assert back == [0.0] * 5 + [max(factors(m, 64, r)[3] for m, r in enumerate(CAREFUL, start=1))] + [0.0] * 3


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
            own.learn(seen, cells=True)
        found[side] = wealth

    assert found["wide"] > 3
    assert found["narrow"] > 3


@pytest.mark.parametrize("signal", [Wander(), Stamina()])
@given(share=st.floats(0, 1))
def test_bets_on_one_principal_are_fair_inside_their_null(signal: Wander | Stamina, share: float) -> None:
    """Wherever the event is no likelier than p0 the expected factor is at most one."""
    p = share * signal.p0

    assert p * signal.p1 / signal.p0 + (1 - p) * (1 - signal.p1) / (1 - signal.p0) <= 1 + 1e-9


def played(signal: Wander | Stamina, make: Callable[[int], list[int]], gaps: Callable[[int], float], many: int,
           **fields: object) -> float:
    """Return the log wealth after *many* prompts, each scored and then learned."""
    own, now, wealth = person([]), 1_760_000_000.0, 0.0
    for number in range(many):
        now += gaps(number)
        seen = features(make(number), own=own, now=now, **fields)
        wealth += signal.score(seen, own)
        own.learn(seen, cells=True)
    return wealth


def test_wander_finds_a_walk_through_a_list_and_spares_the_slow_and_the_settled() -> None:
    """A bare walk through unlike items at 300 a day gains; slow, templated, prompted or returning ones do not."""
    rng = random.Random(8)
    walk = [rng.sample(range(1, 60_000), 10) for _ in range(600)]
    fast, slow = (lambda _: 288.0), (lambda _: 3600.0)
    template = [7, 8, 9, 10, 11]

    assert played(Wander(), walk.__getitem__, fast, 600) > 20
    assert played(Wander(), walk.__getitem__, slow, 600) == 0
    assert played(Wander(), walk.__getitem__, fast, 600, bare=False) < 0
    assert played(Wander(), lambda number: about(rng, number % 2), fast, 600) < 0
    own, wealth = person([]), 0.0
    for number in range(600):
        seen = features(walk[number] + template, own=own, now=1e9 + 288.0 * number)
        wealth += Wander().score(seen, own)
        own.learn(seen, cells=True)
    assert wealth < 0


def test_wander_looks_at_a_tightened_principal_whatever_its_volume() -> None:
    """What is refused hides how much it asks: at ten answers a day a tightened walk still gains, a return loses."""
    rng = random.Random(11)
    walk = [rng.sample(range(1, 60_000), 10) for _ in range(60)]

    def slow(_: int) -> float:
        return 8640.0

    assert played(Wander(), walk.__getitem__, slow, 60) == 0
    assert played(Wander(), walk.__getitem__, slow, 60, tight=True) > 5
    assert played(Wander(), lambda number: about(rng, number % 2), slow, 60, tight=True) < -5


def test_cells_are_counted_only_for_a_signal_that_looks_at_them() -> None:
    """Half a kilobyte and its upkeep are spent only where a policy has use for them."""
    without, with_cells = PrincipalProfile(0.0), PrincipalProfile(0.0)
    without.learn(features([1, 2, 3]), cells=False)
    with_cells.learn(features([1, 2, 3]), cells=True)

    assert without.cells is None
    assert with_cells.cells is not None
    assert with_cells.cells.volume == 1


def test_stamina_finds_full_hours_and_spares_bursts_repeats_and_the_trusted() -> None:
    """Twenty unlike prompts an hour on end gain; bursts with rests, repeats and trusted principals do not."""
    rng = random.Random(9)
    walk = [rng.sample(range(1, 60_000), 10) for _ in range(1000)]
    steady, bursts = (lambda _: 180.0), (lambda number: 10.0 if number % 30 else 3 * 3600.0)

    assert played(Stamina(), walk.__getitem__, steady, 1000) > 5
    assert played(Stamina(), walk.__getitem__, bursts, 1000) < 0
    assert played(Stamina(), lambda number: walk[number % 5], steady, 1000) < 0
    assert played(Stamina(), walk.__getitem__, steady, 1000, trusted=True) == 0


def test_stamina_does_not_forgive_a_principal_for_being_tightened() -> None:
    """While it is tightened its hours cannot be full, and that says nothing in its favour."""
    rng = random.Random(10)
    walk = [rng.sample(range(1, 60_000), 10) for _ in range(600)]

    def rare(number: int) -> float:
        return 180.0 if number < 400 else 5400.0

    assert played(Stamina(), walk.__getitem__, rare, 430, tight=True) == played(
        Stamina(), walk.__getitem__, rare, 400, tight=True
    )
