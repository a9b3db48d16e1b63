"""Things made of values that must not be kept."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

#: Values that are known again; with one more all are forgotten.
MOST = 1 << 16


class Once(Generic[T]):
    """Makes a thing of each text once, without keeping the text.

    What is remembered of a text is a 64-bit hash of it behind a salt of this object's own, so nothing is kept in clear,
    and nobody outside can choose two texts that are taken for one. Full, it starts again: a flood of made-up texts
    cannot make it grow.

    >>> once = Once(len)
    >>> once.of("four"), once.of("four")
    (4, 4)
    """

    __slots__ = ("_made", "_make", "_most", "_salt")

    def __init__(self, make: Callable[[str], T], *, most: int = MOST) -> None:
        self._make, self._most = make, most
        self._salt = secrets.token_hex(16)
        self._made: dict[int, T] = {}

    def __len__(self) -> int:
        return len(self._made)

    def of(self, text: str) -> T:
        """Return what *text* makes."""
        short = hash(self._salt + text)
        found = self._made.get(short)
        if found is None:
            if len(self._made) >= self._most:
                self._made.clear()
            found = self._made[short] = self._make(text)
        return found
