"""What a law is, and how one is tried on a policy."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Flaky

from ratelimit.testing.broken import LawBrokenError, program
from ratelimit.testing.play import Play

if TYPE_CHECKING:
    from ratelimit.policy import Policy
    from ratelimit.testing.play import MakeStore
    from ratelimit.testing.steps import Step

#: How many traces each law is tried on, by the profile's name.
PROFILES = {"quick": 15, "ci": 60, "thorough": 1000}

#: Says what happened where a law is broken; ``None`` where it holds.
Breach: TypeAlias = Callable[["Policy", "Sequence[Any]", "MakeStore | None"], "str | None"]


@dataclass(frozen=True, kw_only=True)
class Law:
    """One property that holds of every policy.

        laws.bounded(policy)                       # try it on drawn traces
        laws.bounded.on(policy, [Ask("ann")])      # try it on one

    name       as in ``laws``.
    says       the law, in a sentence.
    tolerance  what is still allowed.
    drawn      the traces that it is tried on.
    breach     says what happened where it is broken.

    Both forms raise ``LawBrokenError``, and take *store*, which makes the store that is used (``None``: a
    ``MemoryStore``). *profile* says on how many traces: ``quick`` 15, ``ci`` 60, ``thorough`` 1,000; they are the same
    ones every time. The trace that is told is the smallest that Hypothesis finds.
    """

    name: str
    says: str
    tolerance: str
    drawn: Callable[[Policy], st.SearchStrategy[list[Any]]]
    breach: Breach

    def __call__(self, policy: Policy, *, store: MakeStore | None = None, profile: str = "ci") -> None:
        """Try the law on drawn traces. Raises: LawBrokenError; ValueError for an unknown profile."""
        search(lambda steps: self.on(policy, steps, store=store), self.drawn(policy), profile)

    def on(self, policy: Policy, steps: Sequence[Step], *, store: MakeStore | None = None) -> None:
        """Try the law on one trace. Raises: LawBrokenError."""
        try:
            what = self.breach(policy, steps, store)
        except LawBrokenError:
            raise
        except Exception as error:  # noqa: BLE001 (a user's policy raises anything, and that is a breach of any law)
            what = f"Deciding raised {type(error).__name__}: {error}."
        if what is not None:
            raise LawBrokenError(self.name, self.says, what, steps, program(self.name, policy, steps, store=store))


def search(tries: Callable[[Any], None], drawn: st.SearchStrategy[Any], profile: str) -> None:
    """Call *tries* with what is *drawn*, again and again, and raise what the smallest of them raises."""
    if profile not in PROFILES:
        raise ValueError(f"profile: must be one of {', '.join(PROFILES)}, got {profile!r}")

    @settings(max_examples=PROFILES[profile], deadline=None, database=None, derandomize=True, print_blob=False,
              phases=(Phase.generate, Phase.shrink), report_multiple_bugs=False,
              suppress_health_check=list(HealthCheck))
    @given(drawn)
    def tried(case: Any) -> None:
        tries(case)

    try:
        tried()
    except LawBrokenError as error:
        error.__notes__ = []  # Hypothesis's own words: the program says it better
        raise error from None
    except Flaky as error:  # broken now and then: a policy with a memory or chance of its own
        found = [one for one in getattr(error, "exceptions", ()) if isinstance(one, LawBrokenError)]
        if not found:
            raise
        raise found[0] from None


def played(policy: Policy, store: MakeStore | None) -> Play:
    """Return a new play.

    Of a copy: a policy that changes by being used must not do so from one play to the next.
    """
    return Play(copy.deepcopy(policy), store)
