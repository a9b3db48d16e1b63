"""Requests of principals about whom a person has decided."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec

from ratelimit.decision import Cause
from ratelimit.edge.visit import Settled, Visit
from ratelimit.responses import refusal_reply

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ratelimit.clock import Clock
    from ratelimit.edge.gate import Gate
    from ratelimit.engine import Engine
    from ratelimit.interventions import Interventions
    from ratelimit.policy import Policy
    from ratelimit.principal import Principal


def plain(policy: Policy) -> Policy:
    """Return *policy* as it is for who is spared: the same budgets, and nobody looks at behaviour."""
    return replace(policy, signals=(), cohort_signals=(), cohorts=())


class Overruled:
    """Settles what *interventions* say, before anything is charged.

    engine  the one that knows the principals' keys.
    spares  the gate of the plain policies, for those who are spared.
    """

    def __init__(
        self, interventions: Interventions, policies: Iterable[Policy], engine: Engine, spares: Gate, clock: Clock
    ) -> None:
        self._interventions, self._engine, self._spares, self._clock = interventions, engine, spares, clock
        self._plain = {policy.name: plain(policy) for policy in policies}

    async def settle(self, visit: Visit, principal: Principal) -> Settled | None:
        """Say what to do about *visit*; ``None``: nobody has decided about its principal."""
        policy = visit.policy
        name = self._engine.key_of(policy, principal).hex()
        found = self._interventions.of(name)
        if found is None:
            return None
        if found.kind == "exempt":
            return Settled(decision=msgspec.structs.replace(visit.exempted(), principal=name))
        if found.kind == "block":
            decision = visit.refused(Cause.OPERATOR, "block", found.reason, principal=name)
            decision = msgspec.structs.replace(decision, retry_after=max(0.0, found.until - self._clock.now()))
            told = replace(policy, disclose="none")  # the reason is for the operator's own eyes
            return visit.settled(decision, refusal_reply(decision, told, visit.dialect, visit.accept, visit.call))
        spared = await self._spares.charge(msgspec.structs.replace(visit, policy=self._plain[policy.name]), principal)
        decision = msgspec.structs.replace(spared.decision, version=policy.version)
        return msgspec.structs.replace(spared, decision=decision)
