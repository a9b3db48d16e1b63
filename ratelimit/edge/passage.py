"""One exchange on its way to the application and back, watched but never held."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ratelimit.dialects import reader_of
from ratelimit.outcome import Outcome, outcome_of

if TYPE_CHECKING:
    from collections import deque
    from collections.abc import Callable, Sequence

    from starlette.types import Message, Receive, Send

    from ratelimit.dialects import UsageReader
    from ratelimit.edge.bill import Bill
    from ratelimit.headers import Header


class Passage:
    """Replays what was read of a request, passes its response on message by message, and closes its bill.

    messages  what was read of the body, each the very same, given once; then comes what *receive* gives.
    headers   what to append to the response's start. Every other message goes through untouched, and so does a second
              start: that is for the server to refuse.
    on_start  called with the status once the start was sent.
    bill      what was charged; closed as soon as the response has ended, though the application may work on.
    """

    __slots__ = (
        "_bill", "_headers", "_idle", "_left", "_messages", "_on_start", "_produced", "_reader", "_receive", "_send",
        "_status",
    )

    def __init__(
        self, messages: deque[Message], receive: Receive, send: Send, *, headers: Sequence[Header],
        on_start: Callable[[int], None], bill: Bill,
    ) -> None:
        self._messages, self._receive, self._send = messages, receive, send
        self._headers, self._on_start, self._bill = headers, on_start, bill
        self._status = 0
        self._left = self._produced = self._idle = False
        self._reader: UsageReader | None = None

    async def receive(self) -> Message:
        """Return the next message of the request."""
        message = self._messages.popleft() if self._messages else await self._receive()
        if message["type"] == "http.disconnect":
            self._left = True
        return message

    async def send(self, message: Message) -> None:
        """Pass a message of the response on, and only then look at it."""
        if self._idle:
            await self._send(message)
            return
        if not self._status and message["type"] == "http.response.start":
            await self._start(message)
            return
        try:
            await self._send(message)
        except OSError:  # the other end is gone: ASGI, 2.4
            self._left = True
            raise
        self._note(message)
        self._idle = self._produced and not self._bill.watched  # all is known that matters

    def end(self, error: BaseException | None = None) -> None:
        """Close the bill, the application having returned, or raised *error*."""
        failed = isinstance(error, Exception) and not self._left
        if self._status >= 400:
            outcome = outcome_of(self._status)
        elif self._produced:
            outcome = Outcome.BROKEN
        else:
            outcome = Outcome.FAILED if failed else Outcome.LEFT
        self._bill.close(outcome, self._reader.end() if self._reader is not None else None)

    async def _start(self, message: Message) -> None:
        self._status = message["status"]
        told = message.get("headers", ())
        try:
            await self._send({**message, "headers": [*told, *self._headers]} if self._headers else message)
        except OSError:
            self._left = True
            raise
        if self._bill.meters:
            self._reader = reader_of(told)
        self._on_start(self._status)

    def _note(self, message: Message) -> None:
        kind = message["type"]
        if kind == "http.response.body":
            body, more = message.get("body", b""), message.get("more_body", False)
            if body:
                self._produced = True
                if self._reader is not None:
                    self._reader.feed(body)
        elif kind in {"http.response.zerocopysend", "http.response.pathsend"}:
            self._produced, more = True, kind.endswith("zerocopysend") and message.get("more_body", False)
        else:
            return
        if not more:
            self._produced = True
            self._bill.close(outcome_of(self._status), self._reader.end() if self._reader is not None else None)
