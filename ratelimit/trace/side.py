"""One list of policies with a store of its own: several stand side by side over one reading of a trace."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from ratelimit.decision import Cause
from ratelimit.trace.deciding import Deciding, Settled
from ratelimit.trace.tally import Tally
from ratelimit.trace.timeline import Timeline

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ratelimit.decision import Decision
    from ratelimit.policy import Policy
    from ratelimit.principal import Principal
    from ratelimit.stores import Store
    from ratelimit.trace.asked import Asked, Sink


class Side(Deciding):
    """Decides cases, and counts and writes what was decided.

    label     what tables and files call it.
    policies  as in ``Deciding``, and *store* too.
    sink      where decisions are written; ``None``: nowhere.
    """

    def __init__(
        self, label: str, policies: Sequence[Policy], *, store: Store | None = None, sink: Sink | None = None
    ) -> None:
        super().__init__(policies, store=store)
        self.label, self.sink = label, sink
        self.tally, self.timeline = Tally(), Timeline()

    def __repr__(self) -> str:
        return f"Side({self.label!r}, {self._store!r})"

    def decide(self, case: Asked) -> Decision:
        """Decide, learn, count and write one case."""
        decision, name = self.decision_of(case), case.name
        self.tally.add(name, decision, case.label)
        self.timeline.add(case.now, decision.tier)
        if self.sink is not None:
            self.sink.put(case.at, name, decision)
        return decision

    def skip(self, why: str) -> None:
        """Write the line that answers one which cannot be decided."""
        if self.sink is not None:
            self.sink.skip(why)

    def close(self) -> None:
        """Write what is left, and release the store."""
        try:
            super().close()
        finally:
            if self.sink is not None:
                self.sink.close()

    def passed(self, how: Literal["ungoverned", "exempt", "unread"]) -> None:
        """Count it."""
        setattr(self.tally, how, getattr(self.tally, how) + 1)

    def repeated(self, decision: Decision, principal: Principal) -> None:  # noqa: ARG002 (the decision names it)
        """Count it for the cohorts that refused before."""
        self.tally.again(decision)

    def settled(self, settled: Settled) -> None:
        """Note the evidence against the cohorts of a request, and how its bets came out there."""
        plan, charged = settled.plan, settled.charged
        admission = charged.admission
        refusing = {reason.name for reason in admission.reasons if reason.cause is Cause.COHORT}
        refused = []
        for ref, seat, cohort in zip(plan.charges.cohorts, admission.seats, charged.cohorts, strict=True):
            if seat.tier and cohort is not None:
                pool = self.tally.against(ref, seat.evidence, cohort.members)
                if seat.held and ref.kind in refusing:
                    refused.append(pool)
        if not admission.allowed:
            self.tally.refused_by(plan.charges.principal.hex(), refused)
        if settled.fold is not None:
            self.tally.learned(settled.fold)
