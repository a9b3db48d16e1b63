"""A body is read as far as it is worth, for as long as it is worth, and never lost."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ratelimit.decision import Cause
from ratelimit.edge.upload import MOST_MESSAGES, End, read_upload, replayed

Make = Callable[..., Any]


class Wire:
    """What a server gives, counted."""

    def __init__(self, *pieces: bytes) -> None:
        self.messages = [
            {"type": "http.request", "body": piece, "more_body": number < len(pieces)}
            for number, piece in enumerate(pieces, 1)
        ]
        self.taken = 0

    async def receive(self) -> dict[str, Any]:
        """Give the next."""
        self.taken += 1
        return self.messages[self.taken - 1]


@given(pieces=st.lists(st.binary(max_size=6), min_size=1, max_size=8), bound=st.integers(0, 30))
async def test_no_more_is_read_than_tells_that_it_is_too_much(pieces: list[bytes], bound: int) -> None:
    """Reading stops with the first message over the bound; what was read, and then the rest, comes again in order."""
    wire = Wire(*pieces)
    upload = await read_upload(wire.receive, bound=bound, declared=0, timeout=5)
    taken = wire.taken
    replay = replayed(upload.messages, wire.receive)
    again = [await replay() for _ in pieces]

    assert sum(map(len, pieces[: taken - 1])) <= bound
    assert (upload.end is End.WHOLE) == (taken == len(pieces))
    assert upload.body == b"".join(pieces[:taken])
    assert again == wire.messages
    assert not upload.messages


async def test_a_declared_length_over_the_bound_is_not_read_at_all() -> None:
    """Content-Length above the bound: no message is taken before the application takes it."""
    wire = Wire(b"a", b"b")
    upload = await read_upload(wire.receive, bound=10, declared=11, timeout=5)

    assert (upload.end, list(upload.messages), wire.taken) == (End.OVER, [], 0)


async def test_a_body_cut_into_dust_is_not_kept() -> None:
    """However small the messages, only so many are held."""
    wire = Wire(*[b""] * (MOST_MESSAGES + 5))
    upload = await read_upload(wire.receive, bound=10, declared=0, timeout=5)

    assert (upload.end, wire.taken) == (End.OVER, MOST_MESSAGES)


async def test_a_timeout_of_the_servers_own_is_not_ours() -> None:
    """A TimeoutError that receive raises is the server's to handle."""

    async def receive() -> dict[str, Any]:
        raise TimeoutError("the server's")

    with pytest.raises(TimeoutError, match="the server's"):
        await read_upload(receive, bound=10, declared=0, timeout=5)


@pytest.mark.parametrize("late", [0, 1, 2])
async def test_a_body_that_comes_piece_by_piece_is_waited_for(late: int) -> None:
    """Whichever piece is there at once, the others are waited for within the time, and no longer."""
    wire, arrived = Wire(b"a", b"b", b"c"), asyncio.Event()

    async def receive() -> dict[str, Any]:
        if wire.taken >= late:
            await arrived.wait()
        return await wire.receive()

    slow = await read_upload(receive, bound=10, declared=0, timeout=0.01)
    reading = asyncio.create_task(read_upload(receive, bound=10, declared=0, timeout=60))
    await asyncio.sleep(0)
    wire.taken = late
    arrived.set()
    whole = await reading

    assert (slow.end, slow.body) == (End.SLOW, b"abc"[:late])
    assert (whole.end, whole.body) == (End.WHOLE, b"abc"[late:])


async def test_who_is_cancelled_while_a_body_is_awaited_lets_receive_go() -> None:
    """A cancellation reaches the server's receive, and is no timeout."""
    left: list[str] = []

    async def receive() -> dict[str, Any]:
        try:
            await asyncio.Event().wait()
        finally:
            left.append("receive")
        return {}

    reading = asyncio.create_task(read_upload(receive, bound=10, declared=0, timeout=60))
    await asyncio.sleep(0)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading

    assert left == ["receive"]


@pytest.mark.parametrize("sent", [{"content-length": "30"}, {}])
async def test_a_large_body_streams_through(sent: dict[str, str], guard: Make, recorder: Make, policy: Make) -> None:
    """Over the bound a body is charged unread, and reaches the application whole, part for part."""
    app = recorder()
    guarded = guard(app, policy(body_bytes=4))
    came = await guarded(body=[b"0123456789"] * 3, headers=sent)

    assert came.status == 200
    assert [message["body"] for message in app.received] == [b"0123456789"] * 3
    assert guarded.decision.remaining[0].units == 0


async def test_a_large_body_can_be_refused(guard: Make, recorder: Make, policy: Make) -> None:
    """413, the connection closed for the rest of it, and the application not troubled."""
    app = recorder()
    came = await guard(app, policy(body_bytes=4, unreadable="refuse"))(body=[b"0123456789"] * 3)

    assert (came.status, app.calls) == (413, 0)
    assert came.header("connection") == "close"
    assert json.loads(came.body)["error"]["code"] == "too_large"


async def test_a_refused_upload_is_not_cut_off(guard: Make, recorder: Make, policy: Make) -> None:
    """The answer is there at once; the connection is kept until the rest has come, or the other end has gone."""
    guarded = guard(recorder(), policy(body_bytes=4, unreadable="refuse"))
    stays = await guarded(body=[b"0123456789"] * 3)
    leaves = await guarded(body=[b"0123456789"] * 3, disconnect_after=2)
    stalls = await guarded(body=[b"0123456789"], stalls=True)

    assert [len(chunk) > 0 for chunk in stays.chunks] == [True, False]
    assert [len(chunk) > 0 for chunk in leaves.chunks] == [True]
    assert stays.body == leaves.body == stalls.body
    assert stays.complete
    assert stalls.complete


async def test_one_byte_over_is_too_much(guard: Make, recorder: Make, policy: Make) -> None:
    """A body of exactly the bound is read; one byte more is not."""
    for spare, status in ((0, 200), (-1, 413)):
        body = json.dumps({"messages": [{"role": "user", "content": "hi"}]}).encode()
        guarded = guard(recorder(), policy(body_bytes=len(body) + spare, unreadable="refuse"))
        assert (await guarded(body=body)).status == status


async def test_a_slow_body_is_timed_out(guard: Make, recorder: Make, policy: Make) -> None:
    """408 in the caller's dialect; nothing was charged, the application was not called, the connection is closed."""
    app = recorder()
    guarded = guard(app, policy(read_timeout=timedelta(milliseconds=20)))
    came = await guarded(body=[b'{"messages"'], stalls=True)
    after = await guarded()

    assert (came.status, app.calls) == (408, 1)
    assert json.loads(came.body)["error"]["code"] == "request_timeout"
    assert came.header("connection") == "close"
    assert guarded.decisions[0].reasons[0].cause is Cause.UNREADABLE
    assert after.status == 200


async def test_http_2_connections_are_not_closed(guard: Make, recorder: Make, policy: Make) -> None:
    """HTTP/2 has no Connection header."""
    guarded = guard(recorder(), policy(body_bytes=4, unreadable="refuse"))
    came = await guarded(body=[b"0123456789"] * 3, http_version="2")

    assert (came.status, came.header("connection")) == (413, None)


async def test_an_audit_lets_a_slow_body_go_on(guard: Make, policy: Make) -> None:
    """Under audit the application waits for the body itself, and gets what came so far first."""
    heard: list[bytes] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        heard.append((await receive())["body"])
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(receive(), 0.01)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body"})

    guarded = guard(app, policy(mode="audit", read_timeout=timedelta(milliseconds=20)))
    came = await guarded(body=[b"part"], stalls=True)

    assert (came.status, heard) == (200, [b"part"])
    assert guarded.decision.allowed
    assert guarded.decision.refused


@given(after=st.integers(0, 2))
async def test_a_hanging_up_in_mid_upload_ends_it_quietly(
    after: int, guard: Make, recorder: Make, policy: Make
) -> None:
    """Nothing is sent, nothing decided, nothing charged, and the application is not called."""
    app = recorder()
    guarded = guard(app, policy())
    came = await guarded(body=[b'"a', b"b", b'c"'], disconnect_after=after)

    assert came.messages == []
    assert (app.calls, guarded.decisions) == (0, [])
    assert (await guarded()).status == 200


async def test_a_cancelled_upload_leaves_nothing(guard: Make, recorder: Make, policy: Make) -> None:
    """A server that cancels the call while the body is read gets its cancellation; no task and no charge is left."""
    guarded = guard(recorder(), policy())
    before, asked = asyncio.all_tasks(), asyncio.Event()

    async def receive() -> dict[str, Any]:
        asked.set()
        await asyncio.Event().wait()
        raise AssertionError("nothing ever comes")

    async def send(message: dict[str, Any]) -> None:
        raise AssertionError("nothing is to be said")

    scope = {"type": "http", "asgi": {"version": "3.0"}, "method": "POST", "path": "/", "headers": []}
    call = asyncio.ensure_future(guarded.app(scope, receive, send))
    await asyncio.wait_for(asked.wait(), 10)
    call.cancel()

    with pytest.raises(asyncio.CancelledError):
        await call
    assert asyncio.all_tasks() == before
    assert (await guarded()).status == 200
