"""Who brought something first, and whether anybody else did since."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

#: Places; one entry takes fourteen bytes.
PLACES = 1 << 17

# Of an entry's 64 bits so many tell who, and the others what.
_WHO = 20
_WHO_MASK = (1 << _WHO) - 1

# How many other values that fall into its place an entry brought by several outlives.
_LIVES = 2


class Firsts:
    """Remembers of values, 64-bit keyed hashes, who brought each first: a table of 2^17 places, 1.75 MiB for ever.

    A newer value takes the place of an older one, but one that several brought outlives two such. So what is rare and
    old is forgotten, and what is common stays. Two values or two principals are taken for one with a probability of
    2^-44 and 2^-20. How many brought a value is counted as long as each differs from the first and from the one before:
    at least three must take turns to be counted as more than they are.

    >>> firsts = Firsts()
    >>> firsts.bring([7 << 40], by=1)
    >>> firsts.by_another(7 << 40, 1), firsts.by_another(7 << 40, 2), firsts.by_several([7 << 40])
    (False, True, [False])
    >>> firsts.bring([7 << 40], by=2)
    >>> firsts.by_several([7 << 40]), firsts.brought_by(7 << 40)
    ([True], 2)
    """

    __slots__ = ("_entries", "_last", "_lives", "_many")

    def __init__(self) -> None:
        # Plain arrays: they are read one place at a time, and a numpy scalar costs ten times as much.
        self._entries = array("Q", bytes(8 * PLACES))
        self._last = array("I", bytes(4 * PLACES))
        self._lives = bytearray(PLACES)
        self._many = bytearray(PLACES)

    def by_another(self, value: int, who: int) -> bool:
        """Say whether another than *who* brought *value* first."""
        entry = self._entries[value % PLACES]
        return entry >> _WHO == value >> _WHO and entry & _WHO_MASK != who & _WHO_MASK and entry != 0

    def by_several(self, values: Iterable[int]) -> list[bool]:
        """Say of each of *values* whether it was brought by more than one."""
        lives, entries = self._lives, self._entries
        return [
            lives[value % PLACES] != 0 and entries[value % PLACES] >> _WHO == value >> _WHO
            for value in values
        ]

    def brought_by(self, value: int) -> int:
        """Return by how many *value* was brought, 0 to 255."""
        place = value % PLACES
        entry = self._entries[place]
        return self._many[place] if entry >> _WHO == value >> _WHO and entry else 0

    def place_of(self, value: int, who: int) -> int:
        """Return the how-manieth *who* would be to bring *value*, 1 or more; 0 if it would not count as another."""
        many = self.brought_by(value)
        if not many:
            return 1
        place, who = value % PLACES, who & _WHO_MASK
        return many + 1 if self._entries[place] & _WHO_MASK != who and self._last[place] != who else 0

    def bring(self, values: Iterable[int], *, by: int) -> None:
        """Remember that each of *values* was brought by *by*."""
        entries, lasts, lives, who = self._entries, self._last, self._lives, by & _WHO_MASK
        for value in values:
            place = value % PLACES
            entry = entries[place]
            if entry >> _WHO == value >> _WHO and entry:
                if entry & _WHO_MASK != who:
                    lives[place] = _LIVES
                    if lasts[place] != who:
                        lasts[place] = who
                        if self._many[place] < 255:
                            self._many[place] += 1
            elif lives[place]:
                lives[place] -= 1
            else:
                entries[place] = value >> _WHO << _WHO | who
                lasts[place], self._many[place] = who, 1
