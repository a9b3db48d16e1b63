"""What bad or broken-off requests do over real sockets: a clear answer, nothing leaked, nothing stuck."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any, Self

import pytest

Make = Callable[..., Any]

CHAT = b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\n"


class Call:
    """One connection, spoken by hand."""

    def __init__(self, port: int) -> None:
        self.port = port

    async def __aenter__(self) -> Self:
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.writer.close()

    async def say(self, data: bytes) -> None:
        """Send *data*."""
        self.writer.write(data)
        await self.writer.drain()

    async def answer(self) -> tuple[int, dict[str, str], bytes]:
        """Return the status, the headers and the body of the next response."""
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in head[1:] if line)
        return int(head[0].split()[1]), headers, await self.reader.readexactly(int(headers["content-length"]))

    async def closed(self) -> bool:
        """Say whether the other end has closed, and said nothing more."""
        return await self.reader.read() == b""


def posting(body: bytes, length: int | None = None, more: bytes = b"") -> bytes:
    """Return a request of *body*."""
    return CHAT + b"Content-Length: %d\r\n%s\r\n" % (len(body) if length is None else length, more) + body


async def test_a_broken_body_has_a_clear_answer(guard: Make, model: Make, server: Make, policy: Make) -> None:
    """400 says what is wrong; the connection goes on, and a good request on it is served."""
    async with server(guard(model(), policy(unreadable="refuse")).app) as running, Call(running.port) as call:
        await call.say(posting(b'{"messages": ['))
        status, headers, body = await call.answer()
        await call.say(posting(json.dumps({"messages": [{"role": "user", "content": "hi"}]}).encode()))
        assert b" 200 " in await call.reader.readline()

    assert (status, headers["content-type"]) == (400, "application/json")
    assert json.loads(body)["error"]["code"] == "bad_json"


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_huge_body_is_answered_early(
    chunked: bool, guard: Make, recorder: Make, server: Make, policy: Make
) -> None:
    """413 comes while the body is still being sent, and the connection is closed; no more than the bound was read."""
    app = recorder()
    guarded = guard(app, policy(unreadable="refuse", body_bytes=100_000))
    async with server(guarded.app) as running, Call(running.port) as call:
        if chunked:
            await call.say(CHAT + b"Transfer-Encoding: chunked\r\n\r\n")
            for _ in range(4):
                await call.say(b"c350\r\n" + b"x" * 50_000 + b"\r\n")
        else:
            await call.say(posting(b"x" * 1000, length=1 << 40))
        status, headers, body = await call.answer()
        assert await call.closed()

    assert (status, headers["connection"]) == (413, "close")
    assert json.loads(body)["error"]["code"] == "too_large"
    assert app.calls == 0


async def test_expecting_to_continue_saves_the_upload(
    guard: Make, recorder: Make, server: Make, policy: Make
) -> None:
    """Who asks before sending a body that is too large is told so at once, and never invited to send it."""
    guarded = guard(recorder(), policy(unreadable="refuse", body_bytes=1000))
    async with server(guarded.app) as running, Call(running.port) as call:
        await call.say(posting(b"", length=5000, more=b"Expect: 100-continue\r\n"))
        status, _, _ = await call.answer()

    assert status == 413


async def test_a_huge_body_that_is_charged_arrives_whole(
    guard: Make, recorder: Make, server: Make, policy: Make
) -> None:
    """Over the bound, the application still gets every byte."""
    app = recorder()
    async with server(guard(app, policy(body_bytes=1000)).app) as running, Call(running.port) as call:
        body = bytes(range(256)) * 8000
        await call.say(posting(body))
        assert b" 200 " in await call.reader.readline()

    assert app.body == body


async def test_a_slow_body_is_answered_in_time(guard: Make, recorder: Make, server: Make, policy: Make) -> None:
    """408 in the caller's dialect, and the connection is closed; nothing was charged, nothing is left waiting."""
    app = recorder()
    guarded = guard(app, policy(read_timeout=timedelta(milliseconds=50)))
    async with server(guarded.app) as running:
        async with Call(running.port) as call:
            await call.say(posting(b'{"mess', length=100))
            status, headers, body = await call.answer()
            assert await call.closed()
        async with Call(running.port) as call:
            await call.say(posting(b'"x"'))
            assert b" 200 " in await call.reader.readline()

    assert (status, headers["connection"], app.calls) == (408, "close", 1)
    assert json.loads(body)["error"]["code"] == "request_timeout"


async def test_a_disconnect_in_mid_upload_leaves_nothing(
    guard: Make, recorder: Make, server: Make, policy: Make
) -> None:
    """The call ends, the application is not called, the budget is whole, and no task is left when the server stops."""
    app = recorder()
    guarded = guard(app, policy())
    before = asyncio.all_tasks()
    ended: list[Any] = []
    over = asyncio.Event()

    async def watched(scope: Any, receive: Any, send: Any) -> None:
        await guarded.app(scope, receive, send)
        ended.append(guarded.decisions[:])
        over.set()

    async with server(watched) as running:
        async with Call(running.port) as call:
            await call.say(posting(b'{"mess', length=100))
        await over.wait()
        over.clear()
        async with Call(running.port) as call:
            await call.say(posting(b'"x"'))
            assert b" 200 " in await call.reader.readline()
            await over.wait()

    assert ended[0] == []
    assert app.calls == 1
    assert asyncio.all_tasks() == before


async def test_a_client_that_leaves_a_stream_is_noticed(guard: Make, server: Make, policy: Make) -> None:
    """An application in mid-stream gets its disconnect through the middleware, from the real socket."""
    noticed = asyncio.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"first", "more_body": True})
        assert (await receive())["type"] == "http.disconnect"
        noticed.set()

    async with server(guard(app, policy()).app) as running:
        async with Call(running.port) as call:
            await call.say(posting(b'"x"'))
            await call.reader.readuntil(b"first")
        await noticed.wait()


async def test_a_held_client_that_leaves_is_noticed(guard: Make, recorder: Make, server: Make, policy: Make) -> None:
    """A request that is held back ends when its socket does."""
    app = recorder()
    guarded = guard(app, policy(mode="delay", quota=1800, max_delay=timedelta(hours=1)))
    over = asyncio.Event()

    async def watched(scope: Any, receive: Any, send: Any) -> None:
        await guarded.app(scope, receive, send)
        over.set()

    async with server(watched) as running:
        for wanted in (True, False):
            over.clear()
            async with Call(running.port) as call:
                await call.say(posting(b'"x"'))
                if wanted:
                    await call.reader.readline()
            await over.wait()

    assert app.calls == 1
