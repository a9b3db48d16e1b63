"""A reply of our own, in place of the application's response."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

from ratelimit.edge.upload import End

if TYPE_CHECKING:
    from starlette.types import Message, Receive, Scope, Send

    from ratelimit.responses import Reply

#: Seconds for which the rest of a body is taken and thrown away after it was refused.
LINGER = 1.0


async def answer(reply: Reply, scope: Scope, receive: Receive, send: Send, *, end: End) -> None:
    """Send *reply* to a request whose body was read to its *end*, or not.

    An HTTP/1 connection on which more of the body may come cannot be used again, so it is closed; but not while the
    other end is still sending: a socket closed on what it did not read resets, and takes the answer along with it.
    """
    headers, body = list(reply.headers), b"" if scope["method"] == "HEAD" else reply.body
    closes = end is not End.WHOLE and scope.get("http_version", "1.1").startswith("1")
    if closes:
        headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    if closes and end is End.OVER:
        await send({"type": "http.response.body", "body": body, "more_body": True})
        if await _hangs_up(receive):
            return
        body = b""
    await send({"type": "http.response.body", "body": body, "more_body": False})


async def _next(receive: Receive) -> Message:
    await asyncio.sleep(0)  # a server that never makes us wait must not stop the clock
    return await receive()


async def _hangs_up(receive: Receive) -> bool:
    """Throw away what is still coming; return whether the other end hung up over it."""
    with suppress(TimeoutError):
        async with asyncio.timeout(LINGER):
            message = await receive()
            while message.get("more_body", False):
                message = await _next(receive)
            return bool(message["type"] == "http.disconnect")
    return False
