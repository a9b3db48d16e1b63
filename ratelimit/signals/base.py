"""What a signal is: one behaviour, watched as a bet against "this is honest"."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from ratelimit.observation import Features
    from ratelimit.profile import CohortProfile, PrincipalProfile


class Bet(NamedTuple):
    """The outcome of one bet on a member of a cohort, as natural logs of factors.

    careful  priced against the least favourable honest principal: its factor has an expectation of at most one for
             every honest principal, and it alone moves the cohort's evidence.
    typical  priced against a typical honest principal: it moves only the member's own standing, which decides whether
             it shares the budget of a cohort that is tightened already.
    """

    careful: float
    typical: float


class PrincipalSignal(Protocol):
    """A bet on one principal's own stream of prompts.

    One that looks at ``own.cells`` has an attribute ``counts_cells = True``; without such a signal none are counted.
    """

    @property
    def name(self) -> str:
        """What evidence calls it."""
        ...

    @property
    def ceiling(self) -> float:
        """The most evidence it may hold, as log10: below the ladder's soft step it never punishes alone."""
        ...

    def score(self, features: Features, own: PrincipalProfile) -> float:
        """Return the natural log of the factor of this observation, judged by the past alone; 0.0 for no bet."""
        ...


class CohortSignal(Protocol):
    """A bet on a principal against the cohort it moves with."""

    @property
    def name(self) -> str:
        """What evidence calls it."""
        ...

    @property
    def ceiling(self) -> float:
        """The most evidence it may hold, as log10."""
        ...

    def score(self, features: Features, own: PrincipalProfile, cohort: CohortProfile) -> Bet | None:
        """Return the bet on this observation, judged by the past alone; ``None`` for no bet."""
        ...

    def takes_back(self, features: Features) -> float:
        """Return how much of what bets on others' prompts won this one takes back: a natural log, 0.0 or more."""
        ...
