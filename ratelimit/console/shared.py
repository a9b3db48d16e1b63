"""Decisions of many workers in one console: told through the Redis server that they share."""

from __future__ import annotations

import logging
import os
import threading
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

import msgspec

from ratelimit.clock import Clock, SystemClock
from ratelimit.console.watch import Watch
from ratelimit.decision import Decision
from ratelimit.stream import Stream

if TYPE_CHECKING:
    from ratelimit.request import Request

_log = logging.getLogger("ratelimit")

#: Batches that the stream holds: what a console that begins later gets to know.
_BATCHES = 500

#: Decisions of a batch, and that wait at most; then the newest are dropped.
_BATCH, _WAITING = 250, 20_000

# Seconds for which decisions are gathered, and after which the stream is forgotten if nobody tells anything.
_GATHER, _KEPT = 0.2, 86_400

# Batches taken up at once, so that pages come between.
_AT_ONCE = 10

_Row = tuple[float, int, Decision]
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[_Row]).decode


def _stream(url: str, prefix: str) -> Stream:
    return Stream(url, f"{{{prefix}}}:decisions")


class Publisher:
    """Tells consoles elsewhere what this worker decides: give it as ``on_decision``.

    url     the Redis server; *prefix*: what its key begins with.
    clock   dates the decisions.

    A thread writes, in batches; the event loop never waits. While the server is away decisions are dropped, and counted
    in ``dropped``: the evidence log is what proves, and this only shows. It holds no text and no id, but keyed hashes.
    The server keeps the last 500 batches of 250 decisions at most (some 80 MB, at 600 bytes each), and nothing of them
    when none came for a day.
    """

    def __init__(self, url: str, *, prefix: str = "ratelimit", clock: Clock | None = None) -> None:
        self._stream, self._clock = _stream(url, prefix), clock or SystemClock()
        self._rows: SimpleQueue[_Row] = SimpleQueue()
        self._pid = 0
        self.dropped = 0

    def __repr__(self) -> str:
        return f"Publisher({self._stream.key!r}, dropped={self.dropped})"

    def __call__(self, decision: Decision, request: Request) -> None:
        """Tell *decision* soon."""
        if self._pid != os.getpid():  # the first in this process: it may have been forked
            self._pid = os.getpid()
            threading.Thread(target=self._write, name="ratelimit console", daemon=True).start()
        if self._rows.qsize() >= _WAITING:
            self.dropped += 1
            return
        self._rows.put((self._clock.now(), request.reading.count, decision))

    def _write(self) -> None:
        pause, told = threading.Event(), False
        while True:
            batch = self._batch(pause)
            try:
                self._stream.append(_encode(batch), most=_BATCHES)
                self._stream.expire(_KEPT)
                told = False
            except self._stream.failures as error:
                self.dropped += len(batch)
                if not told:
                    _log.error("the console is not told of decisions while %s cannot be written: %s",
                               self._stream.key, error)
                told = True

    def _batch(self, pause: threading.Event) -> list[_Row]:
        """Wait for a decision, and return it with those that come soon after."""
        batch = [self._rows.get()]
        if self._rows.qsize() < _BATCH:
            pause.wait(_GATHER)
        while len(batch) < _BATCH:
            try:
                batch.append(self._rows.get_nowait())
            except Empty:
                break
        return batch


class SharedWatch(Watch):
    """Knows the decisions of all workers that have a ``Publisher`` at the same server.

    url     the Redis server; *prefix*: what its key begins with.
    principals, cohorts
            as for ``Watch``.
    """

    follows = True

    def __init__(
        self, url: str, *, prefix: str = "ratelimit", principals: int = 100_000, cohorts: int = 5_000
    ) -> None:
        super().__init__(principals=principals, cohorts=cohorts)
        self._stream = _stream(url, prefix)

    @property
    def up(self) -> bool | None:
        """Whether the server answers."""
        return self._stream.up

    def catch_up(self) -> bool:
        """Take up what the workers decided meanwhile, so many batches at most; say whether there may be more."""
        for number, blob in enumerate(self._stream.news(), 1):
            try:
                rows = _decode(blob)
            except msgspec.DecodeError as error:
                _log.error("an entry of %s is no batch of decisions, and was passed over: %s", self._stream.key, error)
                continue
            for at, prompts, decision in rows:
                self.note(decision, prompts, at)
            if number == _AT_ONCE:
                return True
        return False
