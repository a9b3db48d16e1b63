"""An ASGI protocol checker.

Wrap an application, and a breach on either side of the wrapping raises: the application's, by what it sends, and the
server's (or the middleware's outside), by the scope and the messages that it gives. A middleware is checked from both::

    app = ProtocolChecker(RateLimitMiddleware(ProtocolChecker(app)))
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from ratelimit.testing.http import HTTPRules
from ratelimit.testing.lifespan import LifespanRules
from ratelimit.testing.violation import ProtocolViolation, require
from ratelimit.testing.websocket import WebSocketRules

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["ProtocolChecker", "ProtocolViolation"]


class Rules(Protocol):
    """What one connection may do next. Each method raises ``ProtocolViolation``."""

    def received(self, message: Message) -> None:
        """Check what the server gave."""
        ...

    def sent(self, message: Message) -> None:
        """Check what the application sends."""
        ...

    def ended(self) -> None:
        """Check that the application, which has returned, had said all that it had to."""
        ...


class ProtocolChecker:
    """An ASGI application that passes everything on to *app* untouched, and raises ``ProtocolViolation`` on a breach.

    A violation that the application swallows is raised again when it returns. Scopes of unknown types are not checked.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    def __repr__(self) -> str:
        return f"ProtocolChecker({self.app!r})"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Speak ASGI, strictly."""
        rules = _rules(scope)
        if rules is None:
            await self.app(scope, receive, send)
            return
        watch = _Watch(rules)

        async def checked_receive() -> Message:
            watch.running("receive was called")
            message = await receive()
            watch.check(rules.received, message)
            return message

        async def checked_send(message: Message) -> None:
            watch.running("a message was sent")
            watch.check(rules.sent, message)
            await send(message)

        try:
            returned: object = await self.app(scope, checked_receive, checked_send)  # type: ignore[func-returns-value]  # what it returns is checked
        finally:
            watch.over = True
        watch.end(returned)


class _Watch:
    """One connection, watched: what was violated first, and whether the application still runs."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._violation: ProtocolViolation | None = None
        self.over = False

    def check(self, rule: Callable[[Message], None], message: Message) -> None:
        try:
            rule(message)
        except ProtocolViolation as violation:
            self._violation = self._violation or violation
            raise

    def running(self, what: str) -> None:
        require(not self.over, f"{what} after the application had returned")

    def end(self, returned: object) -> None:
        if self._violation is not None:
            raise self._violation
        require(returned is None, f"the application returned {returned!r}; it must return None")
        self._rules.ended()


def _rules(scope: Scope) -> Rules | None:
    kind = scope.get("type")
    require(isinstance(kind, str), f"scope['type'] must be text, got {kind!r}")
    if kind == "http":
        return HTTPRules(scope)
    if kind == "websocket":
        return WebSocketRules(scope)
    return LifespanRules(scope) if kind == "lifespan" else None
