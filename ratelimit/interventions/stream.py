"""Interventions of many machines: a stream in the Redis server that they share."""

from __future__ import annotations

import logging
import os
import threading
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any

from ratelimit.interventions.values import LONGEST, InterventionError

if TYPE_CHECKING:
    from redis import Redis

_log = logging.getLogger("ratelimit")

# Seconds for which the reader waits for news at the server, and after a failure before it asks again.
_WAITS = 1.0


class StreamJournal:
    """The stream ``{prefix}:interventions`` of the server at *url*, followed by a thread from the first look on.

    The thread keeps the event loop free, and is told of an entry as soon as it is there. While the server is away what
    is known goes on counting. Entries older than any can last are trimmed.
    """

    #: Seconds between two looks at what the thread heard.
    every = 0.1

    def __init__(self, url: str, *, prefix: str = "ratelimit") -> None:
        from redis import Redis  # noqa: PLC0415 (of the extra 'redis')

        self._client: Redis = Redis.from_url(url, socket_timeout=5.0, socket_connect_timeout=5.0)
        self._key = f"{{{prefix}}}:interventions"
        self._heard: SimpleQueue[bytes] = SimpleQueue()
        self._first = threading.Event()
        self._follower = (0, "")
        self._last = b"0-0"

    def __repr__(self) -> str:
        return self._key

    def append(self, line: bytes) -> None:
        """Append *line*, for good."""
        from redis import RedisError  # noqa: PLC0415

        try:
            seconds, _ = self._client.time()
            oldest = (seconds - int(LONGEST.total_seconds())) * 1000
            self._client.xadd(self._key, {"i": line}, minid=f"{oldest}-0", approximate=True)
        except (RedisError, OSError) as error:
            raise InterventionError(f"{self._key}: cannot be written ({error}); it may not count") from error

    def news(self) -> tuple[bool, list[bytes]]:
        """Return what was appended since the last call; the first waits until the server was asked, 2 s at most."""
        if self._follower[0] != os.getpid():  # the first look in this process: it may have been forked
            self._follower = (os.getpid(), "follows")
            self._first.clear()
            threading.Thread(target=self._follow, name="ratelimit-interventions", daemon=True).start()
            if not self._first.wait(2.0):
                _log.error("the interventions in %s are not known yet: the server does not answer", self._key)
        lines = []
        while True:
            try:
                lines.append(self._heard.get_nowait())
            except Empty:
                return False, lines

    def _follow(self) -> None:
        from redis import RedisError  # noqa: PLC0415

        told, pause = False, threading.Event()
        while True:
            try:
                wait = int(_WAITS * 1000) if self._first.is_set() else None
                found: Any = self._client.xread({self._key: self._last}, block=wait)
            except (RedisError, OSError) as error:
                if not told:
                    _log.error("the interventions in %s cannot be read (%s); those that are known go on counting",
                               self._key, error)
                told = True
                pause.wait(_WAITS)
                continue
            told = False
            for _, entries in found:
                for name, fields in entries:
                    self._last = name
                    self._heard.put(fields[b"i"])
            self._first.set()
