"""What is done about one request whose body was read: decided, and held back if the policy says so."""

from __future__ import annotations

import asyncio
import secrets
from typing import TYPE_CHECKING

import msgspec

from ratelimit.charges import NO_ORDERS
from ratelimit.decision import Cause
from ratelimit.edge.anonymous import anonymous
from ratelimit.edge.bill import Bill, adjust
from ratelimit.edge.lanes import Lanes
from ratelimit.edge.listener import Listener
from ratelimit.edge.predicates import ask
from ratelimit.edge.shown import shown
from ratelimit.edge.visit import Settled, Visit
from ratelimit.identify import Resolver, resolve
from ratelimit.outcome import Outcome
from ratelimit.responses import budget_headers, outage_reply, refusal_reply, unreadable_reply
from ratelimit.tokens import meters_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ratelimit.charges import Charges, Orders
    from ratelimit.edge.complaints import Complaints
    from ratelimit.edge.overruled import Overruled
    from ratelimit.engine import Engine, Plan
    from ratelimit.policy import Policy
    from ratelimit.principal import Principal
    from ratelimit.stores import Charged, Store


class Gate:
    """Decides under *policies*, with *engine*, *store* and *identify*, whichever of these fails."""

    def __init__(
        self, policies: Iterable[Policy], engine: Engine, store: Store, identify: Resolver, complaints: Complaints,
        *, overruled: Overruled | None = None,
    ) -> None:
        self._engine = engine
        self._overruled = overruled
        self._store = store
        self._identify = identify
        self._complaints = complaints
        self._lanes = Lanes()
        self._meters = {policy.name: meters_of(policy.budgets) for policy in policies}

    async def settle(self, visit: Visit) -> Settled | None:
        """Say what to do about *visit*; ``None``: the other end hung up while it was held back.

        A failure is answered 503, or let pass in audit mode: nothing goes through undecided under a policy that
        enforces, unless it says so of a store that fails, and nothing is refused under one that does not.
        """
        try:
            return await self._settle(visit)
        except Exception as error:  # noqa: BLE001 (functions of users and stores raise anything; it is logged whole)
            self._complaints.make("a request could not be decided: the store or identify failed", error)
            decision = visit.refused(Cause.UNAVAILABLE, type(error).__name__, "The store or identify failed.")
            return visit.settled(decision, outage_reply(visit.dialect, visit.accept, visit.call))

    async def charge(self, visit: Visit, principal: Principal) -> Settled:
        """Decide *visit* by budgets and behaviour, at once."""
        return await self._charge(visit, principal, NO_ORDERS)

    async def _settle(self, visit: Visit) -> Settled | None:
        principal, orders = await self._principal(visit), NO_ORDERS
        if self._exempts(visit, principal):
            return Settled(decision=visit.exempted())
        if self._overruled is not None:
            ruled = await self._overruled.rule(visit, principal)
            if isinstance(ruled, Settled):
                return ruled
            orders = ruled
        if visit.policy.unreadable != "charge" and visit.request.reading.problem is not None:
            return _unread(visit, self._plan(visit, principal, self._store.clock.now(), orders))
        settled = await self._charge(visit, principal, orders)
        if settled.decision.refused and visit.policy.mode == "delay":
            settled = await self._hold(visit, principal, orders, settled)
            if settled.decision.refused and visit.hung_up:
                return None
        return settled

    async def _hold(self, visit: Visit, principal: Principal, orders: Orders, settled: Settled) -> Settled:
        """Charge again as soon as the budget may have refilled, and give up when ``max_delay`` would be exceeded."""
        time, decision = asyncio.get_running_loop().time, settled.decision
        began, most = time(), visit.policy.max_delay.total_seconds()
        listener = Listener(visit.receive)
        try:
            async with listener:
                while decision.refused and decision.retry_after <= (left := most - (time() - began)):
                    with self._lanes.place(decision.principal, decision.retry_after) as lane:
                        if lane.length > left or not await listener.wait(lane.turn(), within=left):
                            break
                    settled = await self._charge(visit, principal, orders)
                    decision = settled.decision
        except BaseException:
            if settled.bill is not None:  # granted, and nobody is left to make use of it
                settled.bill.close(Outcome.FAILED)
            raise
        finally:
            if listener.heard is not None:
                visit.upload.messages.append(listener.heard)
        return msgspec.structs.replace(settled, decision=msgspec.structs.replace(decision, delayed=time() - began))

    async def _charge(self, visit: Visit, principal: Principal, orders: Orders) -> Settled:
        policy, now, fold, bill = visit.policy, self._store.clock.now(), None, None
        again = self._engine.recall(policy, visit.request, principal, now=now, orders=orders)
        if again is not None:
            decision = again.seen(now)
            told = shown(decision, policy, own_tier=again.own_tier, terms=again.charges.terms,
                         costs=again.charges.costs)
        else:
            plan = self._plan(visit, principal, now, orders)
            try:
                charged = await self._charged(plan.charges)
            except Exception as error:  # stores of users raise anything
                if policy.on_store_error != "open":
                    raise
                self._complaints.make("the store failed; requests pass undecided, as the policy says", error)
                return Settled(decision=visit.undecided(type(error).__name__, principal=plan.charges.principal.hex()))
            decision, fold = self._engine.settle(plan, charged)
            told = shown(decision, policy, own_tier=charged.admission.own_tier, terms=plan.charges.terms,
                         costs=plan.charges.costs)
            if not decision.refused:
                meters = self._meters[policy.name]
                bill = Bill(plan.charges, charged.admission.pools, meters, self._store, self._complaints)
        if not decision.allowed:
            reply = refusal_reply(told, policy, visit.dialect, visit.accept, visit.call)
            return Settled(decision=decision, reply=reply)
        # An audit is not seen from outside: the exchange is byte for byte the application's.
        headers = [] if policy.mode == "audit" else budget_headers(told, policy)
        return Settled(decision=decision, fold=fold, headers=tuple(headers), bill=bill)

    async def _charged(self, charges: Charges) -> Charged:
        try:
            return await self._store.charge(charges)
        except BaseException:
            if charges.lease:  # it may have been taken all the same; units stay, for they may not have been
                adjust(self._store, self._complaints, charges, (0.0,) * len(charges.costs))
            raise

    def _plan(self, visit: Visit, principal: Principal, now: float, orders: Orders) -> Plan:
        seated = visit.in_flight and visit.policy.concurrency is not None
        lease = secrets.randbits(63) + 1 if seated else 0
        return self._engine.plan(visit.policy, visit.request, principal, body=visit.upload.body, now=now, lease=lease,
                                 orders=orders)

    async def _principal(self, visit: Visit) -> Principal:
        found = await resolve(self._identify, visit.request)
        return anonymous(visit.request) if found is None else found

    def _exempts(self, visit: Visit, principal: Principal) -> bool:
        return visit.policy.exempt is not None and ask(
            visit.policy.exempt, visit.request, principal, otherwise=False, complaints=self._complaints,
            complaint=f"Policy({visit.policy.name!r}).exempt failed; the request is not exempted",
        )


def _unread(visit: Visit, plan: Plan) -> Settled:
    if visit.policy.unreadable == "pass":
        return Settled(decision=visit.exempted())
    problem, detail = str(visit.request.reading.problem), visit.request.reading.detail
    decision = visit.refused(Cause.UNREADABLE, problem, detail, principal=plan.charges.principal.hex())
    reply = unreadable_reply(decision.reasons[0], visit.dialect, visit.accept, visit.call)
    return visit.settled(decision, reply)
