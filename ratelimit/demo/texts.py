"""What the demo's people ask and what its model answers, made of a small built-in vocabulary."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from hashlib import blake2b
from importlib.resources import files
from random import Random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, kw_only=True, slots=True)
class Subject:
    """Something people ask about, and the sentences of its language.

    name        tells it apart.
    language    the file of the vocabulary that it stands in, such as ``en``.
    terms       25 or more, all unlike.
    frames      questions and orders, with the slots ``{a}`` to ``{d}`` for terms; the same for all of a language.
    follow_ups  what is said next in a conversation, with the slots ``{a}`` and ``{b}``.
    answers     what the model says, with the slots ``{a}`` and ``{b}``.
    """

    name: str
    language: str
    terms: tuple[str, ...]
    frames: tuple[str, ...]
    follow_ups: tuple[str, ...]
    answers: tuple[str, ...]

    def part(self, rng: Random, many: int) -> Subject:
        """Return the subject with so *many* of its terms."""
        return replace(self, terms=tuple(rng.sample(self.terms, many)))


@cache
def subjects() -> tuple[Subject, ...]:
    """Return all of the vocabulary, in one order for ever.

    >>> len(subjects()) >= 60
    True
    """
    folder = files("ratelimit.demo") / "vocabulary"
    pages = sorted((page for page in folder.iterdir() if page.name.endswith(".toml")), key=lambda page: page.name)
    return tuple(
        subject for page in pages for subject in _read(page.name.removesuffix(".toml"), page.read_text("utf-8"))
    )


class Voice:
    """Somebody who asks about *about*, with *rng* as the only source of chance: the same seed asks the same.

    *sentences* is the fewest and the most that one prompt has.
    """

    def __init__(self, rng: Random, about: Sequence[Subject], *, sentences: tuple[int, int] = (1, 2)) -> None:
        self._rng = rng
        self._about = tuple(about)
        self._sentences = sentences
        self._last = self._about[0]

    def ask(self, subject: Subject | None = None) -> str:
        """Begin: say something about *subject*, by default one of its own."""
        self._last = subject or self._rng.choice(self._about)
        many = self._rng.randint(*self._sentences)
        return " ".join(self._fill(frame) for frame in self._rng.sample(self._last.frames, many))

    def follow_up(self) -> str:
        """Go on about what was last asked."""
        return self._fill(self._rng.choice(self._last.follow_ups))

    def _fill(self, frame: str) -> str:
        return frame.format(**dict(zip("abcd", self._rng.sample(self._last.terms, 4), strict=True)))


@lru_cache(maxsize=4096)
def answer(prompt: str) -> str:
    """Return what the toy model says to *prompt*: on its subject, in its language, always the same."""
    rng = Random(blake2b(prompt.encode("utf-8", "surrogatepass"), digest_size=8).digest())
    subject = max(subjects(), key=lambda one: sum(term in prompt for term in one.terms))
    sentences = [
        frame.format(**dict(zip("ab", rng.sample(subject.terms, 2), strict=True)))
        for frame in rng.sample(subject.answers, 2)
    ]
    return " ".join(sentences)


def _read(language: str, text: str) -> list[Subject]:
    page = tomllib.loads(text)
    return [
        Subject(
            name=name,
            language=language,
            terms=tuple(term.strip() for term in terms.split(",")),
            frames=tuple(page["frames"]),
            follow_ups=tuple(page["follow_ups"]),
            answers=tuple(page["answers"]),
        )
        for name, terms in page["subjects"].items()
    ]
