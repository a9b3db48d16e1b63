"""Signals that do what none may do are told so, and those that are shipped pass."""

from __future__ import annotations

import math
import random
from typing import TYPE_CHECKING, Any

import pytest

from ratelimit import Affinity, Coverage, Stamina, Wander
from ratelimit.testing import BadSignalError, LawBrokenError, check_signal

if TYPE_CHECKING:
    from collections.abc import Callable


class Own:
    """A signal made of one function."""

    def __init__(self, score: Callable[..., Any], *, name: str = "own", ceiling: float = 8.0) -> None:
        self.name, self.ceiling, self.score = name, ceiling, score


@pytest.mark.parametrize("signal", [Affinity(), Wander(), Stamina(), Coverage(side="wide")], ids=lambda one: one.name)
def test_the_shipped_ones_pass(signal: Any) -> None:
    """Each by itself."""
    check_signal(signal)


def meddling(features: Any, own: Any) -> float:
    """Forget what was sent."""
    own.pieces = ()
    own.folds += 1
    return 0.0


@pytest.mark.parametrize(("signal", "told"), [
    (Own(lambda features, own: features.ids[100] / 9), r"own: score raised IndexError"),
    (Own(lambda features, own: math.inf), r"own: score must return a finite log factor, got inf"),
    (Own(lambda features, own: None), r"own: score must return a finite log factor, got None"),
    (Own(lambda features, own: random.random()), r"own: score returned .*, and then .* for the same features and past"),
    (Own(meddling), r"own: score changed the features or a past that it was given; it must only read them"),
    (Own(lambda features, own: 0.0, name=""), r"Own: name: must be text that is not empty, got ''"),
    (Own(lambda features, own: 0.0, ceiling=0.0), r"Own: ceiling: must be a number above 0, got 0.0"),
    (Own(5), r"Own: score: must be a method"),  # type: ignore[arg-type]
])
def test_what_none_may_do_is_told(signal: Any, told: str) -> None:
    """With the signal's name."""
    with pytest.raises(BadSignalError, match=told):
        check_signal(signal)


def test_a_bet_that_honest_people_lose_is_unfair() -> None:
    """It never raises and never meddles, and still it would tighten everybody."""
    with pytest.raises(LawBrokenError, match="breaks the law 'honest_promise'"):
        check_signal(Own(lambda features, own: 0.5))
