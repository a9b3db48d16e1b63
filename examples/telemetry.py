"""Prometheus metrics and decision logs beside a guarded application.

    uvicorn telemetry:app --app-dir examples
    curl localhost:8000/metrics

The dashboard for them is examples/grafana/ratelimit.json. Needs the extra 'prometheus', and uvicorn.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, make_asgi_app
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Mount, Route

from ratelimit import MemoryStore, Policy, RateLimitMiddleware
from ratelimit.telemetry import DecisionLog
from ratelimit.telemetry.prometheus import PrometheusMetrics

if TYPE_CHECKING:
    from starlette.requests import Request

logging.basicConfig(level=logging.INFO, format="%(message)s")

registry = CollectorRegistry()
store = MemoryStore()
metrics = PrometheusMetrics(registry=registry, store=store)


async def chat(request: Request) -> JSONResponse:
    """Answer, as a model would."""
    await request.json()
    return JSONResponse({"choices": [{"message": {"role": "assistant", "content": "Hello!"}}]})


app = Starlette(routes=[
    Route("/v1/chat/completions", chat, methods=["POST"]),
    Mount("/metrics", make_asgi_app(registry=registry)),
])
app.add_middleware(RateLimitMiddleware, policy=Policy(), store=store, on_decision=[metrics, DecisionLog()])
