"""A request as the core sees it: no ASGI, no framework."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from ratelimit.prompt import Reading

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_NOTHING = Reading(dialect="plain")


class Request:
    """One request: what resolvers, predicates and cost functions are given.

    method   upper case.
    path     as the application sees it, the mount's prefix taken off.
    query    the raw query string, without ``?``.
    headers  (name, value) pairs as they arrived; names in lower case.
    peer     the address of the other end of the socket, or ``None`` (a Unix socket).
    single   whether it is known to ask one prompt at most, without being read.
    """

    __slots__ = ("_read", "_reading", "headers", "method", "path", "peer", "query", "single")

    def __init__(
        self,
        *,
        method: str = "POST",
        path: str = "/",
        query: bytes = b"",
        headers: Iterable[tuple[bytes, bytes]] = (),
        peer: str | None = None,
        reading: Reading | Callable[[], Reading] = _NOTHING,
        single: bool = False,
    ) -> None:
        self.method = method
        self.path = path
        self.query = query
        self.headers = headers if isinstance(headers, list) else list(headers)
        self.peer = peer
        self.single = single
        self._reading: Reading | None = None
        self._read: Callable[[], Reading] | None = None
        if isinstance(reading, Reading):
            self._reading = reading
        else:
            self._read = reading

    @property
    def reading(self) -> Reading:
        """What was read from the body; it is read when it is first asked for."""
        reading = self._reading
        if reading is None:
            reading = self._reading = _NOTHING if self._read is None else self._read()
            self._read = None
        return reading

    @reading.setter
    def reading(self, reading: Reading) -> None:
        self._reading = reading

    def header(self, name: str) -> str | None:
        """Return the first header called *name* (any case), decoded as Latin-1; ``None`` if it is absent."""
        wanted = name.lower().encode("latin-1")
        for key, value in self.headers:
            if key == wanted:
                return value.decode("latin-1")
        return None

    def header_values(self, name: str) -> list[str]:
        """Return every header called *name* (any case), in the order of arrival."""
        wanted = name.lower().encode("latin-1")
        return [value.decode("latin-1") for key, value in self.headers if key == wanted]

    def query_value(self, name: str) -> str | None:
        """Return the first query parameter called *name*, or ``None``."""
        for key, value in parse_qsl(self.query.decode("latin-1"), keep_blank_values=True):
            if key == name:
                return value
        return None

    def __repr__(self) -> str:
        return f"Request({self.method} {self.path}, peer={self.peer!r}, dialect={self.reading.dialect!r})"
