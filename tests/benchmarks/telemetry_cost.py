"""What telemetry and the evidence log add to a request under the default policy, in process, side by side.

    python tests/benchmarks/telemetry_cost.py
    python tests/benchmarks/telemetry_cost.py --rounds 100

Rounds of all variants take turns; printed are medians and quartiles of microseconds a request, and the ratio to the
first. Needs the extras 'console', 'prometheus' and 'opentelemetry', and opentelemetry-sdk.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import tempfile
import time
from random import Random
from typing import TYPE_CHECKING, Any

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from prometheus_client import CollectorRegistry

from ratelimit import APIKey, MemoryStore, Policy, RateLimitMiddleware
from ratelimit.audit import EvidenceLog
from ratelimit.console import Watch
from ratelimit.telemetry.opentelemetry import OpenTelemetry
from ratelimit.telemetry.prometheus import PrometheusMetrics

if TYPE_CHECKING:
    from collections.abc import Callable

_REQUESTS = 300


async def bare(scope: Any, receive: Callable[[], Any], send: Callable[[Any], Any]) -> None:
    """Answer at once."""
    await receive()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"{}"})


def bodies(rng: Random, many: int) -> list[bytes]:
    """Return chats of about a kilobyte, of made-up words."""
    words = ["".join(rng.choices("abcdefghijklmnopqrstuvwxyz", k=rng.randint(2, 9))) for _ in range(6000)]
    weights = [1 / (rank + 1) for rank in range(len(words))]
    return [b'{"model": "m", "messages": [{"role": "user", "content": "%s"}]}'
            % " ".join(rng.choices(words, weights, k=150)).encode() for _ in range(many)]


async def drive(app: Any, requests: list[tuple[bytes, bytes]]) -> float:
    """Return microseconds a request."""
    async def send(message: Any) -> None:
        pass

    began = time.perf_counter()
    for key, body in requests:
        async def receive(body: bytes = body) -> Any:
            return {"type": "http.request", "body": body, "more_body": False}

        scope = {"type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "root_path": "",
                 "path": "/v1/chat/completions", "raw_path": b"", "query_string": b"", "scheme": "http",
                 "headers": [(b"authorization", b"Bearer " + key), (b"content-type", b"application/json")],
                 "client": ("127.0.0.1", 9), "server": None}
        await app(scope, receive, send)
    return (time.perf_counter() - began) / len(requests) * 1e6


async def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=60)
    chosen = parser.parse_args()
    rng = Random(1)
    texts, keys = bodies(rng, 3000), [b"sk-%d" % number for number in range(2000)]
    with tempfile.TemporaryDirectory() as folder:
        log = EvidenceLog(folder, key=b"a key of sixteen bytes or more")
        stores = [MemoryStore(secret=b"0123456789abcdef") for _ in range(5)]
        prometheus = PrometheusMetrics(registry=CollectorRegistry(), store=stores[1])
        otel = OpenTelemetry(meter_provider=MeterProvider([InMemoryMetricReader()]), store=stores[2])
        listeners: dict[str, Any] = {"nothing": None, "prometheus": prometheus, "opentelemetry": otel,
                                     "prometheus and log": [prometheus, log], "console": Watch()}
        apps = {name: RateLimitMiddleware(bare, Policy(), store=store, identify=APIKey(), on_decision=listener)
                for (name, listener), store in zip(listeners.items(), stores, strict=True)}
        seen: dict[str, list[float]] = {name: [] for name in apps}
        for number in range(chosen.rounds + 3):
            requests = [(rng.choice(keys), rng.choice(texts)) for _ in range(_REQUESTS)]
            for name, app in apps.items():
                took = await drive(app, requests)
                if number >= 3:
                    seen[name].append(took)
        log.close()
    base = statistics.median(seen["nothing"])
    for name, took in seen.items():
        low, middle, high = statistics.quantiles(took, n=4)
        print(f"{name:20} {middle:7.1f} us a request ({low:.1f} to {high:.1f})   {middle / base:.3f}")


if __name__ == "__main__":
    asyncio.run(main())
