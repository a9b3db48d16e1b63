"""Zstandard, by Python's own module where there is one (3.14), else by the package ``zstandard``."""

from __future__ import annotations

import io
import sys
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from _typeshed import WriteableBuffer

ZSTD = "zstd"

# Few at a time: what they unpack to is held at once, and may be thousands of times as much.
_CHUNK = 1 << 13

_FRAME, _SKIPPABLE = b"\x28\xb5\x2f\xfd", b"\x2a\x4d\x18"


def is_zstd(head: bytes) -> bool:
    """Say whether a file begins as zstd data does, with a frame or with a skippable one (RFC 8878, section 3.1)."""
    return head == _FRAME or (head[1:] == _SKIPPABLE and head[0] & 0xF0 == 0x50)


def unpacked(file: io.BufferedReader) -> io.RawIOBase:
    """Return what the zstd data in *file* unpacks to. Raises: ModuleNotFoundError, if nothing can unpack it."""
    if sys.version_info >= (3, 14):
        from compression.zstd import ZstdDecompressor, ZstdError  # noqa: PLC0415 (only where it is)

        return _Unpacked(file, ZstdDecompressor, ZstdError)
    import zstandard  # noqa: PLC0415 (an extra)

    return _Unpacked(file, zstandard.ZstdDecompressor().decompressobj, zstandard.ZstdError)


class _Frame(Protocol):
    """What unpacks one frame."""

    @property
    def eof(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...

    def decompress(self, data: bytes, /) -> bytes: ...


class _Unpacked(io.RawIOBase):
    """All frames of a file, one behind the other. Raises: EOFError where the last breaks off, OSError for damage."""

    def __init__(self, file: io.BufferedReader, begin: Callable[[], _Frame], damage: type[Exception]) -> None:
        self._file, self._begin, self._damage = file, begin, damage
        self._frame: _Frame | None = None
        self._packed = b""
        self._plain = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        while not self._plain:
            packed = self._packed or self._file.read1(_CHUNK)
            if not packed:
                if self._frame is not None:
                    raise EOFError("the last frame is not whole")
                return 0
            self._unpack(packed)
        space = memoryview(buffer).cast("B")
        many = min(len(space), len(self._plain))
        space[:many], self._plain = self._plain[:many], self._plain[many:]
        return many

    def _unpack(self, packed: bytes) -> None:
        self._frame = self._frame or self._begin()
        try:
            self._plain = memoryview(self._frame.decompress(packed))
        except self._damage as error:
            raise OSError(str(error)) from error
        self._packed = b""
        if self._frame.eof:
            self._packed, self._frame = self._frame.unused_data, None
