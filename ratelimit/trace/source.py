"""The lines of a trace: plain, gzip, zstd or standard input, told apart by their first bytes."""

from __future__ import annotations

import gzip
import io
import os
import stat
import sys
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from ratelimit.trace.errors import TraceError, UsageError
from ratelimit.trace.zstd import ZSTD, is_zstd, unpacked

if TYPE_CHECKING:
    from collections.abc import Iterator

    from _typeshed import WriteableBuffer

    from ratelimit.trace.interrupts import Interrupts

#: Bytes from which a line is too long to be a request: memory stays bounded whatever the trace holds.
LONGEST_LINE = 1 << 24

_BUFFER = 1 << 18
_GZIP, _BOM = b"\x1f\x8b", b"\xef\xbb\xbf"


class _Counted(io.RawIOBase):
    """A file whose first bytes were looked at already; counts what is read of it."""

    def __init__(self, head: bytes, rest: io.BufferedReader) -> None:
        self._head, self._rest = head, rest
        self.count = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        space = memoryview(buffer).cast("B")
        # read1 takes what is there; readinto1 would wait for more of a pipe.
        found = self._head or self._rest.read1(len(space))
        many = min(len(found), len(space))
        space[:many], self._head = found[:many], found[many:]
        self.count += many
        return many


class Source:
    """A trace that was opened; ``-`` is standard input.

    size  bytes in all, as they are stored; 0 if that is not known.

    Raises: UsageError, if it cannot be opened or needs what is not installed.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        try:
            self._file = sys.stdin.buffer if path == "-" else Path(path).open("rb")  # noqa: SIM115 (close() does it)
            head = self._file.read(4)
            status = os.fstat(self._file.fileno())
        except OSError as error:
            raise UsageError(f"{path} cannot be read ({error.strerror or error}); name a trace, or - for standard "
                             "input") from error
        self.size = status.st_size if stat.S_ISREG(status.st_mode) else 0
        self._counted = _Counted(head, cast("io.BufferedReader", self._file))
        self._kind, self._lines = self._opened(head)

    @property
    def share(self) -> float | None:
        """The share of it that has been read, 0 to 1; ``None``: its size is not known."""
        return min(1.0, self._counted.count / self.size) if self.size else None

    def close(self) -> None:
        """Close the file; standard input stays open, it is not ours."""
        if self.path != "-":
            self._file.close()

    def lines(self, interrupts: Interrupts) -> Iterator[bytes | None]:
        """Yield each line with its end; ``None`` for one that is too long. Raises: TraceError."""
        readline, first = self._lines.readline, True
        while True:
            interrupts.reading = True
            try:
                line = readline(LONGEST_LINE)
                whole = len(line) < LONGEST_LINE or line.endswith(b"\n")
                if not whole:
                    self._skip()
            except (EOFError, OSError, zlib.error) as error:
                raise TraceError(f"the {self._kind} data of {self.path} breaks off or is damaged: {error}") from error
            finally:
                interrupts.reading = False
            if not line:
                return
            yield (line.removeprefix(_BOM) if first else line) if whole else None
            first = False

    def _skip(self) -> None:
        while (rest := self._lines.readline(LONGEST_LINE)) and not rest.endswith(b"\n"):
            pass

    def _opened(self, head: bytes) -> tuple[str, io.BufferedReader[Any]]:
        packed: io.BufferedReader[Any] = io.BufferedReader(self._counted, _BUFFER)
        if head.startswith(_GZIP):
            plain = cast("io.RawIOBase", gzip.GzipFile(fileobj=packed))  # it has all that a buffer asks of it
            return "gzip", io.BufferedReader(plain, _BUFFER)
        if is_zstd(head):
            try:
                return ZSTD, io.BufferedReader(unpacked(packed), _BUFFER)
            except ModuleNotFoundError as error:
                raise UsageError(f"{self.path} is packed by zstd, and reading that needs zstandard: "
                                 "pip install 'behavioral-ratelimit[replay]'") from error
        return "plain", packed
