"""A trace, decided under signals that write down their bets: to find campaigns in it, and to fit nulls to the rest."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from ratelimit.budget import Budget
from ratelimit.calibrate.recording import Book, Recorder
from ratelimit.decision import Tier
from ratelimit.evidence import LN10
from ratelimit.trace.deciding import Deciding

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from ratelimit.policy import Policy
    from ratelimit.principal import Principal
    from ratelimit.profile import Standing
    from ratelimit.trace.case import Case
    from ratelimit.trace.deciding import Settled

#: What nobody ever spends: an operator's quotas say nothing of nulls, and what they refuse would not be seen.
_BOUNDLESS = Budget(name="boundless", quota=10**12, window=timedelta(hours=1), burst=10**12)

#: Decades of evidence that nobody and nothing ever has.
_NEVER = 1e9

#: Shares of that which leave a tightened account or cohort one request at once and some ten a day.
_REFILL, _BURST = 10 / 24 / 10**12, 1 / 10**12


class Watched:
    """One principal, as the engine saw it.

    id        its id, in clear.
    book      what its bets came to.
    requests  how many were answered.
    tight     whether its own evidence ever tightened it.
    tied      by cohort: whether that would hold it, if it were tightened, when last seen.
    spoke     by cohort: the most (log10) that its own bets there ever won at the careful price.
    """

    __slots__ = ("book", "id", "requests", "spoke", "tied", "tight")

    def __init__(self, named: str) -> None:
        self.id = named
        self.book = Book()
        self.requests = 0
        self.tight = False
        self.spoke: dict[bytes, float] = {}
        self.tied: dict[bytes, bool] = {}


class Watching(Deciding):
    """Decides cases, and keeps what is to be known of each principal and each cohort.

    without     ids of principals whose requests are left out, as if they had never come.
    fair        whether everybody's prompts go on flowing into the pasts of its cohorts, and nobody is ever tightened.

    principals  by keyed hash.
    evidence    of each cohort that ever had any, the most (log10).
    presuming   the cohorts in which newcomers count as innocent.

    A watching that is not *fair* finds campaigns. What is tightened is cut off, as it would be in earnest: so a
    campaign leaves in pasts and books what it takes to find it, and not all that it sent. But as honest principals
    clear themselves, what is left in the pasts is the campaign that is not found, small as it may be. In a fair
    watching the pasts are a sample of the traffic, and a campaign has there the share that it has of all prompts.
    """

    def __init__(self, policies: Sequence[Policy], without: Collection[str] = (), *, fair: bool = False) -> None:
        self._without = without
        self._recorder = Recorder()
        arranged = _fair if fair else _strict
        super().__init__([arranged(self._recorder.policy(policy)) for policy in policies])
        self.principals: dict[bytes, Watched] = {}
        self.evidence: dict[bytes, float] = {}
        self.presuming: set[bytes] = set()

    def decide(self, case: Case) -> None:
        """Decide and learn one case."""
        self._recorder.clear()
        self.decision_of(case)

    def skip(self, why: str) -> None:
        """Leave it out."""

    def takes(self, principal: Principal) -> bool:
        """Leave out those that an earlier reading found."""
        return principal.id not in self._without

    def settled(self, settled: Settled) -> None:
        """Keep what the bets came to, if the request is learned."""
        admission = settled.charged.admission
        watched = self.principals.get(settled.plan.charges.principal)
        if watched is None:
            watched = self.principals[settled.plan.charges.principal] = Watched(
                settled.principal.id)
        watched.tight = watched.tight or admission.own_tier >= Tier.SOFT
        for ref, seat in zip(settled.plan.charges.cohorts, admission.seats, strict=True):
            standing = settled.charged.profile.standings.get(ref.key)
            watched.tied[ref.key] = not seat.cleared and (
                not ref.presumed or (standing is not None and _would_be_held(standing, settled)))
            if ref.presumed:
                self.presuming.add(ref.key)
            if standing is not None:
                watched.spoke[ref.key] = max(watched.spoke.get(ref.key, 0.0), standing.careful / LN10)
            if seat.evidence > 0:
                self.evidence[ref.key] = max(self.evidence.get(ref.key, 0.0), seat.evidence)
        if settled.fold is not None:
            watched.requests += 1
            self._recorder.keep(watched.book, {
                id(cohort): ref.key
                for ref, cohort in zip(settled.plan.charges.cohorts, settled.charged.cohorts, strict=True)
            })


def _would_be_held(standing: Standing, settled: Settled) -> bool:
    """Say whether its own bets would have a principal held in a cohort that presumes innocence (``Presumption``)."""
    charges, first = settled.plan.charges, settled.charged.profile.held_at
    if charges.trusted and not charges.aged:
        return standing.careful / LN10 >= charges.terms.presumption.trusted
    return standing.typical / LN10 >= (charges.held_at if first is None else first)


def _strict(policy: Policy) -> Policy:
    """Return *policy* with boundless quotas, of which who is tightened gets next to nothing."""
    return replace(policy, budgets=(_BOUNDLESS,), mode="enforce", ladder=replace(
        policy.ladder, soft_refill=_REFILL, hard_refill=_REFILL, tight_burst=_BURST))


def _fair(policy: Policy) -> Policy:
    """Return *policy* with boundless quotas, under which nobody is tightened and nobody cleared."""
    return replace(
        policy, budgets=(_BOUNDLESS,), mode="enforce",
        ladder=replace(policy.ladder, watch=_NEVER, soft=_NEVER, hard=_NEVER, ceiling=_NEVER),
        presumption=replace(policy.presumption, cleared=-_NEVER, floor=-2 * _NEVER),
    )
