"""Where interventions are kept: appended, never rewritten, and read by every worker."""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING, Protocol

from ratelimit.interventions.values import InterventionError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

_log = logging.getLogger("ratelimit")


class Journal(Protocol):
    """Lines that several processes append and all of them read.

    every  seconds between two looks at it.
    """

    every: float

    def append(self, line: bytes) -> None:
        """Append *line*, which has no end of line, for good. Raises: InterventionError; then nothing was changed."""

    def news(self) -> tuple[bool, Iterable[bytes]]:
        """Return whether what was told before is to be forgotten, and what was appended since the last call."""


class FileJournal:
    """A file of lines."""

    every = 1.0

    def __init__(self, path: Path) -> None:
        self._path, self._read = path, 0

    def __repr__(self) -> str:
        return str(self._path)

    def append(self, line: bytes) -> None:
        """Append *line*, for good."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            handle = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                os.write(handle, line + b"\n")  # one write: lines of several processes do not mix
                os.fsync(handle)
            finally:
                os.close(handle)
        except OSError as error:
            said = f"{self._path}: cannot be written ({error.strerror}); nothing was changed"
            raise InterventionError(said) from error

    def news(self) -> tuple[bool, Iterable[bytes]]:
        """Return whether the file was written anew, and what was appended since the last call."""
        anew = False
        try:
            size = self._path.stat().st_size
            if size == self._read:
                return False, []
            if size < self._read:
                self._read, anew = 0, True
            with self._path.open("rb") as file:
                file.seek(self._read)
                data = file.read(size - self._read)
        except FileNotFoundError:
            return False, []
        except OSError:
            _log.exception("the interventions in %s cannot be read; those that are known go on counting", self._path)
            return False, []
        whole = data[: data.rfind(b"\n") + 1]
        self._read += len(whole)
        return anew, whole.splitlines()
