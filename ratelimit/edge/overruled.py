"""Requests of principals about whom a person has decided."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec

from ratelimit.charges import NO_ORDERS, Orders
from ratelimit.decision import Cause, Tier
from ratelimit.edge.visit import Settled, Visit
from ratelimit.responses import BLOCK, refusal_reply

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ratelimit.clock import Clock
    from ratelimit.edge.gate import Gate
    from ratelimit.engine import Engine
    from ratelimit.interventions import Interventions
    from ratelimit.policy import Policy
    from ratelimit.principal import Principal


def plain(policy: Policy) -> Policy:
    """Return *policy* as it is for who is pardoned: the same budgets, and nobody looks at behaviour."""
    return replace(policy, signals=(), cohort_signals=(), cohorts=())


class Overruled:
    """Settles what *interventions* say, before anything is charged.

    engine   the one that knows the principals' keys.
    plainly  the gate of the plain policies, for those who are pardoned.
    """

    def __init__(
        self, interventions: Interventions, policies: Iterable[Policy], engine: Engine, plainly: Gate, clock: Clock
    ) -> None:
        self._interventions, self._engine, self._plainly, self._clock = interventions, engine, plainly, clock
        self._plain = {policy.name: plain(policy) for policy in policies}

    async def rule(self, visit: Visit, principal: Principal) -> Settled | Orders:
        """Say what to do about *visit*, or what is ordered about it where it is judged like any other else."""
        policy = visit.policy
        name = self._engine.key_of(policy, principal).hex()
        found = self._interventions.of(name)
        if found is None or found.kind == "hold":
            without = self._interventions.dissolved()
            if found is None:
                return Orders(without=without) if without else NO_ORDERS
            return Orders(Tier[found.tier.upper()], without)
        if found.kind == "exempt":
            return Settled(decision=msgspec.structs.replace(visit.exempted(), principal=name))
        if found.kind == "block":
            decision = visit.refused(Cause.OPERATOR, BLOCK, found.reason, principal=name)
            decision = msgspec.structs.replace(decision, retry_after=max(0.0, found.until - self._clock.now()))
            told = replace(policy, disclose="none")  # the reason is for the operator's own eyes
            return visit.settled(decision, refusal_reply(decision, told, visit.dialect, visit.accept, visit.call))
        settled = await self._plainly.charge(msgspec.structs.replace(visit, policy=self._plain[policy.name]), principal)
        decision = msgspec.structs.replace(settled.decision, version=policy.version)
        return msgspec.structs.replace(settled, decision=decision)
