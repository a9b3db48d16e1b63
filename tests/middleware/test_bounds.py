"""What is made to be too much: refused within the bounds, and the memory stays flat."""

from __future__ import annotations

import asyncio
import gzip
import json
import time
import tracemalloc
import zlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import brotli
import pytest
import zstandard

from ratelimit import Budget, Concurrency, Tokens
from ratelimit.edge import answer
from ratelimit.testing import drive

Make = Callable[..., Any]

MIB = 1 << 20
BOUND = MIB  # the default of Policy(body_bytes=)


@asynccontextmanager
async def peak(most: int) -> AsyncIterator[None]:
    """Check that no more than *most* bytes are taken beyond those of the beginning."""
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        yield
        _, highest = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert highest - before < most


def bomb(coding: str) -> bytes:
    """Return a quarter of a gibibyte of spaces within a JSON string, packed."""
    piece, pieces = b" " * MIB, 256
    if coding in {"gzip", "deflate"}:
        packer = zlib.compressobj(9, zlib.DEFLATED, 31 if coding == "gzip" else 15)
        return b"".join([packer.compress(b'{"prompt":"'), *map(packer.compress, [piece] * pieces), packer.flush()])
    if coding == "br":
        brotlied = brotli.Compressor(quality=1)
        return b"".join(brotlied.process(piece) for _ in range(pieces)) + brotlied.finish()
    return zstandard.ZstdCompressor(level=1, write_content_size=False).compress(piece * pieces)


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd"])
async def test_a_decompression_bomb_does_not_go_off(coding: str, guard: Make, recorder: Make, policy: Make) -> None:
    """It is refused as soon as it has unpacked to more than is read, in memory that does not depend on its size."""
    app, packed = recorder(), bomb(coding)
    guarded = guard(app, policy(unreadable="refuse", body_bytes=4 * MIB))
    async with peak(4 * (4 * MIB) + 2 * len(packed)):
        came = await guarded(body=packed, headers={"content-encoding": coding})

    assert len(packed) < 4 * MIB
    assert (came.status, app.calls) == (413, 0)
    assert json.loads(came.body)["error"]["code"] == "too_large"


async def test_bombs_within_bombs_do_not_go_off(guard: Make, recorder: Make, policy: Make) -> None:
    """Packed twice, what comes out of the first step is bounded as well."""
    app = recorder()
    guarded = guard(app, policy(unreadable="refuse"))
    packed = gzip.compress(bomb("gzip"))
    async with peak(16 * MIB):
        came = await guarded(body=packed, headers={"content-encoding": "gzip, gzip"})

    assert (came.status, app.calls) == (413, 0)


@pytest.mark.parametrize("pieces", [1, 160])
async def test_a_message_of_ten_mebibytes_is_refused_unread(
    pieces: int, guard: Make, recorder: Make, policy: Make
) -> None:
    """No more than the bound and one piece is kept of it, however it is cut."""
    size, app = 10 * MIB, recorder()
    text = b'{"messages":[{"role":"user","content":"' + b"x" * size + b'"}]}'
    cut = [text[start : start + len(text) // pieces + 1] for start in range(0, len(text), len(text) // pieces + 1)]
    guarded = guard(app, policy(unreadable="refuse"))
    async with peak(3 * BOUND):
        came = await guarded(body=cut)

    assert (came.status, app.calls) == (413, 0)


async def test_ten_thousand_nested_arrays_are_refused(guard: Make, recorder: Make, policy: Make) -> None:
    """In every place of a body, at once and without a deep stack."""
    app = recorder()
    guarded = guard(app, policy(unreadable="refuse", burst=99))
    deep = b"[" * 10_000 + b"]" * 10_000
    bodies = [deep, b'{"messages":' + deep + b"}", b'{"messages":[{"role":"user","content":' + deep + b"}]}",
              b"[" * 10_000, b'{"a":' * 10_000]
    async with peak(4 * MIB):
        statuses = [(await guarded(body=body)).status for body in bodies]

    assert statuses == [400] * 5
    assert app.calls == 0


async def test_a_body_that_never_ends_is_answered(
    guard: Make, recorder: Make, policy: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The refusal is sent as soon as the bound is passed, and the rest is thrown away for so long and no longer."""
    monkeypatch.setattr(answer, "LINGER", 0.05)
    sent: list[Any] = []
    given = 0
    app = recorder()
    guarded = guard(app, policy(unreadable="refuse"))
    scope = (await drive(recorder(), path="/v1/chat/completions")).scope | {"state": {}}

    async def receive() -> Any:
        nonlocal given
        given += 1
        return {"type": "http.request", "body": b"x" * 65_536, "more_body": True}

    async def send(message: Any) -> None:
        sent.append((given, message))

    began = time.perf_counter()
    async with peak(4 * BOUND), asyncio.timeout(5):
        await guarded.middleware(scope, receive, send)

    assert (sent[0][1]["status"], app.calls) == (413, 0)
    assert sent[0][0] == BOUND // 65_536 + 1
    assert time.perf_counter() - began < 2


async def test_a_stream_that_never_ends_takes_no_memory(guard: Make, policy: Make) -> None:
    """A response of a hundred megabytes is counted and passed on, and nothing of it is kept."""
    chunk = b"data: " + b"x" * 65_536 + b"\n\n"

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/event-stream")]})
        for number in range(1600):
            await send({"type": "http.response.body", "body": chunk, "more_body": number < 1599})

    async def send(message: Any) -> None:
        pass

    async def receive() -> Any:
        return {"type": "http.request", "body": b'"x"'}

    budget = Budget(name="tokens", quota=10**6, window=timedelta(hours=1), cost=Tokens())
    guarded = guard(app, policy(concurrency=Concurrency(most=1), budgets=(budget,)))
    scope = (await drive(Nothing(), path="/v1/chat/completions")).scope | {"state": {}}
    async with peak(2 * MIB):
        await guarded.middleware(scope, receive, send)


class Nothing:
    """An application that answers nothing much."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Speak ASGI."""
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body"})
