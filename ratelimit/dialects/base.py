"""What a dialect is: one wire format, read into prompts and answered in kind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import msgspec

if TYPE_CHECKING:
    from ratelimit.prompt import Reading


class Refusal(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What a refused caller is told, before a dialect words it.

    status    the HTTP status: 429, 503, or 400 to 415 for a body that the policy refuses to accept unread.
    code      a stable machine word, such as ``rate_limit_exceeded``.
    title     a few words, always the same for a *type*.
    message   one plain sentence for a person; says what to do.
    type      the URI of the RFC 9457 problem type.
    violated  the names of the budgets that refused.
    """

    status: int
    code: str
    title: str
    message: str
    type: str = "about:blank"
    violated: tuple[str, ...] = ()


class Dialect(Protocol):
    """One wire format. Stateless; both methods are pure and never raise, whatever the bytes."""

    @property
    def name(self) -> str:
        """What decisions and readings call it."""
        ...

    def claims(self, path: str) -> bool:
        """Say whether a request to *path* (the mount's prefix taken off) speaks this dialect."""
        ...

    def read(self, body: bytes) -> Reading:
        """Read a whole, uncompressed *body*."""
        ...

    def error(self, refusal: Refusal) -> tuple[str, bytes]:
        """Return the media type and the bytes of an error body as this dialect's clients expect it."""
        ...
