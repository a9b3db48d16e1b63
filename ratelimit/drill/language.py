"""A made-up language: what a drill's people and campaigns write in.

A topic model, all of it drawn from one seed. Words are syllables; a topic has words of its own, of Zipfian frequency,
and sub-topics that each prefer a few of them; function words are common to all, and everybody has habits of its own.
It is synthetic: it is as like real text as ``tests/drill/test_language.py`` says, and no more.
"""

from __future__ import annotations

from functools import cache
from itertools import accumulate
from random import Random
from typing import NamedTuple

TOPICS, SUBTOPICS = 300, 12

_WORDS, _TOPIC_WORDS, _SUB_WORDS = 9000, 170, 40

_SAID_OFTEN = """
the of and a to in is that it for on with as are this be by at or from an have not which what how why when can do
should would i you my your we our they he she if then than so but about into over after before between more most
some any all no only just also very much many there here please tell me explain give need want make use get find
does did has was were will could may might must let like same other such each first last next one two three
"""
_FUNCTION = tuple(_SAID_OFTEN.split())

_ONSETS = ("b", "br", "d", "dr", "f", "g", "gl", "h", "k", "kl", "l", "m", "n", "p", "pr", "r", "s", "st", "t", "tr",
           "v", "w", "z")
_VOWELS = ("a", "e", "i", "o", "u", "ai", "ou")
_CODAS = ("", "", "l", "m", "n", "r", "s", "t", "x")


class Draw(NamedTuple):
    """Words, and their summed weights."""

    words: tuple[str, ...]
    sums: tuple[float, ...]

    def some(self, rng: Random, many: int) -> list[str]:
        """Return so *many* of the words, drawn by weight."""
        return rng.choices(self.words, cum_weights=self.sums, k=many)


def zipfian(words: tuple[str, ...], steepness: float = 1.0) -> Draw:
    """Return *words* weighted by their rank: 1 / (rank + 2) ^ steepness."""
    return Draw(words, tuple(accumulate(1 / (rank + 3) ** steepness for rank in range(len(words)))))


class Language:
    """Everything that can be written, drawn from *seed*."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        rng = Random(f"{seed}/vocabulary")
        made: dict[str, None] = {}
        while len(made) < _WORDS:
            syllables = rng.choice((2, 2, 3))
            made["".join([rng.choice(part) for part in (_ONSETS, _VOWELS, _CODAS) * syllables])] = None
        self._all = zipfian(tuple(made))
        self.plain = zipfian(_FUNCTION, 0.8)
        self._topic = cache(self._make_topic)
        self._sub = cache(self._make_sub)

    def habit(self, rng: Random) -> Draw:
        """Return function words as one person uses them."""
        weights = [1 / (rank + 3) ** 0.8 * rng.lognormvariate(0.0, 0.9) for rank in range(len(_FUNCTION))]
        return Draw(_FUNCTION, tuple(accumulate(weights)))

    def write(self, rng: Random, topic: int, sub: int, habit: Draw | None = None) -> str:
        """Return one text on the sub-topic *sub* of *topic*: 5 to 60 words, some 15 at the median."""
        many = min(60, max(5, int(rng.lognormvariate(2.7, 0.5))))
        content = max(2, round(many * 0.55))
        close, wide = round(content * 0.4), max(1, round(content * 0.12))
        words = self._sub(topic, sub).some(rng, close) + self._all.some(rng, wide)
        words += self._topic(topic).some(rng, max(0, content - close - wide))
        words += (habit or self.plain).some(rng, many - content)
        rng.shuffle(words)
        return " ".join(words)

    def _make_topic(self, topic: int) -> Draw:
        rng = Random(f"{self._seed}/topic/{topic}")
        return zipfian(tuple(rng.sample(self._all.words, _TOPIC_WORDS)))

    def _make_sub(self, topic: int, sub: int) -> Draw:
        rng = Random(f"{self._seed}/topic/{topic}/{sub}")
        return zipfian(tuple(rng.sample(self._topic(topic).words, _SUB_WORDS)), 0.7)
