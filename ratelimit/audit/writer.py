"""The thread that writes an evidence log: many records at a time, each batch on disk before it is acknowledged."""

from __future__ import annotations

import logging
import os
from collections import deque
from threading import Condition, Thread
from typing import TYPE_CHECKING, Any

from ratelimit.audit.chain import FORMAT, key_id, written
from ratelimit.audit.files import End, end_of, file_of, lock

if TYPE_CHECKING:
    from pathlib import Path

    from ratelimit.clock import Clock

_log = logging.getLogger("ratelimit")

#: Records that may wait to be written; beyond that they are lost, and counted.
MOST_WAITING = 65_536

#: Records of one batch.
_BATCH = 4096

#: Seconds after which a full disk is tried again.
_AGAIN = 0.5


class Writer:
    """Appends records to the log in *folder*, from a thread of its own; ``put`` never waits.

    key          of every seal.
    rotate       bytes after which a new file begins; the chain goes on.
    clock        dates the records that it writes itself.

    Raises: AuditError.
    """

    def __init__(self, folder: Path, key: bytes, *, rotate: int, clock: Clock) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder, self._key, self._rotate, self._clock = folder, key, rotate, clock
        self._lock = lock(folder)
        self._waiting: deque[dict[str, Any]] = deque()
        self._turn = Condition()
        self._asked = self._done = self._lost = 0
        self._closing = self._failing = False
        try:
            end = end_of(folder)
            self._file, self._number, self._size = -1, end.number, end.size
            self._records, self._chain = end.records, end.chain
            self._begin(end)
        except BaseException:
            os.close(self._lock)
            raise
        self._thread = Thread(target=self._run, name="ratelimit-evidence", daemon=True)
        self._thread.start()

    @property
    def lost(self) -> int:
        """Records that could not be kept, and are not yet told in the log."""
        return self._lost

    def put(self, record: dict[str, Any]) -> None:
        """Let *record* be written soon."""
        with self._turn:
            if self._closing or len(self._waiting) >= MOST_WAITING:
                self._lost += 1
                return
            self._waiting.append(record)
            self._asked += 1
            self._turn.notify_all()

    def flush(self, timeout: float) -> bool:
        """Wait until all that was put is on disk; say whether it is, within *timeout* seconds."""
        with self._turn:
            wanted = self._asked
            return self._turn.wait_for(lambda: self._done >= wanted, timeout)

    def close(self, timeout: float) -> bool:
        """Write what is left, release the folder; say whether all of it is on disk, within *timeout* seconds."""
        with self._turn:
            self._closing = True
            self._turn.notify_all()
        self._thread.join(timeout)
        whole = not self._thread.is_alive() and self._done >= self._asked
        if not self._thread.is_alive() and self._lock >= 0:
            os.close(self._file)
            os.close(self._lock)
            self._lock = self._file = -1
        return whole

    def _begin(self, end: End) -> None:
        """Open the file where the log goes on, and heal a line that was never finished."""
        if not end.number:
            self._open(1)
            self._append([])
            return
        self._file = os.open(file_of(self._folder, end.number), os.O_RDWR | os.O_CLOEXEC)
        if end.torn:
            os.ftruncate(self._file, end.size)
        os.lseek(self._file, end.size, os.SEEK_SET)
        healed = [{"kind": "healed", "at": self._clock.now(), "bytes": end.torn}] if end.torn else []
        if healed or not end.size:  # it ended before the file had its head
            self._append(healed)

    def _open(self, number: int) -> None:
        if self._file >= 0:
            os.close(self._file)
        path = file_of(self._folder, number)
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        folder = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
        self._number, self._size = number, 0

    def _run(self) -> None:
        while True:
            with self._turn:
                self._turn.wait_for(lambda: self._waiting or self._closing, None)
                if not self._waiting:
                    return
                batch = [self._waiting.popleft() for _ in range(min(_BATCH, len(self._waiting)))]
            self._write(batch)
            with self._turn:
                self._done += len(batch)
                self._turn.notify_all()

    def _write(self, batch: list[dict[str, Any]]) -> None:
        """Write *batch*, and go on trying while the disk is full, as long as the log is not being closed."""
        while True:
            try:
                lost, more = self._lost, []
                if lost:
                    more = [{"kind": "lost", "at": self._clock.now(), "records": lost}]
                if self._size >= self._rotate:
                    self._open(self._number + 1)
                self._append([*more, *batch])
            except OSError as error:
                if not self._failing:
                    self._failing = True
                    _log.exception("the evidence log %s cannot be written; requests go on, and it is tried again",
                                   self._folder)
                with self._turn:
                    if self._turn.wait_for(lambda: self._closing, _AGAIN):
                        self._lost += len(batch)
                        self._done -= len(batch)  # they are not on disk, and must not be taken for it
                        _log.error("%d records of the evidence log %s are lost: %s", self._lost, self._folder, error)
                        return
            else:
                if self._failing:
                    self._failing = False
                    _log.warning("the evidence log %s is written again", self._folder)
                with self._turn:
                    self._lost -= lost
                return

    def _append(self, records: list[dict[str, Any]]) -> None:
        """Put *records* on disk, all or none; the first of a file says what the file is."""
        lines, chain, number = [], self._chain, self._records
        if not self._size:
            head = {"kind": "file", "format": FORMAT, "file": self._number, "key": key_id(self._key),
                    "at": self._clock.now()}
            records = [head, *records]
        for record in records:
            number += 1
            line, chain = written({"n": number, **record}, chain, self._key)
            lines.append(line)
        data = b"".join(lines)
        try:
            _write_all(self._file, data)
            os.fsync(self._file)
        except OSError:
            os.ftruncate(self._file, self._size)  # half a line is worse than none
            os.lseek(self._file, self._size, os.SEEK_SET)
            raise
        self._size, self._chain, self._records = self._size + len(data), chain, number


def _write_all(file: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(file, view):]
