"""Fingerprints: what is kept of a payload, 36 bytes of keyed word ids, the principal's own wording left out."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from ratelimit.sketches.words import WORD_IDS

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Words in a fingerprint: the weightiest.
FINGERPRINT_WORDS = 16

#: A payload lighter than this is taken as this light, so that no ratio explodes.
_LEAST_NORM = 1e-3


class Fingerprint(msgspec.Struct, frozen=True, gc=False):
    """The weightiest words of one payload.

    words   up to 16 distinct word ids; uint16, shape (words,).
    norm    the Euclidean norm of their weights when the payload was asked, above 0.
    """

    words: NDArray[np.uint16]
    norm: float


class Lens:
    """Compares one payload with many pasts at once.

        similarity(x, y) = sum of w_x(v)^2 over the words v that x and y share / (|w_x| |w_y|)

    with w_x(v) = rarity(v) * (1 - share of the principal's own prompts that hold v): 1 for the same payload, about 0
    for another subject. It is a weighted cosine with the weights that hold *now*, so the first prompts of a principal,
    kept before its wording was known, lose their wording too. Words themselves tell honest people from a harvest better
    than the signs of random projections (Charikar 2002) do, in half of the bytes.

    One payload is looked at at a time: ``look``, then ``nearest`` as often as needed. 256 KiB, reused.
    """

    __slots__ = ("_norm", "_shown", "_weights")

    def __init__(self) -> None:
        self._weights: NDArray[np.float32] = np.zeros(WORD_IDS, np.float32)
        self._shown: NDArray[np.intp] = np.zeros(0, np.intp)
        self._norm = 1.0

    def look(self, ids: NDArray[np.intp], weights: NDArray[np.float32]) -> Fingerprint | None:
        """Put the distinct words *ids* with their *weights*, 0 or more, under the lens; return their fingerprint.

        No words, or none that weighs anything, give ``None``, and nothing is under the lens.
        """
        self._weights[self._shown] = 0
        if ids.size > FINGERPRINT_WORDS:
            kept = np.argpartition(weights, ids.size - FINGERPRINT_WORDS)[ids.size - FINGERPRINT_WORDS :]
            ids, weights = ids[kept], weights[kept]
        squares = weights * weights
        total = float(squares.sum())
        self._shown = ids
        if total <= 0.0:
            return None
        self._weights[ids] = squares
        self._norm = max(_LEAST_NORM, math.sqrt(total))
        return Fingerprint(ids.astype(np.uint16), self._norm)

    def similarities(self, words: NDArray[np.uint16], norms: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return how similar each of many pasts is to what is under the lens; float32, shape (pasts,), 0 or more.

        words  uint16, shape (pasts, 16), padded with the id 0, which no word has.
        norms  float32, shape (pasts,).
        """
        found: NDArray[np.float32] = self._weights[words].sum(axis=1) / (norms * np.float32(self._norm))
        return found
