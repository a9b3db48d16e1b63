"""What is to be decided, whoever brings it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from ratelimit.decision import Decision
    from ratelimit.dialects import Dialect
    from ratelimit.outcome import Outcome
    from ratelimit.principal import Principal
    from ratelimit.request import Request
    from ratelimit.tokens import Usage


class Asked(Protocol):
    """One request, as a recorded row or an actor of a drill brings it."""

    @property
    def at(self) -> float:
        """When it says that it came, Unix seconds."""
        ...

    @property
    def now(self) -> float:
        """When it is decided, Unix seconds."""
        ...

    @property
    def name(self) -> str:
        """What tables call the principal."""
        ...

    @property
    def label(self) -> str | None:
        """What who asks is known to be, for counting: it decides nothing."""
        ...

    @property
    def method(self) -> str:
        """In upper case."""
        ...

    @property
    def path(self) -> str:
        """As the application sees it."""
        ...

    @property
    def body(self) -> bytes:
        """The body's bytes."""
        ...

    @property
    def principal(self) -> Principal:
        """Who is charged, unless the body names an end user."""
        ...

    @property
    def learns(self) -> bool:
        """Whether it is learned if it is allowed."""
        ...

    @property
    def outcome(self) -> Outcome:
        """What became of it behind the middleware, if it was let through: what it is charged for follows from it."""
        ...

    @property
    def usage(self) -> Usage | None:
        """The tokens that its answer reported; ``None``: it reported none."""
        ...

    @property
    def outline(self) -> Request | None:
        """A request that stands for this one as far as a refusal that still stands goes: no text, no end user.

        ``None``: it has to be read.
        """
        ...

    def request(self, dialect: Dialect, bound: int) -> Request:
        """Return the request as the core sees it, its body read by *dialect* if it has no more than *bound* bytes."""
        ...


class Sink(Protocol):
    """Where decisions are written."""

    def put(self, at: float, principal: str, decision: Decision) -> None:
        """Write what was decided about a request."""
        ...

    def skip(self, why: str) -> None:
        """Write the line that answers one which was not decided."""
        ...

    def close(self) -> None:
        """Write what is left."""
        ...
