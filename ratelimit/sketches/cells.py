"""Cells of prompt space, and how many of them a principal reached."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ratelimit.sketches.fingerprint import Fingerprint

#: Cells of prompt space.
CELLS = 4096

#: Prompts after which a principal's count of cells begins anew, so that it tells of the recent past.
COVERAGE_WINDOW = 2048

# An odd multiplier (Knuth) spreads the smallest ids, which crowd near 0, over all cells.
_SPREAD = 40503


def cell_of(fingerprint: Fingerprint) -> int:
    """Return the cell of a payload, 0 to ``CELLS - 1``: that of its smallest word id.

    Word ids are keyed hashes, so the smallest is a min-hash (Broder 1997): two payloads fall into one cell with the
    probability of their words' Jaccard similarity, and nobody outside can choose a cell.
    """
    return (fingerprint.least * _SPREAD & 0xFFFF) >> 4


class Cells:
    """Which cells the prompts of the current window reached: a bit set of at most 512 bytes, and their number."""

    __slots__ = ("_reached", "volume")

    def __init__(self) -> None:
        self._reached = 0
        self.volume = 0

    @property
    def reached(self) -> int:
        """How many cells."""
        return self._reached.bit_count()

    def is_new(self, cell: int) -> bool:
        """Say whether *cell* was not reached yet."""
        return not self._reached >> cell & 1

    def learn(self, cell: int) -> None:
        """Count one prompt in *cell*."""
        if self.volume >= COVERAGE_WINDOW:
            self._reached = self.volume = 0
        self._reached |= 1 << cell
        self.volume += 1
