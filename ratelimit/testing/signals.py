"""One suite that every signal must pass: it never raises, bets fairly on honest people, and touches nothing."""

from __future__ import annotations

import math
import pickle
import random
from typing import TYPE_CHECKING, Any

from ratelimit.policy import Policy
from ratelimit.signals.base import Bet
from ratelimit.testing.laws.people import ALPHA, honest_promise
from ratelimit.testing.play import Play

if TYPE_CHECKING:
    from ratelimit.observation import Features
    from ratelimit.profile import CohortProfile, PrincipalProfile
    from ratelimit.signals import CohortSignal, PrincipalSignal

_TEXTS = ("", "Hello", "hello HELLO hello", "?!", "\u4f60\u597d\u4e16\u754c", "\ud800", "word " * 400, "0 1 2 3 4 5")


class BadSignalError(AssertionError):
    """A signal does what none may do."""


def check_signal(signal: PrincipalSignal | CohortSignal, *, alpha: float = ALPHA, seed: int = 1) -> None:
    """Let *signal* bet on drawn requests and on honest crowds.

    It must have a ``name`` and a ``ceiling`` above 0; return a finite log factor (or a ``Bet`` of two, or ``None``),
    the same for the same past; raise nothing, whatever the text; and change neither the features nor the pasts that it
    is given. By itself, with the rest of the default policy, it may tighten at most a share *alpha* of honest
    principals (see ``laws.honest_promise``): its bets must be fair to all but so many.

    Raises: BadSignalError, LawBrokenError.
    """
    watched = _Watched(signal)
    policy = _alone(watched, cohort=watched.cohort)
    rng = random.Random(seed)
    with Play(policy) as play:
        for number in range(400):
            words = " ".join(rng.choice("abcdefgh") * 3 for _ in range(rng.randrange(12)))
            play.wait(rng.choice((0.0, 1.0, 300.0, 4000.0)))
            play.ask(f"p{number % 7}", rng.choice((*_TEXTS, words, words)), system=rng.choice(("", "Be brief.")))
    honest_promise(_alone(signal, cohort=watched.cohort), alpha=alpha)


def _alone(signal: Any, *, cohort: bool) -> Policy:
    """Return the default policy with no signal but one."""
    return Policy(signals=() if cohort else (signal,), cohort_signals=(signal,) if cohort else ())


class _Watched:
    """Stands for a signal, and looks at whatever it does."""

    def __init__(self, signal: Any) -> None:
        self.signal = signal
        self.name, self.ceiling = getattr(signal, "name", ""), getattr(signal, "ceiling", 0.0)
        self.cohort = hasattr(signal, "takes_back")
        problems = []
        if not isinstance(self.name, str) or not self.name:
            problems.append(f"name: must be text that is not empty, got {self.name!r}")
        if not isinstance(self.ceiling, int | float) or not self.ceiling > 0:
            problems.append(f"ceiling: must be a number above 0, got {self.ceiling!r}")
        if not callable(getattr(signal, "score", None)):
            problems.append("score: must be a method")
        if problems:
            raise BadSignalError(f"{type(signal).__name__}: {'; '.join(problems)}")

    def takes_back(self, features: Features) -> float:
        back = self.signal.takes_back(features)
        if not math.isfinite(back):
            raise self._bad(f"takes_back returned {back!r}")
        return float(back)

    def score(self, features: Features, own: PrincipalProfile, *cohort: CohortProfile) -> Any:
        before = _frozen(features, own, *cohort)
        try:
            bet, again = self.signal.score(features, own, *cohort), self.signal.score(features, own, *cohort)
        except Exception as error:
            raise self._bad(f"score raised {type(error).__name__}: {error}") from error
        if bet != again:
            raise self._bad(f"score returned {bet!r}, and then {again!r} for the same features and past")
        if _frozen(features, own, *cohort) != before:
            raise self._bad("score changed the features or a past that it was given; it must only read them")
        self._check(bet)
        return bet

    def _check(self, bet: Any) -> None:
        if self.cohort:
            if bet is not None and not isinstance(bet, Bet):
                raise self._bad(f"score must return a Bet or None, got {bet!r}")
            factors: tuple[Any, ...] = () if bet is None else (bet.careful, bet.typical)
        else:
            factors = (bet,)
        for factor in factors:
            if not isinstance(factor, int | float) or not math.isfinite(factor):
                raise self._bad(f"score must return a finite log factor, got {factor!r}")

    def _bad(self, what: str) -> BadSignalError:
        return BadSignalError(f"{self.name}: {what}")


def _frozen(*values: object) -> bytes:
    return pickle.dumps(values)
