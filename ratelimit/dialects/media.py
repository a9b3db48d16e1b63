"""Marks: what stands for an image, a sound or a file, in place of its content."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

#: Members that change from one sending of the same image to the next, or tell nothing of it.
NOISE = frozenset({
    "type", "detail", "cache_control", "cachePoint", "citations", "thoughtSignature", "thought_signature",
    "videoMetadata", "video_metadata", "mediaResolution", "media_resolution",
})

_KINDS = ("image", "audio", "video")
_MOST = 32  # marks of one turn; what is beyond is one mark together
_SHORT = 64  # characters of a string that may be a media type, and is no content


def mark(kind: str, content: bytes) -> str:
    """Return the mark of *content*: its *kind* and 128 bits of a hash, a word that no text holds by chance.

    >>> mark("image", b"test")
    'image:9f86d081884c7d659a2feaa0c55ad015'
    """
    return f"{kind}:{sha256(content).hexdigest()[:32]}"


def mark_of(part: Mapping[str, object], kind: str = "") -> str:
    """Return the mark of a *part* of a message, said to be of a *kind*, by all in it that identifies it.

    All of it counts, data, URL and id, whatever the members are called: a decoy beside the image that is read hides
    nothing.

    >>> part = {"image_url": {"url": "https://x", "detail": "low"}}
    >>> mark_of(part) == mark_of({"image_url": {"url": "https://x"}}), mark_of(part)[:6]
    (True, 'image:')
    """
    told = {key: _bare(value) for key, value in part.items() if key not in NOISE}
    return mark(kind_of(" ".join([kind[:_SHORT], *_names(part)])), msgspec.json.encode(told, order="sorted"))


def kind_of(told: str) -> str:
    """Return the kind that *told*, a media type or a name, is about.

    >>> kind_of("image/png"), kind_of("application/pdf")
    ('image', 'file')
    """
    said = told.lower()
    return next((kind for kind in _KINDS if kind in said), "file")


def few(marks: list[str]) -> tuple[str, ...]:
    """Return *marks*; of too many the first, and one that stands for all the others."""
    if len(marks) <= _MOST:
        return tuple(marks)
    return (*marks[: _MOST - 1], mark("file", "\n".join(marks[_MOST - 1 :]).encode()))


def _bare(value: object) -> object:
    return {key: inner for key, inner in value.items() if key not in NOISE} if isinstance(value, dict) else value


def _names(part: Mapping[str, object]) -> Iterator[str]:
    for key, value in part.items():
        yield key
        if isinstance(value, dict):
            yield from value
            yield from (inner for inner in value.values() if isinstance(inner, str) and len(inner) <= _SHORT)
