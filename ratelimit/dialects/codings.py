"""Content codings: gzip and deflate, and br and zstd where their decoders are installed, into bounded memory.

A few bytes can unpack to gigabytes: nothing is unpacked beyond the bound that the caller names, and no more than a
byte over it is held.
"""

from __future__ import annotations

import sys
import zlib
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

#: Codings one upon the other that are taken off.
_MOST_CODINGS = 3

#: Members of a gzip or frames of a zstd body that are looked at one by one; a body of more is no client's.
_MOST_MEMBERS = 64

#: The largest window that a zstd frame may ask for: RFC 9659 allows no more on the web. Bytes; also its logarithm.
_WINDOW, _WINDOW_LOG = 1 << 23, 23


_PLAINLY = "without Content-Encoding"
_BROKEN = f"the body is not what its Content-Encoding says; send it {_PLAINLY}"


class CodingError(Exception):
    """A body cannot be unpacked; says why in words. Never leaves this package."""


class TooLongError(Exception):
    """A body unpacks to more than may be read. Never leaves this package."""


def codings_of(content_encoding: str) -> tuple[str, ...]:
    """Return the codings that a ``Content-Encoding`` names, in the order in which they were applied.

    >>> codings_of("GZip, identity, br")
    ('gzip', 'br')
    """
    named = [coding.strip().lower() for coding in content_encoding.split(",")]
    return tuple([coding.removeprefix("x-") for coding in named if coding not in {"", "identity"}])


def unpacked(body: bytes, codings: Sequence[str], most: int) -> list[bytes]:
    """Return what *body* unpacks to, of at most *most* bytes, once the *codings* are taken off.

    Two things, if it is of several members: all of them together, and the first alone, for some servers read no
    further. Raises: CodingError, TooLongError.
    """
    if len(codings) > _MOST_CODINGS:
        raise CodingError("the body is compressed too many times over; compress it once")
    found = [body]
    for coding in reversed(codings):
        unpack = _UNPACKERS.get(coding)
        if unpack is None:
            raise CodingError(f"the body is in a content coding that is not read here; send it {_PLAINLY}")
        found = [*dict.fromkeys(plain for packed in found for plain in unpack(packed, most))]
    return found


class _Member(Protocol):
    """What unpacks one member of a body, as zlib's does."""

    @property
    def unused_data(self) -> bytes: ...

    def decompress(self, data: bytes, max_length: int, /) -> bytes: ...


def _members(
    packed: bytes, most: int, *, begin: Callable[[], _Member], damage: type[Exception], magics: tuple[bytes, ...] = ()
) -> list[bytes]:
    """Unpack member after member, as long as what follows begins as one of *magics*."""
    plain: list[bytes] = []
    for _ in range(_MOST_MEMBERS):
        member = begin()
        try:
            plain.append(member.decompress(packed, most + 1))
        except damage as error:
            if plain:  # what follows the last member is none: servers let it be
                break
            raise CodingError(_BROKEN) from error
        most -= len(plain[-1])
        if most < 0:
            raise TooLongError
        packed = member.unused_data
        if not packed.startswith(magics):
            break
    else:
        raise CodingError("the body is cut into too many compressed members; send it as one")
    return _whole_and_first(b"".join(plain), plain[0])


def _whole_and_first(whole: bytes, first: bytes) -> list[bytes]:
    """Return what was unpacked, and the first member alone if there are more. A stream may break off, but not at once.

    Raises: CodingError.
    """
    if not whole:
        raise CodingError(_BROKEN)
    return [*dict.fromkeys((whole, first or whole))]


def _gzip(packed: bytes, most: int) -> list[bytes]:
    return _members(packed, most, begin=partial(zlib.decompressobj, 31), damage=zlib.error, magics=(b"\x1f\x8b",))


def _deflate(packed: bytes, most: int) -> list[bytes]:
    """Unpack it with the wrapper of zlib, as the standard says, or without, as some clients send it."""
    try:
        return _members(packed, most, begin=zlib.decompressobj, damage=zlib.error)
    except CodingError:
        return _members(packed, most, begin=partial(zlib.decompressobj, -15), damage=zlib.error)


def _br(packed: bytes, most: int) -> list[bytes]:
    brotli = _decoder("brotli", "br")
    stream, plain = brotli.Decompressor(), b""
    if not hasattr(stream, "can_accept_more_data"):  # before 1.2 nothing bounds what it unpacks to
        raise CodingError(_missing("br"))
    while not stream.is_finished():
        try:
            piece = stream.process(packed, output_buffer_limit=most + 1 - len(plain))
        except brotli.error as error:
            raise CodingError(_BROKEN) from error
        if not piece and stream.can_accept_more_data():  # it breaks off
            break
        packed, plain = b"", plain + piece
        if len(plain) > most:
            raise TooLongError
    return _whole_and_first(plain, plain)


def _zstd(packed: bytes, most: int) -> list[bytes]:
    if sys.version_info >= (3, 14):
        zstd = import_module("compression.zstd")
        begin = partial(zstd.ZstdDecompressor, options={zstd.DecompressionParameter.window_log_max: _WINDOW_LOG})
        return _members(packed, most, begin=begin, damage=zstd.ZstdError, magics=(b"\x28\xb5\x2f\xfd",))
    zstandard = _decoder("zstandard", "zstd")
    found = []
    for across in (False, True):
        frames = zstandard.ZstdDecompressor(max_window_size=_WINDOW)
        try:
            found.append(frames.stream_reader(packed, read_across_frames=across).read(most + 1))
        except zstandard.ZstdError as error:
            if not found:
                raise CodingError(_BROKEN) from error
    if max(map(len, found)) > most:
        raise TooLongError
    return _whole_and_first(found[-1], found[0])


def _decoder(module: str, coding: str) -> Any:
    """Return the *module* that unpacks *coding*, which comes with the extra ``compression``. Raises: CodingError."""
    try:
        return import_module(module)
    except ImportError:
        raise CodingError(_missing(coding)) from None


def _missing(coding: str) -> str:
    return f"the body is compressed with {coding}, which is not read here; send it with gzip, or {_PLAINLY}"


_UNPACKERS: dict[str, Callable[[bytes, int], list[bytes]]] = {
    "gzip": _gzip, "deflate": _deflate, "br": _br, "zstd": _zstd,
}
