"""What is allowed reaches the application and comes back as if nobody stood between."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ratelimit.middleware import RateLimitMiddleware
from ratelimit.policy import Policy
from ratelimit.testing import ProtocolChecker, ProtocolViolation, drive

Make = Callable[..., Any]

tokens = st.text("abcdefghijklmnopqrstuvwxyz-", min_size=1, max_size=8).map(str.encode)
values = st.binary(max_size=8).map(lambda value: value.translate(None, b"\r\n\0"))
headers = st.lists(st.tuples(tokens, values), max_size=4)
texts = st.text(max_size=12)
keys = st.sampled_from(["messages", "role", "content", "text", "type", "user", "model"]) | texts
json_bodies = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts,
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(keys, inner, max_size=4),
    max_leaves=12,
).map(lambda value: json.dumps(value).encode())
turns = st.builds(
    lambda role, content: {"role": role, "content": content},
    st.sampled_from(["user", "assistant", "system", "tool"]),
    texts | st.lists(st.fixed_dictionaries({"type": st.just("text"), "text": texts}), max_size=2) | st.none(),
)
chats = st.lists(turns, max_size=4).map(lambda messages: json.dumps({"messages": messages}).encode())
bodies = st.binary(max_size=80) | json_bodies | chats
paths = st.sampled_from(["/v1/chat/completions", "/v1/messages", "/anything", "/"])
content_headers = st.sampled_from([
    {}, {"content-type": "application/json"}, {"content-type": "multipart/form-data; boundary=x"},
    {"content-encoding": "gzip"}, {"content-length": "nonsense"},
    {"content-length": "9" * 5000}, {"content-length": ""}, {"accept": "application/problem+json"},
])


@st.composite
def split(draw: st.DrawFn) -> list[bytes]:
    """Return any body, cut anywhere, with empty parts among it."""
    body = draw(bodies)
    cuts = sorted(draw(st.lists(st.integers(0, len(body)), max_size=5)))
    return [body[start:end] for start, end in zip([0, *cuts], [*cuts, len(body)], strict=True)]


@given(
    pieces=split(),
    path=paths,
    sent=content_headers,
    bound=st.sampled_from([1, 10, 1 << 20]),
    unreadable=st.sampled_from(["charge", "refuse", "pass"]),
    mode=st.sampled_from(["audit", "enforce", "delay"]),
)
async def test_every_body_in_every_split_meets_a_decision(
    pieces: list[bytes], path: str, sent: dict[str, str], bound: int, unreadable: Any, mode: Any,
    guard: Make, recorder: Make,
) -> None:
    """Whatever the bytes and wherever they are cut, there is one decision, one response and no exception."""
    app = recorder()
    guarded = guard(app, Policy(body_bytes=bound, unreadable=unreadable, mode=mode))
    came = await guarded(path=path, body=pieces, headers=sent)

    assert len(guarded.decisions) == 1
    assert came.complete
    assert came.state["ratelimit"] is guarded.decision
    assert came.status in ({200, 400, 413, 415} if unreadable == "refuse" and mode != "audit" else {200})
    assert app.calls == (came.status == 200)


@given(
    pieces=split(),
    path=paths,
    bound=st.sampled_from([1, 10, 1 << 20]),
    said=headers,
    chunks=st.lists(st.binary(max_size=9), min_size=1, max_size=5),
    status=st.sampled_from([200, 201, 404, 500]),
    mode=st.sampled_from(["audit", "enforce", "delay"]),
)
async def test_an_allowed_exchange_is_the_bare_one(
    pieces: list[bytes], path: str, bound: int, said: Any, chunks: list[bytes], status: int, mode: Any,
    guard: Make, recorder: Make,
) -> None:
    """Byte for byte, part for part and header for header; ours come after, and under audit there are none."""
    said = [(name, value) for name, value in said if name != b"content-length"]
    bare, app = (recorder(*chunks, status=status, headers=said) for _ in range(2))
    alone = await drive(bare, path=path, body=pieces)
    guarded = guard(app, Policy(mode=mode, body_bytes=bound))
    came = await guarded(path=path, body=pieces)
    ours = came.headers[len(said):]

    assert app.received == bare.received
    assert came.messages[1:] == alone.messages[1:]
    assert came.status == alone.status
    assert came.headers[: len(said)] == alone.headers
    assert [name for name, _ in ours] == ([] if mode == "audit" else [b"ratelimit-policy", b"ratelimit"])


async def test_the_very_same_messages_are_replayed(policy: Make) -> None:
    """The application gets the server's own objects, and the application's message is not touched but copied."""
    given: list[Any] = [
        {"type": "http.request", "body": b'"hel', "more_body": True}, {"type": "http.request", "body": b'lo"'}
    ]
    start = {"type": "http.response.start", "status": 200, "headers": [(b"a", b"b")], "odd": 1}
    body = {"type": "http.response.body", "body": b"x"}
    heard: list[Any] = []
    sent: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        heard.extend([await receive(), await receive()])
        await send(start)
        await send(body)

    waiting = list(given)

    async def receive() -> Any:
        return waiting.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    scope: Any = {"type": "http", "method": "POST", "path": "/", "headers": [], "client": None}
    await RateLimitMiddleware(app, policy())(scope, receive, send)

    assert all(got is gave for got, gave in zip(heard, given, strict=True))
    assert start["headers"] == [(b"a", b"b")]
    assert sent[0]["odd"] == 1
    assert len(sent[0]["headers"]) == 3
    assert sent[1] is body


async def test_a_stream_is_not_held_back(guard: Make) -> None:
    """Each part of a response is on the wire before the application makes the next."""
    seen: list[int] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for number in range(3):
            seen.append(len(wire))
            await send({"type": "http.response.body", "body": b"%d" % number, "more_body": number < 2})

    wire: list[Any] = []
    guarded = guard(app)

    async def tapped(scope: Any, receive: Any, send: Any) -> None:
        async def tap(message: Any) -> None:
            wire.append(message)
            await send(message)

        await guarded.app(scope, receive, tap)

    await drive(tapped)

    assert seen == [1, 2, 3]


@pytest.mark.parametrize("messages", [
    [{"type": "http.response.body", "body": b"x"}, {"type": "http.response.trailers", "headers": [(b"t", b"1")]}],
    [{"type": "http.response.pathsend", "path": "/nowhere"}],
    [{"type": "http.response.zerocopysend", "file": 3}],
    [{"type": "http.response.early_hint", "links": []}, {"type": "http.response.body", "body": b""}],
])
async def test_extensions_pass(messages: list[dict[str, Any]], guard: Make) -> None:
    """Trailers, files and hints go through as they are."""
    trailers = messages[-1]["type"] == "http.response.trailers"

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [], "trailers": trailers})
        for message in messages:
            await send(message)

    came = await guard(app)(extensions={message["type"]: {} for message in messages})

    assert came.messages[0]["trailers"] is trailers
    assert came.messages[1:] == messages


async def test_the_real_receive_comes_after_the_replay(guard: Make) -> None:
    """An application that streams learns that its client has hung up."""
    heard: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        heard.append((await receive())["type"])
        heard.append((await receive())["type"])

    await guard(app)(disconnect_after=1)

    assert heard == ["http.request", "http.disconnect"]


async def test_a_hanging_up_in_mid_response_arrives(guard: Make) -> None:
    """While the response runs, receive waits for the client, and ends when it goes."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        gone = asyncio.ensure_future(receive())
        for _ in range(4):
            assert not gone.done()
            await send({"type": "http.response.body", "body": b"x", "more_body": True})
        assert await gone == {"type": "http.disconnect"}

    came = await guard(app)(disconnect_after_sends=5)

    assert came.chunks == [b"x"] * 4


async def test_what_the_application_raises_is_raised(guard: Make) -> None:
    """Its exceptions are its own, before and after its response has begun."""

    async def early(scope: Any, receive: Any, send: Any) -> None:
        raise ZeroDivisionError

    async def late(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise ZeroDivisionError

    for app in (early, late):
        with pytest.raises(ZeroDivisionError):
            await guard(app)()


async def test_a_broken_application_is_told_by_its_server(guard: Make) -> None:
    """A second start is passed on as it is: whose mistake it is stays to be seen."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        for _ in range(2):
            await send({"type": "http.response.start", "status": 200, "headers": []})

    with pytest.raises(ProtocolViolation, match="twice"):
        await guard(app)()


async def test_websockets_and_lifespans_are_not_touched(policy: Make) -> None:
    """The very scope, receive and send go to the application, where no prompts are heard."""
    calls: list[Any] = []

    async def app(*asgi: Any) -> None:
        calls.append(asgi)

    async def receive() -> Any:
        raise AssertionError("nobody asked")

    async def send(message: Any) -> None:
        raise AssertionError("nobody spoke")

    for kind in ("websocket", "lifespan", "anything"):
        scope: Any = {"type": kind, "path": "/v1/live", "headers": []}
        await RateLimitMiddleware(app, policy())(scope, receive, send)
        assert calls[-1] == (scope, receive, send)
        assert set(scope) == {"type", "path", "headers"}


async def test_the_middleware_stacks(recorder: Make, guard: Make, policy: Make) -> None:
    """Two of them, one inside the other, read and replay the same body, and each says its own."""
    app = recorder()
    inner = guard(app, policy(burst=5))
    outer = guard(inner.app, policy(burst=9))
    came = await outer(body=[b'"a', b'b"'])

    assert app.body == b'"ab"'
    assert [value for name, value in came.headers if name == b"ratelimit"] == [b'"requests";r=4', b'"requests";r=8']


async def test_a_host_may_hand_over_anything_iterable(recorder: Make, policy: Make) -> None:
    """Headers as lists of lists, no state, no client, no query: as some hosts give them."""
    app = recorder()
    sent: list[Any] = []
    scope: dict[str, Any] = {
        "type": "http", "asgi": {"version": "3.0"}, "method": "POST", "path": "/",
        "headers": [[b"authorization", b"Bearer k"]],
    }

    async def receive() -> Any:
        return {"type": "http.request"}

    async def send(message: Any) -> None:
        sent.append(message)

    await ProtocolChecker(RateLimitMiddleware(app, policy()))(scope, receive, send)

    assert sent[0]["status"] == 200
    assert scope["state"]["ratelimit"].allowed
