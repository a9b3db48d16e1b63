"""What an HTTP connection may do next: the ASGI HTTP specification, 2.4, with its extensions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ratelimit.testing.violation import require, require_field, require_headers, require_scope, require_type

if TYPE_CHECKING:
    from starlette.types import Message, Scope

#: Messages that exist only where the scope's ``extensions`` name them.
_EXTENSIONS = frozenset({
    "http.response.debug",
    "http.response.early_hint",
    "http.response.pathsend",
    "http.response.push",
    "http.response.trailers",
    "http.response.zerocopysend",
})

#: Statuses whose responses have no body, whatever their content-length says.
_BODILESS = frozenset({204, 304})


class HTTPRules:
    """One exchange: start, then body until its last part, then trailers if they were announced, then nothing."""

    def __init__(self, scope: Scope) -> None:
        require_scope(scope)
        method: Any = scope.get("method")
        require(isinstance(method, str), f"scope: 'method' must be text, got {method!r}")
        require(method == method.upper(), f"scope: 'method' must be upper case, got {method!r}")
        self._method = method
        self._extensions = scope.get("extensions") or {}
        self._request_over = False
        self._hung_up = False
        self._started = False
        self._body_over = False
        self._trailers = False  # announced, and still to come
        self._length: int | None = None
        self._size = 0

    def received(self, message: Message) -> None:
        """Check what the server gave: the body until its last part, and disconnects for ever once there was one."""
        kind = require_type(message)
        if kind == "http.disconnect":
            self._hung_up = True
            return
        require(kind == "http.request", f"the server gave {kind}, which is not for HTTP")
        require(not self._hung_up, "the server gave http.request after http.disconnect")
        require(not self._request_over, "the server gave http.request after the last part of the body")
        require_field(message, "body", bytes)
        self._request_over = not require_field(message, "more_body", bool)

    def sent(self, message: Message) -> None:
        """Check what the application sends."""
        kind = require_type(message)
        require(kind not in _EXTENSIONS or kind in self._extensions,
                f"{kind} was sent, which this server does not offer")
        if kind in {"http.response.debug", "http.response.early_hint", "http.response.push"}:
            require(not self._complete, f"{kind} was sent after the response was complete")
            return
        steps = {
            "http.response.start": self._start,
            "http.response.body": self._body,
            "http.response.zerocopysend": self._zero_copy,
            "http.response.pathsend": self._path,
            "http.response.trailers": self._trail,
        }
        require(kind in steps, f"the application sent {kind}, which is not for HTTP")
        require(self._started or kind == "http.response.start", f"{kind} was sent before http.response.start")
        require(not self._complete, f"{kind} was sent after the response was complete")
        steps[kind](message)

    def ended(self) -> None:
        """Check that the response is complete, unless nobody is there to read it."""
        require(self._started or self._hung_up, "the application returned without starting a response")
        require(self._complete or self._hung_up, "the application returned without completing its response")

    @property
    def _complete(self) -> bool:
        return self._body_over and not self._trailers

    def _start(self, message: Message) -> None:
        require(not self._started, "http.response.start was sent twice")
        self._started = True
        status = require_field(message, "status", int, required=True)
        require(200 <= status <= 599, f"http.response.start: {status} is no final status")
        headers = require_headers(message.get("headers", ()), "http.response.start")
        self._trailers = bool(require_field(message, "trailers", bool))
        require(not self._trailers or "http.response.trailers" in self._extensions,
                "http.response.start announces trailers, which this server does not offer")
        lengths = [value for name, value in headers if name == b"content-length"]
        require(len(lengths) <= 1, f"http.response.start: there are several content-lengths: {lengths}")
        if lengths and self._method != "HEAD" and status not in _BODILESS:
            require(lengths[0].isdigit(), f"http.response.start: content-length is no number: {lengths[0]!r}")
            self._length = int(lengths[0])

    def _body(self, message: Message) -> None:
        require(not self._body_over, "http.response.body was sent after the last part of the body")
        self._size += len(require_field(message, "body", bytes) or b"")
        self._body_over = not require_field(message, "more_body", bool)
        if self._length is not None:
            require(self._size <= self._length, f"the body is longer than its content-length of {self._length}")
            require(not self._body_over or self._size == self._length,
                    f"the body has {self._size} bytes, and its content-length says {self._length}")

    def _zero_copy(self, message: Message) -> None:
        require(not self._body_over, "http.response.zerocopysend was sent after the last part of the body")
        require("file" in message, "http.response.zerocopysend: 'file' is missing")
        self._length = None  # how much was sent is not seen here
        self._body_over = not require_field(message, "more_body", bool)

    def _path(self, message: Message) -> None:
        require(not self._body_over and not self._size, "http.response.pathsend must be the whole body")
        path = require_field(message, "path", str, required=True)
        require(path.startswith("/"), f"http.response.pathsend: the path must be absolute, got {path!r}")
        self._body_over = True

    def _trail(self, message: Message) -> None:
        require(self._trailers, "http.response.trailers was sent without having been announced")
        require(self._body_over, "http.response.trailers was sent before the last part of the body")
        require_headers(message.get("headers", ()), "http.response.trailers")
        self._trailers = bool(require_field(message, "more_trailers", bool))
