"""The state machine plays what is shipped without a fault, and finds what is wrong."""

from __future__ import annotations

import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase, settings

from ratelimit import Budget, Concurrency, Policy
from ratelimit.stores.redis import RedisStore
from ratelimit.testing import policy_machine

sys.path.insert(0, str(Path(__file__).parent))

import wrong_policies as wrong  # (found beside this file)

FEW = Policy(budgets=(Budget(quota=6, window=timedelta(minutes=1), burst=3),))


@pytest.mark.parametrize("policy", [
    FEW,
    Policy(mode="audit"),
    Policy(budgets=FEW.budgets, on_store_error="open", concurrency=Concurrency(most=2)),
    Policy(budgets=FEW.budgets, on_store_error="closed", signals=(), cohort_signals=(), cohorts=()),
], ids=["few", "audit", "open", "closed"])
def test_what_is_shipped_plays(policy: Policy) -> None:
    """In a store with room for eight."""
    run(policy_machine(policy, examples=10, steps=20))


def test_it_plays_on_a_real_redis(redis_server: Any) -> None:
    """Two workers, a store each, one server."""
    client = redis_server.client

    def store(clock: Any, secret: bytes) -> RedisStore:
        return RedisStore(redis_server.url, secret=secret, clock=clock, timeout=timedelta(seconds=10))

    run(policy_machine(FEW, store=store, per_worker=True, before=client.flushall, examples=4, steps=12))
    client.close()


@pytest.mark.parametrize("store", [wrong.Generous, wrong.Forgetful], ids=lambda one: one.__name__)
def test_it_finds_a_store_that_is_too_generous(store: Any) -> None:
    """Whether it forgets by itself or in a flood."""
    def made(clock: Any, secret: bytes) -> Any:
        return store(clock=clock, secret=secret, principals=2)

    machine = policy_machine(FEW, store=made, examples=60, steps=12)
    # That it is found is enough here.
    machine.TestCase.settings = settings(machine.TestCase.settings, phases=(Phase.generate,))
    with pytest.raises(AssertionError, match="was granted a request that its base budget 'requests' refuses"):
        run(machine)


def run(machine: Any) -> None:
    """Run a machine's plays."""
    case = machine.TestCase("runTest")
    case.runTest()


