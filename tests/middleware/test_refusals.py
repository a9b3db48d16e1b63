"""What a refused caller gets, for its own volume and for what it takes part in."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from ratelimit.budget import Budget
from ratelimit.decision import Tier
from ratelimit.evidence import Ladder
from ratelimit.policy import Policy

Make = Callable[..., Any]
PROBLEM = "application/problem+json"


def hourly(**fields: Any) -> Policy:
    """Return the default policy with a smaller burst."""
    return Policy(budgets=(Budget(quota=600, window=timedelta(hours=1), burst=10),), **fields)


async def test_an_empty_budget_is_refused(guard: Make, recorder: Make, policy: Make, fields: Make) -> None:
    """429 with the time to come back in every header that anybody reads, and the application is not called."""
    app = recorder()
    guarded = guard(app, policy(burst=2, quota=120))
    came = [await guarded() for _ in range(3)]
    refused = came[2]

    assert [exchange.status for exchange in came] == [200, 200, 429]
    assert app.calls == 2
    assert 30 <= int(refused.header("retry-after")) <= 33
    assert 30_000 <= int(refused.header("retry-after-ms")) <= 33_000
    assert refused.header("x-should-retry") is None
    assert refused.header("cache-control") == "no-store"
    assert fields(refused.header("ratelimit-policy")) == [("requests", {"q": 120, "w": 3600})]
    assert fields(refused.header("ratelimit")) == [("requests", {"r": 0, "t": int(refused.header("retry-after"))})]
    assert fields(came[0].header("ratelimit")) == [("requests", {"r": 1})]
    assert json.loads(refused.body)["error"]["type"] == "rate_limit_error"


async def test_who_comes_back_in_time_is_served(guard: Make, recorder: Make, policy: Make) -> None:
    """The time that the refusal names is late enough."""
    guarded = guard(recorder(), policy(quota=120))
    await guarded()
    refused = await guarded()
    guarded.clock.advance(int(refused.header("retry-after-ms")) / 1000)

    assert (await guarded()).status == 200


async def test_a_long_wait_is_not_for_a_retry_loop(guard: Make, recorder: Make, policy: Make) -> None:
    """Above a minute SDKs are told not to retry."""
    guarded = guard(recorder(), policy(quota=30))
    await guarded()
    refused = await guarded()

    assert int(refused.header("retry-after")) >= 120
    assert refused.header("x-should-retry") == "false"


async def test_what_costs_too_much_is_never_granted(guard: Make, recorder: Make) -> None:
    """A request that costs more than the burst is told no time, and not to be retried."""
    budget = Budget(quota=60, window=timedelta(minutes=1), burst=5, cost=lambda request: 6.0)
    refused = await guard(recorder(), Policy(budgets=(budget,)))()

    assert refused.status == 429
    assert refused.header("retry-after") is None
    assert refused.header("retry-after-ms") is None
    assert refused.header("x-should-retry") == "false"


async def test_problem_details_come_if_they_are_preferred(guard: Make, recorder: Make, policy: Make) -> None:
    """A caller that accepts problem details before JSON gets them, whatever its dialect; several headers are one."""
    guarded = guard(recorder(), policy())
    await guarded()
    refused = await guarded(headers=[("accept", "application/json;q=0.5"), ("accept", PROBLEM)])

    assert refused.header("content-type") == PROBLEM
    assert json.loads(refused.body)["type"].endswith("#quota-exceeded")
    assert json.loads(refused.body)["violated-policies"] == ["requests"]


async def test_a_head_request_gets_no_body(guard: Make, recorder: Make, policy: Make) -> None:
    """A refusal of HEAD has the headers alone."""
    guarded = guard(recorder(), policy(methods=("HEAD",)))
    await guarded(method="HEAD", body=b"")
    refused = await guarded(method="HEAD", body=b"")

    assert (refused.status, refused.body) == (429, b"")
    assert int(refused.header("content-length")) > 0


@pytest.mark.parametrize("accept", ["application/json", PROBLEM])
async def test_a_harvest_is_refused_for_what_it_does(accept: str, guard: Make, recorder: Make, harvest: Make) -> None:
    """Accounts of which none is near its quota are refused as abnormal usage, and told not to retry."""
    guarded = guard(recorder(), hourly())
    campaign = harvest(guarded)
    refused = await campaign.until(lambda decision: decision.behavioural)
    told = await guarded(headers={"authorization": "Bearer key-1", "user-agent": "script", "accept": accept})

    assert guarded.decision.tier >= Tier.SOFT
    assert refused.status == told.status == 429
    assert told.header("x-should-retry") == "false"
    assert int(told.header("retry-after")) > 0
    body = json.loads(told.body)
    assert body["type"].endswith("#abnormal-usage-detected")
    assert body["violated-policies"] == ["requests"]


async def test_a_refused_harvest_learns_nothing_of_the_reasons(guard: Make, recorder: Make, harvest: Make) -> None:
    """No signal, cohort, tier or score is anywhere in a refusal; with full disclosure the reason is in the message."""
    for disclose in ("none", "coarse", "full"):
        guarded = guard(recorder(), hourly(disclose=disclose))
        refused = await harvest(guarded).until(lambda decision: decision.behavioural)
        said = b"\n".join([refused.body, *(name + b":" + value for name, value in refused.headers)]).decode().lower()
        secrets = ("affinity", "coverage", "shape", "cohort", "tighten", "evidence", "soft", "hard", "watch")

        assert any(word in said for word in secrets) == (disclose == "full")
        assert (refused.header("ratelimit") is None) == (disclose == "none")


async def test_headers_do_not_tell_that_a_cohort_is_tightened(guard: Make, recorder: Make, harvest: Make) -> None:
    """Whenever it is let through, a member of a tightened cohort sees what it would see if nobody watched."""
    budget = Budget(quota=60, window=timedelta(hours=1), burst=10)
    watched = guard(recorder(), Policy(budgets=(budget,), ladder=Ladder(soft_refill=0.5, hard_refill=0.5)))
    blind = guard(recorder(), Policy(budgets=(budget,), signals=(), cohort_signals=(), cohorts=()))
    campaign, control = harvest(watched, gap=1.0), harvest(blind, gap=1.0)
    told, tiers, refused = set(), set(), 0
    while not (refused and Tier.SOFT in tiers):
        assert campaign.asked < 3000
        seen = await campaign.ask()
        if seen.status == 429:
            refused += 1
            control.skip()
            continue
        assert seen.headers == (await control.ask()).headers
        told.add(seen.header("ratelimit"))
        tiers.add(watched.decision.tier)

    assert len(told) > 1
    assert Tier.CLEAR in tiers


class Sure:
    """A signal that is sure of everybody from the first prompt."""

    name = "sure"
    ceiling = 8.0

    def score(self, features: Any, own: Any) -> float:
        """Bet all."""
        return 30.0


async def test_headers_do_not_tell_that_oneself_is_tightened(guard: Make, recorder: Make, chat: Make) -> None:
    """A principal of its own hard tier that asks less than its refill sees what it would see if it were clear."""
    budgets = tuple(Budget(quota=60, window=timedelta(hours=1), burst=burst, name=f"b{burst}") for burst in (10, 20))
    ladder = Ladder(soft_refill=0.5, hard_refill=0.5)
    watched = guard(recorder(), Policy(budgets=budgets, signals=(Sure(),), ladder=ladder))
    blind = guard(recorder(), Policy(budgets=budgets, signals=()))
    for number in range(5):
        seen, expected = [await guarded(body=chat(f"text {number}")) for guarded in (watched, blind)]
        for guarded in (watched, blind):
            guarded.clock.advance(600.0)

        assert seen.headers == expected.headers
    assert watched.decision.tier is Tier.HARD
    assert watched.decision.remaining[0].units < blind.decision.remaining[0].units
