"""Which words a principal puts into every prompt: its own wording, which says nothing of what it asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_SLOTS = 512
_FULL = 255


class OwnWords:
    """The share of a principal's own prompts that hold a word, in 512 bytes.

    Word ids fold onto 512 counters of one byte; when one is full all are halved, so the recent past counts most.
    A collision can only make a word look more usual than it is: the fingerprint loses a little of it, nothing else.
    """

    __slots__ = ("_counts", "prompts")

    def __init__(self) -> None:
        self._counts: NDArray[np.uint8] = np.zeros(_SLOTS, np.uint8)
        self.prompts = 0

    def share(self, ids: NDArray[np.intp]) -> NDArray[np.float32]:
        """Return for each of *ids* the share of own prompts that held it, float32 from 0 to 1."""
        share: NDArray[np.float32] = self._counts[ids & (_SLOTS - 1)] / np.float32(max(1, self.prompts))
        return share

    def learn(self, ids: NDArray[np.intp]) -> None:
        """Count one prompt with the distinct words *ids*."""
        slots = ids & (_SLOTS - 1)
        if self.prompts >= _FULL:
            self._counts >>= 1
            self.prompts >>= 1
        self._counts[slots] += 1  # two words in one slot count once: it is a share of prompts
        self.prompts += 1
