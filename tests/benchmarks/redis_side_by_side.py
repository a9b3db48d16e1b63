"""Microseconds that one request adds, side by side on one Redis: this store, and what others do there.

    python tests/benchmarks/redis_side_by_side.py redis://127.0.0.1:6379

Needs the extras "redis" and "bench", and flushes the database that it is pointed to. All take turns in each round;
every line is the median of the rounds, with quartiles: requests one after the other, and 64 at a time (per request).
"""

from __future__ import annotations

import asyncio
import random
import statistics
import sys
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from limits import parse
from limits.aio.storage import RedisStorage
from limits.aio.strategies import MovingWindowRateLimiter
from redis.asyncio import Redis
from throttled.asyncio import RedisStore as ThrottledStore
from throttled.asyncio import Throttled, rate_limiter

from ratelimit import Budget, Policy, Principal, Prompt, Reading, Request
from ratelimit.engine import Engine
from ratelimit.stores.redis import RedisStore

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

ROUNDS, REQUESTS, AT_ONCE = 15, 512, 64
WIDE = Budget(quota=10_000_000, window=timedelta(hours=1), burst=1_000_000)
GCRA = """
local tat = tonumber(redis.call('GET', KEYS[1]) or 0)
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
if tat < now then tat = now end
tat = tat + ARGV[1]
if tat - now > tonumber(ARGV[2]) then return 0 end
redis.call('SET', KEYS[1], tat, 'EX', 3600)
return 1
"""


def bodies() -> list[str]:
    """Return the same bodies every time: some thirty words about one of many subjects."""
    rng = random.Random(1)
    return [" ".join(f"s{rng.randrange(40)}w{rng.randrange(60)}" for _ in range(30)) for _ in range(REQUESTS)]


def ours(policy: Policy, store: RedisStore) -> Callable[[int, str], Awaitable[object]]:
    """Return one request under *policy*: planned, charged, settled, and learned."""
    engine = Engine([policy], secret=store.secret, lexicon=store.lexicon)
    people = [Principal(id=f"p{number}", verified=True, links={"network": f"as{number % 8}"}) for number in range(64)]

    async def one(number: int, body: str) -> object:
        reading = Reading(dialect="plain", prompts=(Prompt(text=body),))
        plan = engine.plan(policy, Request(path="/v1/chat/completions", reading=reading), people[number % 64],
                           body=b"%d %s" % (random.getrandbits(60), body.encode()), now=store.clock.now())
        decision, fold = engine.settle(plan, await store.charge(plan.charges))
        if fold is not None:
            store.fold(fold)
        return decision

    return one


async def measure(one: Callable[[int, str], Awaitable[object]], texts: list[str]) -> tuple[float, float]:
    """Return microseconds a request of one round: one at a time (the median request), and many at once (the mean)."""
    took = []
    for number, text in enumerate(texts):
        began = time.perf_counter()
        await one(number, text)
        took.append(time.perf_counter() - began)
    began = time.perf_counter()
    for at in range(0, REQUESTS, AT_ONCE):
        await asyncio.gather(*(one(number, texts[number]) for number in range(at, at + AT_ONCE)))
    return statistics.median(took) * 1e6, (time.perf_counter() - began) / REQUESTS * 1e6


async def main(url: str) -> None:
    """Measure each, and print a table."""
    client = Redis.from_url(url)
    await client.flushdb()
    script: Any = client.register_script(GCRA)
    moving = MovingWindowRateLimiter(RedisStorage(f"async+{url}", implementation="redispy"))
    limit = parse("10000000/hour")
    throttled = Throttled(using="gcra", quota=rate_limiter.per_hour(10_000_000, burst=1_000_000),
                          store=ThrottledStore(server=url))
    # Patient: on a busy machine it would decide by itself, and faster.
    store = RedisStore(url, secret=b"0123456789abcdef", timeout=timedelta(seconds=10))
    bare = Policy(budgets=(WIDE,), signals=(), cohort_signals=(), cohorts=())
    contenders: dict[str, Callable[[int, str], Awaitable[object]]] = {
        "bare EVALSHA (GCRA)": lambda number, _: script(keys=[f"bare:{number % 64}"], args=[0.00036, 360]),
        "limits, moving window": lambda number, _: moving.hit(limit, f"{number % 64}"),
        "throttled-py, GCRA": lambda number, _: throttled.limit(f"{number % 64}"),
        "ratelimit, budget only": ours(bare, store),
        "ratelimit, default policy": ours(Policy(budgets=(WIDE,)), store),
    }
    texts = bodies()
    for one in contenders.values():
        await measure(one, texts)
    seen = [{name: await measure(one, texts) for name, one in contenders.items()} for _ in range(ROUNDS)]
    print(f"{'':28}{'one at a time':>24}{f'{AT_ONCE} at once':>24}")
    for name in contenders:
        cells = []
        for rows in zip(*(row[name] for row in seen), strict=True):
            low, middle, high = statistics.quantiles(rows, n=4)
            cells.append(f"{middle:.0f} ({low:.0f}-{high:.0f})")
        print(f"{name:28}{cells[0]:>24}{cells[1]:>24}")
    await store.aclose()
    await client.aclose()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
