"""Bounded keeping: by count, by age, and with an order of who goes first."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

#: A record is marked as used again only after this share of its life: marking costs more than looking.
_TOUCH = 1 / 16


class _Entry(Generic[V]):
    """A record, where it is, and when it was last marked as used."""

    __slots__ = ("record", "room", "touched")

    def __init__(self, record: V, room: int, touched: float) -> None:
        self.record, self.room, self.touched = record, room, touched


class Rooms(Generic[K, V]):
    """At most *most* records in numbered rooms; when full, the longest unused of the lowest room with any goes.

    most       records in all; 1 or more.
    ttl        seconds for which an unused record is kept (to a sixteenth).
    rooms      how many rooms; higher ones are emptied later.
    on_evict   called with key and record of each that had to go for want of space. One that grew old goes silently.

    Every method is handed ``now``; time that steps back only delays expiry. Looking up is a plain dict's; each room is
    an ``OrderedDict`` of when a record was put there. ``cachetools.TTLCache`` does the same for 140 bytes more a
    record, of which millions are kept.
    """

    def __init__(self, *, most: int, ttl: float, rooms: int, on_evict: Callable[[K, V], None]) -> None:
        self._most, self._ttl, self._on_evict = most, ttl, on_evict
        self._now = 0.0
        self._entries: dict[K, _Entry[V]] = {}
        self._rooms: list[OrderedDict[K, float]] = [OrderedDict() for _ in range(rooms)]

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, key: K) -> bool:
        return key in self._entries

    def __iter__(self) -> Iterator[tuple[K, V]]:
        for key, entry in list(self._entries.items()):
            yield key, entry.record

    def get(self, key: K, *, now: float) -> V | None:
        """Return the record of *key*, or ``None``."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        idle = now - entry.touched
        if idle > self._ttl * _TOUCH:
            if idle > self._ttl:
                self.drop(key)
                return None
            self.put(key, entry.record, room=entry.room, now=now)
        return entry.record

    def peek(self, key: K) -> V | None:
        """Return the record of *key*, however old, and mark it by nothing; ``None`` if it is not kept."""
        entry = self._entries.get(key)
        return None if entry is None else entry.record

    def room_of(self, key: K) -> int:
        """Return the number of the room that *key* is in, -1 if it is not kept."""
        entry = self._entries.get(key)
        return -1 if entry is None else entry.room

    def put(self, key: K, record: V, *, room: int, now: float) -> None:
        """Keep *record* under *key* in *room*, wherever it was before."""
        self._now = max(self._now, now)
        self.expire(now=now)
        entry = self._entries.get(key)
        if entry is None:
            self._make_space()
        elif entry.room != room:
            self._rooms[entry.room].pop(key, None)
        self._entries[key] = _Entry(record, room, now)
        self._rooms[room][key] = self._now
        self._rooms[room].move_to_end(key)

    def drop(self, key: K) -> None:
        """Forget *key*, silently; do nothing if it is not kept."""
        entry = self._entries.pop(key, None)
        if entry is not None:
            self._rooms[entry.room].pop(key, None)

    def expire(self, *, now: float) -> None:
        """Forget all that grew old."""
        self._now = max(self._now, now)
        gone = self._now - self._ttl
        for room in self._rooms:
            while room and next(iter(room.values())) <= gone:
                key, _ = room.popitem(last=False)
                self._entries.pop(key, None)

    def _make_space(self) -> None:
        while len(self._entries) >= self._most:
            room = next(room for room in self._rooms if room)
            key, _ = room.popitem(last=False)
            self._on_evict(key, self._entries.pop(key).record)
