"""Which words a principal puts into every prompt: its own wording, which says nothing of what it asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_SLOTS = 512
_FULL = 250

# 1 - count / prompts, for every count and number of prompts that can be.
_ABSENT: NDArray[np.float32] = np.array(
    [np.float32(1.0) - np.arange(256, dtype=np.float32) * np.float32(1.0 / max(1, many)) for many in range(_FULL)]
)


class OwnWords:
    """The share of a principal's own prompts that hold a word, in 512 bytes.

    Word ids fold onto 512 counters of one byte; when the prompts fill them all are halved, so the recent past counts
    most. A collision can only make a word look more usual than it is: the fingerprint loses a little of it.

    counts   by word id modulo 512; uint8, shape (512,).
    prompts  those that were counted, up to 249.
    """

    __slots__ = ("counts", "prompts")

    def __init__(self) -> None:
        self.counts: NDArray[np.uint8] = np.zeros(_SLOTS, np.uint8)
        self.prompts = 0

    def absent(self, words: NDArray[np.intp]) -> NDArray[np.float32]:
        """Return for each of *words* the share of own prompts, 0 to 1, that did not hold it."""
        row: NDArray[np.float32] = _ABSENT[self.prompts]
        return row.take(self.counts.take(words & (_SLOTS - 1)))

    def constant(self, words: NDArray[np.intp], least: float) -> int:
        """Return how many of the distinct *words* are in at least that share of the own prompts."""
        bar = least * max(1, self.prompts)
        return int(np.count_nonzero(self.counts.take(words & (_SLOTS - 1)) >= bar))

    def learn(self, words: NDArray[np.intp]) -> None:
        """Count one prompt with the distinct *words*."""
        self.counts[words & (_SLOTS - 1)] += 1  # two words in one slot count once: a share of prompts
        self.prompts += 1
        if self.prompts >= _FULL:
            self.counts >>= 1
            self.prompts >>= 1
