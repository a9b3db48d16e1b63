"""Which words a principal puts into every prompt: its own wording, which says nothing of what it asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_SLOTS = 512
_FULL = 250


class OwnWords:
    """The share of a principal's own prompts that hold a word, in 512 bytes.

    Word ids fold onto 512 counters of one byte; when the prompts fill them all are halved, so the recent past counts
    most. A collision can only make a word look more usual than it is: the fingerprint loses a little of it.

    counts   by word id modulo 512.
    prompts  those that were counted, up to 249.
    """

    __slots__ = ("counts", "prompts")

    def __init__(self) -> None:
        self.counts = bytearray(_SLOTS)
        self.prompts = 0

    def share(self, word: int) -> float:
        """Return the share of own prompts that held *word*, 0 to 1."""
        return self.counts[word & (_SLOTS - 1)] / max(1, self.prompts)

    def constant(self, words: Iterable[int], least: float) -> int:
        """Return how many of the distinct *words* are in at least that share of the own prompts."""
        counts, bar = self.counts, least * max(1, self.prompts)
        return sum([counts[word & (_SLOTS - 1)] >= bar for word in words])

    def learn(self, words: Iterable[int]) -> None:
        """Count one prompt with the distinct *words*."""
        counts = self.counts
        for slot in {word & (_SLOTS - 1) for word in words}:  # two words in one slot count once: a share of prompts
            counts[slot] += 1
        self.prompts += 1
        if self.prompts >= _FULL:
            self.counts = bytearray([count >> 1 for count in counts])
            self.prompts >>= 1
