"""Whether an evidence log, or a case made of one, is whole: and if not, what is wrong and where."""

from __future__ import annotations

import hmac
from hashlib import sha256
from typing import TYPE_CHECKING, Any, NamedTuple

from ratelimit.audit.chain import BEGINNING, FORMAT, key_id, link, read, seal
from ratelimit.audit.files import AuditError, files_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Finding(NamedTuple):
    """What is wrong: in which *file*, at which *line* (from 1; 0: the file as a whole), and *what*."""

    file: str
    line: int
    what: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.what}" if self.line else f"{self.file}: {self.what}"


class Verified(NamedTuple):
    """What a verification came to.

    records   records that were read.
    files     files.
    sealed    whether the seals were looked at: only with the key.
    chain     the last link, hexadecimal: compare it with one that was noted elsewhere.
    findings  what is wrong, in order; empty if nothing is.
    """

    records: int
    files: int
    sealed: bool
    chain: str
    findings: tuple[Finding, ...]


def verify(folder: Path, key: bytes | None = None) -> Verified:
    """Read the whole log in *folder* and check every link, and with the *key* every seal. Raises: AuditError."""
    checker = _Checker(key)
    found = _listed(folder)
    for expected, (number, path) in enumerate(found, found[0][0]):
        if number != expected and not checker.missing:
            missing = f"the file before it is missing: evidence-{expected:08}.jsonl"
            checker.findings.append(Finding(path.name, 0, missing))
            checker.missing = True
        checker.read(number, path)
    if found[0][0] != 1:
        checker.findings.insert(0, Finding(found[0][1].name, 0, "the files before it are missing"))
    return Verified(checker.records, len(found), key is not None, checker.chain.hex(), tuple(checker.findings))


def records(folder: Path) -> Iterator[tuple[str, int, dict[str, Any], str]]:
    """Yield (file, line, record, link) of each line of the log in *folder* that is a record. Raises: AuditError."""
    for _, path in _listed(folder):
        with path.open("rb") as file:
            for number, line in enumerate(file, 1):
                found = read(line)
                if found is not None:
                    yield path.name, number, found[1], found[0].chain


def _listed(folder: Path) -> list[tuple[int, Path]]:
    if not folder.is_dir():
        raise AuditError(f"{folder}: there is no such folder; name the one that EvidenceLog writes")
    found = files_of(folder)
    if not found:
        raise AuditError(f"{folder}: holds no evidence log; its files are called evidence-00000001.jsonl, and so on")
    return found


class _Checker:
    """Reads file after file, and knows the chain so far."""

    def __init__(self, key: bytes | None) -> None:
        self._key = key
        self.chain, self.records, self.missing = BEGINNING, 0, False
        self.findings: list[Finding] = []
        self._last = 0

    def read(self, number: int, path: Path) -> None:
        data = path.read_bytes()
        lines = data.splitlines(keepends=True)
        if not lines:
            self._find(path, 0, "the file is empty")
        for at, line in enumerate(lines, 1):
            if not line.endswith(b"\n"):
                self._find(path, at, f"the last line is torn: {len(line)} bytes of a record that was never finished")
                continue
            self._line(number, path, at, line)

    def _line(self, number: int, path: Path, at: int, line: bytes) -> None:
        found = read(line)
        if found is None:
            self._find(path, at, "is no record: it was changed, or is not of this log")
            return
        told, record = found
        self.records += 1
        n = record.get("n")
        if at == 1:
            self._first(number, path, record)
        here = bytes.fromhex(told.chain) if len(told.chain) == 64 and _is_hex(told.chain) else b""
        good = link(self.chain, sha256(bytes(told.body)).digest())
        if here != good and not self.missing:
            self._find(path, at, self._why(n))
        elif self._key is not None and not hmac.compare_digest(told.seal, seal(self._key, here).hex()):
            self._find(path, at, f"record {n}: its seal is not by this key: the chain was made anew, or the key is "
                                 "another")
        self.missing = False
        self._last = n if isinstance(n, int) else self._last + 1
        self.chain = here or good

    def _first(self, number: int, path: Path, record: dict[str, Any]) -> None:
        if record.get("kind") != "file" or record.get("file") != number:
            self._find(path, 1, f"does not say that it is file {number}: its head was dropped, or it was renamed")
        elif record.get("format") != FORMAT:
            self._find(path, 1, f"is of format {record.get('format')!r}, and this command reads {FORMAT}")
        elif self._key is not None and record.get("key") != key_id(self._key):
            self._find(path, 1, f"is sealed by the key {record.get('key')}, and the one given is {key_id(self._key)}")

    def _why(self, n: object) -> str:
        """Return why record *n* does not hang on the one before, as far as its number tells."""
        expected = self._last + 1
        if isinstance(n, int) and n > expected:
            gone = f"record {expected} is" if n == expected + 1 else f"records {expected} to {n - 1} are"
            return f"{gone} missing before record {n}"
        if isinstance(n, int) and n < expected:
            return f"record {n} stands after record {self._last}: the file was reordered, or a record put in twice"
        return f"record {n} was changed, or the one before it"

    def _find(self, path: Path, line: int, what: str) -> None:
        self.findings.append(Finding(path.name, line, what))


def _is_hex(text: str) -> bool:
    try:
        bytes.fromhex(text)
    except ValueError:
        return False
    return True
