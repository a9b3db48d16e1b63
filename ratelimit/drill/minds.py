"""Who has something to ask: people, who come back to themselves, and corpora, which do not."""

from __future__ import annotations

from functools import partial
from random import Random
from typing import TYPE_CHECKING

from ratelimit.drill.language import SUBTOPICS, TOPICS, Language

if TYPE_CHECKING:
    from collections.abc import Callable

_STAYS, _DRIFTS, _MOVES_ON, _STRAYS = 0.6, 0.05, 0.006, 0.2


class Person:
    """Somebody with two to four interests, two sub-topics of each at a time that drift, and habits of words.

    One in five of its questions is about something else altogether.

    *topics* are what it may be interested in; ``None``: anything.
    """

    def __init__(self, language: Language, rng: Random, topics: tuple[int, ...] | None = None) -> None:
        self._language, self._rng, self._topics = language, rng, topics or tuple(range(TOPICS))
        self._habit = language.habit(rng)
        wanted = min(len(self._topics), rng.randint(2, 4))
        self._interests = [(topic, self._subs()) for topic in rng.sample(self._topics, wanted)]
        self._at = (0, 0)

    def ask(self) -> str:
        """Return the next thing that it asks: mostly on what it asked about before."""
        rng = self._rng
        if rng.random() > _STAYS:
            self._at = (rng.randrange(len(self._interests)), rng.randrange(2))
        interest, which = self._at
        if rng.random() < _DRIFTS:
            self._interests[interest][1][which] = rng.randrange(SUBTOPICS)
        if rng.random() < _MOVES_ON:
            self._interests[interest] = (rng.choice(self._topics), self._subs())
        if rng.random() < _STRAYS:
            return self._language.write(rng, rng.choice(self._topics), rng.randrange(SUBTOPICS), self._habit)
        topic, subs = self._interests[interest]
        return self._language.write(rng, topic, subs[which], self._habit)

    def _subs(self) -> list[int]:
        return [self._rng.randrange(SUBTOPICS) for _ in range(2)]


class Corpus:
    """A numbered list of texts without an end: the same number is the same text.

    topics  what they are about: many for a wide corpus, one or two for a narrow one; ``None``: everything.
    """

    def __init__(self, language: Language, name: str, topics: tuple[int, ...] | None = None) -> None:
        self._language, self._name = language, name
        self._topics = topics or tuple(range(TOPICS))

    def text(self, number: int) -> str:
        """Return the text with *number*."""
        rng = Random(f"{self._name}/{number}")
        return self._language.write(rng, rng.choice(self._topics), rng.randrange(SUBTOPICS))

    def about(self, number: int, template: str = "{}") -> Callable[[], str]:
        """Return what writes the text with *number* into *template*, once somebody looks at it."""
        return partial(self._filled, number, template)

    def _filled(self, number: int, template: str) -> str:
        return template.replace("{}", self.text(number), 1)
