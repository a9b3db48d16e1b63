"""Adjustments: what a charge turned out to be worth, and slots that are given back."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ratelimit import Budget, ManualClock, MemoryStore, Policy, Principal
from ratelimit.budget import Concurrency
from ratelimit.decision import Cause
from ratelimit.engine import Engine
from ratelimit.prompt import Prompt, Reading
from ratelimit.request import Request
from ratelimit.stores import Adjustment

if TYPE_CHECKING:
    from ratelimit.stores import Charged

POLICY = Policy(
    budgets=(Budget(name="fast", quota=360, window=timedelta(hours=1), burst=10),
             Budget(name="slow", quota=36, window=timedelta(hours=1), burst=20)),
    concurrency=Concurrency(most=2, slot=timedelta(minutes=1)), signals=(), cohort_signals=(), cohorts=(),
)


class Desk:
    """An engine and a memory store, asked by hand."""

    def __init__(self, policy: Policy = POLICY, **store: Any) -> None:
        self.policy, self.clock = policy, ManualClock(1000.0)
        self.store = MemoryStore(clock=self.clock, secret=b"x" * 16, **store)
        self.engine = Engine([policy], secret=self.store.secret)

    async def charge(self, who: str = "ann", lease: int = 0, payer: str | None = None) -> Any:
        """Charge one request, and return what was asked and what was answered."""
        request = Request(reading=Reading(dialect="plain", prompts=(Prompt(text="hello"),)))
        plan = self.engine.plan(self.policy, request, Principal(id=who, payer=payer), body=b"hello",
                                now=self.clock.now(), lease=lease)
        charged: Charged = await self.store.charge(plan.charges)
        return plan.charges, charged.admission

    def adjust(self, charges: Any, *units: float, lease: int = 0) -> None:
        """Adjust it."""
        self.store.adjust(Adjustment(charges=charges, units=units, lease=lease, now=self.clock.now()))

    def levels(self, charges: Any) -> list[float] | None:
        """Return how its principal stands, drained to now at the base refill."""
        found = self.store._principals.get(charges.principal, now=self.clock.now())
        return None if found is None else [found.levels[name] for name in ("fast", "slow")]


async def test_units_are_added_after_what_has_drained() -> None:
    """What was added late is not washed away by the time before it."""
    desk = Desk()
    charges, _ = await desk.charge()
    desk.clock.advance(100.0)
    desk.adjust(charges, 5.0, 0.5)

    assert desk.levels(charges) == [5.0, 0.5]


async def test_a_level_never_falls_below_empty() -> None:
    """Who gets back more than is left of it has no more than a whole budget."""
    desk = Desk()
    charges, _ = await desk.charge()
    await desk.charge()
    desk.clock.advance(11.0)
    desk.adjust(charges, -5.0, -1.0)

    assert desk.levels(charges) == [0.0, pytest.approx(2 - 0.11 - 1)]


@given(units=st.permutations([(3.0, 0.0), (0.0, 2.0), (-0.5, 1.0), (1.0, -0.25), (2.0, 2.0)]))
async def test_adjustments_commute(units: list[tuple[float, float]]) -> None:
    """In whatever order they come, the budgets stand alike."""
    desk = Desk()
    charges, _ = await desk.charge()
    for one in units:
        desk.adjust(charges, *one)

    assert desk.levels(charges) == [pytest.approx(6.5), pytest.approx(5.75)]


async def test_a_newcomer_that_gets_all_back_is_forgotten() -> None:
    """But not one that has more in flight, or was charged again."""
    desk = Desk()
    charges, _ = await desk.charge(lease=1)
    again, _ = await desk.charge(lease=2)
    desk.adjust(charges, -1.0, -1.0, lease=1)
    assert desk.levels(charges) == [1.0, 1.0]
    desk.adjust(again, -1.0, -1.0)
    assert desk.levels(charges) == [0.0, 0.0]
    desk.adjust(again, 0.0, 0.0, lease=2)

    assert desk.levels(charges) is None


async def test_who_is_not_known_any_more_is_not_made_up() -> None:
    """An adjustment of one that was evicted makes no profile."""
    desk = Desk(principals=1)
    charges, _ = await desk.charge("ann")
    await desk.charge("bob")
    desk.adjust(charges, 5.0, 5.0, lease=7)

    assert desk.levels(charges) is None
    assert len(desk.store._principals) == 1


async def test_as_many_slots_as_there_are() -> None:
    """The next is refused for want of a slot, and nothing else of it is charged; one that is given back is free."""
    desk = Desk()
    charges, first = await desk.charge(lease=1)
    _, second = await desk.charge(lease=2)
    _, third = await desk.charge(lease=3)

    assert (first.slots_left, second.slots_left, third.slots_left) == (1, 0, 0)
    assert (third.allowed, [reason.cause for reason in third.reasons], third.retry_after) == (
        False, [Cause.CONCURRENCY], 1.0)
    assert desk.levels(charges) == [2.0, 2.0]
    desk.adjust(charges, 0.0, 0.0, lease=1)
    desk.adjust(charges, 0.0, 0.0, lease=1)
    assert (await desk.charge(lease=4))[1].allowed
    assert not (await desk.charge(lease=5))[1].allowed


async def test_a_slot_has_a_time_limit() -> None:
    """Nobody holds one for longer; near its end one is told how long it takes."""
    desk = Desk()
    await desk.charge(lease=1)
    await desk.charge(lease=2)
    desk.clock.advance(59.75)
    _, refused = await desk.charge(lease=3)
    desk.clock.advance(0.25)

    assert refused.retry_after == 0.25
    assert (await desk.charge(lease=4))[1].slots_left == 1


async def test_a_request_that_is_refused_takes_no_slot() -> None:
    """All or nothing: an empty budget, and the slot stays free."""
    desk = Desk(msgspec_replace(POLICY, budgets=(Budget(name="fast", quota=1, window=timedelta(hours=1), burst=1),)))
    charges, _ = await desk.charge(lease=1)
    _, refused = await desk.charge(lease=2)
    account = desk.store._principals.get(charges.principal, now=desk.clock.now())

    assert not refused.allowed
    assert account is not None
    assert list(account.slots or {}) == [1]


async def test_a_payer_has_slots_for_all_who_spend_from_it() -> None:
    """Two end users of one key share its two slots, and no third comes in; nothing is taken from who is refused."""
    desk = Desk()
    ann, _ = await desk.charge("ann", lease=1, payer="key")
    await desk.charge("bob", lease=2, payer="key")
    cyd, refused = await desk.charge("cyd", lease=3, payer="key")
    desk.adjust(ann, 0.0, 0.0, lease=1)

    assert not refused.allowed
    assert desk.levels(cyd) is None
    assert (await desk.charge("cyd", lease=4, payer="key"))[1].allowed


async def test_without_a_lease_no_slot_is_asked_for() -> None:
    """And none counts."""
    desk = Desk()
    answers = [(await desk.charge())[1] for _ in range(5)]

    assert [(one.allowed, one.slots_left) for one in answers] == [(True, None)] * 5


def msgspec_replace(policy: Policy, **fields: Any) -> Policy:
    """Return *policy* with other *fields*."""
    return Policy(**({name: getattr(policy, name) for name in Policy.__dataclass_fields__} | fields))


async def test_the_pool_of_a_cohort_is_moved_with_its_member(play: Any, writer: Any) -> None:
    """What a held member of a tightened cohort turns out to have used is its cohort's too."""
    run = play(Policy(budgets=(Budget(quota=100_000, window=timedelta(hours=1), burst=10_000),)))
    crowd = [Principal(id=f"m{number}", links={"network": "as1"}) for number in range(20)]
    text = writer(1)
    for number in range(1500):
        run.clock.advance(60.0)
        run(crowd[number % 20], "Solve the following task and write out all of your reasoning: " + text.harvest())
    run.clock.advance(3600.0)
    request = Request(path="/v1/chat/completions", reading=Reading(dialect="plain", prompts=(
        Prompt(text="Solve the following task and write out all of your reasoning: " + text.harvest()),)))
    for who in crowd:
        plan = run.engine.plan(run.policy, request, who, body=b"x", now=run.clock.now())
        charged = await run.store.charge(plan.charges)
        if charged.admission.pools:
            break
    pools = charged.admission.pools
    accounts = [run.store._cohorts.get(ref.key, now=run.clock.now()) for ref in pools]
    before = [account.levels["requests"] for account in accounts]
    narrowed = msgspec.structs.replace(plan.charges, cohorts=pools)
    run.store.adjust(Adjustment(charges=narrowed, units=(40.0,), lease=0, now=run.clock.now()))

    assert pools
    assert [account.levels["requests"] for account in accounts] == [pytest.approx(level + 40.0) for level in before]
