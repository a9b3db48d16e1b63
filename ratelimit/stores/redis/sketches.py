"""Sketches as bytes: the one file that knows how those of a principal are kept in Redis, and what a fold adds to them.

Fields of the principal's hash, little-endian:

    w  own words: prompts (uint32), and 512 counters of a byte
    f  own past: prompts (uint32), and a ring of 8 entries of 16 word ids (uint16) and a scale (float32)
    c  cells: volume (uint32), and 4,096 bits; while a signal looks at them
    r  pace: MessagePack of [at, prompts a day, began at, hour, prompts, repeats]
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from ratelimit.sketches import (
    CELLS,
    COVERAGE_WINDOW,
    FINGERPRINT_WORDS,
    OWN_PAST,
    Cells,
    Fingerprint,
    Hour,
    OwnPast,
    OwnWords,
    Pace,
    cell_of,
)
from ratelimit.sketches.ownwords import _FULL, _SLOTS

if TYPE_CHECKING:
    from ratelimit.observation import Features
    from ratelimit.profile import PrincipalProfile

#: What the script has to know of sizes.
SIZES = {"past": OWN_PAST, "cells": CELLS, "window": COVERAGE_WINDOW, "slots": _SLOTS, "full": _FULL}

_ENTRY = np.dtype([("words", "<u2", FINGERPRINT_WORDS), ("scale", "<f4")])
_COUNT = struct.Struct("<I")
_pace = msgspec.msgpack.Decoder(tuple[float, float, float, int, int, int])


def unpack(profile: PrincipalProfile, w: bytes, f: bytes | None, c: bytes | None, r: bytes) -> None:
    """Fill the sketches of *profile* from the fields; without *f* nothing with words was learned yet."""
    profile.words, profile.past, profile.pace = OwnWords(), OwnPast(), Pace()
    profile.words.prompts = _COUNT.unpack_from(w)[0]
    profile.words.counts = np.frombuffer(w, np.uint8, offset=4).copy()
    at, per_day, profile.pace.began_at, *hour = _pace.decode(r)
    profile.pace._at, profile.pace._per_day, profile.pace.hour = at, per_day, Hour(*hour)  # noqa: SLF001 (this file)
    if f is not None:
        past = np.frombuffer(f, _ENTRY, offset=4)
        profile.past.prompts = _COUNT.unpack_from(f)[0]
        profile.past._words, profile.past._scales = past["words"].copy(), past["scale"].copy()  # noqa: SLF001 (this file)
    if c is not None:
        profile.cells = Cells()
        profile.cells.volume = _COUNT.unpack_from(c)[0]
        profile.cells._reached = int.from_bytes(c[4:], "little")  # noqa: SLF001 (this file)


def pack(profile: PrincipalProfile) -> dict[str, bytes]:
    """Return the fields that ``unpack`` reads; none if nothing was learned."""
    words, past, cells, pace = profile.words, profile.past, profile.cells, profile.pace
    if words is None or past is None or pace is None:
        return {}
    ring = np.zeros(OWN_PAST, _ENTRY)
    many = len(past._scales)  # noqa: SLF001 (this file)
    ring["words"][:many], ring["scale"][:many] = past._words, past._scales  # noqa: SLF001 (this file)
    fields = {
        "w": _COUNT.pack(words.prompts) + words.counts.tobytes(),
        "f": _COUNT.pack(past.prompts) + ring.tobytes(),
        "r": msgspec.msgpack.encode((pace._at, pace._per_day, pace.began_at, *pace.hour)),  # noqa: SLF001 (this file)
    }
    if cells is not None:
        fields["c"] = _COUNT.pack(cells.volume) + cells._reached.to_bytes(CELLS // 8, "little")  # noqa: SLF001 (this file)
    return fields


def raw(data: bytes) -> msgspec.Raw:
    """Return *data*, of 64 KiB at most, as MessagePack's string: the server's Lua does not know its bytes."""
    return msgspec.Raw(b"\xda" + len(data).to_bytes(2, "big") + data)


def row(features: Features, *, cells: bool) -> tuple[bool, msgspec.Raw, int, list[int]]:
    """Return what one prompt adds: whether it repeats, its fingerprint, its cell, and the slots of its words.

    *cells*: whether cells count; else it is cell 0, which nobody looks at.
    """
    seen = features.fingerprint
    slots = np.unique(features.ids & (_SLOTS - 1)).tolist()
    if seen is None:
        return features.repeats, raw(b""), 0, slots
    return features.repeats, raw(entry_of(seen)), cell_of(seen) if cells else 0, slots


def entry_of(seen: Fingerprint) -> bytes:
    """Return a fingerprint as an entry of 36 bytes."""
    return seen.words.astype("<u2").tobytes() + struct.pack("<f", seen.scale)


def fingerprint_of(entry: bytes) -> Fingerprint:
    """Return the fingerprint of an entry."""
    words = np.frombuffer(entry, "<u2", FINGERPRINT_WORDS).astype(np.uint16)
    return Fingerprint(words, struct.unpack_from("<f", entry, 2 * FINGERPRINT_WORDS)[0])
