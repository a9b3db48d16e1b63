"""The guarded site: the same model twice, behind the same budget, with and without an eye for behaviour."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from hashlib import blake2b
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.routing import Mount

from ratelimit.budget import Budget
from ratelimit.decision import Tier
from ratelimit.demo.model import create_model
from ratelimit.demo.tally import Standing
from ratelimit.identify import APIKey
from ratelimit.ledger import evidence_of
from ratelimit.middleware import RateLimitMiddleware
from ratelimit.policy import Policy
from ratelimit.stores import MemoryStore

if TYPE_CHECKING:
    from collections.abc import Callable

    from ratelimit.charges import Charges
    from ratelimit.decision import Decision
    from ratelimit.demo.calls import Schedule
    from ratelimit.demo.tally import Tally
    from ratelimit.request import Request
    from ratelimit.stores import Charged

#: What every API key may spend, at both mounts.
BUDGET = Budget(quota=120, window=timedelta(minutes=1), burst=40)


@dataclass(frozen=True, kw_only=True, slots=True)
class Guard:
    """One mount of the model: its title, the path it stands at, and the policy before it."""

    title: str
    path: str
    policy: Policy


FIXED = Guard(
    title="fixed quota",
    path="/fixed",
    policy=Policy(name="fixed", budgets=(BUDGET,), signals=(), cohort_signals=()),
)
BEHAVIOURAL = Guard(
    title="behavioural budgets",
    path="/behavioural",
    policy=Policy(name="behavioural", budgets=(BUDGET,)),
)
GUARDS = (FIXED, BEHAVIOURAL)


class WatchedStore(MemoryStore):
    """A memory store that keeps for the demo's view how every principal stood when it was last charged."""

    def __init__(self, secret: bytes) -> None:
        super().__init__(secret=secret)
        self.standings: dict[str, Standing] = {}

    async def charge(self, charges: Charges) -> Charged:
        """Charge as ever, and note what came of it."""
        charged = await super().charge(charges)
        self.standings[charges.principal.hex()] = _standing(charges, charged)
        return charged


def create_site(schedule: Schedule, tally: Tally, *, seed: int, now: float) -> Starlette:
    """Return the application: the model at every guard's path. Decisions are noted in *tally* as they are made."""
    model, identify = create_model(), APIKey(lookup=schedule.accounts(now=now).get)
    routes = []
    for guard in GUARDS:
        # Only a demo's secret may be known: its seed is to repeat what chance there is in the hashes.
        store = WatchedStore(blake2b(f"demo/{seed}".encode()).digest())
        note = _note(guard, store, identify, schedule, tally)
        guarded = RateLimitMiddleware(model, guard.policy, identify=identify, store=store, on_decision=note)
        routes.append(Mount(guard.path, app=guarded))
    return Starlette(routes=routes)


def _note(
    guard: Guard, store: WatchedStore, identify: APIKey, schedule: Schedule, tally: Tally
) -> Callable[[Decision, Request], None]:
    def note(decision: Decision, request: Request) -> None:
        caller = schedule.callers.get(identify.key(request) or "")
        if caller is not None:
            tally.stands(guard.title, caller, store.standings[decision.principal])

    return note


def _standing(charges: Charges, charged: Charged) -> Standing:
    """Return how a principal stands: its own budget and evidence, and those of each cohort that holds or counts it."""
    admission, terms, now = charged.admission, charges.terms, charged.now
    bursts = [budget.burst for budget in terms.budgets]
    left = [row.units / burst for row, burst in zip(admission.remaining, bursts, strict=True)]
    evidence = [evidence_of(charged.profile, terms, terms.signals, now)]
    written = {id(account): levels for account, levels in admission.writes}
    for cohort, seat in zip(charged.cohorts, admission.seats, strict=True):
        if cohort is not None and (seat.held or seat.counts):
            evidence.append(evidence_of(cohort, terms, terms.cohort_signals, now))
        if seat.held and seat.tier >= Tier.SOFT:
            left += [1 - level / burst for level, burst in zip(written.get(id(cohort), ()), bursts, strict=False)]
    if not admission.allowed:
        left.append(0.0)  # by whatever budget: none of it can be spent now
    return Standing(left=max(0.0, min(left)), tier=admission.tier, evidence=max(evidence))
