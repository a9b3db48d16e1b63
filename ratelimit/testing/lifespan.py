"""What a lifespan may do next: startup, its answer, shutdown, its answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ratelimit.testing.violation import require, require_type

if TYPE_CHECKING:
    from starlette.types import Message, Scope


class LifespanRules:
    """One lifespan. An application may refuse it by raising; that is no violation."""

    def __init__(self, scope: Scope) -> None:
        require(isinstance(scope.get("state", {}), dict), "scope of type lifespan: 'state' must be a dictionary")
        self._asked: list[str] = []
        self._open: str | None = None  # what was asked, and not answered yet

    def received(self, message: Message) -> None:
        """Check what the server gave."""
        kind = require_type(message)
        order = ["lifespan.startup", "lifespan.shutdown"]
        expected = order[len(self._asked)] if len(self._asked) < len(order) else "nothing"
        require(kind == expected, f"the server gave {kind} where {expected} was due")
        require(self._open is None, f"the server gave {kind} before {self._open} was answered")
        self._asked.append(kind)
        self._open = kind

    def sent(self, message: Message) -> None:
        """Check what the application sends."""
        kind = require_type(message)
        require(self._open is not None, f"{kind} was sent, and nothing was asked")
        require(kind in {f"{self._open}.complete", f"{self._open}.failed"}, f"{kind} was sent to answer {self._open}")
        self._open = None

    def ended(self) -> None:
        """Check that what was asked was answered."""
        require(self._open is None, f"the application returned without an answer to {self._open}")
