"""The commands ``ratelimit audit verify``, ``show`` and ``case``."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from ratelimit.audit.case import as_json, as_page, case_of, verify_case
from ratelimit.audit.files import AuditError
from ratelimit.audit.log import VARIABLE
from ratelimit.audit.verify import records, verify

if TYPE_CHECKING:
    from typing import TextIO

#: Exit codes: something is wrong with the log; it cannot be read, or what was asked for is not there.
BROKEN, WRONG = 1, 2


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """What was asked: *command* of *path*, a folder or a case file."""

    command: str
    path: str
    principal: str | None = None
    cohort: str | None = None
    since: float | None = None
    until: float | None = None
    output: str | None = None
    json: bool = False


def run(options: Options) -> int:
    """Do what was asked, print what came of it, and return the exit code."""
    key = os.environ.get(VARIABLE, "").encode() or None
    try:
        if options.command == "verify":
            return _verify(options, key)
        return _show(options) if options.command == "show" else _case(options, key)
    except (AuditError, OSError) as error:
        _say(f"ratelimit audit {options.command}: {error}", sys.stderr)
        return WRONG


def _verify(options: Options, key: bytes | None) -> int:
    path = Path(options.path)
    found = verify_case(path, key) if path.is_file() else verify(path, key)
    if options.json:
        _say(msgspec.json.encode(found._asdict() | {"findings": [one._asdict() for one in found.findings]}).decode(),
             sys.stdout)
        return BROKEN if found.findings else 0
    for one in found.findings:
        _say(str(one), sys.stdout)
    seals = "and every seal" if found.sealed else f"but no seal (set {VARIABLE} to the key to check them)"
    if found.findings:
        _say(f"{options.path}: NOT whole: {len(found.findings)} findings in {found.records:,} records", sys.stdout)
        return BROKEN
    _say(f"{options.path}: whole: {found.records:,} records in {found.files} files; every link was checked, {seals}\n"
         f"last link {found.chain}", sys.stdout)
    return 0


def _show(options: Options) -> int:
    for file, line, record, _ in records(Path(options.path)):
        about = {record.get("principal"), record.get("subject"), *record.get("cohorts", {})}
        if not {options.principal, options.cohort} - {None} <= about:
            continue
        at = record.get("at", 0.0)
        if (options.since is not None and at < options.since) or (options.until is not None and at > options.until):
            continue
        told = msgspec.json.encode(record).decode()
        _say(told if options.json else f"{file}:{line}: {told}", sys.stdout)
    return 0


def _case(options: Options, key: bytes | None) -> int:
    about = options.cohort or options.principal
    if about is None:
        raise AuditError("name what the case is about: --cohort kind:hash, or --principal hash")
    case = case_of(Path(options.path), about, key)
    text = as_page(case) if options.output is not None and options.output.endswith(".html") else as_json(case)
    if options.output is None:
        _say(text, sys.stdout)
        return 0
    Path(options.output).write_text(text, "utf-8")
    _say(f"{options.output}: {len(case.records):,} records; verify it by `ratelimit audit verify {options.output}`",
         sys.stderr)
    return 0


def _say(text: str, file: TextIO) -> None:
    file.write(f"{text}\n")
