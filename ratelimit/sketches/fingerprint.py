"""Fingerprints: what is kept of a payload, sixteen keyed word ids, the principal's own wording left out."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import numpy as np

from ratelimit.sketches.words import WORD_IDS

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Words in a fingerprint: the weightiest.
FINGERPRINT_WORDS = 16

#: A payload lighter than this weighs nothing: it is all the principal's own wording, and rounding.
_LEAST_NORM = 1e-3


_NO_WORDS: NDArray[np.intp] = np.zeros(0, np.intp)
_ONES = np.ones(FINGERPRINT_WORDS, np.float32)


class Fingerprint(msgspec.Struct, frozen=True, gc=False):
    """The weightiest words of one payload.

    words  up to 16 distinct word ids, padded with the id 0, which no word has; uint16, shape (16,).
    scale  1 / the Euclidean norm of their weights when the payload was asked, above 0.
    """

    words: NDArray[np.uint16]
    scale: float

    @property
    def least(self) -> int:
        """The smallest of the ids."""
        return int(min([word for word in self.words.tolist() if word]))


class Nearest(NamedTuple):
    """How near the nearest of many pasts is to a payload.

    similarity  that of the most similar, 0 or more; 1 for the same payload.
    contained   the largest share of the payload's weight, 0 to 1, that a past holds: 1 for one that holds every word.
    """

    similarity: float
    contained: float


class Lens:
    """Compares one payload with many pasts at once.

        similarity(x, y) = sum of w_x(v)^2 over the words v that x and y share / (|w_x| |w_y|)

    with w_x(v) = rarity(v) * (1 - share of the principal's own prompts that hold v): 1 for the same payload, about 0
    for another subject. It is a weighted cosine with the weights that hold *now*, so the first prompts of a principal,
    kept before its wording was known, lose their wording too. Words themselves tell honest people from a harvest better
    than the signs of random projections (Charikar 2002) do.

    One payload is looked at at a time: ``look``, then ``nearest`` as often as needed. 256 KiB, reused.
    """

    __slots__ = ("_norm", "_shown", "_weights")

    def __init__(self) -> None:
        self._weights: NDArray[np.float32] = np.zeros(WORD_IDS, np.float32)
        self._shown = _NO_WORDS
        self._norm = 1.0

    def look(self, words: NDArray[np.intp], weights: NDArray[np.float32]) -> Fingerprint | None:
        """Put a payload of the distinct *words* with these *weights* under the lens, and return its fingerprint.

        No words, or none that weighs anything, give ``None``, and nothing is under the lens.
        """
        self._weights[self._shown] = 0
        if len(words) > FINGERPRINT_WORDS:
            heaviest = weights.argpartition(-FINGERPRINT_WORDS)[-FINGERPRINT_WORDS:]
            words, weights = words[heaviest], weights[heaviest]
        squares = weights * weights
        total = float(squares.dot(_ONES[: len(squares)]))
        if total < _LEAST_NORM * _LEAST_NORM:
            self._shown = _NO_WORDS
            return None
        self._shown = words
        self._weights[words] = squares
        self._norm = math.sqrt(total)
        kept = np.zeros(FINGERPRINT_WORDS, np.uint16)
        kept[: len(words)] = words
        return Fingerprint(kept, 1.0 / self._norm)

    def nearest(
        self, words: NDArray[np.integer[Any]], scales: NDArray[np.float32], counts: NDArray[np.bool_] | None = None
    ) -> Nearest:
        """Say how near the nearest of many pasts is to what is under the lens.

        words   integers, shape (pasts, 16), padded with the id 0, which no word has.
        scales  1 / the norm of each past; float32, shape (pasts,).
        counts  which of them count; bool, shape (pasts,); ``None``: all.
        """
        shared = self._weights.take(words).dot(_ONES)
        if counts is not None:
            shared *= counts
        scaled = shared * scales
        norm = self._norm  # argmax and one look-up are several times as fast as max, at these sizes
        return Nearest(float(scaled[scaled.argmax()]) / norm, float(shared[shared.argmax()]) / (norm * norm))
