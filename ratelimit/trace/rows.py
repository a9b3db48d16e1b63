"""Lines of a trace, read into rows."""

from __future__ import annotations

import json
import math
from typing import Any

import msgspec
from msgspec import Raw

from ratelimit.trace.errors import BadLineError

#: Unix seconds beyond the year 5138: whoever writes so much means milliseconds, or less.
LATEST = 1e11

_UNITS = ("milliseconds", "microseconds", "nanoseconds")

#: What msgspec raises at a line or value that it cannot read.
UNREAD = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class Row(msgspec.Struct, gc=False):
    """One recorded request. Fields of a line that are not named here are not read.

    at          when it came, Unix seconds.
    principal   the id of who sent it, in clear.
    path        as the application sees it.
    body        the body: JSON as it stands in the trace, a string for any other text, ``null`` for none.
    since       when the principal was created, Unix seconds.
    verified    whether it is known who it is.
    links       what the principal may share with others, by kind.
    method      the HTTP method.
    status      what was answered: from 401 and 403 nothing is learned, and what failed is not charged.
    usage       the usage that the answer reported, as its API words it.
    headers     by name, or as pairs.
    user_agent  the header of this name, where *headers* has none.
    label       what the sender is known to be: shares are told for each label apart. It decides nothing.
    """

    at: float
    principal: str
    path: str
    body: Raw
    since: float | None = None
    verified: bool | None = False
    links: dict[str, str | None] | None = None
    method: str = "POST"
    status: int | None = None
    usage: Any = None
    headers: dict[str, str | list[str]] | list[tuple[str, str]] | None = None
    user_agent: str | None = None
    label: str | None = None


#: What a line must have.
REQUIRED = ("at", "principal", "path", "body")

_row = msgspec.json.Decoder(Row)
_text = msgspec.json.Decoder(str)
_anything: msgspec.json.Decoder[Any] = msgspec.json.Decoder()


def read_row(line: bytes, *, tick: float = 1.0) -> Row:
    """Return the row that *line* holds, whose times count ticks of *tick* seconds. Raises: BadLineError.

    The body stays the bytes that it is. Only a line that no strict reader takes (lone surrogates, NaN) is read and
    written anew, as Python's ``json`` does it: an application behind the middleware may have read it so.
    """
    try:
        row = _row.decode(line)
    except msgspec.ValidationError as error:
        raise BadLineError(_sentence(error)) from None
    except UNREAD as error:
        return _again(line, error, tick)
    return _checked(row, tick)


def read_object(line: bytes) -> dict[str, Any]:
    """Return *line*, a JSON object, as a dictionary. Raises: BadLineError."""
    try:
        value = _anything.decode(line)
    except UNREAD as error:
        value = _as_python_reads(line, error)
    if not isinstance(value, dict):
        raise BadLineError(f"Expected `object`, got `{_kind(value)}`")
    return value


def row_of(fields: dict[str, Any], *, tick: float = 1.0) -> Row:
    """Return the row with these *fields*, decoded values but for those that are ``Raw``. Raises: BadLineError."""
    body = fields.get("body")
    known = {name: value for name, value in fields.items() if name != "body"}
    if "body" in fields:
        known["body"] = body if isinstance(body, Raw) else Raw(_encoded(body))
    try:
        row = msgspec.convert(known, Row)
        msgspec.json.encode((row.principal, row.links))
    except msgspec.ValidationError as error:
        raise BadLineError(_sentence(error)) from None
    except UnicodeEncodeError:
        raise BadLineError("principal, links: must be text, got lone surrogates") from None
    return _checked(row, tick)


def body_of(row: Row) -> bytes:
    """Return the body of *row* as the application got it. Raises: BadLineError."""
    body = bytes(row.body)
    if body.startswith(b'"'):
        return _string(body).encode("utf-8", "replace")  # a lone surrogate stands for bytes that the log has lost
    return b"" if body == b"null" else body


def _checked(row: Row, tick: float) -> Row:
    if tick != 1.0:
        row.at *= tick
        row.since = None if row.since is None else row.since * tick
    if not 0.0 <= row.at <= LATEST:
        raise BadLineError(_time("at", row.at))
    if row.since is not None and not -LATEST <= row.since <= LATEST:
        raise BadLineError(_time("since", row.since))
    if not row.principal:
        raise BadLineError("principal: must not be empty; leave such lines out by --mapper, or name who shares them")
    return row


def _time(field: str, value: float) -> str:
    if value > LATEST:
        unit = _UNITS[min(2, int((math.log10(value) - 11) / 3))]
        return (f"{field}: {value:.0f} is in {unit}, and must be in seconds; say "
                f"--clock {unit}, or divide by a function for --mapper")
    return f"{field}: must be Unix seconds, got {value!r}"


def _again(line: bytes, error: Exception, tick: float) -> Row:
    fields = _as_python_reads(line, error)
    if not isinstance(fields, dict):
        raise BadLineError(_sentence(error)) from None
    return row_of(fields, tick=tick)


def _as_python_reads(line: bytes | str, error: Exception) -> Any:
    if not line.strip():
        raise BadLineError("is empty") from None
    try:
        return json.loads(line, strict=False)
    except (ValueError, RecursionError):
        raise BadLineError(_sentence(error)) from None


def _encoded(body: Any) -> bytes:
    if isinstance(body, bytes):
        body = body.decode("utf-8", "replace")
    try:
        try:
            return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
        except UnicodeEncodeError:  # a lone surrogate: only an escape can write it
            return json.dumps(body, separators=(",", ":")).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise BadLineError(f"body: cannot be written as JSON: {error}") from None


def _string(body: bytes) -> str:
    try:
        return _text.decode(body)
    except UNREAD as error:
        text: str = _as_python_reads(body.decode("utf-8", "replace"), error)
        return text


def _sentence(error: Exception) -> str:
    if isinstance(error, UnicodeDecodeError):
        return "is not UTF-8"
    return "nests too deeply" if isinstance(error, RecursionError) else str(error)


def _kind(value: object) -> str:
    return {list: "array", str: "str", bool: "bool", int: "int", float: "float"}.get(type(value), "null")
