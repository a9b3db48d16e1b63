"""Policies and stores that look plausible, and each break a law."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import timedelta
from random import Random
from typing import TYPE_CHECKING, Any

import msgspec

from ratelimit import Affinity, Budget, Ladder, MemoryStore, Policy, Presumption, RateLimitMiddleware, Tier, Trust

if TYPE_CHECKING:
    from ratelimit import Clock, Principal

SMALL = Budget(quota=6, window=timedelta(minutes=1), burst=3)
FEW = Policy(budgets=(SMALL,))


@dataclass(frozen=True, kw_only=True, slots=True)
class Floorless(Ladder):
    """Hard means nothing at all: so it seemed safest."""

    def share(self, tier: Tier) -> float:
        """Return nothing for the tier hard."""
        return 0.0 if tier is Tier.HARD else Ladder.share(self, tier)


@dataclass(frozen=True, kw_only=True, slots=True)
class Compounding(Ladder):
    """Each look at a tightened principal tightens it further."""

    looks: Counter[Tier] = field(default_factory=Counter)

    def share(self, tier: Tier) -> float:
        """Return half of what it was the last time."""
        self.looks[tier] += tier >= Tier.SOFT
        return Ladder.share(self, tier) * 0.5 ** self.looks[tier]


@dataclass(frozen=True, kw_only=True, slots=True)
class Unforgiving(Ladder):
    """What was found stays found."""

    def faded(self, wealth: float, idle: float) -> float:
        """Return all of it."""
        return wealth


@dataclass(frozen=True, kw_only=True, slots=True)
class Loosening(Ladder):
    """Past hard nobody was looked at: a step function with a hole in it."""

    def tier(self, evidence: float) -> Tier:
        """Return clear for all that is beyond hard."""
        return Tier.CLEAR if evidence > self.hard else Ladder.tier(self, evidence)


@dataclass(frozen=True, kw_only=True, slots=True)
class Nobody(Trust):
    """Trusts nobody, whatever is known."""

    def of(self, principal: Principal, *, now: float) -> float:
        """Return none."""
        return 0.0


class Surcharge:
    """A cost that grows with every request that is seen: who asks again and again shall pay for it."""

    def __init__(self) -> None:
        self.seen = 0

    def __call__(self, request: Any) -> float:
        """Return one unit, and a hundredth for each request so far."""
        self.seen += 1
        return 1.0 + self.seen / 100


class Forgetful(MemoryStore):
    """A store that keeps no trace of whom it had no room for."""

    def _principal_goes(self, key: bytes, profile: Any) -> None:
        """Do nothing."""


class Generous(MemoryStore):
    """A store that lets half of what was spent flow off at every charge."""

    async def charge(self, charges: Any) -> Any:
        """Forget a half, and charge."""
        known = self._principals.get(charges.principal, now=charges.now)
        for name in known.levels if known is not None else ():
            known.levels[name] /= 2  # type: ignore[union-attr]  # there are none without it
        return await super().charge(charges)


class Mixing(MemoryStore):
    """A store whose keys are too short to tell principals apart."""

    async def charge(self, charges: Any) -> Any:
        """Charge whoever has the same key."""
        return await super().charge(msgspec.structs.replace(charges, principal=charges.principal[:0]))


class Moody(MemoryStore):
    """A store that lets chance decide a little."""

    async def charge(self, charges: Any) -> Any:
        """Charge a little more or less."""
        extra = Random().choice((0.0, 0.5))
        costs = tuple(cost + extra for cost in charges.costs)
        return await super().charge(msgspec.structs.replace(charges, costs=costs))


class Merging(RateLimitMiddleware):
    """Gathers the chunks of a response and sends them as one."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Hold chunks back."""
        held = bytearray()

        async def gathered(message: Any) -> None:
            if message["type"] != "http.response.body":
                await send(message)
                return
            held.extend(message.get("body", b""))
            if not message.get("more_body", False):
                await send({"type": "http.response.body", "body": bytes(held)})

        await super().__call__(scope, receive, gathered)


def forgetful(clock: Clock, secret: bytes) -> MemoryStore:
    """Return a store with room for two that forgets."""
    return Forgetful(clock=clock, secret=secret, principals=2)


floorless = replace(FEW, ladder=Floorless())
compounding = replace(FEW, ladder=Compounding())
unforgiving = replace(FEW, ladder=Unforgiving())
too_slow_to_forgive = replace(FEW, ladder=Ladder(fade=0.01))
minting = replace(FEW, trust=Trust(mature_after=timedelta(seconds=30)))
loosening = replace(FEW, ladder=Loosening())
framed = replace(FEW, trust=Nobody())
surcharged = Policy(budgets=(Budget(quota=6, window=timedelta(minutes=1), burst=3, cost=Surcharge()),))
seldom = Policy(budgets=(Budget(quota=1, window=timedelta(minutes=1), burst=3),))
greedy = Policy(cohort_signals=(Affinity(careful=(0.9,) * 8, typical=(0.95,) * 8),),
                presumption=Presumption(young=0.05, settled=0.05, unknown=0.05, guests_at_once=1))
