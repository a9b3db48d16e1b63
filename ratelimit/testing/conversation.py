"""An ASGI driver for websockets: one connection in this process, spoken to as a test wants it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ratelimit.testing.exchange import Text, as_pairs

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from starlette.types import ASGIApp, Message, Scope


@dataclass(kw_only=True, slots=True)
class Conversation:
    """What came of one websocket.

    scope     as the application left it.
    messages  what it sent, in order, each a copy made when it was sent.
    """

    scope: Scope
    messages: list[Message] = field(default_factory=list)

    @property
    def said(self) -> list[str | bytes]:
        """What the application said, text or bytes, in order."""
        return [message["text"] if message.get("text") is not None else message["bytes"]
                for message in self.messages if message["type"] == "websocket.send"]

    @property
    def closed(self) -> int | None:
        """The code by which the application closed it; ``None`` if it did not."""
        closes = [message for message in self.messages if message["type"] == "websocket.close"]
        return closes[0].get("code", 1000) if closes else None

    @property
    def state(self) -> dict[str, Any]:
        """What was left in the scope's state."""
        state: dict[str, Any] = self.scope.get("state", {})
        return state


async def converse(
    app: ASGIApp,
    *messages: Text,
    path: str = "/",
    root_path: str = "",
    query: bytes = b"",
    headers: Iterable[tuple[Text, Text]] | Mapping[str, str] = (),
    peer: str | None = "127.0.0.1",
    code: int = 1000,
    stays: bool = False,
) -> Conversation:
    """Open a websocket to *app*, say *messages*, hang up, and return what came of it. What it raises is raised.

    messages  what the other end says: text, or bytes.
    headers   pairs or a mapping; names are put in lower case. None is added.
    code      the code with which the other end hangs up, after its last message.
    stays     whether it waits for the application to close instead.
    """
    conversation = Conversation(
        scope={
            "type": "websocket",
            "asgi": {"version": "3.0", "spec_version": "2.4"},
            "http_version": "1.1",
            "scheme": "ws",
            "path": path,
            "raw_path": path.encode("utf-8", "surrogatepass"),
            "query_string": query,
            "root_path": root_path,
            "headers": as_pairs(headers),
            "client": None if peer is None else (peer, 50_000),
            "server": ("127.0.0.1", 80),
            "subprotocols": [],
            "state": {},
        }
    )
    over = asyncio.Event()
    coming: list[Message] = [{"type": "websocket.connect"}]
    coming += [{"type": "websocket.receive", "text" if isinstance(said, str) else "bytes": said} for said in messages]

    async def receive() -> Message:
        if coming and not over.is_set():
            return coming.pop(0)
        if stays:
            await over.wait()
        return {"type": "websocket.disconnect", "code": code, "reason": ""}

    async def send(message: Message) -> None:
        conversation.messages.append(dict(message))
        if message["type"] == "websocket.close":
            over.set()

    await app(conversation.scope, receive, send)
    return conversation
