"""The driver plays the other end of an exchange, however it is cut or broken off."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ratelimit.testing import Exchange, ProtocolChecker, drive


async def hears(heard: list[Any], receive: Any, most: int = 20) -> None:
    """Receive until the other end is gone, or *most* messages came."""
    for _ in range(most):
        message = await receive()
        heard.append(message.get("body", message["type"]))
        if message["type"] == "http.disconnect":
            return


@given(pieces=st.lists(st.binary(max_size=5), min_size=1, max_size=6), data=st.data())
async def test_the_other_end_hangs_up_where_it_is_told(pieces: list[bytes], data: st.DataObject) -> None:
    """After so many parts of the body the next thing received is the hanging up, and so it stays."""
    after = data.draw(st.integers(0, len(pieces)))
    heard: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await hears(heard, receive)
        assert (await receive())["type"] == "http.disconnect"

    came = await drive(ProtocolChecker(app), body=pieces, disconnect_after=after)

    assert heard == [*pieces[:after], "http.disconnect"]
    assert not came.started
    assert not came.complete


async def test_a_stalled_body_never_ends() -> None:
    """The parts there are arrive, and then nothing does: what waits for more waits until it is stopped."""
    heard: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(hears(heard, receive), 0.01)
        await send({"type": "http.response.start", "status": 408, "headers": []})
        await send({"type": "http.response.body"})

    came = await drive(ProtocolChecker(app), body=[b"a", b"b"], stalls=True)

    assert (heard, came.status) == ([b"a", b"b"], 408)


async def test_the_other_end_leaves_after_the_response() -> None:
    """Until the response is complete receive waits; then it says that the exchange is over."""
    heard: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        waiting = asyncio.ensure_future(hears(heard, receive))
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"x", "more_body": True})
        assert heard == []
        await send({"type": "http.response.body"})
        await waiting

    await drive(app)

    assert heard == ["http.disconnect"]


async def test_the_other_end_hangs_up_in_mid_response() -> None:
    """After so many messages of the response receive says that the other end is gone."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        while True:
            await send({"type": "http.response.body", "body": b"x", "more_body": True})
            if len(sent := scope["sent"]) == 2:
                assert (await receive())["type"] == "http.disconnect"
                return
            sent.append(b"x")

    async def outer(scope: Any, receive: Any, send: Any) -> None:
        await app({**scope, "sent": []}, receive, send)

    came = await drive(outer, disconnect_after_sends=4)

    assert came.chunks == [b"x"] * 3
    assert not came.complete


async def test_a_scope_is_what_was_asked_for() -> None:
    """Path, query, headers and peer are put into the scope, names of headers in lower case."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        scope["state"]["seen"] = True
        await send({"type": "http.response.start", "status": 200, "headers": [(b"x", b"y")]})
        await send({"type": "http.response.body"})

    came = await drive(
        ProtocolChecker(app), method="PUT", path="/a/b", query=b"c=d", headers={"X-Y": "z"}, peer=None, root_path="/a"
    )

    assert came.scope["headers"] == [(b"x-y", b"z")]
    assert (came.scope["method"], came.scope["path"], came.scope["query_string"]) == ("PUT", "/a/b", b"c=d")
    assert came.scope["client"] is None
    assert came.state == {"seen": True}
    assert came.header("X") == "y"
    assert came.header("absent") is None


def test_an_exchange_without_a_response_has_no_status() -> None:
    """Asking for it raises, and says why."""
    with pytest.raises(LookupError, match="no response was started"):
        _ = Exchange(scope={"type": "http"}).status


def test_the_tools_are_light() -> None:
    """They bring neither a test framework nor a web framework nor a server along."""
    heavy = "{'hypothesis', 'pytest', 'starlette', 'uvicorn'}"
    program = f"import sys, ratelimit.testing; print(sorted({heavy} & sys.modules.keys()))"
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert ran.stdout == "[]\n"
