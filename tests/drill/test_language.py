"""How like people the made-up people are: against figures that were measured on real text."""

from __future__ import annotations

import math
from collections import Counter
from functools import partial
from random import Random
from typing import TYPE_CHECKING

from ratelimit.drill.language import Language
from ratelimit.drill.minds import Corpus, Person

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

BEST_OF = 16


def own_nearer(pasts: list[list[str]], rng: Random) -> float:
    """Return how often the last of one's prompts is nearer to 16 earlier ones of one's own than to 16 of others'."""
    sets = [[set(text.split()) for text in past] for past in pasts]
    counts = Counter(word for past in sets for words in past for word in words)
    many = sum(map(len, sets))
    rarity = {word: math.log((many + 8) / (count + 1)) for word, count in counts.items()}  # as the lexicon has it

    def like(one: set[str], other: set[str]) -> float:
        shared = sum(rarity[word] for word in one & other)
        return shared / math.sqrt(sum(rarity[word] for word in one) * sum(rarity[word] for word in other))

    won = asked = 0.0
    for number, past in enumerate(sets):
        strangers = [words for other, theirs in enumerate(sets) if other != number for words in theirs]
        for at in range(BEST_OF, len(past)):
            mine = max(like(past[at], words) for words in past[at - BEST_OF : at])
            strange = max(like(past[at], words) for words in rng.sample(strangers, BEST_OF))
            won += mine > strange if mine != strange else 0.5
            asked += 1
    return won / asked


def pasts(ask: Callable[[int], Callable[[], str]], many: int = 30) -> list[list[str]]:
    """Return what so many ask, one after the other."""
    return [[say() for _ in range(BEST_OF + 12)] for say in (ask(number) for number in range(many))]


def _next_of(corpus: Corpus, numbers: Iterator[int]) -> str:
    return corpus.text(next(numbers))


def test_people_come_back_to_themselves_as_often_as_real_ones() -> None:
    """People's prompts are nearer to their own past 0.6 to 0.9 of the time: the range of five places of real people."""
    language = Language(1)
    topics = tuple(Random(3).sample(range(300), 12))
    everywhere = own_nearer(pasts(lambda number: Person(language, Random(number)).ask), Random(1))
    one_place = own_nearer(pasts(lambda number: Person(language, Random(number), topics).ask), Random(1))

    assert 0.80 < everywhere < 0.90
    assert 0.70 < one_place < everywhere - 0.03


def test_a_harvest_is_nearer_to_nobody() -> None:
    """However wide or narrow a list is: of accounts that share it out, none comes back to itself."""
    language = Language(1)
    for topics in (None, (5,)):
        corpus, numbers = Corpus(language, "list", topics), iter(range(10**6))
        ask = partial(_next_of, corpus, numbers)
        share = own_nearer(pasts(lambda _, ask=ask: ask), Random(1))

        assert abs(share - 0.5) < 0.07


def test_a_text_follows_from_its_number() -> None:
    """The same seed and number are the same text, and another seed is another language."""
    one, again, other = (Corpus(Language(seed), "list") for seed in (1, 1, 2))

    assert one.text(7) == again.text(7)
    assert one.text(7) not in {one.text(8), other.text(7)}
