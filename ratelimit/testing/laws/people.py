"""The law of the promise: honest people are left alone, but for a stated share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ratelimit.calibrate.promise import SURE, interval
from ratelimit.testing.broken import LawBrokenError, program
from ratelimit.testing.runs import rehearsed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ratelimit.policy import Policy

#: The share of honest principals that may ever be tightened.
ALPHA = 0.01

_SEEDS = {"quick": 1, "ci": 2, "thorough": 10}


class HonestPromise:
    """The law, as ``Law`` has it, on rehearsals of all the honest crowds of ``ratelimit.drill``.

    Its traces are seeds. It is broken where the share of the principals that were ever tightened is surely above
    *alpha*: where the exact interval (Clopper and Pearson) of 95 % lies above it.
    """

    name = "honest_promise"
    says = "on honest traffic the share of principals ever tightened is at most the stated alpha."
    tolerance = f"alpha is {ALPHA:.0%} unless another is given; broken only where that is {SURE:.0%} sure"

    def __call__(self, policy: Policy, *, alpha: float = ALPHA, profile: str = "ci") -> None:
        """Try the law on some seeds. Raises: LawBrokenError; ValueError for an unknown profile."""
        if profile not in _SEEDS:
            raise ValueError(f"profile: must be one of {', '.join(_SEEDS)}, got {profile!r}")
        self.on(policy, range(1, _SEEDS[profile] + 1), alpha=alpha)

    def on(self, policy: Policy, steps: Sequence[int], *, alpha: float = ALPHA) -> None:
        """Try the law on these seeds. Raises: LawBrokenError."""
        try:
            what = _breach(policy, steps, alpha)
        except Exception as error:  # noqa: BLE001 (a user's policy raises anything, and that is a breach of any law)
            what = f"Deciding raised {type(error).__name__}: {error}."
        if what is not None:
            given = None if alpha == ALPHA else alpha
            raise LawBrokenError(self.name, self.says, what, (), program(self.name, policy, steps, alpha=given))


def _breach(policy: Policy, seeds: Sequence[int], alpha: float) -> str | None:
    people = tightened = 0
    first = None
    for seed in seeds:
        run = rehearsed(policy, seed=seed)
        people, tightened, first = people + run.people, tightened + run.tightened, first or run.first
    low, high = interval(tightened, people)
    if low <= alpha:
        return None
    return (f"Of {people} honest principals {tightened} were tightened ({first!r} among them): a share of {low:.1%} to "
            f"{high:.1%}, and {alpha:.1%} are promised.")


honest_promise = HonestPromise()
