"""An ASGI driver: one HTTP exchange in this process, cut and broken off wherever a test wants it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Scope

Text = str | bytes


@dataclass(kw_only=True, slots=True)
class Exchange:
    """What came of one exchange.

    scope     as the application left it.
    messages  what it sent, in order, each a copy made when it was sent.
    """

    scope: Scope
    messages: list[Message] = field(default_factory=list)

    @property
    def started(self) -> bool:
        """Whether a response was started."""
        return any(message["type"] == "http.response.start" for message in self.messages)

    @property
    def complete(self) -> bool:
        """Whether the last part of a body, or its file, was sent."""
        return any(_last(message) for message in self.messages)

    @property
    def status(self) -> int:
        """The response's status. Raises: LookupError if none was started."""
        status: int = self._start["status"]
        return status

    @property
    def headers(self) -> list[tuple[bytes, bytes]]:
        """The response's headers, in order. Raises: LookupError if none was started."""
        return [(name, value) for name, value in self._start.get("headers", ())]

    @property
    def chunks(self) -> list[bytes]:
        """The parts of the body, as they were sent."""
        return [message.get("body", b"") for message in self.messages if message["type"] == "http.response.body"]

    @property
    def body(self) -> bytes:
        """The body, joined."""
        return b"".join(self.chunks)

    @property
    def state(self) -> dict[str, Any]:
        """What was left in the scope's state."""
        state: dict[str, Any] = self.scope.get("state", {})
        return state

    def header(self, name: str) -> str | None:
        """Return the first header called *name* (any case), decoded as Latin-1; ``None`` if it is absent."""
        wanted = name.lower().encode("latin-1")
        return next((value.decode("latin-1") for key, value in self.headers if key == wanted), None)

    @property
    def _start(self) -> Message:
        for message in self.messages:
            if message["type"] == "http.response.start":
                return message
        raise LookupError("no response was started")


async def drive(
    app: ASGIApp,
    *,
    method: str = "POST",
    path: str = "/",
    root_path: str = "",
    query: bytes = b"",
    headers: Iterable[tuple[Text, Text]] | Mapping[str, str] = (),
    body: bytes | Sequence[bytes] = b"",
    peer: str | None = "127.0.0.1",
    http_version: str = "1.1",
    extensions: Mapping[str, dict[str, Any]] | None = None,
    disconnect_after: int | None = None,
    disconnect_after_sends: int | None = None,
    stalls: bool = False,
) -> Exchange:
    """Drive one exchange with *app*, and return what came of it. What the application raises is raised.

    headers                 pairs or a mapping; names are put in lower case. None is added.
    body                    the request's body, a sequence: a message each.
    peer                    the address of the other end; ``None``: a Unix socket.
    extensions              what the server offers.
    disconnect_after        parts of the body after which the other end hangs up; as many as there are: the next thing
                            that the application receives is the hanging up. ``None``: it stays until the response ends.
    disconnect_after_sends  messages of the response after which the other end hangs up.
    stalls                  whether the body, after the parts there are, never ends.
    """
    pieces = [body] if isinstance(body, bytes) else list(body) or [b""]
    exchange = Exchange(
        scope={
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.4"},
            "http_version": http_version,
            "method": method,
            "scheme": "http",
            "path": path,
            "raw_path": path.encode("utf-8", "surrogatepass"),
            "query_string": query,
            "root_path": root_path,
            "headers": as_pairs(headers),
            "client": None if peer is None else (peer, 50_000),
            "server": ("127.0.0.1", 80),
            "extensions": dict(extensions or {}),
            "state": {},
        }
    )
    other = _OtherEnd(exchange, pieces, disconnect_after, disconnect_after_sends, stalls=stalls)
    await app(exchange.scope, other.receive, other.send)
    return exchange


class _OtherEnd:
    """The server's side of one exchange."""

    def __init__(
        self, exchange: Exchange, pieces: list[bytes], after: int | None, after_sends: int | None, *, stalls: bool
    ) -> None:
        last = len(pieces) - 1
        requests: list[Message] = [
            {"type": "http.request", "body": piece, "more_body": stalls or index < last}
            for index, piece in enumerate(pieces)
        ]
        self._exchange = exchange
        self._requests = requests[:after]
        self._after_sends = after_sends
        self._gone = asyncio.Event()
        self._hangs_up = after is not None
        if after_sends == 0:
            self._gone.set()

    async def receive(self) -> Message:
        if self._requests and not self._gone.is_set():
            return self._requests.pop(0)
        if not self._hangs_up:
            await self._gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        self._exchange.messages.append(dict(message))
        if self._exchange.complete or len(self._exchange.messages) == self._after_sends:
            self._gone.set()


def _last(message: Message) -> bool:
    kind = message["type"]
    if kind in {"http.response.body", "http.response.zerocopysend"}:
        return not message.get("more_body", False)
    return bool(kind == "http.response.pathsend")


def as_pairs(headers: Iterable[tuple[Text, Text]] | Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    """Return *headers* as a scope has them."""
    pairs = headers.items() if isinstance(headers, Mapping) else headers
    return [(_bytes(name).lower(), _bytes(value)) for name, value in pairs]


def _bytes(text: Text) -> bytes:
    return text if isinstance(text, bytes) else text.encode("latin-1")
