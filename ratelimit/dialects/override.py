"""Another dialect than its path would have."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from ratelimit.dialects.base import Dialect
from ratelimit.errors import refuse_invalid

if TYPE_CHECKING:
    from ratelimit.dialects.base import Ear, Header, Refusal
    from ratelimit.dialects.forms import Form
    from ratelimit.prompt import Reading


@dataclass(frozen=True, kw_only=True, slots=True)
class Override(Dialect):
    """A *dialect* at *paths* that are not its own. Put it before the others.

        Policy(dialects=(Override(paths=("/api/ask",), dialect=OpenAIChat()), *DEFAULT_DIALECTS))

    paths    shell patterns (``*`` crosses slashes), the mount's prefix taken off.
    dialect  what is spoken there.
    """

    paths: tuple[str, ...]
    dialect: Dialect

    def __post_init__(self) -> None:
        problems = []
        if not isinstance(self.paths, tuple) or not self.paths:
            problems.append(f"paths: must be a tuple of at least one pattern, got {self.paths!r}; write ('/api/ask',)")
        if not hasattr(self.dialect, "read"):
            problems.append(f"dialect: must be a Dialect, got {self.dialect!r}")
        refuse_invalid("Override", problems)

    @property
    def name(self) -> str:
        """The name of what is spoken."""
        return self.dialect.name

    @property
    def hears(self) -> bool:
        """Whether what is spoken is spoken over websockets too."""
        return self.dialect.hears

    @property
    def single(self) -> bool:
        """Whether what is spoken asks one prompt at most."""
        return self.dialect.single

    def claims(self, path: str) -> bool:
        """Say whether one of the patterns fits *path*."""
        return any(fnmatchcase(path, pattern) for pattern in self.paths)

    def at(self, path: str) -> Dialect:
        """Return what is spoken at *path*."""
        return self.dialect.at(path)

    def read(self, body: bytes) -> Reading:
        """Read *body* as the dialect does."""
        return self.dialect.read(body)

    def read_form(self, form: Form) -> Reading:
        """Read *form* as the dialect does."""
        return self.dialect.read_form(form)

    def ear(self) -> Ear:
        """Return what listens to one websocket as the dialect does."""
        return self.dialect.ear()

    def hear(self, event: bytes) -> Reading | None:
        """Read *event* as the dialect does."""
        return self.dialect.hear(event)

    def error(self, refusal: Refusal) -> tuple[str, bytes]:
        """Word *refusal* as the dialect does."""
        return self.dialect.error(refusal)

    def headers(self, refusal: Refusal) -> tuple[Header, ...]:
        """Return the headers that the dialect adds."""
        return self.dialect.headers(refusal)

    def event_error(self, refusal: Refusal) -> bytes:
        """Word *refusal* as the dialect does over a websocket."""
        return self.dialect.event_error(refusal)

    def stream_error(self, refusal: Refusal) -> bytes:
        """Word *refusal* as the dialect does in a stream."""
        return self.dialect.stream_error(refusal)
