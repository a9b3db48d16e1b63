"""Decisions of many workers in one console: told through the Redis server that they share."""

from __future__ import annotations

import logging
import os
import threading
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any

import msgspec

from ratelimit.clock import Clock, SystemClock
from ratelimit.console.watch import Watch
from ratelimit.decision import Decision

if TYPE_CHECKING:
    from redis import Redis

    from ratelimit.request import Request

_log = logging.getLogger("ratelimit")

#: Batches that the stream holds: what a console that begins later gets to know.
_BATCHES = 5000

#: Decisions of a batch, and that wait at most; then the newest are dropped.
_BATCH, _WAITING = 500, 20_000

# Seconds for which decisions are gathered, and after which a server that is away is asked again.
_GATHER, _PAUSE = 0.2, 1.0

_Row = tuple[float, int, Decision]
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[_Row]).decode


def _client(url: str) -> Redis:
    from redis import Redis  # noqa: PLC0415 (of the extra 'redis')

    return Redis.from_url(url, socket_timeout=5.0, socket_connect_timeout=5.0)


class Publisher:
    """Tells consoles elsewhere what this worker decides: give it as ``on_decision``.

    url     the Redis server; *prefix*: what its key begins with.
    clock   dates the decisions.

    A thread writes, in batches; the event loop never waits. While the server is away decisions are dropped, and counted
    in ``dropped``: the evidence log is what proves, and this only shows. It holds no text and no id, but keyed hashes.
    """

    def __init__(self, url: str, *, prefix: str = "ratelimit", clock: Clock | None = None) -> None:
        self._client, self._key, self._clock = _client(url), f"{{{prefix}}}:decisions", clock or SystemClock()
        self._rows: SimpleQueue[_Row] = SimpleQueue()
        self._pid = 0
        self.dropped = 0

    def __repr__(self) -> str:
        return f"Publisher({self._key!r}, dropped={self.dropped})"

    def __call__(self, decision: Decision, request: Request) -> None:
        """Tell *decision* soon."""
        if self._pid != os.getpid():  # the first in this process: it may have been forked
            self._pid = os.getpid()
            threading.Thread(target=self._write, name="ratelimit-console", daemon=True).start()
        if self._rows.qsize() >= _WAITING:
            self.dropped += 1
            return
        self._rows.put((self._clock.now(), request.reading.count, decision))

    def _write(self) -> None:
        from redis import RedisError  # noqa: PLC0415

        pause, told = threading.Event(), False
        while True:
            batch = [self._rows.get()]
            pause.wait(_GATHER)
            while len(batch) < _BATCH:
                try:
                    batch.append(self._rows.get_nowait())
                except Empty:
                    break
            try:
                self._client.xadd(self._key, {"d": _encode(batch)}, maxlen=_BATCHES, approximate=True)
                told = False
            except (RedisError, OSError) as error:
                self.dropped += len(batch)
                if not told:
                    _log.error("the console is not told of decisions while %s cannot be written: %s", self._key, error)
                told = True
                pause.wait(_PAUSE)


class SharedWatch(Watch):
    """Knows the decisions of all workers that have a ``Publisher`` at the same server.

    url     the Redis server; *prefix*: what its key begins with.
    principals, cohorts
            as for ``Watch``.
    """

    def __init__(
        self, url: str, *, prefix: str = "ratelimit", principals: int = 100_000, cohorts: int = 5_000
    ) -> None:
        super().__init__(principals=principals, cohorts=cohorts)
        self._client, self._key = _client(url), f"{{{prefix}}}:decisions"
        self._heard: SimpleQueue[bytes] = SimpleQueue()
        self._pid = 0
        self.up = True

    def catch_up(self) -> None:
        """Take up what the workers decided meanwhile. Call it where the pages are made."""
        if self._pid != os.getpid():
            self._pid = os.getpid()
            threading.Thread(target=self._follow, name="ratelimit-console", daemon=True).start()
        for _ in range(20):  # so many batches at once, and the rest a moment later: requests go first
            try:
                rows = _decode(self._heard.get_nowait())
            except Empty:
                return
            except msgspec.DecodeError as error:
                _log.error("an entry of %s is no batch of decisions, and was passed over: %s", self._key, error)
                continue
            for at, prompts, decision in rows:
                self.note(decision, prompts, at)

    def _follow(self) -> None:
        from redis import RedisError  # noqa: PLC0415

        last: Any = b"0-0"
        pause = threading.Event()
        while True:
            try:
                found: Any = self._client.xread({self._key: last}, count=100, block=1000)
                self.up = True
            except (RedisError, OSError) as error:
                if self.up:
                    _log.error("the console does not hear of decisions while %s cannot be read: %s", self._key, error)
                self.up = False
                pause.wait(_PAUSE)
                continue
            for _, entries in found:
                for name, fields in entries:
                    last = name
                    self._heard.put(fields.get(b"d", b""))
