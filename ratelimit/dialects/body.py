"""What comes before any dialect: whether there is a body that could be read at all, and how it was packed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from ratelimit.dialects.codings import CodingError, TooLongError, codings_of, unpacked
from ratelimit.dialects.forms import MULTIPART, URL_ENCODED, form_of
from ratelimit.dialects.wire import BOM
from ratelimit.prompt import Reading, Unreadable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ratelimit.dialects.base import Dialect

#: Bytes of an unpacked body that are read, unless the caller says otherwise.
BODY_BYTES = 1 << 20

_JSON_STARTS = (b"{", b"[")
_JSON = "application/json"
_FORMS = (MULTIPART, URL_ENCODED)

_DETAILS = {
    Unreadable.TOO_LARGE: "the body is longer than is read here; send a shorter one",
    Unreadable.NO_PROMPT: "the body is empty; send a prompt",
    Unreadable.MULTIPART: "the body is no form that can be read here; send JSON",
}


def read_body(
    dialect: Dialect,
    body: bytes,
    *,
    content_type: str | None = None,
    content_encoding: str | None = None,
    x_body_compressed: str | None = None,
    complete: bool = True,
    most: int = BODY_BYTES,
) -> Reading:
    """Read *body* as *dialect* does, or say why it cannot be read. Never raises, whatever the bytes.

    content_type, content_encoding, x_body_compressed  the headers of these names (the last is SGLang's), if present.
    complete                                           whether *body* is the whole body, and not what fits a bound.
    most                                               bytes to which a compressed body may unpack.

    Headers are the caller's word and many applications do not look at them, so a body that is declared to be
    compressed or a form and yet reads as JSON is read: otherwise one header would blind us. What reads in more than one
    way is read in each.
    """
    if not complete:
        return _unreadable(dialect, Unreadable.TOO_LARGE)
    if content_encoding or x_body_compressed:
        ways = [*dict.fromkeys(_ways(content_encoding or "", x_body_compressed or ""))]
        if ways != [()]:
            return _unpacked(dialect, body, ways, content_type, most)
    return _read(dialect, body, content_type)


def _read(dialect: Dialect, body: bytes, content_type: str | None) -> Reading:
    """Read a *body* that is not packed, or not any more."""
    body = body.removeprefix(BOM)
    if content_type and not content_type.startswith(_JSON) and content_type.lstrip().lower().startswith(_FORMS):
        return _despite(dialect, body) or _form(dialect, body, content_type)
    if not body or body.isspace():
        return _unreadable(dialect, Unreadable.NO_PROMPT)
    return dialect.read(body)


def _form(dialect: Dialect, body: bytes, content_type: str) -> Reading:
    form = form_of(body, content_type)
    return _unreadable(dialect, Unreadable.MULTIPART) if form is None else dialect.read_form(form)


def _despite(dialect: Dialect, body: bytes) -> Reading | None:
    if not body.lstrip().startswith(_JSON_STARTS):
        return None
    reading = dialect.read(body)
    return reading if reading.problem is None else None


def _ways(content_encoding: str, compressed: str) -> Iterator[tuple[str, ...]]:
    """Yield the codings that the headers may mean, most likely first: a server behind us may obey one and not another.

    ``X-Body-Compressed`` names a method. What names none is SGLang's own, zstd.
    """
    declared = codings_of(content_encoding)
    if compressed:
        method = codings_of(compressed) if compressed.strip().isalpha() else ("zstd",)
        yield method
        if declared:
            yield method + declared
    yield declared


def _unpacked(
    dialect: Dialect, body: bytes, ways: list[tuple[str, ...]], content_type: str | None, most: int
) -> Reading:
    readings, failures = [], []
    for codings in filter(None, ways):
        try:
            readings += [_read(dialect, plain, content_type) for plain in unpacked(body, codings, most)]
        except TooLongError:
            failures.append(_unreadable(dialect, Unreadable.TOO_LARGE))
        except CodingError as error:
            failures.append(Reading(dialect=dialect.name, problem=Unreadable.COMPRESSED, detail=str(error)))
    as_it_stands = _despite(dialect, body.removeprefix(BOM))
    readings += [as_it_stands] if as_it_stands is not None else []
    good = [reading for reading in readings if reading.problem is None]
    return _merged(good) if good else (readings + failures)[0]


def _merged(readings: list[Reading]) -> Reading:
    """Return what all *readings* of one body ask together."""
    first, *others = readings
    if not others:
        return first
    return msgspec.structs.replace(
        first,
        prompts=tuple([prompt for reading in readings for prompt in reading.prompts]),
        more=sum([reading.more for reading in readings]),
    )


def _unreadable(dialect: Dialect, problem: Unreadable) -> Reading:
    return Reading(dialect=dialect.name, problem=problem, detail=_DETAILS[problem])
