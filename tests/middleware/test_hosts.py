"""The hosts it is dropped into: frameworks, mounts, lifespans kept and refused."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import JSONResponse, StreamingResponse
from starlette.routing import Mount, Route

from ratelimit.middleware import RateLimitMiddleware
from ratelimit.testing import ProtocolChecker, drive

if TYPE_CHECKING:
    from starlette.requests import Request

Make = Callable[..., Any]


async def echo(request: Request) -> JSONResponse:
    """Answer with the body and the decision."""
    decision = request.state.ratelimit
    return JSONResponse({"body": (await request.body()).decode(), "allowed": decision.allowed})


@pytest.mark.parametrize("lifespan", ["on", "auto", "off"])
async def test_a_lifespan_is_kept(lifespan: str, server: Make, policy: Make, guard: Make) -> None:
    """An application's startup and shutdown run, and its state reaches its requests beside the decision."""
    seen: list[str] = []

    @asynccontextmanager
    async def living(app: Starlette) -> AsyncIterator[dict[str, Any]]:
        seen.append("up")
        yield {"pool": "open"}
        seen.append("down")

    async def show(request: Request) -> JSONResponse:
        return JSONResponse(sorted(request.scope["state"]))

    app = Starlette(routes=[Route("/", show, methods=["POST"])], lifespan=living)
    async with server(guard(app, policy()).app, lifespan=lifespan) as running, httpx.AsyncClient() as caller:
        came = await caller.post(running.url, content=b"x")

    assert seen == ([] if lifespan == "off" else ["up", "down"])
    assert came.json() == (["ratelimit"] if lifespan == "off" else ["pool", "ratelimit"])


async def test_a_lifespan_may_be_refused(server: Make, policy: Make) -> None:
    """An application that raises on lifespan, as some frameworks do, is served all the same."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            raise ValueError(f"only HTTP, not {scope['type']}")
        await JSONResponse("served")(scope, receive, send)

    guarded = RateLimitMiddleware(app, policy())
    async with server(guarded, lifespan="auto") as running, httpx.AsyncClient() as caller:
        came = await caller.post(running.url, content=b"x")

    assert came.json() == "served"


@pytest.mark.parametrize("framework", [Starlette, FastAPI])
async def test_frameworks_take_it_as_a_middleware(framework: Any, policy: Make) -> None:
    """add_middleware with keyword arguments is all; the handler reads the whole body after us."""
    app = framework(routes=[Route("/ask", echo, methods=["POST"])])
    app.add_middleware(RateLimitMiddleware, policy=policy())
    checked = ProtocolChecker(app)
    first, second = [await drive(checked, path="/ask", body=[b'"a', b'b"']) for _ in range(2)]

    assert first.body == b'{"body":"\\"ab\\"","allowed":true}'
    assert (first.status, second.status) == (200, 429)


async def test_it_guards_a_mount_by_the_paths_inside(policy: Make) -> None:
    """Within a mount a policy's paths are the mounted application's own."""
    inner = Starlette(
        routes=[Route("/ask", echo, methods=["POST"]), Route("/free", echo, methods=["POST"])],
        middleware=[Middleware(RateLimitMiddleware, policy=policy(paths=("/ask",)))],
    )
    app = ProtocolChecker(Starlette(routes=[Mount("/api", inner)]))
    statuses = [(await drive(app, path="/api/ask", body=b"x")).status for _ in range(2)]

    assert statuses == [200, 429]


async def test_a_framework_streams_through_it(policy: Make) -> None:
    """A streaming response keeps its parts."""

    async def stream(request: Request) -> StreamingResponse:
        async def pieces() -> AsyncIterator[bytes]:
            for piece in (b"a", b"b", b"c"):
                yield piece

        return StreamingResponse(pieces())

    app = Starlette(routes=[Route("/", stream, methods=["POST"])])
    came = await drive(ProtocolChecker(RateLimitMiddleware(ProtocolChecker(app), policy())), body=b"x")

    assert came.chunks == [b"a", b"b", b"c", b""]
