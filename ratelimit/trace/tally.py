"""What a replay came to, counted as it goes; memory is bounded by the principals that live, not by the trace."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ratelimit.decision import Cause, Tier
from ratelimit.trace.distinct import Distinct

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ratelimit.decision import Decision, Reason
    from ratelimit.observation import CohortRef
    from ratelimit.stores import Fold

#: Labels that are told apart.
MOST_LABELS = 100

#: Principals and cohorts that are told apart at a time: as many principals as a store keeps by default.
MOST_PRINCIPALS, MOST_COHORTS = 100_000, 10_000


class Seen:
    """One principal so far: requests, how many were refused and why (``cause`` or ``cohort:kind``), the worst tier."""

    __slots__ = ("causes", "refused", "requests", "worst")

    def __init__(self) -> None:
        self.requests = self.refused = self.worst = 0
        self.causes: dict[str, int] | None = None


class Labelled:
    """The requests with one label so far, how many were refused, and the worst tier of each principal that made any."""

    __slots__ = ("refused", "requests", "worst")

    def __init__(self) -> None:
        self.requests = self.refused = 0
        self.worst: dict[str, int] = {}


class Pool:
    """One cohort so far: members, the most evidence (log10) against it, and the requests that its budget refused.

    own, strange  bets on its members that came out for their own past, and for that of strangers.
    """

    __slots__ = ("evidence", "members", "own", "ref", "refused", "strange")

    def __init__(self, ref: CohortRef) -> None:
        self.ref = ref
        self.evidence = 0.0
        self.members = self.refused = self.own = self.strange = 0


class Tally:
    """Counts decisions: in all, by cause, by principal and by cohort.

    requests    rows that were decided.
    refused     of these, the refused ones.
    ungoverned  of these, those that no policy governs.
    exempt      of these, those that a policy exempts or passes unread.
    unread      of these, those whose body could not be read.
    causes      refused requests by cause; one that has several counts in each.
    labels      what came of the requests with each label, where the trace has labels.
    """

    def __init__(self, *, most: int = MOST_PRINCIPALS) -> None:
        self.requests = self.refused = self.ungoverned = self.exempt = self.unread = 0
        self.causes: dict[str, int] = {}
        self.labels: dict[str, Labelled] = {}
        self.principals: dict[str, Seen] = {}
        self.cohorts: dict[bytes, Pool] = {}
        self._most = most
        self._refused_by: dict[str, Sequence[Pool]] = {}
        self._whys: dict[str, tuple[Sequence[Reason], frozenset[str], frozenset[str]]] = {}
        self._gone: dict[Tier, Distinct] = {}

    def add(self, principal: str, decision: Decision, label: str | None = None) -> None:
        """Count one decision about a request of *principal*."""
        self.requests += 1
        seen = self.principals.get(principal)
        if seen is None:
            if len(self.principals) >= self._most:
                self._make_space()
            seen = self.principals[principal] = Seen()
        seen.requests += 1
        if decision.tier > seen.worst:
            seen.worst = int(decision.tier)
        if decision.refused:
            self._refuse(seen, decision)
        if label is not None:
            self._label(label, principal, decision)

    def against(self, ref: CohortRef, evidence: float, members: int) -> Pool:
        """Note the *evidence* (log10) against a cohort, and return its row."""
        pool = self.cohorts.get(ref.key)
        if pool is None:
            if len(self.cohorts) >= MOST_COHORTS:
                self.cohorts = {kept.ref.key: kept for kept in self.top_cohorts(MOST_COHORTS // 2)}
            pool = self.cohorts[ref.key] = Pool(ref)
        pool.evidence = max(pool.evidence, evidence)
        pool.members = max(pool.members, members)
        return pool

    def refused_by(self, principal: str, pools: Sequence[Pool]) -> None:
        """Count a refusal of *principal* (a decision's) for the cohorts whose budgets refused it."""
        if len(self._refused_by) >= self._most:
            del self._refused_by[next(iter(self._refused_by))]
        self._refused_by[principal] = pools
        for pool in pools:
            pool.refused += 1

    def learned(self, fold: Fold) -> None:
        """Note how the bets of a request that was learned came out in the cohorts that have a row."""
        for part in fold.cohorts:
            if part.careful and (pool := self.cohorts.get(part.ref.key)) is not None:
                pool.own += part.careful < 0
                pool.strange += part.careful > 0

    def again(self, decision: Decision) -> None:
        """Count that the last refusal of a principal was given once more."""
        for pool in self._refused_by.get(decision.principal, ()):
            pool.refused += 1

    def top_cohorts(self, many: int) -> list[Pool]:
        """Return those with the most evidence, the worst first."""
        return sorted(self.cohorts.values(), key=lambda pool: (-pool.evidence, -pool.refused, pool.ref.key))[:many]

    def top_principals(self, many: int) -> list[tuple[str, Seen]]:
        """Return those that were tightened, the most often refused first."""
        tight = [(name, seen) for name, seen in self.principals.items() if seen.worst >= Tier.SOFT]
        return sorted(tight, key=lambda pair: (-pair[1].refused, -pair[1].worst, -pair[1].requests, pair[0]))[:many]

    @property
    def exact(self) -> bool:
        """Whether ``count`` is exact: not once principals had to be forgotten."""
        return not self._gone

    def count(self, tier: Tier = Tier.CLEAR) -> int:
        """Return how many principals ever reached *tier*."""
        living = [name for name, seen in self.principals.items() if seen.worst >= tier]
        gone = self._gone.get(tier)
        if gone is None:
            return len(living)
        for name in living:
            gone.add(name)
        return round(gone.count())

    def _label(self, label: str, principal: str, decision: Decision) -> None:
        if label not in self.labels and len(self.labels) >= MOST_LABELS:
            label = "other labels"
        row = self.labels.setdefault(label, Labelled())
        row.requests += 1
        row.refused += decision.refused
        if principal in row.worst or len(row.worst) < self._most:
            row.worst[principal] = max(row.worst.get(principal, 0), int(decision.tier))

    def _refuse(self, seen: Seen, decision: Decision) -> None:
        self.refused += 1
        seen.refused += 1
        if seen.causes is None:
            seen.causes = {}
        whys, causes = self._why(decision)
        _count(seen.causes, whys)
        _count(self.causes, causes)

    def _why(self, decision: Decision) -> tuple[frozenset[str], frozenset[str]]:
        """Return what a refusal counts as, for its principal and in all; of one that is given again it is known."""
        known = self._whys.get(decision.principal)
        if known is not None and known[0] is decision.reasons:
            return known[1], known[2]
        whys = frozenset([_why(reason) for reason in decision.reasons])
        causes = frozenset([reason.cause.value for reason in decision.reasons])
        if len(self._whys) >= self._most:
            self._whys.clear()
        self._whys[decision.principal] = decision.reasons, whys, causes
        return whys, causes

    def _make_space(self) -> None:
        """Forget half of the principals, those that matter least and were seen first; only their number is kept."""
        order = sorted(self.principals, key=lambda name: (self.principals[name].worst, self.principals[name].refused))
        for name in order[: max(1, len(order) // 2)]:
            worst = self.principals.pop(name).worst
            for tier in (Tier.CLEAR, Tier.SOFT, Tier.HARD):
                if worst >= tier:
                    self._gone.setdefault(tier, Distinct()).add(name)


def _why(reason: Reason) -> str:
    return f"{reason.cause}:{reason.name}" if reason.cause is Cause.COHORT else reason.cause.value


def _count(counts: dict[str, int], names: Iterable[str]) -> None:
    for name in names:
        counts[name] = counts.get(name, 0) + 1
