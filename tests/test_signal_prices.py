"""What each signal pays for one observation, at and beside every edge, by the formulas of its docstring."""

from __future__ import annotations

import math
from dataclasses import FrozenInstanceError
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from ratelimit.observation import Features
from ratelimit.profile import CohortProfile, PrincipalProfile
from ratelimit.signals import Affinity, Coverage, Stamina, Wander
from ratelimit.signals.affinity import expected, factors
from ratelimit.sketches import NOWHERE, CohortPast, Fingerprint, Hour, Lens, Nearest, OwnPast, OwnWords, Pace

if TYPE_CHECKING:
    from collections.abc import Callable

#: The beginning of a clock hour.
NOON = 3600.0 * 480_000
HOUR = 480_000


def seen(**fields: Any) -> Features:
    """Return what is seen of a prompt of three words, *fields* changed."""
    lens = Lens()
    ids = np.array([11, 12, 13], np.intp)
    fingerprint = lens.look(ids, np.ones(3, np.float32))
    usual: dict[str, Any] = {
        "ids": ids, "fingerprint": fingerprint, "lens": lens, "nearest_own": NOWHERE, "public": False, "sender": 1,
        "repeats": False, "draw": 7, "tag": 1, "continues": False, "bare": True, "trusted": False, "tight": False,
        "now": NOON,
    }
    return Features(**usual | fields)


def asking(per_day: float, *, hour: Hour | None = None, pasts: int = 2) -> PrincipalProfile:
    """Return a principal that has asked *per_day* prompts a day until noon, the present *hour* as given."""
    own, at = PrincipalProfile(NOON), NOON
    own.pace, own.past, own.words = Pace(), OwnPast(), OwnWords()
    own.pace._per_day, own.pace._at, own.pace.began_at = per_day, at, at - 864_000.0
    own.pace.hour = hour or Hour(-1, 0, 0)
    kept = seen().fingerprint
    assert kept is not None
    for _ in range(pasts):
        own.past.learn(kept)
    return own


FULL, EMPTY = math.log(0.98 / 0.81), math.log(0.02 / 0.19)


@pytest.mark.parametrize(("per_day", "hour", "fields", "factor"), [
    (200.0, Hour(HOUR - 1, 12, 0), {}, FULL),
    (200.0, Hour(HOUR - 1, 11, 0), {}, EMPTY),  # too few in it
    (200.0, Hour(HOUR - 2, 12, 0), {}, EMPTY),  # not the hour before
    (200.0, Hour(HOUR + 1, 12, 0), {}, EMPTY),  # a clock that stepped back
    (200.0, Hour(HOUR, 12, 0), {}, 0.0),  # it has not ended
    (200.0, Hour(-1, 0, 0), {}, 0.0),  # the first prompt of all
    (200.0, Hour(1, 12, 0), {}, EMPTY),
    (200.0, Hour(0, 12, 0), {}, EMPTY),
    (143.0, Hour(HOUR - 1, 12, 0), {}, FULL),  # 144 with the present one: 12 * 12
    (142.9, Hour(HOUR - 1, 12, 0), {}, 0.0),
    (5000.0, Hour(HOUR - 1, 104, 0), {}, EMPTY),  # less than half of its own average, 5001 / 48 = 104.2
    (5000.0, Hour(HOUR - 1, 105, 0), {}, FULL),
    (200.0, Hour(HOUR - 1, 20, 4), {}, FULL),  # a fifth asked before
    (200.0, Hour(HOUR - 1, 20, 5), {}, EMPTY),
    (200.0, Hour(HOUR - 1, 12, 0), {"trusted": True}, 0.0),
    (200.0, Hour(HOUR - 1, 12, 0), {"tight": True}, FULL),
    (200.0, Hour(HOUR - 1, 11, 0), {"tight": True}, 0.0),
])
def test_stamina(per_day: float, hour: Hour, fields: dict[str, Any], factor: float) -> None:
    """One bet an hour, for who asks much and is not trusted."""
    assert Stamina().score(seen(**fields), asking(per_day, hour=hour)) == pytest.approx(factor, abs=1e-12)


def test_stamina_knows_nobody_without_a_pace() -> None:
    """No bet on the first prompt."""
    assert Stamina().score(seen(), PrincipalProfile(NOON)) == 0.0


LOOSE, TIED = math.log(0.8 / 0.6), math.log(0.2 / 0.4)


@pytest.mark.parametrize(("per_day", "fields", "factor"), [
    (200.0, {}, LOOSE),
    (149.0, {}, LOOSE),  # 150 with the present one
    (148.9, {}, 0.0),
    (1.0, {"tight": True}, LOOSE),  # whatever its volume
    (200.0, {"bare": False}, TIED),
    (200.0, {"nearest_own": Nearest(0.35, 0.0)}, TIED),
    (200.0, {"nearest_own": Nearest(0.349, 0.0)}, LOOSE),
    (200.0, {"continues": True}, 0.0),
    (200.0, {"public": True}, 0.0),
    (200.0, {"fingerprint": None}, 0.0),
])
def test_wander(per_day: float, fields: dict[str, Any], factor: float) -> None:
    """A bet a prompt, for who asks much."""
    assert Wander().score(seen(**fields), asking(per_day)) == pytest.approx(factor, abs=1e-12)


@pytest.mark.parametrize(("words", "factor"), [((), LOOSE), ((11,), LOOSE), ((11, 12), TIED)])
def test_wander_looks_for_a_template(words: tuple[int, ...], factor: float) -> None:
    """At most one word may be in four of five of its own prompts."""
    own = asking(200.0)
    assert own.words is not None
    for number in range(10):
        own.words.learn(np.array([5000 + number, *(words if number < 8 else ())], np.intp))

    assert Wander().score(seen(), own) == pytest.approx(factor, abs=1e-12)


@pytest.mark.parametrize("missing", ["pace", "past", "words"])
def test_wander_bets_on_nobody_without_a_past(missing: str) -> None:
    """And with less than two prompts of it."""
    own = asking(200.0)
    setattr(own, missing, None)

    assert Wander().score(seen(), own) == (pytest.approx(TIED) if missing == "words" else 0.0)
    assert Wander().score(seen(), asking(200.0, pasts=1)) == 0.0


@pytest.mark.parametrize(("side", "volume", "new", "factor"), [
    ("wide", 10, True, math.log(0.75 / 0.5)), ("wide", 10, False, math.log(0.25 / 0.5)),
    ("narrow", 10, True, math.log(0.1 / 0.2)), ("narrow", 10, False, math.log(0.9 / 0.8)),
    ("wide", 9, True, 0.0), ("wide", 20, True, math.log(0.65 / 0.3)), ("wide", 19, True, math.log(0.75 / 0.5)),
])
def test_coverage(side: Any, volume: int, new: bool, factor: float) -> None:
    """By the row of the volume, on either side."""
    from ratelimit.sketches import Cells, cell_of  # noqa: PLC0415

    signal, own, features = Coverage(side=side, honest=((10, 0.2, 0.5), (20, 0.1, 0.3))), asking(1.0), seen()
    own.cells = Cells()
    own.cells.volume = volume
    if not new:
        assert features.fingerprint is not None
        own.cells._reached |= 1 << cell_of(features.fingerprint)

    assert signal.score(features, own) == pytest.approx(factor, abs=1e-12)
    assert signal.score(seen(fingerprint=None), own) == 0.0
    assert signal.score(features, asking(1.0)) == 0.0


CAREFUL = (0.01, 0.02, 0.065, 0.11, 0.14, 0.15, 0.18, 0.21)
TYPICAL = (0.12, 0.28, 0.33, 0.38, 0.41, 0.43, 0.45, 0.50)


def priced(m: int, n: int, r: float) -> list[float]:
    """Return the four log factors, as the table of the docstring has them."""
    p0 = m / (m + n)
    h = p0 + (1 - p0) * r
    close = 0.35 * p0 + 0.11 * (1 - p0)
    honest = [0.65 * h, 0.20 * h, close, 1 - 0.65 * h - 0.20 * h - close]
    harvest = [0.25 * p0, 0.40 * p0, close, 0.89 * (1 - p0)]
    logs = [math.log(one / other) for one, other in zip(harvest, honest, strict=True)]
    return [min(0.0, logs[0]), min(0.0, logs[1]), 0.0, logs[3]]


def betting(
    mine: float, strange: float, *, own: int = 8, strangers: int = 64, signal: Affinity | None = None, **fields: Any
) -> tuple[float, float] | None:
    """Return the prices of a prompt of four words, so similar to one's own past and to those of *strangers*.

    One of its words is in each stranger's prompt, and so a quarter of it.
    """
    lens, ids = Lens(), np.array([11, 12, 13, 14], np.intp)
    fingerprint = lens.look(ids, np.ones(4, np.float32))
    cohort = CohortProfile(NOON)
    cohort.past = CohortPast()
    words = np.zeros(16, np.uint16)
    words[:2] = 11, 900
    for tag in range(strangers):
        cohort.past.learn(Fingerprint(words, 2.0 * strange), 100 + tag, 0)
    bet = (signal or Affinity()).score(
        seen(**{"ids": ids, "fingerprint": fingerprint, "lens": lens, "nearest_own": Nearest(mine, 0.0)} | fields),
        asking(1.0, pasts=own), cohort)
    return None if bet is None else (bet.careful, bet.typical)


@pytest.mark.parametrize(("mine", "strange", "outcome"), [
    (0.5, 0.125, 0), (0.5, 0.2499, 0), (0.5, 0.25, 1), (0.5, 0.3999, 1), (1.0, 0.8125, 2), (0.5, 0.4999, 2),
    (0.5, 0.5, 2), (0.375, 0.5, 2), (0.3501, 0.5, 2), (0.3499, 0.5, 3), (0.0, 0.5, 3), (0.5, 0.0, 0),
])
@pytest.mark.parametrize(("own", "strangers"), [(2, 16), (3, 17), (4, 30), (5, 40), (6, 63), (7, 64), (8, 64)])
def test_affinity(mine: float, strange: float, outcome: int, own: int, strangers: int) -> None:
    """Either price, by the table, for every number of prompts of one's own and of strangers."""
    found = betting(mine, strange, own=own, strangers=strangers)

    assert found == pytest.approx((priced(own, strangers, CAREFUL[own - 1])[outcome],
                                   priced(own, strangers, TYPICAL[own - 1])[outcome]), abs=1e-12)


@pytest.mark.parametrize(("own", "strangers", "r"), [(1, 1, 0.01), (1, 64, 0.01), (8, 8, 0.3), (8, 64, 0.5)])
def test_factors_of_affinity(own: int, strangers: int, r: float) -> None:
    """The table; where next to nothing is left for strangers, their share is a millionth."""
    assert factors(own, strangers, r) == pytest.approx(priced(own, strangers, r), abs=1e-12)
    assert factors(9, 1, 1.0)[3] == pytest.approx(math.log(0.89 * 0.1 / 1e-6))


def test_a_share_of_affinitys_bets() -> None:
    """That come out for the own side, of those that are not close."""
    for own, strangers in ((8, 64), (2, 16), (3, 17)):
        p0, r = own / (own + strangers), CAREFUL[own - 1]
        told = 1 - 0.35 * p0 - 0.11 * (1 - p0)
        assert expected(own, strangers) == pytest.approx((0.65 * p0 / told, 0.85 * (p0 + (1 - p0) * r) / told))
    assert expected() == expected(8, 64)


@pytest.mark.parametrize(("change", "bets"), [
    ({}, True), ({"own": 1}, False), ({"own": 0}, False), ({"own": 2}, True), ({"strangers": 15}, False),
    ({"strangers": 16}, True), ({"strangers": 0}, False),
    ({"own": 1, "signal": Affinity(least=1)}, True), ({"own": 0, "signal": Affinity(least=1)}, False),
    ({"strangers": 1, "signal": Affinity(least_strangers=1)}, True),
    ({"signal": Affinity(public=0.25)}, True), ({"signal": Affinity(public=0.2499)}, False),
    ({"mine": 0.25, "strange": 0.125, "signal": Affinity(apart=0.25)}, True),
    ({"mine": 0.25, "strange": 0.125, "signal": Affinity(apart=0.2501)}, False),
    ({"mine": 0.0, "strange": 0.25, "signal": Affinity(apart=0.25)}, True),
    ({"mine": 0.0201, "strange": 0.0}, True), ({"mine": 0.0199, "strange": 0.0199}, False),
    ({"public": True}, False), ({"repeats": True}, False), ({"fingerprint": None}, False),
])
def test_when_affinity_bets(change: dict[str, Any], bets: bool) -> None:
    """At and beside every edge."""
    told = {"mine": 0.5, "strange": 0.25} | change
    assert (betting(**told) is not None) is bets


def test_what_a_lost_bet_costs() -> None:
    """The share that is left where the event did not come, whatever its chances are."""
    left = pytest.approx(math.log(0.6 / 0.8))

    assert Stamina(p0=0.2, p1=0.4).score(seen(), asking(200.0, hour=Hour(HOUR - 1, 20, 5))) == left
    assert Wander(p0=0.2, p1=0.4).score(seen(bare=False), asking(200.0)) == left


def test_affinity_needs_both_pasts() -> None:
    """No bet on one of whom nothing is known, nor in a cohort of one."""
    cohort, new = CohortProfile(NOON), PrincipalProfile(NOON)
    assert Affinity().score(seen(), asking(1.0), cohort) is None
    cohort.past = CohortPast()
    assert Affinity().score(seen(), new, cohort) is None


@pytest.mark.parametrize("sender", [0, 1, 4, 5, 6])
def test_affinity_takes_a_bet_back_once(sender: int) -> None:
    """By the most that it can have won, when the fifth sends the same."""
    taken = Affinity().takes_back(seen(sender=sender))
    assert taken == pytest.approx(priced(8, 64, 0.21)[3] if sender == 5 else 0.0)
    assert Affinity(spread=2).takes_back(seen(sender=2)) > 0


@pytest.mark.parametrize(("make", "good", "bad"), [
    (lambda least: Affinity(least=least), 1, 0),
    (lambda least: Affinity(least=least), 8, 9),
    (lambda many: Affinity(least_strangers=many), 1, 0),
    (lambda many: Affinity(least_strangers=many), 64, 65),
    (lambda spread: Affinity(spread=spread), 2, 1),
    (lambda public: Affinity(public=public), 0.0, -0.1),
    (lambda public: Affinity(public=public), 1.0, 1.1),
    (lambda apart: Affinity(apart=apart), 0.0, -0.1),
    (lambda apart: Affinity(apart=apart), 1.0, 1.1),
    (lambda ceiling: Affinity(ceiling=ceiling), 0.1, 0.0),
    (lambda ceiling: Affinity(ceiling=ceiling), 0.1, -0.5),
    (lambda careful: Affinity(careful=careful), (0.999,) * 8, (1.0,) * 8),
    (lambda careful: Affinity(careful=careful), (1e-9,) * 8, (0.0,) * 8),
    (lambda careful: Affinity(careful=careful), CAREFUL, CAREFUL[:7]),
    (lambda typical: Affinity(typical=typical), TYPICAL, (*TYPICAL, 0.5)),
    (lambda careful: Affinity(careful=careful), (0.5,) * 8, (-0.5,) * 8),
    (lambda careful: Affinity(careful=careful), (0.5,) * 8, (1.5,) * 8),
    (lambda typical: Affinity(typical=typical), (1e-9,) * 8, (*TYPICAL[:7], 0.0)),
    (lambda prompts: Stamina(prompts=prompts), 1, 0),
    (lambda p0: Stamina(p0=p0, p1=0.5), 0.4, 0.0),
    (lambda p0: Stamina(p0=p0, p1=0.5), 1e-9, 0.5),
    (lambda p1: Stamina(p0=0.4, p1=p1), 0.999, 1.0),
    (lambda p0: Stamina(p0=p0, p1=0.5), 0.4, -0.4),
    (lambda p0: Stamina(p0=p0, p1=0.5), 0.4, 0.6),
    (lambda p1: Stamina(p0=0.4, p1=p1), 0.9, 1.1),
    (lambda ceiling: Stamina(ceiling=ceiling), 0.1, 0.0),
    (lambda ceiling: Stamina(ceiling=ceiling), 0.1, -0.5),
    (lambda volume: Wander(volume=volume), 1.0, 0.9),
    (lambda p0: Wander(p0=p0, p1=0.5), 0.4, 0.0),
    (lambda p0: Wander(p0=p0, p1=0.5), 1e-9, 0.5),
    (lambda p1: Wander(p0=0.4, p1=p1), 0.999, 1.0),
    (lambda p0: Wander(p0=p0, p1=0.5), 0.4, -0.4),
    (lambda p0: Wander(p0=p0, p1=0.5), 0.4, 0.6),
    (lambda p1: Wander(p0=0.4, p1=p1), 0.9, 1.1),
    (lambda near: Wander(near=near), 0.0, -0.1),
    (lambda near: Wander(near=near), 1.0, 1.1),
    (lambda template: Wander(template=template), 0, -1),
    (lambda ceiling: Wander(ceiling=ceiling), 0.1, 0.0),
    (lambda ceiling: Wander(ceiling=ceiling), 0.1, -0.5),
    (lambda side: Coverage(side=side), "wide", "both"),
    (lambda ceiling: Coverage(side="wide", ceiling=ceiling), 0.1, 0.0),
    (lambda ceiling: Coverage(side="wide", ceiling=ceiling), 0.1, -0.5),
    (lambda honest: Coverage(side="wide", honest=honest), ((1, 0.5, 0.5),), ()),
    (lambda honest: Coverage(side="wide", honest=honest), ((1, 0.2, 0.5), (2, 0.1, 0.4)),
     ((2, 0.1, 0.4), (1, 0.2, 0.5))),
    (lambda honest: Coverage(side="wide", honest=honest), ((1, 1e-9, 0.5),), ((1, 0.0, 0.5),)),
    (lambda honest: Coverage(side="wide", honest=honest), ((1, 0.2, 0.999),), ((1, 0.2, 1.0),)),
    (lambda honest: Coverage(side="wide", honest=honest), ((1, 0.2, 0.3),), ((1, 0.4, 0.3),)),
    (lambda honest: Coverage(side="wide", honest=honest), ((1, 0.2, 0.3),), ((1, -0.2, 0.3),)),
    (lambda honest: Coverage(side="wide", honest=honest), ((1, 0.2, 0.3),), ((1, 0.2, 1.3),)),
])
def test_edges_of_their_arguments(make: Callable[[Any], Any], good: Any, bad: Any) -> None:
    """The last that does, and the first that does not."""
    assert make(good) is not None
    with pytest.raises(ExceptionGroup):
        make(bad)


@pytest.mark.parametrize("signal", [Affinity(), Stamina(), Wander(), Coverage(side="wide")], ids=lambda one: one.name)
def test_they_are_values(signal: Any) -> None:
    """Frozen, by keyword, without room for more; and what they are by default is what their docstrings price."""
    with pytest.raises(FrozenInstanceError):
        signal.ceiling = 1.0
    with pytest.raises(TypeError):
        type(signal)(1, 2, 3)

    assert not hasattr(signal, "__dict__")
    assert Stamina() == Stamina(prompts=12, p0=0.81, p1=0.98, ceiling=8.0, name="stamina")
    assert Wander() == Wander(volume=150.0, near=0.35, template=1, p0=0.6, p1=0.8, ceiling=8.0, name="wander")
    assert (Coverage(side="wide").name, Coverage(side="narrow").name) == ("coverage-wide", "coverage-narrow")
    assert Coverage(side="wide").counts_cells
    assert Coverage(side="wide").ceiling == 3.5
    assert Coverage(side="wide").honest == ((32, 0.08, 0.95), (128, 0.03, 0.85), (512, 0.012, 0.65),
                                            (1024, 0.008, 0.45))
    assert Affinity() == Affinity(careful=CAREFUL, typical=TYPICAL, least=2, least_strangers=16, public=0.9, apart=0.02,
                                  spread=5, ceiling=8.0, name="affinity")
