"""A real server, for as long as it is needed."""

from __future__ import annotations

import asyncio
import socket
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING

import uvicorn

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from starlette.types import ASGIApp


class _Server(uvicorn.Server):
    """A server that leaves Ctrl-C to its host."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def serving(app: ASGIApp, *, port: int = 0) -> AsyncIterator[str]:
    """Serve *app* on 127.0.0.1 at *port* (0: any that is free) and give its URL; when left, nothing listens any more.

    Raises: OSError, if the port is taken.
    """
    config = uvicorn.Config(
        app, access_log=False, lifespan="off", log_level="warning", timeout_graceful_shutdown=1, ws="none"
    )
    server = _Server(config)
    with socket.create_server(("127.0.0.1", port)) as listener:  # it listens now: who comes early waits in the backlog
        running = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            await running
