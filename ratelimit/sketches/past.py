"""The bounded pasts that a prompt is held against."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ratelimit.sketches.fingerprint import FINGERPRINT_WORDS, Nearest

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ratelimit.sketches.fingerprint import Fingerprint, Lens

#: Prompts of its own that a principal's profile holds: the latest.
OWN_PAST = 8

# Places that a principal's profile has at first; they are doubled as they fill.
_AT_FIRST = 2

#: Prompts that a cohort's profile holds, of all its uncleared members together: a random sample of the recent ones.
COHORT_PAST = 64


#: Prompts of one member that a cohort's profile holds at most: whoever asks much does not fill it.
MOST_OF_ONE = 2

#: Nothing near.
NOWHERE = Nearest(0.0, 0.0)


class OwnPast:
    """The latest fingerprints of one principal; half a kilobyte, of most much less: they ask once, or twice."""

    __slots__ = ("_scales", "_words", "prompts")

    def __init__(self) -> None:
        self._words: NDArray[np.uint16] = np.zeros((_AT_FIRST, FINGERPRINT_WORDS), np.uint16)
        self._scales: NDArray[np.float32] = np.zeros(_AT_FIRST, np.float32)
        self.prompts = 0

    def __len__(self) -> int:
        return min(self.prompts, OWN_PAST)

    def nearest(self, lens: Lens) -> Nearest:
        """Say how near the nearest one is to what is under the *lens*; zeros without any."""
        return lens.nearest(self._words, self._scales)

    def learn(self, fingerprint: Fingerprint) -> None:
        """Keep *fingerprint* in place of the oldest."""
        at, room = self.prompts % OWN_PAST, len(self._scales)
        if at >= room:
            self._words = np.concatenate((self._words, np.zeros_like(self._words)))
            self._scales = np.concatenate((self._scales, np.zeros_like(self._scales)))
        self._words[at] = fingerprint.words
        self._scales[at] = fingerprint.scale
        self.prompts += 1


class CohortPast:
    """A random sample of the recent fingerprints of a cohort's members, each with the tag of whose it is; 3 KB."""

    __slots__ = ("_scales", "_size", "_tags", "_words")

    def __init__(self) -> None:
        self._words: NDArray[np.uint16] = np.zeros((COHORT_PAST, FINGERPRINT_WORDS), np.uint16)
        self._scales: NDArray[np.float32] = np.zeros(COHORT_PAST, np.float32)
        self._tags: NDArray[np.uint64] = np.zeros(COHORT_PAST, np.uint64)
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def against(self, tag: int, lens: Lens, *, least: int) -> tuple[int, Nearest]:
        """Return how many are of others than *tag*, and how near the nearest of them is to what is under the *lens*.

        Fewer than *least* are not looked at: (0, zeros).
        """
        if self._size < least:
            return 0, NOWHERE
        others = self._tags != tag
        many = int(np.count_nonzero(others)) - COHORT_PAST + self._size
        return (many, lens.nearest(self._words, self._scales, others)) if many >= least else (0, NOWHERE)

    def learn(self, fingerprint: Fingerprint, tag: int, draw: int) -> None:
        """Put a member's *fingerprint* in: into a free place, or in place of the one that *draw* chooses.

        A member that has ``MOST_OF_ONE`` already gives one of its own for it. *draw* is any number of 0 or more that
        the caller makes from a keyed hash: no state, so replay is exact.
        """
        own = (self._tags[: self._size] == tag).nonzero()[0]
        if len(own) >= MOST_OF_ONE:
            at = int(own[draw % len(own)])
        else:
            at = self._size if self._size < COHORT_PAST else draw % COHORT_PAST
        self._words[at] = fingerprint.words
        self._scales[at] = fingerprint.scale
        self._tags[at] = tag
        self._size = max(self._size, at + 1)
