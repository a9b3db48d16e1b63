"""What comes before any dialect: whether there is a body that could be read at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ratelimit.prompt import Reading, Unreadable

if TYPE_CHECKING:
    from ratelimit.dialects.base import Dialect

_BOM = b"\xef\xbb\xbf"
_JSON_STARTS = (b"{", b"[")

_DETAILS = {
    Unreadable.TOO_LARGE: "the body is longer than is read here; send a shorter one",
    Unreadable.COMPRESSED: "the body is compressed; send it without Content-Encoding",
    Unreadable.MULTIPART: "the body is multipart; send JSON",
    Unreadable.NO_PROMPT: "the body is empty; send a prompt",
}


def read_body(
    dialect: Dialect,
    body: bytes,
    *,
    content_type: str | None = None,
    content_encoding: str | None = None,
    x_body_compressed: str | None = None,
    complete: bool = True,
) -> Reading:
    """Read *body* as *dialect* does, or say why it cannot be read. Never raises, whatever the bytes.

    content_type, content_encoding, x_body_compressed  the headers of these names (the last is SGLang's), if present.
    complete                                           whether *body* is the whole body, and not what fits a bound.

    Headers are the caller's word and many applications do not look at them, so a body that is declared to be
    compressed or multipart and yet reads as JSON is read: otherwise one header would blind us.
    """
    if not complete:
        return _unreadable(dialect, Unreadable.TOO_LARGE)
    body = body.removeprefix(_BOM)
    declared = _declared(content_type, content_encoding, x_body_compressed)
    if declared is not None:
        return _despite(dialect, body) or _unreadable(dialect, declared)
    if not body or body.isspace():
        return _unreadable(dialect, Unreadable.NO_PROMPT)
    return dialect.read(body)


def _unreadable(dialect: Dialect, problem: Unreadable) -> Reading:
    return Reading(dialect=dialect.name, problem=problem, detail=_DETAILS[problem])


def _declared(content_type: str | None, content_encoding: str | None, compressed: str | None) -> Unreadable | None:
    """Return why the headers say that *dialect* could not read the body, or ``None``."""
    if compressed or (content_encoding and not _is_identity(content_encoding)):
        return Unreadable.COMPRESSED
    if content_type and content_type.lstrip()[:10].lower() == "multipart/":
        return Unreadable.MULTIPART
    return None


def _is_identity(content_encoding: str) -> bool:
    return all(coding.strip().lower() in {"", "identity"} for coding in content_encoding.split(","))


def _despite(dialect: Dialect, body: bytes) -> Reading | None:
    if not body.lstrip().startswith(_JSON_STARTS):
        return None
    reading = dialect.read(body)
    return reading if reading.problem is None else None
