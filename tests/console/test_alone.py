"""One console for many workers, by itself: told through a real Redis."""

from __future__ import annotations

import asyncio
import os
import re
import socket
import subprocess
import sys
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from msgspec import msgpack
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

from ratelimit import Budget, Decision, Interventions, MemoryStore, Policy, Principal, RateLimitMiddleware, Request
from ratelimit.console import Publisher, SharedWatch
from ratelimit.engine import Engine
from ratelimit.prompt import Prompt, Reading

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

TOKEN = "a" * 43
FEW = Policy(budgets=(Budget(quota=60, window=timedelta(hours=1), burst=30),))
REQUEST = Request(path="/", reading=Reading(dialect="plain", prompts=(Prompt(text="hi"),)))


async def model(request: Any) -> JSONResponse:
    """Answer."""
    return JSONResponse({"choices": []})


class Worker:
    """A guarded model that tells a console what it decides, and obeys its operators."""

    def __init__(self, url: str, store: MemoryStore) -> None:
        self._app = RateLimitMiddleware(
            Starlette(routes=[Route("/v1/chat/completions", model, methods=["POST"])]), FEW, store=store,
            interventions=Interventions(url), on_decision=Publisher(url),
            identify=lambda request: Principal(id=str(request.header("x-name"))))

    async def ask(self, who: str) -> int:
        """Send a chat, and return the status."""
        async with httpx.AsyncClient(transport=httpx.ASGITransport(self._app), base_url="http://host") as to:
            answer = await to.post("/v1/chat/completions", headers={"x-name": who}, json={
                "messages": [{"role": "user", "content": "hi"}]})
        return answer.status_code


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    """Wait until it holds, for twenty seconds at most."""
    async with asyncio.timeout(20):
        while True:
            try:
                if await holds():
                    return
            except httpx.TransportError:  # it is not up yet
                pass
            await asyncio.sleep(0.05)


async def test_it_shows_what_all_workers_decide_and_rules_them(redis_server: Any) -> None:
    """Started by the command; it says so when the server is away."""
    url = redis_server.url
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    store = MemoryStore(secret=b"0123456789abcdef")
    one, other = Worker(url, store), Worker(url, store)
    assert await one.ask("ann") == 200
    assert await other.ask("ben") == 200
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "ratelimit", "console", "--store", url, "--port", str(port),
        env=os.environ | {"RATELIMIT_CONSOLE_OPERATOR": TOKEN}, stderr=asyncio.subprocess.DEVNULL)
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", follow_redirects=True) as client:
            async def says(text: str) -> bool:
                return text in (await client.get("/")).text

            async def entered() -> bool:
                return (await client.post("/login", data={"token": TOKEN})).status_code == 200

            await until(entered)
            await until(lambda: says("<strong>2</strong> principals seen"))
            assert await says("<strong>up</strong> store")
            ann = Engine([FEW], secret=store.secret).key_of(FEW, Principal(id="ann")).hex()
            page = (await client.get(f"/principals/{ann}")).text
            form = re.search(r'name="csrf" value="([^"]+)"', page)
            assert "1 requests from" in page
            assert form is not None
            await client.post("/act", data={"csrf": form[1], "subject": ann, "kind": "block", "reason": "x",
                                            "hours": "1"})
            for worker in (one, other):
                async def refuses(worker: Worker = worker) -> bool:
                    return await worker.ask("ann") == 429

                await until(refuses)
                assert await worker.ask("ben") == 200
            redis_server.kill()
            await until(lambda: says("<strong>away</strong> store"))
    finally:
        process.terminate()
        await process.wait()


@pytest.mark.parametrize(("environment", "said"), [
    ({}, "Tokens: there is none"), ({"RATELIMIT_CONSOLE_READER": "short"}, "must have 22 characters"),
])
def test_the_command_does_not_start_open(environment: dict[str, str], said: str) -> None:
    """Without a token, or with a short one, it says what is missing."""
    done = subprocess.run([sys.executable, "-m", "ratelimit", "console", "--store", "redis://127.0.0.1:1"],
                          env=os.environ | environment, capture_output=True, text=True, timeout=60, check=False)

    assert done.returncode == 2
    assert said in done.stderr
    assert "RATELIMIT_CONSOLE_OPERATOR" in done.stderr


def test_a_publisher_without_a_server_drops_and_counts(caplog: pytest.LogCaptureFixture) -> None:
    """Requests go on, and the log says so once."""
    publisher = Publisher("redis://127.0.0.1:1")
    for number in range(3):
        publisher(Decision(allowed=True, principal="0" * 32), REQUEST)
        deadline = time.monotonic() + 10.0
        while publisher.dropped <= number and time.monotonic() < deadline:
            time.sleep(0.02)

    assert publisher.dropped == 3
    assert caplog.text.count("the console is not told of decisions") == 1


def test_a_console_that_begins_late_knows_the_last_of_many(
    redis_server: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """All that the stream holds, though more than wait at once; what is no batch is passed over, and told."""
    server, url = redis_server.client, redis_server.url
    publisher = Publisher(url)
    for number in range(3000):
        publisher(Decision(allowed=True, principal=f"{number:032x}"), REQUEST)
    deadline = time.monotonic() + 20.0
    while True:
        blobs = [fields[b"v"] for _, fields in server.xrange("{ratelimit}:decisions")]
        many = sum(len(msgpack.decode(blob)) for blob in blobs)
        if many == 3000 or time.monotonic() > deadline:
            break
        time.sleep(0.02)
    assert many == 3000
    blob = blobs[0]
    for _ in range(1500):
        server.xadd("{ratelimit}:decisions", {"v": blob})
    server.xadd("{ratelimit}:decisions", {"v": b"nonsense"})
    assert 0 < server.ttl("{ratelimit}:decisions") <= 86_400
    watch = SharedWatch(url)
    while (watch.catch_up() or "passed over" not in caplog.text) and time.monotonic() < deadline + 20.0:
        time.sleep(0)

    assert watch.counts[0] == 3000
    assert "is no batch of decisions, and was passed over" in caplog.text
    assert watch.find(f"{0:032x}").requests == 1501  # type: ignore[union-attr]
