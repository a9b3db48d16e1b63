"""One row, made ready for every side to decide."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ratelimit.dialects import counted, read_body
from ratelimit.outcome import UNAUTHENTICATED, Outcome, outcome_of
from ratelimit.principal import Principal
from ratelimit.request import Request
from ratelimit.trace.rows import body_of

if TYPE_CHECKING:
    from ratelimit.dialects import Dialect
    from ratelimit.prompt import Reading
    from ratelimit.tokens import Usage
    from ratelimit.trace.rows import Row

#: Principals that are kept made; all are dropped when there are more.
_MOST = 1 << 15

_NO_HEADERS: list[tuple[bytes, bytes]] = []


class Case:
    """The present row; one object serves a whole replay.

    row        as it stands in the trace.
    now        when it is decided, Unix seconds: no row steps back behind an earlier one.
    principal  who is charged, unless the body names an end user.
    method     in upper case.
    body       the body's bytes.
    outline    ``None``: a row's body is always read.
    """

    __slots__ = ("_bound", "_dialect", "_headers", "_known", "_request", "body", "method", "now", "outline",
                 "principal", "row")

    row: Row
    principal: Principal
    body: bytes

    def __init__(self) -> None:
        self.now = 0.0
        self.method = "POST"
        self.outline: Request | None = None
        self._headers = _NO_HEADERS
        self._known: dict[str, Principal] = {}
        self._request = Request()
        self._dialect: Dialect | None = None
        self._bound = 0

    def take(self, row: Row) -> None:
        """Take *row* up. Raises: BadLineError."""
        self.body = body_of(row)
        self.row = row
        self.now = max(self.now, row.at)
        self.principal = self._principal(row)
        self.method = row.method.upper()
        self._headers = _headers(row) if row.headers or row.user_agent else _NO_HEADERS
        self._dialect = None

    @property
    def at(self) -> float:
        """When the row says that it came, Unix seconds."""
        return self.row.at

    @property
    def name(self) -> str:
        """What the row calls the principal."""
        return self.row.principal

    @property
    def label(self) -> str | None:
        """What the row says that the principal is known to be."""
        return self.row.label

    @property
    def path(self) -> str:
        """The row's path."""
        return self.row.path

    @property
    def learns(self) -> bool:
        """Whether the application knew who asked."""
        return self.row.status not in UNAUTHENTICATED

    @property
    def outcome(self) -> Outcome:
        """What the row's status says; answered, if it has none."""
        return Outcome.ANSWERED if self.row.status is None else outcome_of(self.row.status)

    @property
    def usage(self) -> Usage | None:
        """The usage that the row's answer reported."""
        return counted(self.row.usage) if isinstance(self.row.usage, dict) else None

    def request(self, dialect: Dialect, bound: int) -> Request:
        """Return the request as the core sees it, its body read by *dialect* if it has no more than *bound* bytes.

        Read once for all sides that read alike.
        """
        if dialect is not self._dialect or bound != self._bound:
            row = self.row
            self._request = Request(method=self.method, path=row.path, headers=self._headers)
            self._request.reading = self._read(dialect, bound)
            self._dialect, self._bound = dialect, bound
        return self._request

    def _read(self, dialect: Dialect, bound: int) -> Reading:
        complete = len(self.body) <= bound
        if not self._headers:
            return read_body(dialect, self.body, complete=complete)
        header = self._request.header
        return read_body(
            dialect,
            self.body,
            content_type=header("content-type"),
            content_encoding=header("content-encoding"),
            x_body_compressed=header("x-body-compressed"),
            complete=complete,
        )

    def _principal(self, row: Row) -> Principal:
        links = row.links or {}
        known = self._known.get(row.principal)
        if known is not None and known.links == links and known.since == row.since and known.verified is row.verified:
            return known
        told = {kind: value for kind, value in links.items() if value is not None}
        if len(self._known) >= _MOST:
            self._known.clear()
        made = Principal(id=row.principal, links=told, since=row.since, verified=bool(row.verified))
        self._known[row.principal] = made
        return made


def _headers(row: Row) -> list[tuple[bytes, bytes]]:
    told = row.headers or []
    pairs = told.items() if isinstance(told, dict) else told
    headers = [
        (name.lower().encode("utf-8", "surrogatepass"), value.encode("utf-8", "surrogatepass"))
        for name, values in pairs
        for value in ([values] if isinstance(values, str) else values)
    ]
    if row.user_agent is not None and not any(name == b"user-agent" for name, _ in headers):
        headers.append((b"user-agent", row.user_agent.encode("utf-8", "surrogatepass")))
    return headers
