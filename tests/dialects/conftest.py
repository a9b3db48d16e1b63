"""A server on loopback that keeps what it is sent and answers every request with one body."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

from ratelimit.request import Request

if TYPE_CHECKING:
    from collections.abc import Iterator


class Wire:
    """What arrived, and what is answered."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.received: list[tuple[Request, bytes]] = []
        self.status = 429
        self.answer = ("application/json", b"{}")

    @property
    def last(self) -> tuple[Request, bytes]:
        """The last request, and its body."""
        return self.received[-1]


def _handler(wires: list[Wire]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            wire = wires[0]
            body = self.rfile.read(int(self.headers["content-length"]))
            headers = [(name.lower().encode(), value.encode()) for name, value in self.headers.items()]
            path, _, query = self.path.partition("?")
            wire.received.append((Request(path=path, query=query.encode(), headers=headers), body))
            media_type, answer = wire.answer
            self.send_response(wire.status)
            self.send_header("content-type", media_type)
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

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
