"""Requests, decided as the middleware would decide them; what comes of it is for subclasses to note."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

from ratelimit.clock import ManualClock
from ratelimit.decision import Cause, Decision, Reason
from ratelimit.edge.bill import Bill
from ratelimit.edge.predicates import ask
from ratelimit.edge.routes import Routes
from ratelimit.engine import Engine
from ratelimit.identify.enduser import end_user_of
from ratelimit.stores import MemoryStore
from ratelimit.tokens import meters_of
from ratelimit.trace.drive import driver
from ratelimit.trace.noted import Noted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ratelimit.engine import Plan
    from ratelimit.policy import Policy
    from ratelimit.principal import Principal
    from ratelimit.request import Request
    from ratelimit.stores import Charged, Fold, Store
    from ratelimit.trace.asked import Asked

#: The key of every hash, so that one trace always comes to one result. It protects nothing: the trace is in clear.
SECRET = b"ratelimit replay: one trace, one result"

_UNGOVERNED = Decision(allowed=True)
_EXEMPT = Decision(allowed=True, exempt=True)


class Settled(NamedTuple):
    """One request that was charged: its plan, what came back, the decision, and what is about to be learned of it.

    fold       ``None`` if nothing is learned.
    principal  whose it is, end users told apart.
    """

    plan: Plan
    charged: Charged
    decision: Decision
    fold: Fold | None
    principal: Principal


class Deciding:
    """Decides cases under *policies* as the middleware would: the first that governs a request counts.

    policies  one or more, whose names differ. Their mode changes nothing: what is decided is what enforcing would do.
    store     where profiles and budgets live; ``None``: a ``MemoryStore``.
    """

    def __init__(self, policies: Sequence[Policy], *, store: Store | None = None) -> None:
        self.policies = tuple(policies)
        self.complaints = Noted()
        self._clock = ManualClock()
        self._store: Store = MemoryStore(clock=self._clock, secret=SECRET) if store is None else store
        self._driver = driver(self._store)
        self._engine = Engine(self.policies, secret=self._store.secret, lexicon=self._store.lexicon)
        self._meters = {policy.name: meters_of(policy.budgets) for policy in self.policies}
        # Under these a refusal that stands does not hang on what else is asked.
        self._flat = frozenset(
            policy.name for policy in self.policies
            if policy.when is None and policy.exempt is None and not any(callable(one.cost) for one in policy.budgets)
        )
        self._routes = Routes(self.policies)

    def decision_of(self, case: Asked) -> Decision:
        """Decide one case, and learn it."""
        self._clock.set(case.now)
        return self._decision(case)

    def close(self) -> None:
        """Release the store."""
        self._driver.run(self._store.aclose())
        self._driver.close()

    def takes(self, principal: Principal) -> bool:  # noqa: ARG002 (for subclasses)
        """Say whether requests of *principal*, end users told apart, are decided at all; else they count as exempt."""
        return True

    def passed(self, how: Literal["ungoverned", "exempt", "unread"]) -> None:
        """Be told that the present request is under no policy, exempt, or cannot be read; perhaps two of them."""

    def repeated(self, decision: Decision, principal: Principal) -> None:
        """Be told that a refusal of *principal* was given once more, uncharged."""

    def settled(self, settled: Settled) -> None:
        """Be told of a request that was charged, before it is learned."""

    def _decision(self, case: Asked) -> Decision:
        try:
            for policy, dialect in self._routes.of(case.method, case.path).policies:
                if case.outline is not None and policy.name in self._flat and self.takes(case.principal):
                    again = self._again(policy, case.outline, case.principal, case.now)
                    if again is not None:
                        return again
                request = case.request(dialect, policy.body_bytes)
                if policy.when is None or self._agrees(policy, request):
                    return self._under(policy, request, case)
        except Exception as error:  # noqa: BLE001 (functions and stores of users raise anything; the middleware says 503)
            self.complaints.make("a request could not be decided, and counts as refused", error)
            return _refused(Cause.UNAVAILABLE, type(error).__name__, "A function or the store failed.")
        self.passed("ungoverned")
        return _UNGOVERNED

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
        if not self.takes(principal) or (policy.exempt is not None and self._exempts(policy, request, principal)):
            self.passed("exempt")
            return _EXEMPT
        if reading.problem is not None:
            self.passed("unread")
            if policy.unreadable == "pass":
                self.passed("exempt")
                return _EXEMPT
            if policy.unreadable == "refuse":
                return _refused(Cause.UNREADABLE, str(reading.problem), reading.detail)
        again = self._again(policy, request, principal, case.now)
        if again is not None:
            return again
        plan = self._engine.plan(policy, request, principal, body=case.body, now=case.now)
        return self._driver.run(self._charged(plan, principal, case))

    def _again(self, policy: Policy, request: Request, principal: Principal, now: float) -> Decision | None:
        """Give the refusal of *principal* that still stands, if there is one."""
        found = self._engine.recall(policy, request, principal, now=now)
        if found is None:
            return None
        decision = found.seen(now, remaining=False)  # nobody is shown what remains
        self.repeated(decision, principal)
        return decision

    async def _charged(self, plan: Plan, principal: Principal, case: Asked) -> Decision:
        charged = await self._store.charge(plan.charges)
        decision, fold = self._engine.settle(plan, charged)
        if not case.learns:
            fold = None
        self.settled(Settled(plan, charged, decision, fold, principal))
        if fold is not None:
            try:
                self._store.fold(fold)
            except Exception as error:  # noqa: BLE001 (a store of a user's raises anything; the middleware goes on)
                self.complaints.make("the store failed to learn a request", error)
        if not decision.refused:
            meters, pools = self._meters[plan.policy.name], charged.admission.pools
            Bill(plan.charges, pools, meters, self._store, self.complaints).close(case.outcome, case.usage)
        return decision


def _refused(cause: Cause, name: str, detail: str) -> Decision:
    return Decision(allowed=False, refused=True, reasons=(Reason(cause=cause, name=name, detail=detail),))
