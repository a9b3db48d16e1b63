"""Bytes into values, for every dialect of JSON: what to do about bodies that some servers read and others do not."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING

import msgspec

from ratelimit.prompt import Reading, Unreadable

if TYPE_CHECKING:
    from collections.abc import Callable


class NoPromptError(Exception):
    """A body holds no prompt. Never leaves this package."""


#: A byte order mark in UTF-8, which many readers skip.
BOM = b"\xef\xbb\xbf"

#: What reading any bytes as typed JSON may raise.
UNREAD = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_DETAILS = {
    Unreadable.NO_PROMPT: "the body holds nothing that the user asks; send a prompt",
    Unreadable.NOT_TEXT: "the body is not UTF-8 text; encode it as UTF-8",
}


def read_json(dialect: str, body: bytes, parse: Callable[[bytes], Reading]) -> Reading:
    """Return what *parse* makes of *body*, or the problem; never raises.

    A body that fails is parsed once more as Python's own ``json`` would read it, because the application behind us may
    read it so: what we call broken and it does not would pass unseen.
    """
    try:
        return parse(body)
    except NoPromptError as error:
        return failed(dialect, body, error)
    except UNREAD as error:
        again = as_python_reads(body)
        if again is None:
            return failed(dialect, body, error)
    try:
        return parse(again)
    except (NoPromptError, *UNREAD) as error:
        return failed(dialect, again, error)


def as_python_reads(body: bytes) -> bytes | None:
    """Return *body* as strict JSON in UTF-8, or ``None`` if Python's ``json`` does not read it either.

    Python takes UTF-16 and UTF-32, NaN and Infinity, lone surrogates, and any type under a key that comes again later.

    >>> as_python_reads(b'{"a": [1], "a": NaN}')
    b'{"a":null}'
    """
    try:
        value = json.loads(body, parse_constant=_nothing, parse_float=_finite)
        return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
    except (ValueError, RecursionError):
        return None


def _nothing(_: str) -> None:
    return None


def _finite(digits: str) -> float | None:
    number = float(digits)
    return number if math.isfinite(number) else None


def failed(dialect: str, body: bytes, error: Exception) -> Reading:
    """Return the reading that says what *error* found in *body*, and where; never a copy of it."""
    problem = _problem(body, error)
    return Reading(dialect=dialect, problem=problem, detail=_DETAILS.get(problem) or _detail(error))


def _problem(body: bytes, error: Exception) -> Unreadable:
    if isinstance(error, NoPromptError):
        return Unreadable.NO_PROMPT
    if isinstance(error, msgspec.ValidationError):
        return Unreadable.WRONG_TYPE
    return Unreadable.NOT_TEXT if as_utf8(body) is None else Unreadable.BAD_JSON


def _detail(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "the body nests too deeply; send it flatter"
    return f"{error}; send the body as its API documents it"


def as_utf8(body: bytes) -> str | None:
    """Return the text that *body* is in UTF-8, or ``None`` if it is none."""
    try:
        return body.decode()
    except UnicodeDecodeError:
        return None
