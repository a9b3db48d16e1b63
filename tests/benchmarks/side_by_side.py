"""What a request costs in process: this library beside the limiters that people use, in one run.

    python tests/benchmarks/side_by_side.py                       # bodies of 1 KB, warm and honest
    python tests/benchmarks/side_by_side.py --bodies 200,1000,8000,100000,1000000 --rounds 40
    python tests/benchmarks/side_by_side.py --refused --json figures.json

Rounds of all systems take turns in one process, one event loop and one collector. Printed are medians and quartiles of
microseconds over the bare application, and the ratio to slowapi's ASGI middleware with headers. Needs the extra
'bench'.

What each does differs, and is not made alike: slowapi, limits and throttled-py count a key and look at no body; ours
with budgets alone reads the body as well, for a batch of n prompts is charged n times.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import logging
import statistics
import sys
import time
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import limits
import limits.storage
import limits.strategies
import pyrate_limiter
import throttled
from fastapi import Depends, FastAPI
from fastapi_limiter.depends import RateLimiter
from guard import SecurityConfig, SecurityMiddleware
from slowapi import Limiter
from slowapi.middleware import SlowAPIASGIMiddleware
from starlette.applications import Starlette
from starlette.requests import Request  # noqa: TC002 (FastAPI looks for it here)
from starlette.responses import Response
from starlette.routing import Route

sys.path.insert(0, str(Path(__file__).parent))

from load import PATH, Words, bare, drive

from ratelimit import (
    APIKey,
    Budget,
    ByOpening,
    Concurrency,
    Coverage,
    Policy,
    RateLimitMiddleware,
    Tokens,
)

if TYPE_CHECKING:
    from collections.abc import Callable

REFERENCE = "slowapi, headers"


def key(scope: Any) -> str:
    """Return whose request it is: the same for all."""
    for name, value in scope["headers"]:
        if name == b"authorization":
            return str(value, "latin-1")
    return ""


class Wrapped:
    """A limiter in the least there is of a middleware: 429 and Retry-After where *allows* says no."""

    def __init__(self, app: Any, allows: Callable[[str], bool]) -> None:
        self._app, self._allows = app, allows

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Speak ASGI."""
        if self._allows(key(scope)):
            await self._app(scope, receive, send)
            return
        await send({"type": "http.response.start", "status": 429, "headers": [(b"retry-after", b"60")]})
        await send({"type": "http.response.body", "body": b""})


def by_hand(quota: int, burst: int) -> Callable[[str], bool]:
    """Return GCRA in a dict: the floor."""
    emission, times = 3600.0 / quota, dict[str, float]()
    tolerance = emission * burst

    def allows(name: str) -> bool:
        now = time.monotonic()
        at = max(times.get(name, now), now) + emission
        if at - now > tolerance:
            return False
        times[name] = at
        return True
    return allows


def with_limits(quota: int) -> Callable[[str], bool]:
    """Return limits' fixed window."""
    item, window = limits.RateLimitItemPerHour(quota), limits.strategies.FixedWindowRateLimiter(
        limits.storage.MemoryStorage())
    return lambda name: window.hit(item, name)


def with_throttled(quota: int, burst: int) -> Callable[[str], bool]:
    """Return throttled-py's GCRA."""
    limiter = throttled.Throttled(using="gcra", quota=throttled.per_hour(quota, burst=burst),
                                  store=throttled.MemoryStore(options={"MAX_SIZE": 1 << 20}))
    return lambda name: not limiter.limit(name).limited


def slowapi_app(quota: int, *, headers: bool) -> Any:
    """Return a Starlette application of one route behind slowapi's ASGI middleware."""
    app = routed()
    app.state.limiter = Limiter(key_func=lambda request: key(request.scope), default_limits=[f"{quota}/hour"],
                                headers_enabled=headers)
    app.add_middleware(SlowAPIASGIMiddleware)
    return app


class Keyed(pyrate_limiter.BucketFactory):
    """A bucket for each key: by itself pyrate-limiter, which fastapi-limiter is made on, has one for all."""

    def __init__(self, quota: int) -> None:
        self._rates, self._clock = [pyrate_limiter.Rate(quota, pyrate_limiter.Duration.HOUR)], (
            pyrate_limiter.MonotonicClock())
        self._buckets: dict[str, pyrate_limiter.InMemoryBucket] = {}

    def wrap_item(self, name: str, weight: int = 1) -> pyrate_limiter.RateItem:
        """Say when."""
        return pyrate_limiter.RateItem(name, self._clock.now(), weight=weight)

    def get(self, item: pyrate_limiter.RateItem) -> pyrate_limiter.InMemoryBucket:
        """Return the bucket of its name."""
        bucket = self._buckets.get(item.name)
        if bucket is None:
            bucket = self._buckets[item.name] = pyrate_limiter.InMemoryBucket(self._rates)
        return bucket


def fastapi_limiter_app(quota: int) -> Any:
    """Return a FastAPI application of one route that depends on fastapi-limiter."""
    async def identified(request: Any) -> str:
        return key(request.scope)

    limiter = RateLimiter(pyrate_limiter.Limiter(Keyed(quota)), identifier=identified)
    return fastapi_app(Depends(limiter))


def fastapi_guard_app(quota: int) -> Any:
    """Return a FastAPI application of one route behind fastapi-guard, which only limits rates, by address."""
    logging.getLogger("guard_core").setLevel(logging.ERROR)  # else it writes a line for each refusal
    app = fastapi_app()
    config = SecurityConfig(enable_redis=False, enable_penetration_detection=False, enable_ip_banning=False,
                            rate_limit=quota, rate_limit_window=3600)
    app.add_middleware(SecurityMiddleware, config=config)
    return app


def fastapi_app(*dependencies: Any) -> FastAPI:
    """Return the bare application as a route of FastAPI's."""
    app = FastAPI(openapi_url=None)

    @app.post(PATH, dependencies=list(dependencies))
    async def endpoint(request: Request) -> Any:
        await request.body()
        return _Answer()

    return app


def routed() -> Starlette:
    """Return the bare application as a route of Starlette's: slowapi needs one."""
    async def endpoint(request: Any) -> Any:
        await request.body()
        return _Answer()

    return Starlette(routes=[Route(PATH, endpoint, methods=["POST"])])


class _Answer(Response):
    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
        await send({"type": "http.response.body", "body": b"{}"})


def systems(quota: int, burst: int) -> dict[str, tuple[Any, str]]:
    """Return each system's application, and the name of the bare one that it is over."""
    budget = (Budget(quota=quota, window=timedelta(hours=1), burst=burst),)

    def ours(policy: Policy) -> Any:
        return RateLimitMiddleware(bare, policy, identify=APIKey())

    everything = Policy(
        budgets=(*budget, Budget(name="tokens", quota=10**9, window=timedelta(hours=1), cost=Tokens())),
        signals=(*Policy().signals, Coverage(side="wide"), Coverage(side="narrow")),
        cohorts=(*Policy().cohorts, ByOpening()), concurrency=Concurrency(most=1000), disclose="full",
    )
    return {
        "bare": (bare, "bare"),
        "GCRA in a dict": (Wrapped(bare, by_hand(quota, burst)), "bare"),
        "limits, fixed window": (Wrapped(bare, with_limits(quota)), "bare"),
        "throttled-py, GCRA": (Wrapped(bare, with_throttled(quota, burst)), "bare"),
        "routed": (routed(), "routed"),
        "slowapi": (slowapi_app(quota, headers=False), "routed"),
        REFERENCE: (slowapi_app(quota, headers=True), "routed"),
        "FastAPI": (fastapi_app(), "FastAPI"),
        "fastapi-limiter": (fastapi_limiter_app(quota), "FastAPI"),
        "fastapi-guard": (fastapi_guard_app(quota), "FastAPI"),
        "ours, a budget only": (ours(Policy(budgets=budget, signals=(), cohort_signals=(), cohorts=())), "bare"),
        "ours, the default": (ours(Policy(budgets=budget)), "bare"),
        "ours, everything on": (ours(everything), "bare"),
    }


async def measured(
    size: int, *, rounds: int, batch: int, refused: bool, cold: bool, principals: int
) -> dict[str, dict[str, float]]:
    """Return quartiles of microseconds over the bare application, by system."""
    words = Words()
    quota, burst = (2, 1) if refused else (6000, 600)
    apps = systems(quota, burst)
    bodies = [(who, words.body(size, who)) for who in
              (words.rng.randrange(principals) for _ in range(400 if size > 20_000 else 4000))]
    everybody = [(who, words.body(200, who)) for who in range(principals)]
    if not cold:
        for app, _ in apps.values():
            for _ in range(2):
                await drive(app, everybody)
    seen: dict[str, list[float]] = {name: [] for name in apps}
    for number in range(rounds):
        some = everybody[number * batch % principals :][:batch] if cold else words.rng.choices(bodies, k=batch)
        for name, (app, _) in apps.items():
            gc.collect(0)
            seen[name].append(await drive(app, some))
    base = {name: statistics.median(took) for name, took in seen.items()}
    found = {}
    for name, (_, over) in apps.items():
        low, middle, high = statistics.quantiles(seen[name], n=4)
        found[name] = {"median": middle - base[over], "low": low - base[over], "high": high - base[over]}
    for one in found.values():
        one["ratio"] = one["median"] / max(1e-9, found[REFERENCE]["median"])
    return found


async def main() -> tuple[str | None, dict[int, Any]]:
    """Measure, and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--bodies", default="1000", help="sizes in bytes, with commas between")
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--principals", type=int, default=10_000)
    parser.add_argument("--batch", type=int, default=200, help="requests of a round")
    parser.add_argument("--refused", action="store_true", help="nearly all are refused for their quota")
    parser.add_argument("--cold", action="store_true", help="each principal is new")
    parser.add_argument("--json", metavar="FILE")
    chosen = parser.parse_args()
    report = {}
    for size in map(int, chosen.bodies.split(",")):
        batch = max(10, chosen.batch // max(1, size // 10_000))
        found = report[size] = await measured(size, rounds=chosen.rounds, batch=batch, refused=chosen.refused,
                                              cold=chosen.cold, principals=chosen.principals)
        kind = "refused" if chosen.refused else "cold" if chosen.cold else "warm"
        print(f"\nbodies of {size:,} bytes, {kind}, {chosen.principals:,} principals, {chosen.rounds} rounds of "
              f"{batch}")
        print(f"  {'':22} {'us over bare':>13} {'quartiles':>19}   x {REFERENCE}")
        for name, one in found.items():
            if name not in {"bare", "routed", "FastAPI"}:
                spread = f"{one['low']:.1f} to {one['high']:.1f}"
                print(f"  {name:22} {one['median']:13.1f} {spread:>19}   {one['ratio']:.2f}")
    return chosen.json, report


if __name__ == "__main__":
    file, figures = asyncio.run(main())
    if file:
        Path(file).write_text(json.dumps(figures, indent=2) + "\n", "utf-8")
