"""The protocol checker finds every breach, and nothing else."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ratelimit.testing import ProtocolChecker, ProtocolViolation, drive

START = {"type": "http.response.start", "status": 200, "headers": [(b"a", b"b")]}
BODY = {"type": "http.response.body", "body": b"x"}
PART = {"type": "http.response.body", "body": b"x", "more_body": True}
TRAILED = {**START, "trailers": True}
TRAILERS = {"type": "http.response.trailers", "headers": [(b"t", b"1")]}
PATH = {"type": "http.response.pathsend", "path": "/etc/hostname"}
ZERO_COPY = {"type": "http.response.zerocopysend", "file": 3, "more_body": False}
HINT = {"type": "http.response.early_hint", "links": []}
REQUEST = {"type": "http.request", "body": b"", "more_body": False}
GONE = {"type": "http.disconnect"}
OFFERED: dict[str, dict[str, Any]] = {
    f"http.response.{name}": {} for name in ("trailers", "pathsend", "zerocopysend", "early_hint", "debug", "push")
}
HTTP: dict[str, Any] = {
    "type": "http", "asgi": {"version": "3.0"}, "method": "GET", "path": "/", "query_string": b"", "headers": [],
}
SOCKET: dict[str, Any] = {"type": "websocket", "asgi": {"version": "3.0"}, "path": "/", "headers": []}

App = Callable[[Any, Any, Any], Awaitable[None]]


def says(*messages: dict[str, Any], receives: int = 0) -> App:
    """Return an application that receives so often and then sends *messages*."""
    async def app(scope: Any, receive: Any, send: Any) -> None:
        for _ in range(receives):
            await receive()
        for message in messages:
            await send(message)

    return app


async def play(app: App, scope: dict[str, Any], *given: dict[str, Any]) -> None:
    """Run *app*, checked, in a server that gives it the messages *given*."""
    waiting = list(given)

    async def receive() -> dict[str, Any]:
        return waiting.pop(0)

    async def send(message: Any) -> None:
        """Take it."""

    await ProtocolChecker(app)(scope, receive, send)


@pytest.mark.parametrize("messages", [
    (START, BODY),
    (START, PART, PART, BODY),
    ({"type": "http.response.start", "status": 204}, {"type": "http.response.body"}),
    (TRAILED, PART, BODY, {**TRAILERS, "more_trailers": True}, TRAILERS),
    (START, PATH),
    (START, {**ZERO_COPY, "more_body": True}, BODY),
    (HINT, START, HINT, BODY),
    ({**START, "headers": [[b"content-length", b"2"]]}, PART, BODY),
    ({**START, "status": 304, "headers": [(b"content-length", b"20")]}, {"type": "http.response.body"}),
])
async def test_what_the_specification_allows_passes(messages: tuple[dict[str, Any], ...]) -> None:
    """Right orders of messages raise nothing."""
    came = await drive(ProtocolChecker(says(*messages)), extensions=OFFERED)

    assert came.complete


@pytest.mark.parametrize(("messages", "breach"), [
    ((), "returned without starting"),
    ((START,), "returned without completing"),
    ((START, PART), "returned without completing"),
    ((TRAILED, BODY), "returned without completing"),
    ((START, START), "twice"),
    ((START, PART, START), "twice"),
    ((BODY,), "before http.response.start"),
    ((START, BODY, BODY), "after the response was complete"),
    ((START, BODY, START), "after the response was complete"),
    ((START, BODY, HINT), "after the response was complete"),
    ((TRAILED, BODY, BODY), "after the last part of the body"),
    ((TRAILED, TRAILERS), "before the last part"),
    ((START, PART, TRAILERS), "without having been announced"),
    ((START, PART, PATH), "must be the whole body"),
    ((START, {**PATH, "path": "etc"}), "absolute"),
    ((START, {"type": "http.response.zerocopysend"}), "'file' is missing"),
    (({**START, "status": "200"},), "wrong type"),
    (({**START, "status": True},), "wrong type"),
    (({**START, "status": 101},), "no final status"),
    (({"type": "http.response.start"},), "'status' is missing"),
    (({**START, "headers": [(b"A", b"b")]},), "lower case"),
    (({**START, "headers": [("a", "b")]},), "must be bytes"),
    (({**START, "headers": [(b"a",)]},), "must be a pair"),
    (({**START, "headers": None},), "iterable"),
    (({**START, "headers": [(b"a", b"b\r\nc: d")]},), "break the line"),
    (({**START, "headers": [(b"a b", b"")]},), "can be called"),
    (({**START, "headers": [(b"", b"")]},), "can be called"),
    (({**START, "headers": [(b"content-length", b"1"), (b"content-length", b"1")]},), "several"),
    (({**START, "headers": [(b"content-length", b"x")]},), "no number"),
    (({**START, "headers": [(b"content-length", b"2")]}, BODY), "has 1 bytes"),
    (({**START, "headers": [(b"content-length", b"1")]}, PART, PART), "longer"),
    ((START, {**BODY, "body": "x"}), "wrong type"),
    ((START, {**BODY, "more_body": 1}), "wrong type"),
    (({"type": "http.response.end"},), "not for HTTP"),
    (({"status": 200},), "'type' is missing"),
    ((None,), "must be a dictionary"),
])
async def test_every_breach_of_an_application_raises(messages: Any, breach: str) -> None:
    """A wrong order, a wrong type or a silence raises, and says which."""
    with pytest.raises(ProtocolViolation, match=breach):
        await drive(ProtocolChecker(says(*messages)), extensions=OFFERED)


@pytest.mark.parametrize("message", [TRAILED, PATH, ZERO_COPY, HINT])
async def test_extensions_must_be_offered(message: dict[str, Any]) -> None:
    """A message of an extension that the scope does not name raises."""
    with pytest.raises(ProtocolViolation, match="does not offer"):
        await drive(ProtocolChecker(says(START, message) if message is not TRAILED else says(TRAILED)))


@pytest.mark.parametrize(("given", "breach"), [
    ([REQUEST, REQUEST], "after the last part of the body"),
    ([GONE, REQUEST], "after http"),
    ([{"type": "http.request", "body": "x"}], "wrong type"),
    ([{"type": "websocket.connect"}], "not for HTTP"),
])
async def test_every_breach_of_a_server_raises(given: list[dict[str, Any]], breach: str) -> None:
    """What a server, or a middleware, gives out of order raises in the application."""
    with pytest.raises(ProtocolViolation, match=breach):
        await play(says(START, BODY, receives=len(given)), HTTP, *given)


async def test_disconnects_repeat() -> None:
    """A server may say that the other end is gone as often as it is asked, and nothing need be answered then."""
    await play(says(receives=3), HTTP, REQUEST, GONE, GONE)


@pytest.mark.parametrize(("change", "breach"), [
    ({"type": None}, "must be text"),
    ({"method": "get"}, "upper case"),
    ({"method": None}, "must be text"),
    ({"path": b"/"}, "'path'"),
    ({"query_string": ""}, "'query_string'"),
    ({"headers": [(b"Host", b"x")]}, "lower case"),
    ({"asgi": None}, "'asgi'"),
    ({"state": []}, "'state'"),
    ({"client": "127.0.0.1"}, "'client'"),
])
async def test_scopes_are_checked(change: dict[str, Any], breach: str) -> None:
    """A scope of wrong types raises before the application runs."""
    with pytest.raises(ProtocolViolation, match=breach):
        await play(says(START, BODY), {**HTTP, **change})


async def test_a_swallowed_violation_is_raised_again() -> None:
    """An application that catches the violation does not hide it."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        try:
            await send(BODY)
        except ProtocolViolation:
            await send(START)
            await send(BODY)

    with pytest.raises(ProtocolViolation, match="before http"):
        await drive(ProtocolChecker(app))


async def test_what_is_sent_after_the_return_raises() -> None:
    """A send that outlives the call raises where it happens."""
    kept: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        kept.extend((receive, send))
        await says(START, BODY)(scope, receive, send)

    await drive(ProtocolChecker(app))

    with pytest.raises(ProtocolViolation, match="after the application had returned"):
        await kept[0]()
    with pytest.raises(ProtocolViolation, match="after the application had returned"):
        await kept[1](BODY)


async def test_an_application_returns_none() -> None:
    """Whatever else is returned raises: a framework's response object was forgotten."""

    async def app(scope: Any, receive: Any, send: Any) -> str:
        await says(START, BODY)(scope, receive, send)
        return "response"

    with pytest.raises(ProtocolViolation, match="must return None"):
        await drive(ProtocolChecker(app))  # type: ignore[arg-type]  # that is the point


CONNECT = {"type": "websocket.connect"}
ACCEPT = {"type": "websocket.accept"}
FRAME = {"type": "websocket.send", "text": "x"}
CLOSE = {"type": "websocket.close", "code": 1000}
DENY = {"type": "websocket.http.response.start", "status": 403, "headers": []}
DENIED = {"type": "websocket.http.response.body", "body": b""}


@pytest.mark.parametrize("messages", [(ACCEPT, FRAME, FRAME, CLOSE), (CLOSE,), (ACCEPT,), (DENY, DENIED), ()])
async def test_right_websockets_pass(messages: tuple[dict[str, Any], ...]) -> None:
    """Accepting, closing and denying in order raise nothing."""
    await play(says(*messages, receives=1), {**SOCKET, "extensions": {"websocket.http.response": {}}}, CONNECT)


@pytest.mark.parametrize(("messages", "breach"), [
    ((FRAME,), "before the socket was accepted"),
    ((ACCEPT, ACCEPT), "twice"),
    ((ACCEPT, CLOSE, FRAME), "after the socket's end"),
    ((ACCEPT, {"type": "websocket.send"}), "neither"),
    ((ACCEPT, {**FRAME, "bytes": b"x"}), "bytes and text"),
    ((ACCEPT, START), "not for websockets"),
    ((DENY,), "does not offer"),
    (({**ACCEPT, "headers": [(b"A", b"")]},), "lower case"),
])
async def test_every_breach_of_a_websocket_raises(messages: tuple[dict[str, Any], ...], breach: str) -> None:
    """Frames before the accept, after the close, or of both kinds raise."""
    with pytest.raises(ProtocolViolation, match=breach):
        await play(says(*messages, receives=1), SOCKET, CONNECT)


@pytest.mark.parametrize(("given", "breach"), [
    ([{"type": "websocket.receive", "text": "x"}], "before websocket.connect"),
    ([CONNECT, CONNECT], "twice"),
    ([CONNECT, {"type": "websocket.receive", "text": "x"}], "before the socket was accepted"),
    ([CONNECT, {"type": "websocket.disconnect"}, {"type": "websocket.receive"}], "after websocket.disconnect"),
])
async def test_every_breach_of_a_websocket_server_raises(given: list[dict[str, Any]], breach: str) -> None:
    """A server that gives frames too early or too late raises in the application."""
    with pytest.raises(ProtocolViolation, match=breach):
        await play(says(receives=len(given)), SOCKET, *given)


UP, DOWN = {"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}


async def test_a_right_lifespan_passes() -> None:
    """Startup and shutdown, each answered, raise nothing."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        for _ in range(2):
            await send({"type": (await receive())["type"] + ".complete"})

    await play(app, {"type": "lifespan", "state": {}}, UP, DOWN)


@pytest.mark.parametrize(("given", "answers", "breach"), [
    ([UP], [], "without an answer to lifespan.startup"),
    ([DOWN], [], "where lifespan.startup was due"),
    ([UP, DOWN], [], "before lifespan.startup was answered"),
    ([UP], ["lifespan.shutdown.complete"], "to answer lifespan.startup"),
    ([], ["lifespan.startup.complete"], "nothing was asked"),
])
async def test_every_breach_of_a_lifespan_raises(given: Any, answers: list[str], breach: str) -> None:
    """What is not answered, or not asked, raises."""
    with pytest.raises(ProtocolViolation, match=breach):
        await play(says(*({"type": kind} for kind in answers), receives=len(given)), {"type": "lifespan"}, *given)


async def test_unknown_scopes_are_let_through() -> None:
    """What the checker does not know it does not judge."""
    await play(says({"type": "anything"}), {"type": "telegram"})


@given(
    request=st.lists(st.binary(max_size=9), max_size=6),
    reply=st.lists(st.binary(max_size=9), min_size=1, max_size=6),
)
async def test_a_right_exchange_is_left_alone(request: list[bytes], reply: list[bytes]) -> None:
    """Whatever the splits, a right exchange passes untouched, and the driver tells what was said."""
    heard: list[bytes] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        more = True
        while more:
            message = await receive()
            heard.append(message["body"])
            more = message["more_body"]
        await send({"type": "http.response.start", "status": 207, "headers": [(b"a", b"b")]})
        for number, piece in enumerate(reply, 1):
            await send({"type": "http.response.body", "body": piece, "more_body": number < len(reply)})

    came = await drive(ProtocolChecker(app), body=request)

    assert heard == (request or [b""])
    assert (came.status, came.headers, came.chunks, came.body) == (207, [(b"a", b"b")], reply, b"".join(reply))
