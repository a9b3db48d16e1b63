"""A stream in a Redis server: any process appends to it, and a thread of each that reads it follows."""

from __future__ import annotations

import logging
import os
import threading
from queue import Empty, Queue
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

_log = logging.getLogger("ratelimit")

# Seconds for which the server holds a question that has no answer yet, and after which one that is away is asked again.
_WAITS = 1.0

# Seconds between two looks at what is there already.
_LOOK = 0.02

#: Entries that wait to be taken; then the thread waits too.
_WAITING = 1000


class Stream:
    """The stream *key* of the server at *url*.

    failures  what an append may raise.
    up        whether the server answered the last question of the thread.

    The thread keeps the event loop free, and begins with the first look in a process, so that one may fork before. It
    is told of an entry as soon as it is there. While the server is away it asks again every second, and says so once.
    """

    def __init__(self, url: str, key: str) -> None:
        from redis import Redis, RedisError  # noqa: PLC0415 (of the extra 'redis')

        self._client: Any = Redis.from_url(url, socket_timeout=5.0, socket_connect_timeout=5.0)
        self.failures = (RedisError, OSError)
        self.key, self.up = key, True
        self._heard: Queue[bytes] = Queue(_WAITING)
        self._asked, self._last, self._pid = threading.Event(), b"0-0", 0

    def append(self, value: bytes, *, most: int | None = None, seconds: int | None = None) -> None:
        """Append *value*, and forget about what is older than *seconds* or than the last *most*. Raises: *failures*."""
        oldest = None if seconds is None else f"{(int(self._client.time()[0]) - seconds) * 1000}-0"
        self._client.xadd(self.key, {"v": value}, maxlen=most, minid=oldest, approximate=True)

    def expire(self, seconds: int) -> None:
        """Forget all if nothing is appended for so long. Raises: *failures*."""
        self._client.expire(self.key, seconds)

    def news(self, *, wait: float = 0.0) -> Iterator[bytes]:
        """Yield what was appended since the last call, and *wait* so many seconds for what was there before."""
        if self._pid != os.getpid():
            self._pid = os.getpid()
            threading.Thread(target=self._follow, name=f"ratelimit {self.key}", daemon=True).start()
        looks = int(wait / _LOOK)
        while True:
            try:
                yield self._heard.get_nowait()
            except Empty:
                if looks <= 0 or (self._asked.wait(_LOOK) and self._heard.empty()):
                    return
                looks -= 1

    def _follow(self) -> None:
        pause = threading.Event()
        while True:
            try:
                block = int(_WAITS * 1000) if self._asked.is_set() else None
                found = self._client.xread({self.key: self._last}, count=100, block=block)
            except self.failures as error:
                if self.up:
                    _log.error("%s cannot be read (%s); what is known stays", self.key, error)
                self.up = False
                pause.wait(_WAITS)
                continue
            self.up = True
            for _, entries in found:
                for name, fields in entries:
                    self._last = name
                    self._heard.put(fields.get(b"v", b""))
            if not found:
                self._asked.set()
