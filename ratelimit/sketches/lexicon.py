"""How common each word is in the traffic as a whole."""

from __future__ import annotations

import math
from array import array
from typing import TYPE_CHECKING

import numpy as np

from ratelimit.sketches.words import WORD_IDS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from ratelimit.sketches.ownwords import OwnWords

_HALVE_AT = 1 << 16

# A value is met after so many times; its sender is told by 15 bits, of which all ones stand for several.
_MET, _SEVERAL = 2, 0x7FFF

# Places for payloads; of each, 44 bits of the payload and 20 of its sender are kept.
_SENDERS, _WHO = 1 << 17, 20


def _sender(payload: int, tag: int) -> int:
    return payload >> _WHO << _WHO | tag & (1 << _WHO) - 1


class Lexicon:
    """Counts, for every word id, the prompts that held it; rare words say more about whose a prompt is.

        rarity(w) = ln((N + 8) / (n_w + 1))        (smoothed inverse document frequency, Sparck Jones 1972)

    Counts are halved once N reaches 2^16, so that the lexicon follows the traffic. Beside them it keeps what else is
    known of the traffic as a whole: the openings of prompts that were met more than once, and who sent a payload first.
    Fixed tables of keyed hashes, 1.4 MiB in all, whatever the traffic; a collision costs a bet, no more.
    """

    __slots__ = ("_counts", "_met", "_met_by", "_senders", "prompts")

    def __init__(self) -> None:
        self._counts = array("I", bytes(4 * WORD_IDS))
        self._met: NDArray[np.uint8] = np.zeros(WORD_IDS, np.uint8)
        self._met_by: NDArray[np.uint16] = np.zeros(WORD_IDS, np.uint16)
        self._senders: NDArray[np.uint64] = np.zeros(_SENDERS, np.uint64)
        self.prompts = 0

    def met(self, value: int) -> bool:
        """Say whether a *value*, 16 bits of a keyed hash, was met, twice at least, and from two principals."""
        return bool(self._met[value] >= _MET and self._met_by[value] == _SEVERAL)

    def meet(self, values: Iterable[int], tag: int) -> None:
        """Count *values* as met once more, from the principal that *tag* stands for."""
        who = tag % (_SEVERAL - 1) + 1
        for value in values:
            before = self._met_by[value]
            self._met_by[value] = who if before in {0, who} else _SEVERAL
            self._met[value] = min(_MET, self._met[value] + 1)

    def is_public(self, payload: int, tag: int) -> bool:
        """Say whether the last to send *payload*, a 64-bit keyed hash, was another principal than *tag*."""
        kept = int(self._senders[payload % _SENDERS])
        return kept != 0 and kept >> _WHO == payload >> _WHO and kept != _sender(payload, tag)

    def send(self, payload: int, tag: int) -> None:
        """Remember that *tag* sent *payload*, unless another did before: then that one stays."""
        if not self.is_public(payload, tag):
            self._senders[payload % _SENDERS] = _sender(payload, tag)

    def weigh(self, words: Iterable[int], own: OwnWords | None) -> list[tuple[float, int]]:
        """Return (weight, word) for each of the distinct *words*, the heaviest first.

        weight = rarity * (1 - share of the *own* prompts that hold the word), 0 or more
        """
        counts, most = self._counts, math.log(self.prompts + 8)
        if own is None or not own.prompts:
            weighed = [(most - math.log(counts[word] + 1), word) for word in words]
        else:  # in plain Python: at the size of a prompt a dozen numpy calls cost more
            shares, scale = own.counts, 1.0 / own.prompts
            weighed = [
                ((most - math.log(counts[word] + 1)) * (1.0 - shares[word & 511] * scale), word) for word in words
            ]
        weighed.sort(reverse=True)
        return weighed

    def learn(self, words: Iterable[int]) -> None:
        """Count one prompt with the distinct *words*."""
        counts = self._counts
        for word in words:
            counts[word] += 1
        self.prompts += 1
        if self.prompts >= _HALVE_AT:
            self._counts = array("I", [count >> 1 for count in counts])
            self._met >>= 1
            self._met_by[self._met == 0] = 0
            self.prompts //= 2
