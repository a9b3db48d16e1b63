"""What the store keeps is bounded: in bytes, in time, and in who goes first; and a charge is one round trip."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from ratelimit import Policy, Principal, Prompt, Reading, Request, Tier
from ratelimit.engine import Engine
from ratelimit.evidence import LN10

if TYPE_CHECKING:
    from collections.abc import Callable

    from ratelimit.decision import Decision

POLICY = Policy()
PATIENT = timedelta(seconds=10)  # a store that a busy machine makes wait would decide by itself


class Side:
    """One worker."""

    def __init__(self, store: Any) -> None:
        self.store = store
        self.engine = Engine([POLICY], secret=store.secret, lexicon=store.lexicon)

    async def __call__(
        self, who: Principal, text: str, *, system: str = "", against: float | None = None
    ) -> Decision:
        """Decide one request, and learn it; *against* decades are what it tells, and not what it does."""
        reading = Reading(dialect="plain", prompts=(Prompt(text=text, system=system),))
        plan = self.engine.plan(POLICY, Request(path="/", reading=reading), who, body=text.encode(),
                                now=self.store.clock.now())
        decision, fold = self.engine.settle(plan, await self.store.charge(plan.charges))
        if fold is not None:
            if against is not None:
                fold = msgspec.structs.replace(fold, moves=(("wander", against * LN10, 8.0),))
            self.store.fold(fold)
        return decision


async def test_bytes_and_life(
    server: Any, stores: Callable[..., Any], writer: Callable[..., Any], clock: Any
) -> None:
    """A principal that is known takes 4 KiB at most, a cohort 1 KiB, and everything ends some day."""
    side, write = Side(stores(server.url, clock)), writer(1)
    for number in range(600):
        clock.advance(120)
        name = f"m{number % 3}"
        links = {"network": "as1", "payment": f"card {number % 2}", "referrer": f"r{number % 5}"}
        await side(Principal(id=name, links=links), write.harvest() + f" {number}", system=f"system {number % 20}")
        if number % 20 == 0:
            await side.store.sync()
    await side.store.sync()
    with server.client as client:
        keys = client.keys("*")
        sizes = {key: client.memory_usage(key, samples=0) for key in keys}
        ends = {key: client.pttl(key) for key in keys}
    principals = [size for key, size in sizes.items() if b"}:p:" in key]
    cohorts = [size for key, size in sizes.items() if b"}:c:" in key]

    assert len(principals) == 3
    assert len(cohorts) > 10
    assert max(principals) <= 4096
    assert max(cohorts) <= 1024
    assert min(ends.values()) > 0


async def test_a_charge_is_one_round_trip(server: Any, stores: Callable[..., Any]) -> None:
    """So many charges are so many scripts run, one at a time; of those that come together all are one pipeline."""
    side = Side(stores(server.url, timeout=PATIENT))
    await side(Principal(id="a"), "hello")
    await side.store.sync()
    with server.client as client:
        client.config_resetstat()
        for number in range(20):
            await side(Principal(id="a"), f"hello {number} " * 3)
        stats = client.info("commandstats")
        folds = client.xlen("{ratelimit}:log")
    calls = sum(stats[name]["calls"] for name in ("cmdstat_evalsha", "cmdstat_eval") if name in stats)

    assert 20 <= calls - folds + 1 <= 20 + 1
    assert "cmdstat_script|load" not in stats


async def test_calls_of_one_turn_travel_together(
    server: Any, stores: Callable[..., Any]
) -> None:
    """Sixty-four charges that are ready at once are one write to the server, and sixty-four answers."""
    side = Side(stores(server.url, timeout=PATIENT))
    await side(Principal(id="a"), "hello")
    await side.store.sync()
    line, batches = side.store._line, []
    send = line.send

    async def noted(calls: Any) -> Any:
        batches.append(len(calls))
        return await send(calls)

    line.send = noted
    await asyncio.gather(*(side(Principal(id=f"p{number}"), "hello") for number in range(64)))

    assert batches[0] == 64


async def test_the_servers_clock_rules(server: Any, stores: Callable[..., Any]) -> None:
    """Workers whose own clocks are an hour apart spend one budget at one time."""
    early, late = stores(server.url, timeout=PATIENT), stores(server.url, timeout=PATIENT)

    class Skewed:
        def __init__(self, by: float) -> None:
            self.by = by

        def now(self) -> float:
            return time.time() + self.by

    early._server_clock._own, late._server_clock._own = Skewed(-3600.0), Skewed(3600.0)
    sides = [Side(early), Side(late)]
    decisions = [await sides[number % 2](Principal(id="a"), f"hello {number}") for number in range(80)]
    with server.client as client:
        seconds, _ = client.time()

    assert 60 <= sum(decision.allowed for decision in decisions) <= 62
    assert abs(early.clock.now() - seconds) < 5
    assert abs(late.clock.now() - seconds) < 5


async def test_a_full_server_lets_passers_by_go_first(
    start: Callable[..., Any], stores: Callable[..., Any], writer: Callable[..., Any]
) -> None:
    """Filled with made-up keys to its maxmemory, a server of volatile-ttl still knows the known and the tightened."""
    server = start("--maxmemory-policy", "volatile-ttl", "--maxmemory-samples", "10")
    side, write = Side(stores(server.url, remembered=100, timeout=PATIENT)), writer(1)
    known = Principal(id="known", verified=True)
    for _ in range(10):
        await side(known, write.harvest())
    await side.store.sync()
    plan = side.engine.plan(POLICY, Request(path="/", reading=Reading(dialect="plain", prompts=())), known, body=b"",
                            now=side.store.clock.now())
    with server.client as client:
        client.config_set("maxmemory", client.info("memory")["used_memory"] + 1_500_000)
        for batch in range(300):
            await asyncio.gather(*(side.store.charge(_stranger(plan.charges, batch * 128 + n)) for n in range(128)))
            if client.info("stats")["evicted_keys"] > 1000:
                break
        evicted = client.info("stats")["evicted_keys"]
        kept = client.exists(side.store._calls.principal(plan.charges.principal))

    assert evicted > 1000
    assert kept == 1


async def test_the_tightened_are_the_last_to_go(
    start: Callable[..., Any], stores: Callable[..., Any], writer: Callable[..., Any]
) -> None:
    """Filled with principals that are known, a server evicts those, and none of the tightened among them."""
    server = start("--maxmemory-policy", "volatile-ttl", "--maxmemory-samples", "10")
    side, write = Side(stores(server.url, remembered=100, timeout=PATIENT)), writer(1)

    async def learned(name: str, against: float | None = None) -> Principal:
        who = Principal(id=name, verified=True)
        await side(who, write.harvest(), against=against)
        return who

    known = [await learned(f"known {number}") for number in range(200)]
    tight = [await learned(f"tight {number}", 7.5) for number in range(50)]
    await side.store.sync()
    with server.client as client:
        client.config_set("maxmemory", client.info("memory")["used_memory"] + 200_000)
        for number in range(2000):
            await learned(f"more {number}")
            if number % 100 == 0:
                await side.store.sync()
                if client.info("stats")["evicted_keys"] > 400:
                    break
        assert client.info("stats")["evicted_keys"] > 400
        kept = [sum(client.exists(side.store._calls.principal(side.engine.key_of(POLICY, who))) for who in some)
                for some in (known, tight)]

    assert kept[0] < 100
    assert kept[1] == 50
    assert (await side(tight[0], write.harvest())).tier is Tier.HARD


async def test_who_was_evicted_is_tight_again(
    server: Any, stores: Callable[..., Any], writer: Callable[..., Any]
) -> None:
    """What the server lost, the worker that decides tells it again: one request goes through, and no window of them."""
    side, write, who = Side(stores(server.url, timeout=PATIENT)), writer(1), Principal(id="tight")
    await side(who, write.harvest(), against=7.5)
    await side.store.sync()
    before = [await side(who, write.harvest()) for _ in range(8)]
    with server.client as client:
        assert client.delete(side.store._calls.principal(side.engine.key_of(POLICY, who))) == 1
    after = []
    for _ in range(8):
        after.append(await side(who, write.harvest()))
        await side.store.sync()

    assert [decision.tier for decision in before] == [Tier.HARD] * 8
    assert [decision.tier for decision in after[1:]] == [Tier.HARD] * 7
    assert sum(decision.allowed for decision in before) == 3  # of the tight burst, the first is spent
    assert sum(decision.allowed for decision in after) <= 1


def _stranger(charges: Any, number: int) -> Any:
    return msgspec.structs.replace(charges, principal=number.to_bytes(16, "big"), cohorts=())
