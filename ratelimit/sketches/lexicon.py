"""How common each word is in the traffic as a whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ratelimit.sketches.words import WORD_IDS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

_HALVE_AT = 1 << 20
_MET_FULL = 255


class Lexicon:
    """Counts, for every word id, the prompts that held it; rare words say more about whose a prompt is.

        rarity(w) = ln((N + 8) / (n_w + 1))        (smoothed inverse document frequency, Sparck Jones 1972)

    Beside it, how often other things were met, such as the openings of prompts. Counts are halved once N reaches 2^20,
    so that the lexicon follows the traffic. 320 KiB, whatever the traffic.
    """

    __slots__ = ("_counts", "_met", "prompts")

    def __init__(self) -> None:
        self._counts: NDArray[np.float32] = np.zeros(WORD_IDS, np.float32)
        self._met: NDArray[np.uint8] = np.zeros(WORD_IDS, np.uint8)
        self.prompts = 0

    def met(self, value: int) -> int:
        """Return how often a *value*, 16 bits of a keyed hash, was met, 0 to 255; a collision can only add."""
        return int(self._met[value])

    def meet(self, values: Iterable[int]) -> None:
        """Count *values* as met once more."""
        for value in values:
            self._met[value] += self._met[value] < _MET_FULL

    def rarity(self, ids: NDArray[np.intp]) -> NDArray[np.float32]:
        """Return the rarity of each of *ids*, float32 of the same shape, above 0 (about) and at most ln(N + 8)."""
        rarity: NDArray[np.float32] = np.log((self.prompts + 8) / (self._counts[ids] + np.float32(1)))
        return rarity

    def learn(self, ids: NDArray[np.intp]) -> None:
        """Count one prompt with the distinct words *ids*."""
        self._counts[ids] += 1
        self.prompts += 1
        if self.prompts >= _HALVE_AT:
            self._counts *= np.float32(0.5)
            self._met >>= 1
            self.prompts //= 2
