"""How common each word is in the traffic as a whole."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from ratelimit.sketches.firsts import Firsts
from ratelimit.sketches.words import WORD_IDS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ratelimit.sketches.ownwords import OwnWords

_HALVE_AT = 1 << 16

# ln(n + 1) for every count that can be.
_LOGS: NDArray[np.float32] = np.log(np.arange(1, _HALVE_AT + 2, dtype=np.float64)).astype(np.float32)

class Lexicon:
    """Counts, for every word id, the prompts that held it; rare words say more about whose a prompt is.

        rarity(w) = ln((N + 8) / (n_w + 1))        (smoothed inverse document frequency, Sparck Jones 1972)

    Counts are halved once N reaches 2^16, so that the lexicon follows the traffic. Beside them it keeps what else is
    known of the traffic as a whole. Tables of fixed size, 2.5 MiB in all, whatever the traffic.

    prompts   N.
    payloads  who asked a payload first: what others asked before is public.
    shared    who first came with a shape, a template or a link: with a second principal it makes a cohort.
    """

    __slots__ = ("_counts", "payloads", "prompts", "shared")

    def __init__(self) -> None:
        self._counts: NDArray[np.int32] = np.zeros(WORD_IDS, np.int32)
        self.payloads = Firsts()
        self.shared = Firsts()
        self.prompts = 0

    def weigh(self, words: NDArray[np.intp], own: OwnWords | None) -> NDArray[np.float32]:
        """Return the weight of each of the distinct *words*, 0 or more.

        weight = rarity * (1 - share of the *own* prompts that hold the word)
        """
        weights = math.log(self.prompts + 8) - _LOGS.take(self._counts.take(words))
        if own is not None and own.prompts:
            weights *= own.absent(words)
        return weights

    def learn(self, words: NDArray[np.intp]) -> None:
        """Count one prompt with the distinct *words*."""
        self._counts[words] += 1
        self.prompts += 1
        if self.prompts >= _HALVE_AT:
            self._counts >>= 1
            self.prompts //= 2
