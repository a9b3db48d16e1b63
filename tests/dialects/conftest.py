"""A server on loopback that keeps what it is sent and answers every request with one body."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING
from urllib.parse import unquote

import pytest

from ratelimit.dialects import Dialect, Refusal, read_body
from ratelimit.policy import Policy
from ratelimit.request import Request

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ratelimit.prompt import Reading

REFUSAL = Refusal(
    status=429,
    code="rate_limit_exceeded",
    title="Quota Exceeded",
    message="The budget is spent. Try again in 7 seconds.",
    type="https://iana.org/assignments/http-problem-types#quota-exceeded",
    violated=("requests",),
    retry_after=7.0,
)


class Wire:
    """What arrived, and what is answered."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.received: list[tuple[Request, bytes]] = []
        self.status = 429
        self.answer = ("application/json", b"{}")
        self.headers: list[tuple[str, str]] = []

    @property
    def last(self) -> tuple[Request, bytes]:
        """The last request, and its body."""
        return self.received[-1]

    @property
    def dialect(self) -> Dialect:
        """The dialect of the last request, found by its path."""
        return Policy().dialect_for(self.last[0].path)

    def read(self) -> Reading:
        """Read the last request as the middleware would."""
        request, body = self.last
        return read_body(
            self.dialect,
            body,
            content_type=request.header("content-type"),
            content_encoding=request.header("content-encoding"),
        )

    def refuse(self, dialect: Dialect, refusal: Refusal = REFUSAL) -> None:
        """Answer every request from now on with *refusal*, as *dialect* words it."""
        self.status, self.answer = refusal.status, dialect.error(refusal)
        self.headers = [(name.decode(), value.decode()) for name, value in dialect.headers(refusal)]

    def break_off(self, dialect: Dialect, *, media_type: str = "text/event-stream", begin: bytes = b"") -> None:
        """Answer every request from now on with a stream that *begin*s well and ends with the refusal."""
        self.status, self.headers = 200, []
        self.answer = (media_type, begin + dialect.stream_error(REFUSAL))


def _handler(wires: list[Wire]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            wire = wires[0]
            body = self.rfile.read(int(self.headers["content-length"] or 0)) or self._chunks()
            headers = [(name.lower().encode(), value.encode()) for name, value in self.headers.items()]
            path, _, query = self.path.partition("?")
            path = unquote(path)  # as ASGI servers do
            wire.received.append((Request(path=path, query=query.encode(), headers=headers), body))
            media_type, answer = wire.answer
            self.send_response(wire.status)
            self.send_header("content-type", media_type)
            self.send_header("content-length", str(len(answer)))
            for name, value in wire.headers:
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer)

        def _chunks(self) -> bytes:
            pieces = []
            while self.headers["transfer-encoding"] == "chunked" and (size := int(self.rfile.readline(), 16)):
                pieces.append(self.rfile.read(size))
                self.rfile.readline()
            return b"".join(pieces)

        def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
            """Keep quiet."""

    return Handler


@pytest.fixture
def wire(monkeypatch: pytest.MonkeyPatch) -> Iterator[Wire]:
    """Return a server on loopback; proxies of the environment are not asked."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    wires: list[Wire] = []
    with ThreadingHTTPServer(("127.0.0.1", 0), _handler(wires)) as server:
        wires.append(Wire(server.server_port))
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield wires[0]
        server.shutdown()
        thread.join()
