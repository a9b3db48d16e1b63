"""The request's body: read up to a bound, then replayed as it came."""

from __future__ import annotations

import asyncio
from collections import deque
from enum import Enum
from typing import TYPE_CHECKING

import msgspec

from ratelimit.edge.begun import Begun

if TYPE_CHECKING:
    from collections.abc import Iterable

    from starlette.types import Message, Receive

#: Messages that are kept. A body cut finer is not read on: a message takes some 250 bytes, however little is in it.
MOST_MESSAGES = 8192


class End(Enum):
    """How the reading of a body ended."""

    WHOLE = "whole"  # it is all here
    OVER = "over"  # it is longer than the bound, or cut too fine; the rest is still to come
    SLOW = "slow"  # it did not arrive in time
    GONE = "gone"  # the other end hung up


class Upload(msgspec.Struct, kw_only=True):
    """What was read of a body.

    messages  as they came, to be replayed.
    body      their bytes, joined.
    end       how the reading ended.
    """

    messages: deque[Message]
    body: bytes
    end: End

    def release(self) -> None:
        """Give up the joined bytes: the application may run for minutes, and has the messages."""
        self.body = b""


async def read_upload(receive: Receive, *, bound: int, declared: int, timeout: float) -> Upload:  # noqa: ASYNC109 (a slow client is an outcome here, not an error: the caller has to know what came)
    """Read a body of at most *bound* bytes, nothing of it if more is *declared*, and for at most *timeout* seconds."""
    messages: deque[Message] = deque()
    if declared > bound:
        return Upload(messages=messages, body=b"", end=End.OVER)
    reading = Begun(_read(receive, messages, bound))
    if reading.ended:  # most bodies are here with the request's head, and a timeout costs more than all the rest
        return Upload(messages=messages, body=_joined(messages), end=reading.result)
    try:
        async with asyncio.timeout(timeout) as limit:
            end = await reading
    except TimeoutError:
        if not limit.expired():  # the server's own
            raise
        end = End.SLOW
    return Upload(messages=messages, body=_joined(messages), end=end)


def _joined(messages: Iterable[Message]) -> bytes:
    return b"".join([message.get("body", b"") for message in messages])


async def _read(receive: Receive, messages: deque[Message], bound: int) -> End:
    size = 0
    while True:
        message = await receive()
        messages.append(message)
        if message["type"] == "http.disconnect":
            return End.GONE
        size += len(message.get("body", b""))
        if not message.get("more_body", False):
            return End.WHOLE
        if size > bound or len(messages) >= MOST_MESSAGES:
            return End.OVER


def replayed(messages: deque[Message], receive: Receive) -> Receive:
    """Return a ``receive`` that gives *messages* again, the very same, each once, and then is *receive*."""

    async def replay() -> Message:
        return messages.popleft() if messages else await receive()

    return replay
