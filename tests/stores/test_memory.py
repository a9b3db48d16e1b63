"""The memory store is bounded by count and by age, and losing a record never loosens."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from ratelimit.budget import Budget
from ratelimit.decision import Cause, Tier
from ratelimit.policy import Policy
from ratelimit.principal import Principal

if TYPE_CHECKING:
    from collections.abc import Callable

SMALL = Policy(budgets=(Budget(quota=10, window=timedelta(hours=1), burst=5),))
TEMPLATE = "Solve the following task and write out all of your reasoning: "


def kept(run: Any) -> tuple[int, int]:
    """Return how many principals and cohorts are kept."""
    return len(run.store._principals), len(run.store._cohorts)


def test_a_spent_principal_that_is_pushed_out_comes_back_spent(play: Callable[..., Any]) -> None:
    """Eviction gives no fresh burst, not even when hundreds come between."""
    run = play(SMALL, principals=10)
    for number in range(5):
        assert run("a", f"text {number}").allowed
    for number in range(500):
        run(f"other {number}", "hello")

    assert kept(run)[0] <= 10
    assert not run("a", "one more").allowed


def test_a_tightened_cohort_that_is_pushed_out_comes_back_tight(
    play: Callable[..., Any], writer: Callable[..., Any]
) -> None:
    """Evidence outlives eviction: the template of a harvest is as tight after a thousand other cohorts."""
    run, write = play(cohorts=12), writer(1)
    accounts = [Principal(id=f"m{number}") for number in range(30)]
    for number in range(1500):
        run.clock.advance(60)
        last = run(accounts[number % 30], TEMPLATE + write.harvest())
    tight = [key for key, cohort in run.store._cohorts if max(cohort.wealth.values(), default=0) > 9]
    for key in tight:  # push it out as the store itself would, were it full of worse
        cohort = run.store._cohorts.get(key, now=run.clock.now())
        run.store._cohort_goes(key, cohort)
    for room in run.store._cohorts._rooms:
        room.clear()

    assert last.tier >= Tier.SOFT
    assert tight
    assert run(accounts[0], TEMPLATE + write.harvest()).tier >= Tier.SOFT


def test_the_idle_and_clear_go_before_the_tightened(play: Callable[..., Any], writer: Callable[..., Any]) -> None:
    """A store full of passers-by still holds the cohort that was tightened."""
    run, write = play(principals=200, cohorts=40), writer(1)
    for number in range(1500):
        run.clock.advance(60)
        run(f"m{number % 30}", TEMPLATE + write.harvest())
    before = set(run.store._tight)
    for number in range(300):
        run(Principal(id=f"passer {number}", links={"network": f"n{number}"}), f"hello {number}", system=f"s{number}")

    assert before
    assert all(key in run.store._cohorts for key in before)
    assert kept(run)[0] <= 200
    assert kept(run)[1] <= 40


def test_everything_expires(play: Callable[..., Any]) -> None:
    """A record that nobody used for the time to live is gone."""
    run = play(ttl=timedelta(days=2))
    for number in range(20):
        run(Principal(id=f"p{number}", links={"network": "as1"}), f"text {number}")
    run.clock.advance(timedelta(days=3).total_seconds())
    run("somebody else", "hello")

    assert run.store._principals.get(b"?" * 16, now=run.clock.now()) is None
    assert sum(1 for _ in run.store._principals) == 1


def test_use_keeps_a_record_alive(play: Callable[..., Any]) -> None:
    """A principal that comes once a day is remembered beyond the time to live."""
    run = play(ttl=timedelta(days=2))
    for number in range(10):
        run("daily", f"text {number}")
        run.clock.advance(86_400)
    profile = run.store._principals.get(bytes.fromhex(run("daily", "again").principal), now=run.clock.now())

    assert profile.words.prompts == 11


def test_a_payer_is_charged_with_its_end_users(play: Callable[..., Any]) -> None:
    """End users of one key have profiles of their own, and spend the key's budget together."""
    run = play(SMALL)
    users = [Principal(id=f"key/user{number}", payer="key") for number in range(6)]
    decisions = [run(user, f"text {number}") for number, user in enumerate(users)]

    assert [decision.allowed for decision in decisions] == [True] * 5 + [False]
    assert decisions[-1].reasons[0].cause is Cause.QUOTA
    assert len({decision.principal for decision in decisions}) == 6


def test_all_budgets_are_charged_or_none(play: Callable[..., Any]) -> None:
    """A request refused by one budget leaves the others as they were."""
    run = play(Policy(budgets=(
        Budget(name="many", quota=100, window=timedelta(hours=1), burst=100),
        Budget(name="few", quota=2, window=timedelta(hours=1), burst=2),
    )))
    decisions = [run("a", f"text {number}") for number in range(5)]

    assert [decision.allowed for decision in decisions] == [True, True, False, False, False]
    assert {decision.remaining[0].units for decision in decisions[1:]} == {98.0}
    assert decisions[-1].reasons[0].name == "few"


def test_a_request_that_costs_more_than_the_burst_is_told_so(play: Callable[..., Any]) -> None:
    """What can never be granted is refused without a time to come back."""
    run = play(Policy(budgets=(Budget(quota=10, window=timedelta(hours=1), burst=5, cost=6.0),)))
    decision = run("a", "text")

    assert not decision.allowed
    assert decision.reasons[0].cause is Cause.COST
    assert decision.retry_after == float("inf")


@pytest.mark.parametrize("cost", [lambda request: -1.0, lambda request: float("nan"), lambda request: 1 / 0])
def test_a_cost_function_that_fails_charges_one_unit(
    play: Callable[..., Any], caplog: pytest.LogCaptureFixture, cost: Callable[..., float]
) -> None:
    """A broken cost function is logged, and is no free pass."""
    run = play(Policy(budgets=(Budget(quota=10, window=timedelta(hours=1), burst=5, cost=cost),)))
    decision = run("a", "text")

    assert decision.remaining[0].units == 4.0
    assert "cost function" in caplog.text


def test_a_clock_that_steps_back_neither_refills_nor_stalls_for_ever(play: Callable[..., Any]) -> None:
    """A small step back waits for the time to come again; after a large one the budget refills from there."""
    run = play(SMALL)
    start = run.clock.now()
    for number in range(5):
        run("a", f"text {number}")
    run.clock.set(start - 1800)
    early = run("a", "a little earlier")
    run.clock.set(start - 365 * 86_400)
    run("a", "a year earlier")
    run.clock.advance(3600)

    assert not early.allowed
    assert run("a", "an hour later").allowed


def test_the_store_tells_what_it_holds(play: Callable[..., Any]) -> None:
    """The representation shows live state; a shape, or all there are, make a cohort once two have come."""
    run = play()
    run("a", "text")
    alone = repr(run.store)
    run("b", "another text")
    run("a", "a third text")

    assert alone == "MemoryStore(principals=1, cohorts=0)"
    assert repr(run.store) == "MemoryStore(principals=2, cohorts=2)"
