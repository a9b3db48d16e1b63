"""What the tests of the middleware share: a guarded application, a small model, a server, a strict parser."""

from __future__ import annotations

import asyncio
import json
import re
import socket
from contextlib import asynccontextmanager
from datetime import timedelta
from random import Random
from typing import TYPE_CHECKING, Any

import pytest
import uvicorn

from ratelimit.budget import Budget
from ratelimit.clock import ManualClock
from ratelimit.middleware import RateLimitMiddleware
from ratelimit.policy import Policy
from ratelimit.stores import MemoryStore
from ratelimit.testing import Exchange, ProtocolChecker, drive

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from ratelimit.decision import Decision
    from ratelimit.request import Request

START = 1_760_000_000.0
SECRET = b"0123456789abcdef"


class Guard:
    """A guarded application, checked on both sides; each call is one exchange, which must leave no task behind."""

    def __init__(self, app: Any, policy: Any = None, *, clock: Any = None, store: Any = None, **options: Any) -> None:
        self.decisions: list[Decision] = []
        self.requests: list[Request] = []
        self.clock = clock or ManualClock(START)
        self.store = store or MemoryStore(clock=self.clock, secret=SECRET)
        options.setdefault("on_decision", self._decided)
        self.middleware = RateLimitMiddleware(ProtocolChecker(app), policy, store=self.store, **options)
        self.app = ProtocolChecker(self.middleware)

    async def __call__(self, **exchange: Any) -> Exchange:
        """Drive one exchange."""
        exchange.setdefault("path", "/v1/chat/completions")
        exchange.setdefault("body", chat_body("hello"))
        before = asyncio.all_tasks()
        came = await drive(self.app, **exchange)
        assert asyncio.all_tasks() == before
        return came

    def _decided(self, decision: Decision, request: Request) -> None:
        self.decisions.append(decision)
        self.requests.append(request)

    @property
    def decision(self) -> Decision:
        """The last decision."""
        return self.decisions[-1]


class Recorder:
    """An application that reads its whole request, records what it was given, and answers *chunks*."""

    def __init__(self, *chunks: bytes, status: int = 200, headers: Any = ((b"content-type", b"text/plain"),)) -> None:
        self.chunks = chunks or (b"ok",)
        self.status, self.headers = status, headers
        self.calls = 0
        self.received: list[dict[str, Any]] = []
        self.scopes: list[dict[str, Any]] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Speak ASGI."""
        self.calls += 1
        self.scopes.append(scope)
        while True:
            message = await receive()
            self.received.append(message)
            if not message.get("more_body", False):
                break
        await send({"type": "http.response.start", "status": self.status, "headers": list(self.headers)})
        for number, chunk in enumerate(self.chunks, 1):
            await send({"type": "http.response.body", "body": chunk, "more_body": number < len(self.chunks)})

    @property
    def body(self) -> bytes:
        """What was received."""
        return b"".join(message.get("body", b"") for message in self.received)


class Model:
    """A model that says *pieces*, in OpenAI's chat completions and in Anthropic's messages, plain or streaming.

    When it streams it waits, after each piece, until *heard* says that the piece has arrived.
    """

    def __init__(self, *pieces: str) -> None:
        self.pieces = pieces or ("Hello", " there", ".")
        self.heard: asyncio.Semaphore | None = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Speak ASGI."""
        body = b""
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        asked = json.loads(body)
        speak = self._anthropic if scope["path"].endswith("/messages") else self._openai
        whole, events = speak()
        kind = b"text/event-stream" if asked.get("stream") else b"application/json"
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", kind)]})
        if not asked.get("stream"):
            await send({"type": "http.response.body", "body": json.dumps(whole).encode()})
            return
        for event in events:
            await send({"type": "http.response.body", "body": event, "more_body": True})
            if self.heard is not None and b"delta" in event:
                await self.heard.acquire()
        await send({"type": "http.response.body", "body": b""})

    def _openai(self) -> tuple[dict[str, Any], list[bytes]]:
        shared = {"id": "1", "created": 1, "model": "toy"}
        message = {"role": "assistant", "content": "".join(self.pieces)}
        whole = {
            **shared, "object": "chat.completion",
            "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        }
        deltas = [
            {**shared, "object": "chat.completion.chunk",
             "choices": [{"index": 0, "delta": {"content": piece}, "finish_reason": None}]}
            for piece in self.pieces
        ]
        return whole, [*(b"data: %s\n\n" % json.dumps(delta).encode() for delta in deltas), b"data: [DONE]\n\n"]

    def _anthropic(self) -> tuple[dict[str, Any], list[bytes]]:
        whole: dict[str, Any] = {
            "id": "1", "type": "message", "role": "assistant", "model": "toy", "stop_reason": "end_turn",
            "stop_sequence": None, "content": [{"type": "text", "text": "".join(self.pieces)}],
            "usage": {"input_tokens": 1, "output_tokens": 1},
        }
        deltas = [{"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": piece}}
                  for piece in self.pieces]
        events: list[dict[str, Any]] = [
            {"type": "message_start", "message": {**whole, "content": []}},
            {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
            *deltas,
            {"type": "content_block_stop", "index": 0},
            {"type": "message_stop"},
        ]
        return whole, [f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode() for event in events]


def chat_body(text: str, **fields: Any) -> bytes:
    """Return the body of a chat completion that asks *text*."""
    return json.dumps({"model": "toy", "messages": [{"role": "user", "content": text}], **fields}).encode()


def small(burst: int = 1, quota: int = 60, **fields: Any) -> Policy:
    """Return a policy of *burst* at once and *quota* an hour that watches nothing."""
    budget = Budget(quota=quota, window=timedelta(hours=1), burst=burst)
    return Policy(**{"budgets": (budget,), "signals": (), "cohort_signals": (), "cohorts": (), **fields})


_ITEM = re.compile(r'"((?:[ !#-\[\]-~]|\\["\\])*)"((?:;[a-z*][a-z0-9_.*-]*(?:=-?\d{1,15})?)*)')


def parse_list(field: str) -> list[tuple[str, dict[str, int]]]:
    """Parse a structured field (RFC 9651): a list of strings with integer parameters, and nothing else."""
    members = []
    for member in re.split(r"[ \t]*,[ \t]*", field):
        match = _ITEM.fullmatch(member)
        assert match, f"{member!r} is no string with integer parameters"
        parameters = [parameter.split("=") for parameter in match[2].split(";")[1:]]
        assert all(len(parameter) == 2 for parameter in parameters), member
        members.append((match[1], {name: int(value) for name, value in parameters}))
    return members


class Harvest:
    """Asks about everything by turns from many accounts that send one shape: what a spread campaign does."""

    def __init__(self, guard: Any, accounts: int = 20, gap: float = 60.0) -> None:
        self.guard, self.accounts, self.gap, self.asked = guard, accounts, gap, 0
        self.random = Random(1)

    def text(self) -> str:
        """Return one prompt: a template, and words of one subject out of many."""
        subject = self.random.randrange(120)
        words = self.random.sample([f"s{subject}w{word}" for word in range(30)], 8)
        return "Solve the following task and write out all of your reasoning: " + " ".join(words)

    async def ask(self) -> Exchange:
        """Send one request, from the next account, a *gap* of seconds after the last."""
        text = self.skip()
        headers = {"authorization": f"Bearer key-{self.asked % self.accounts}", "user-agent": "script"}
        came: Exchange = await self.guard(body=chat_body(text), headers=headers)
        return came

    def skip(self) -> str:
        """Let one request be, as if the account had forgotten it; return what it would have asked."""
        self.asked += 1
        self.guard.clock.advance(self.gap)
        return self.text()

    async def until(self, wanted: Callable[[Decision], bool], most: int = 2000) -> Exchange:
        """Go on until a decision is as *wanted*, and return its exchange."""
        for _ in range(most):
            came = await self.ask()
            if wanted(self.guard.decision):
                return came
        raise AssertionError(f"no such decision in {most} requests; the last: {self.guard.decision}")


class Server(uvicorn.Server):
    """A real server on a free port of the loopback, in this event loop."""

    def __init__(self, app: Any, **options: Any) -> None:
        self.requests = 0
        self.app = app
        self.up = asyncio.Event()
        options = {"interface": "asgi3", "lifespan": "off", "log_level": "critical", "ws": "none", **options}
        super().__init__(uvicorn.Config(self._count, **options))

    async def _count(self, scope: Any, receive: Any, send: Any) -> None:
        self.requests += scope["type"] == "http"
        await self.app(scope, receive, send)

    async def startup(self, sockets: Any = None) -> None:
        """Tell when it is up."""
        await super().startup(sockets)
        self.up.set()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Server]:
        """Serve while the context lasts, a minute at most: a test that is stuck fails."""
        async with asyncio.timeout(60):
            async with self._serving():
                yield self

    @asynccontextmanager
    async def _serving(self) -> AsyncIterator[None]:
        with socket.create_server(("127.0.0.1", 0)) as listening:
            self.port: int = listening.getsockname()[1]
            self.url = f"http://127.0.0.1:{self.port}"
            serving = asyncio.create_task(self.serve(sockets=[listening]))
            await self.up.wait()
            try:
                yield
            finally:
                self.should_exit = True
                await serving


@pytest.fixture(scope="session")
def guard() -> Callable[..., Guard]:
    """Return a maker of guarded applications."""
    return Guard


@pytest.fixture(scope="session")
def recorder() -> Callable[..., Recorder]:
    """Return a maker of applications that record."""
    return Recorder


@pytest.fixture(scope="session")
def model() -> Callable[..., Model]:
    """Return a maker of models."""
    return Model


@pytest.fixture(scope="session")
def chat() -> Callable[..., bytes]:
    """Return a maker of bodies of chat completions."""
    return chat_body


@pytest.fixture(scope="session")
def policy() -> Callable[..., Policy]:
    """Return a maker of policies with one small budget that watch nothing."""
    return small


@pytest.fixture(scope="session")
def fields() -> Callable[[str], list[tuple[str, dict[str, int]]]]:
    """Return a strict parser of ``RateLimit`` and ``RateLimit-Policy``."""
    return parse_list


@pytest.fixture(scope="session")
def harvest() -> Callable[..., Harvest]:
    """Return a maker of campaigns."""
    return Harvest


@pytest.fixture(scope="session")
def server() -> Callable[..., Any]:
    """Return a maker of servers: async with it, one runs."""
    return lambda app, **options: Server(app, **options).running()
