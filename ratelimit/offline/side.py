"""One list of policies with a store of its own: several stand side by side over one reading of a trace."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ratelimit.clock import ManualClock
from ratelimit.decision import Cause, Decision, Reason
from ratelimit.edge.predicates import ask
from ratelimit.engine import Engine
from ratelimit.identify.enduser import end_user_of
from ratelimit.offline.drive import driver
from ratelimit.offline.noted import Noted
from ratelimit.offline.tally import Tally
from ratelimit.offline.timeline import Timeline
from ratelimit.stores import MemoryStore

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ratelimit.dialects import Dialect
    from ratelimit.engine import Plan
    from ratelimit.offline.asked import Asked, Sink
    from ratelimit.policy import Policy
    from ratelimit.principal import Principal
    from ratelimit.request import Request
    from ratelimit.stores import Charged, Store

#: The key of every hash, so that one trace always comes to one result. It protects nothing: the trace is in clear.
SECRET = b"ratelimit replay: one trace, one result"

_UNGOVERNED = Decision(allowed=True)
_EXEMPT = Decision(allowed=True, exempt=True)
_MOST_ROUTES = 4096


class Side:
    """Decides cases under *policies* as the middleware would: the first that governs a request counts.

    label     what tables and files call it.
    policies  one or more, whose names differ. Their mode changes nothing: what is decided is what enforcing would do.
    store     where profiles and budgets live; ``None``: a ``MemoryStore``.
    sink      where decisions are written; ``None``: nowhere.
    """

    def __init__(
        self, label: str, policies: Sequence[Policy], *, store: Store | None = None, sink: Sink | None = None
    ) -> None:
        self.label, self.policies, self.sink = label, tuple(policies), sink
        self.tally, self.timeline, self.complaints = Tally(), Timeline(), Noted()
        self._clock = ManualClock()
        self._store: Store = MemoryStore(clock=self._clock, secret=SECRET) if store is None else store
        self._driver = driver(self._store)
        self._engine = Engine(self.policies, secret=self._store.secret, lexicon=self._store.lexicon)
        # Under these a refusal that stands does not hang on what else is asked.
        self._flat = frozenset(
            policy.name for policy in self.policies
            if policy.when is None and policy.exempt is None and not any(callable(one.cost) for one in policy.budgets)
        )
        self._routes: dict[tuple[str, str], list[tuple[Policy, Dialect]]] = {}

    def __repr__(self) -> str:
        return f"Side({self.label!r}, {self._store!r})"

    def decide(self, case: Asked) -> Decision:
        """Decide, learn, count and write one case."""
        self._clock.set(case.now)
        decision = self._decision(case)
        self.tally.add(case.name, decision)
        self.timeline.add(case.now, decision.tier)
        if self.sink is not None:
            self.sink.put(case.at, case.name, decision)
        return decision

    def skip(self, why: str) -> None:
        """Write the line that answers one which cannot be decided."""
        if self.sink is not None:
            self.sink.skip(why)

    def close(self) -> None:
        """Write what is left, and release the store."""
        try:
            self._driver.run(self._store.aclose())
            self._driver.close()
        finally:
            if self.sink is not None:
                self.sink.close()

    def _decision(self, case: Asked) -> Decision:
        try:
            for policy, dialect in self._governing(case):
                if case.outline is not None and policy.name in self._flat:
                    again = self._again(policy, case.outline, case.principal, case.now)
                    if again is not None:
                        return again
                request = case.request(dialect, policy.body_bytes)
                if policy.when is None or self._agrees(policy, request):
                    return self._under(policy, request, case)
        except Exception as error:  # noqa: BLE001 (functions and stores of users raise anything; the middleware says 503)
            self.complaints.make("a request could not be decided, and counts as refused", error)
            return _refused(Cause.UNAVAILABLE, type(error).__name__, "A function or the store failed.")
        self.tally.ungoverned += 1
        return _UNGOVERNED

    def _governing(self, case: Asked) -> list[tuple[Policy, Dialect]]:
        """Return the policies that may govern, each with its dialect: as far as the first that does so for certain."""
        route = case.method, case.path
        found = self._routes.get(route)
        if found is None:
            found = []
            for policy in self.policies:
                if policy.governs(*route):
                    found.append((policy, policy.dialect_for(route[1])))
                    if policy.when is None:
                        break
            if len(self._routes) >= _MOST_ROUTES:  # paths may hold ids: no trace makes this grow
                self._routes.clear()
            self._routes[route] = found
        return found

    def _agrees(self, policy: Policy, request: Request) -> bool:
        return policy.when is None or ask(
            policy.when, request, otherwise=True, complaints=self.complaints,
            complaint=f"Policy({policy.name!r}).when failed; the policy governs the request",
        )

    def _exempts(self, policy: Policy, request: Request, principal: Principal) -> bool:
        return policy.exempt is not None and ask(
            policy.exempt, request, principal, otherwise=False, complaints=self.complaints,
            complaint=f"Policy({policy.name!r}).exempt failed; the request is not exempted",
        )

    def _under(self, policy: Policy, request: Request, case: Asked) -> Decision:
        reading = request.reading
        principal = case.principal if reading.end_user is None else end_user_of(case.principal, reading.end_user)
        if policy.exempt is not None and self._exempts(policy, request, principal):
            self.tally.exempt += 1
            return _EXEMPT
        if reading.problem is not None:
            self.tally.unread += 1
            if policy.unreadable == "pass":
                self.tally.exempt += 1
                return _EXEMPT
            if policy.unreadable == "refuse":
                return _refused(Cause.UNREADABLE, str(reading.problem), reading.detail)
        again = self._again(policy, request, principal, case.now)
        if again is not None:
            return again
        plan = self._engine.plan(policy, request, principal, body=case.body, now=case.now)
        return self._driver.run(self._charged(plan, learns=case.learns))

    def _again(self, policy: Policy, request: Request, principal: Principal, now: float) -> Decision | None:
        """Give the refusal of *principal* that still stands, if there is one."""
        found = self._engine.recall(policy, request, principal, now=now)
        if found is None:
            return None
        decision = found.seen(now)
        self.tally.again(decision)
        return decision

    async def _charged(self, plan: Plan, *, learns: bool) -> Decision:
        charged = await self._store.charge(plan.charges)
        self._note(plan, charged)
        decision, fold = self._engine.settle(plan, charged)
        if fold is not None and learns:
            self.tally.learned(fold)
            try:
                self._store.fold(fold)
            except Exception as error:  # noqa: BLE001 (a store of a user's raises anything; the middleware goes on)
                self.complaints.make("the store failed to learn a request", error)
        return decision

    def _note(self, plan: Plan, charged: Charged) -> None:
        """Note the evidence against the cohorts of a request."""
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


def _refused(cause: Cause, name: str, detail: str) -> Decision:
    return Decision(allowed=False, refused=True, reasons=(Reason(cause=cause, name=name, detail=detail),))
