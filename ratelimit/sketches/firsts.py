"""Who brought something first, and whether anybody else did since."""

from __future__ import annotations

from array import array

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
    >>> firsts.bring(7 << 40, by=1)
    >>> firsts.by_another(7 << 40, 1), firsts.by_another(7 << 40, 2), firsts.by_several(7 << 40)
    (False, True, False)
    >>> firsts.bring(7 << 40, by=2)
    >>> firsts.by_several(7 << 40), firsts.brought_by(7 << 40)
    (True, 2)
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

    def by_several(self, value: int) -> bool:
        """Say whether *value* was brought by more than one."""
        place = value % PLACES
        return self._lives[place] != 0 and self._entries[place] >> _WHO == value >> _WHO

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

    def bring(self, value: int, *, by: int) -> None:
        """Remember that *value* was brought by *by*."""
        place, who = value % PLACES, by & _WHO_MASK
        entry = self._entries[place]
        if entry >> _WHO == value >> _WHO and entry:
            if entry & _WHO_MASK != who:
                self._lives[place] = _LIVES
                if self._last[place] != who and self._many[place] < 255:
                    self._many[place] += 1
                self._last[place] = who
        elif self._lives[place]:
            self._lives[place] -= 1
        else:
            self._entries[place] = value >> _WHO << _WHO | who
            self._last[place], self._many[place] = who, 1
