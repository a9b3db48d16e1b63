"""The bounded pasts that a prompt is held against."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ratelimit.sketches.fingerprint import FINGERPRINT_WORDS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ratelimit.sketches.fingerprint import Fingerprint, Lens

#: Prompts of its own that a principal's profile holds: the latest.
OWN_PAST = 8

#: Prompts that a cohort's profile holds, of all its uncleared members together: a random sample of the recent ones.
COHORT_PAST = 64


class OwnPast:
    """The latest fingerprints of one principal; 288 bytes."""

    __slots__ = ("_norms", "_words", "prompts")

    def __init__(self) -> None:
        self._words: NDArray[np.uint16] = np.zeros((OWN_PAST, FINGERPRINT_WORDS), np.uint16)
        self._norms: NDArray[np.float32] = np.full(OWN_PAST, np.inf, np.float32)
        self.prompts = 0

    def __len__(self) -> int:
        return min(self.prompts, OWN_PAST)

    def nearest(self, lens: Lens) -> float:
        """Return the similarity of the most similar one to what is under the *lens*; 0.0 without any."""
        return float(lens.similarities(self._words, self._norms).max())

    def learn(self, fingerprint: Fingerprint) -> None:
        """Keep *fingerprint* in place of the oldest."""
        at, many = self.prompts % OWN_PAST, fingerprint.words.size
        self._words[at, :many] = fingerprint.words
        self._words[at, many:] = 0
        self._norms[at] = fingerprint.norm
        self.prompts += 1


class CohortPast:
    """A random sample of the recent fingerprints of a cohort's members, each with the tag of whose it is; 2.8 KB."""

    __slots__ = ("_norms", "_size", "_tags", "_words")

    def __init__(self) -> None:
        self._words: NDArray[np.uint16] = np.zeros((COHORT_PAST, FINGERPRINT_WORDS), np.uint16)
        self._norms: NDArray[np.float32] = np.full(COHORT_PAST, np.inf, np.float32)
        self._tags: NDArray[np.uint64] = np.zeros(COHORT_PAST, np.uint64)
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def strangers(self, tag: int) -> int:
        """Return how many are of members other than *tag*."""
        return self._size - int(np.count_nonzero(self._tags[: self._size] == tag))

    def nearest_stranger(self, tag: int, lens: Lens) -> float:
        """Return the similarity of the most similar one of another member than *tag*; 0.0 without any."""
        similar = lens.similarities(self._words, self._norms)
        return float((similar * (self._tags != tag)).max())

    def learn(self, fingerprint: Fingerprint, tag: int, draw: int) -> None:
        """Put a member's *fingerprint* in: into a free place, or in place of the one that *draw* chooses.

        *draw* is any number of 0 or more that the caller makes from a keyed hash: no state, so replay is exact.
        """
        at, many = self._size if self._size < COHORT_PAST else draw % COHORT_PAST, fingerprint.words.size
        self._words[at, :many] = fingerprint.words
        self._words[at, many:] = 0
        self._norms[at] = fingerprint.norm
        self._tags[at] = tag
        self._size = max(self._size, at + 1)
