"""Frameworks around which it is put, started for real: whole answers, streams, and what they say to a refusal."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import django
import httpx
import pytest
import quart
import uvicorn
from django import conf
from django.core.asgi import get_asgi_application
from django.http import HttpRequest, JsonResponse, StreamingHttpResponse
from django.urls import path
from fastapi import FastAPI
from litestar import Litestar, Request, post
from litestar.response import Stream
from starlette.applications import Starlette
from starlette.responses import JSONResponse, StreamingResponse
from starlette.routing import Route

from ratelimit import Budget, Concurrency, Policy, RateLimitMiddleware, Tokens
from ratelimit.testing import ProtocolChecker

Make = Callable[..., Any]

POLICY = Policy(
    budgets=(Budget(quota=60, window=timedelta(hours=1), burst=2),
             Budget(name="tokens", quota=10**6, window=timedelta(hours=1), cost=Tokens())),
    concurrency=Concurrency(most=1),
)
EVENTS = [b"data: one\n\n", b"data: two\n\n", b'data: {"usage": {"prompt_tokens": 3, "completion_tokens": 4}}\n\n']
SSE = "text/event-stream"


class Gate:
    """Lets a stream go on, piece by piece."""

    def __init__(self) -> None:
        self.heard: asyncio.Semaphore | None = None

    async def pieces(self) -> AsyncIterator[bytes]:
        """Give each piece once the one before it has arrived."""
        for event in EVENTS:
            yield event
            if self.heard is not None:
                await self.heard.acquire()


def starlette_app(gate: Gate) -> Any:
    """Return a Starlette application."""
    async def echo(asked: Any) -> JSONResponse:
        return JSONResponse({"body": (await asked.body()).decode()})

    async def stream(asked: Any) -> StreamingResponse:
        return StreamingResponse(gate.pieces(), media_type=SSE)

    app = Starlette(routes=[Route("/echo", echo, methods=["POST"]), Route("/stream", stream, methods=["POST"])])
    app.add_middleware(RateLimitMiddleware, policy=POLICY)
    return app


def fastapi_app(gate: Gate) -> Any:
    """Return a FastAPI application."""
    app = FastAPI()
    app.add_middleware(RateLimitMiddleware, policy=POLICY)

    @app.post("/echo")
    async def echo(body: dict[str, Any]) -> dict[str, str]:
        return {"body": str(body["prompt"])}

    @app.post("/stream")
    async def stream() -> StreamingResponse:
        return StreamingResponse(gate.pieces(), media_type=SSE)

    return app


def litestar_app(gate: Gate) -> Any:
    """Return a Litestar application."""
    @post("/echo", status_code=200)
    async def echo(request: Request[Any, Any, Any]) -> dict[str, str]:
        return {"body": (await request.body()).decode()}

    @post("/stream", status_code=200)
    async def stream() -> Stream:
        return Stream(gate.pieces(), media_type=SSE)

    def guarded(app: Any) -> Any:
        return RateLimitMiddleware(app, POLICY)

    return Litestar([echo, stream], middleware=[guarded])


def quart_app(gate: Gate) -> Any:
    """Return a Quart application."""
    app = quart.Quart("guarded")
    app.asgi_app = RateLimitMiddleware(app.asgi_app, POLICY)  # type: ignore[method-assign]

    @app.post("/echo")
    async def echo() -> dict[str, str]:
        return {"body": (await quart.request.get_data()).decode()}

    @app.post("/stream")
    async def stream() -> quart.Response:
        return quart.Response(gate.pieces(), content_type=SSE)

    return app


_DJANGO: dict[str, Gate] = {}


async def _echo(asked: HttpRequest) -> JsonResponse:
    return JsonResponse({"body": asked.body.decode()})


async def _stream(asked: HttpRequest) -> StreamingHttpResponse:
    return StreamingHttpResponse(_DJANGO["gate"].pieces(), content_type=SSE)


_PATTERNS = (path("echo", _echo), path("stream", _stream))


def django_app(gate: Gate) -> Any:
    """Return a Django application, which refuses a lifespan."""
    if not conf.settings.configured:
        conf.settings.configure(ROOT_URLCONF=_PATTERNS, ALLOWED_HOSTS=["*"], SECRET_KEY="a test's")  # noqa: S106 (a test's)
        django.setup()
    _DJANGO["gate"] = gate
    return RateLimitMiddleware(get_asgi_application(), POLICY)


frameworks = pytest.mark.parametrize("make", [starlette_app, fastapi_app, litestar_app, quart_app, django_app])


def checked(app: Any) -> Any:
    """Check the protocol, except around Django, which does not put the names of its headers in lower case."""
    return app if isinstance(app, RateLimitMiddleware) else ProtocolChecker(app)


@asynccontextmanager
async def served(app: Any, **options: Any) -> AsyncIterator[str]:
    """Serve *app* on a real socket, lifespan and all, and give its URL."""
    config = uvicorn.Config(app, port=0, log_level="critical", lifespan="auto", ws="none", **options)
    server = uvicorn.Server(config)
    async with asyncio.timeout(60):
        serving = asyncio.create_task(server.serve())
        while not server.started:
            await asyncio.sleep(0)
        try:
            yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
        finally:
            server.should_exit = True
            await serving


@frameworks
async def test_it_answers_and_then_refuses(make: Any) -> None:
    """The whole body reaches the handler, and the third request is refused with what SDKs obey."""
    async with served(checked(make(Gate()))) as url, httpx.AsyncClient(base_url=url) as http:
        came = [await http.post("/echo", json={"prompt": "hello"}) for _ in range(3)]

    assert [one.status_code for one in came] == [200, 200, 429]
    assert "hello" in came[0].json()["body"]
    assert came[0].headers["ratelimit-policy"].startswith('"requests";q=60;w=3600')
    assert int(came[2].headers["retry-after"]) >= 1


@frameworks
async def test_a_stream_passes_piece_by_piece(make: Any) -> None:
    """The second piece is only made when the first has arrived; then the next request has the slot."""
    gate = Gate()
    async with served(checked(make(gate))) as url, httpx.AsyncClient(base_url=url) as http:
        for _ in range(2):
            gate.heard, pieces = asyncio.Semaphore(0), []
            async with http.stream("POST", "/stream", json={"prompt": "hello"}) as came:
                async for piece in came.aiter_raw():
                    pieces.append(piece)
                    gate.heard.release()

            assert (came.status_code, pieces) == (200, EVENTS)
