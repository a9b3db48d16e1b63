"""A trace, decided with an eye on one principal or one cohort."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ratelimit.decision import Cause, Tier
from ratelimit.evidence import LN10
from ratelimit.explain.events import Event, kind_of
from ratelimit.trace.deciding import Deciding

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ratelimit.decision import Decision
    from ratelimit.policy import Policy
    from ratelimit.principal import Principal
    from ratelimit.stores import Fold
    from ratelimit.trace.case import Case
    from ratelimit.trace.deciding import Settled

#: Ids that are remembered to offer the nearest.
_MOST_IDS = 100_000

#: Events that are kept; of more, the first half and the latest.
MOST_EVENTS = 200_000


class Observing(Deciding):
    """Decides cases, and keeps what happened to *subject*.

    subject  the id of a principal as the trace has it, or of an end user behind it; or a cohort's as decisions print
             it.
    cohort   whether it is a cohort's.

    events   what happened to it, in order.
    dropped  events that were not kept.
    ids      ids of the kind of *subject* that were met.
    """

    def __init__(self, policies: Sequence[Policy], subject: str, *, cohort: bool) -> None:
        super().__init__(policies)
        self.subject, self.cohort = subject, cohort
        self.events: list[Event] = []
        self.dropped = 0
        self.ids: dict[str, None] = {}
        self._row = ""
        self._at = 0.0
        self._told = False

    def decide(self, case: Case) -> None:
        """Decide and learn one case."""
        self._row, self._at, self._told = case.row.principal, case.now, False
        decision = self.decision_of(case)
        if not self.cohort:
            self._meet(self._row)
            if not self._told and self._row == self.subject and (decision.refused or not decision.exempt):
                self._keep(self._event(decision, self._row))

    def skip(self, why: str) -> None:
        """Leave it out."""

    def repeated(self, decision: Decision, principal: Principal) -> None:
        """Keep it if it is the subject's."""
        if self._is_subject(principal, decision.cohorts):
            self._keep(self._event(decision, principal.id))

    def settled(self, settled: Settled) -> None:
        """Keep what moved the subject's evidence, or that it was refused."""
        principal, decision, fold = settled.principal, settled.decision, settled.fold
        if not self._is_subject(principal, decision.cohorts):
            return
        moves = _moves(fold, self.subject if self.cohort else None)
        event = self._event(decision, principal.id)
        if fold is not None:
            event.kind = kind_of(sum(factor for _, factor in moves), refused=decision.refused)
            event.moves = tuple((name, round(factor / LN10, 4)) for name, factor in moves)
        self._keep(event)

    def _is_subject(self, principal: Principal, cohorts: dict[str, float]) -> bool:
        if not self.cohort:
            self._meet(principal.id)
            return self.subject in {principal.id, self._row}
        for label in cohorts:
            self._meet(label)
        return self.subject in cohorts

    def _meet(self, one: str) -> None:
        if len(self.ids) < _MOST_IDS:
            self.ids[one] = None

    def _event(self, decision: Decision, principal: str) -> Event:
        evidence = {} if self.cohort else dict(decision.evidence)
        evidence |= {label: value for label, value in decision.cohorts.items() if not self.cohort or
                     label == self.subject}
        causes = tuple(dict.fromkeys(
            f"{reason.cause}:{reason.name}" if reason.cause is Cause.COHORT else str(reason.cause)
            for reason in decision.reasons
        ))
        return Event(at=self._at, principal=principal, kind="refused" if decision.refused else "even",
                     tier=str(Tier(decision.tier)), causes=causes, retry_after=decision.retry_after,
                     evidence={name: round(value, 3) for name, value in evidence.items() if value})

    def _keep(self, event: Event) -> None:
        self._told = True
        if len(self.events) >= MOST_EVENTS:
            half = MOST_EVENTS // 2
            del self.events[half : half + half // 2]
            self.dropped += half // 2
        self.events.append(event)


def _moves(fold: Fold | None, cohort: str | None) -> list[tuple[str, float]]:
    """Return the bets of a request, (signal, natural log of the factor); of *cohort* only those within it.

    Within a cohort they are told at the careful price, whether or not they count for its evidence: they are the
    member's own standing there in any case.
    """
    if fold is None:
        return []
    moves = [] if cohort is not None else [(name, factor) for name, factor, _ in fold.moves]
    for one in fold.cohorts:
        if one.careful and cohort in {None, str(one.ref)}:
            moves.append((f"standing@{one.ref}", one.careful))
        moves += [(f"{name}@{one.ref}", factor) for name, factor, _ in one.moves
                  if cohort == str(one.ref) and factor != one.careful]
    return moves
