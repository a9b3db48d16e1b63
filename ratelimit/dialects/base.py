"""What a dialect is: one wire format, read into prompts and answered in kind."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple, Protocol

import msgspec

from ratelimit.prompt import Reading, Unreadable

if TYPE_CHECKING:
    from ratelimit.dialects.forms import Form

Header = tuple[bytes, bytes]


class Refusal(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What a refused caller is told, before a dialect words it.

    status       the HTTP status: 429, 503, or 400 to 415 for a body that the policy refuses to accept unread.
    code         a stable machine word, such as ``rate_limit_exceeded``.
    title        a few words, always the same for a *type*.
    message      one plain sentence for a person; says what to do.
    type         the URI of the RFC 9457 problem type.
    violated     the names of the budgets that refused.
    retry_after  seconds until a retry can be granted; infinite if none can, or if nobody knows.
    call         the id that the answer must repeat, as JSON: ``Reading.call``.
    """

    status: int
    code: str
    title: str
    message: str
    type: str = "about:blank"
    violated: tuple[str, ...] = ()
    retry_after: float = math.inf
    call: str = ""


class Heard(NamedTuple):
    """A prompt that a message of a websocket carries.

    reading  what it asks.
    besides  what tells it from others though the message is the same, if anything does.
    """

    reading: Reading
    besides: bytes = b""


class Ear(Protocol):
    """Listens to one websocket. Never raises, whatever is said."""

    def hear(self, event: bytes) -> Heard | None:
        """Read a message of the client's; ``None``: it is no prompt, and passes."""
        ...

    def passed(self) -> None:
        """Be told that the prompt that was heard last goes on to the application."""
        ...

    def answered(self, event: str) -> None:
        """Be told what the application says, in text."""
        ...


class PlainEar:
    """Hears each message by itself, as a *dialect* does."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect

    def hear(self, event: bytes) -> Heard | None:
        """Read one message."""
        reading = self._dialect.hear(event)
        return None if reading is None else Heard(reading)

    def passed(self) -> None:
        """Do nothing."""

    def answered(self, event: str) -> None:
        """Do nothing."""


class Dialect(Protocol):
    """One wire format. Stateless; all methods are pure and never raise, whatever the bytes.

    Inherit from this to write your own: *name*, *claims*, *read* and *error* are yours to write, the others have
    defaults.
    """

    @property
    def name(self) -> str:
        """What decisions and readings call it."""
        ...

    @property
    def hears(self) -> bool:
        """Whether it is spoken over websockets, message by message."""
        return False

    @property
    def single(self) -> bool:
        """Whether a body asks one prompt at most, and names no call: policies of budgets alone do not read it then."""
        return False

    def claims(self, path: str) -> bool:
        """Say whether a request to *path* (the mount's prefix taken off) speaks this dialect."""
        ...

    def at(self, path: str) -> Dialect:  # noqa: ARG002 (the default takes nothing from the path)
        """Return this dialect as it is spoken at *path*, which names a model or a method in some APIs."""
        return self

    def read(self, body: bytes) -> Reading:
        """Read a whole, uncompressed *body*."""
        ...

    def read_form(self, form: Form) -> Reading:  # noqa: ARG002 (the default reads no form)
        """Read a body that came as a *form*: multipart, or URL-encoded."""
        return Reading(dialect=self.name, problem=Unreadable.MULTIPART, detail="the body is a form; send JSON")

    def hear(self, event: bytes) -> Reading | None:  # noqa: ARG002 (by default nothing is heard)
        """Read one message of a websocket; ``None``: it is no prompt, and passes."""
        return None

    def ear(self) -> Ear:
        """Return what listens to one websocket; by default each message by itself, by ``hear``."""
        return PlainEar(self)

    def error(self, refusal: Refusal) -> tuple[str, bytes]:
        """Return the media type and the bytes of an error body as this dialect's clients expect it."""
        ...

    def headers(self, refusal: Refusal) -> tuple[Header, ...]:  # noqa: ARG002 (by default there are none)
        """Return the headers that this dialect's clients look for beside those of every refusal."""
        return ()

    def event_error(self, refusal: Refusal) -> bytes:
        """Return the same error as a message of a websocket, by which the connection is not lost."""
        return self.error(refusal)[1]

    def stream_error(self, refusal: Refusal) -> bytes:
        """Return the same error as the last piece of a stream that is open already, when no status can tell it."""
        return b"data: %s\n\n" % self.error(refusal)[1]
