"""The files of an evidence log: their names, their order, their lock, and the end of the last one."""

from __future__ import annotations

import fcntl
import os
import re
from typing import TYPE_CHECKING, NamedTuple

from ratelimit.audit.chain import BEGINNING, read
from ratelimit.errors import RatelimitError

if TYPE_CHECKING:
    from pathlib import Path

_NAME = re.compile(r"evidence-(\d{8})\.jsonl")
_LOCK = "writer.lock"


class AuditError(RatelimitError):
    """An evidence log that cannot be opened, written or read: what, where, and the mend."""


class End(NamedTuple):
    """Where a log goes on.

    number  of its last file; 0 if there is none.
    size    bytes of whole lines in it.
    torn    bytes after them, of a line that was never finished.
    records how many records there are in all.
    chain   the last link.
    """

    number: int
    size: int
    torn: int
    records: int
    chain: bytes


def file_of(folder: Path, number: int) -> Path:
    """Return the file with that *number*."""
    return folder / f"evidence-{number:08}.jsonl"


def files_of(folder: Path) -> list[tuple[int, Path]]:
    """Return the files of a log, in order."""
    return sorted((int(found.group(1)), path) for path in folder.iterdir() if (found := _NAME.fullmatch(path.name)))


def lock(folder: Path) -> int:
    """Lock *folder* for one writer, and return the lock, which ends when it is closed. Raises: AuditError."""
    handle = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(handle)
        raise AuditError(f"{folder}: another process writes this evidence log; give each worker a folder of its "
                         "own") from error
    return handle


def end_of(folder: Path) -> End:
    """Return where the log in *folder* goes on. Raises: AuditError if its last whole line is none of ours."""
    found = files_of(folder)
    if not found:
        return End(0, 0, 0, 0, BEGINNING)
    number, path = found[-1]
    data = path.read_bytes()
    size = data.rfind(b"\n") + 1
    lines = data[:size].splitlines()
    if not lines:
        if len(found) == 1:
            return End(number, 0, len(data), 0, BEGINNING)
        before = _last(found[-2][1])
        return End(number, 0, len(data), before[1], before[0])
    chain, records = _last(path, lines[-1])
    return End(number, size, len(data) - size, records, chain)


def _last(path: Path, line: bytes | None = None) -> tuple[bytes, int]:
    if line is None:
        line = (path.read_bytes().splitlines() or [b""])[-1]
    found = read(line)
    if found is None or not isinstance(found[1].get("n"), int):
        raise AuditError(f"{path}: its last line is no record; run `ratelimit audit verify {path.parent}`, keep the "
                         "files, and begin a new folder")
    return bytes.fromhex(found[0].chain), int(found[1]["n"])
