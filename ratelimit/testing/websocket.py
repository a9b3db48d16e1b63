"""What a websocket may do next: the order of the ASGI WebSocket specification, 2.4."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ratelimit.testing.violation import require, require_field, require_headers, require_scope, require_type

if TYPE_CHECKING:
    from starlette.types import Message, Scope

_DENIALS = ("websocket.http.response.start", "websocket.http.response.body")


class WebSocketRules:
    """One socket: connect, then accepted, closed or denied; frames while it is open; nothing after its end."""

    def __init__(self, scope: Scope) -> None:
        require_scope(scope)
        self._denial = "websocket.http.response" in (scope.get("extensions") or {})
        self._asked = False
        self._state = "asking"  # then open, then over; or denying, then over
        self._left = False

    def received(self, message: Message) -> None:
        """Check what the server gave."""
        kind = require_type(message)
        require(not self._left or kind == "websocket.disconnect", f"the server gave {kind} after websocket.disconnect")
        if kind == "websocket.connect":
            require(not self._asked, "the server gave websocket.connect twice")
            self._asked = True
            return
        require(self._asked, f"the server gave {kind} before websocket.connect")
        if kind == "websocket.disconnect":
            self._left = True
            return
        require(kind == "websocket.receive", f"the server gave {kind}, which is not for websockets")
        require(self._state != "asking", "the server gave websocket.receive before the socket was accepted")
        _require_payload(message)

    def sent(self, message: Message) -> None:
        """Check what the application sends."""
        kind = require_type(message)
        require(self._asked, f"{kind} was sent before websocket.connect was received")
        require(self._state != "over", f"{kind} was sent after the socket's end")
        if kind == "websocket.accept":
            self._accept(message)
        elif kind == "websocket.close":
            require_field(message, "code", int)
            self._state = "over"
        elif kind in _DENIALS:
            self._deny(kind, message)
        else:
            require(kind == "websocket.send", f"the application sent {kind}, which is not for websockets")
            require(self._state == "open", "websocket.send was sent before the socket was accepted")
            _require_payload(message)

    def ended(self) -> None:
        """Check nothing: the server closes a socket whose application has returned."""

    def _accept(self, message: Message) -> None:
        require(self._state == "asking", "websocket.accept was sent twice, or after a denial")
        require_field(message, "subprotocol", (str, type(None)))
        require_headers(message.get("headers", ()), "websocket.accept")
        self._state = "open"

    def _deny(self, kind: str, message: Message) -> None:
        require(self._denial, f"{kind} was sent, which this server does not offer")
        first = kind == _DENIALS[0]
        require(self._state == ("asking" if first else "denying"), f"{kind} was sent out of order")
        if first:
            require_field(message, "status", int, required=True)
            require_headers(message.get("headers", ()), kind)
            self._state = "denying"
        elif not require_field(message, "more_body", bool):
            self._state = "over"


def _require_payload(message: Message) -> None:
    kind = message["type"]
    require_field(message, "bytes", (bytes, type(None)))
    require_field(message, "text", (str, type(None)))
    full = [name for name in ("bytes", "text") if message.get(name) is not None]
    require(len(full) == 1, f"{kind} must have either bytes or text, and has {' and '.join(full) or 'neither'}")
