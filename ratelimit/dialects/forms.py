"""Forms: bodies of ``multipart/form-data`` or ``application/x-www-form-urlencoded``, taken apart."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterator

MULTIPART = "multipart/"
URL_ENCODED = "application/x-www-form-urlencoded"

#: Parts of a form that are read; what has more is no form of a person's, and is not read.
_MOST = 1000

_BOUNDARY = re.compile(r'\bboundary=(?:"([^"]{1,200})"|([^\s;,"]{1,200}))', re.IGNORECASE)
_PARAMETER = re.compile(rb'\b(name|filename)\*?=(?:"((?:[^"\\]|\\.)*)"|([^\s;]+))', re.IGNORECASE)
_BLANK = re.compile(rb"\r?\n\r?\n")


class Upload(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One file of a form.

    name        the field's.
    media_type  as its sender declares it; empty if it does not.
    content     its bytes.
    """

    name: str
    media_type: str
    content: bytes


class Form(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A form, in the order in which it came.

    fields  (name, text) pairs.
    files   whatever came with a file name, or is no text.
    """

    fields: tuple[tuple[str, str], ...] = ()
    files: tuple[Upload, ...] = ()


def form_of(body: bytes, content_type: str) -> Form | None:
    """Return the form that *body* is, as its *content_type* says; ``None`` if it is none, or too finely cut.

    >>> form_of(b"a=1&b=%20x", "application/x-www-form-urlencoded").fields
    (('a', '1'), ('b', ' x'))
    """
    kind = content_type.lstrip().lower()
    if kind.startswith(URL_ENCODED):
        return _url_encoded(body)
    boundary = _BOUNDARY.search(content_type)
    if not kind.startswith(MULTIPART) or boundary is None:
        return None
    return _multipart(body, (boundary[1] or boundary[2]).encode("latin-1", "replace"))


def _url_encoded(body: bytes) -> Form | None:
    try:
        return Form(fields=tuple(parse_qsl(body.decode("latin-1"), keep_blank_values=True, max_num_fields=_MOST)))
    except ValueError:
        return None


def _multipart(body: bytes, boundary: bytes) -> Form | None:
    delimiter = re.compile(rb"(?:^|\r?\n)--" + re.escape(boundary) + rb"(?=--|[ \t]*\r?\n)")
    pieces = delimiter.split(body, maxsplit=_MOST)
    if len(pieces) < 2 or len(pieces) > _MOST:
        return None
    fields, files = [], []
    for head, content in _parts(pieces[1:]):
        told = {key.lower(): quoted or bare for key, quoted, bare in reversed(_PARAMETER.findall(head))}
        name = _text(told.get(b"name", b"")) or ""
        text = None if b"filename" in told else _text(content)
        if text is None:
            files.append(Upload(name=name, media_type=_media_type(head), content=content))
        else:
            fields.append((name, text))
    return Form(fields=tuple(fields), files=tuple(files))


def _parts(pieces: list[bytes]) -> Iterator[tuple[bytes, bytes]]:
    """Yield the headers and the content of each part, as far as the one that closes the form."""
    for piece in pieces:
        if piece.startswith(b"--"):
            return
        head, *rest = _BLANK.split(piece, maxsplit=1)
        if rest:
            yield head, rest[0]


def _media_type(head: bytes) -> str:
    found = re.search(rb"^content-type:[ \t]*([^\s;]+)", head, re.IGNORECASE | re.MULTILINE)
    return found[1].decode("latin-1") if found else ""


def _text(content: bytes) -> str | None:
    try:
        return content.decode()
    except UnicodeDecodeError:
        return None
