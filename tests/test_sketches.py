"""Sketches: words of every script, fingerprints that keep nearness and drop one's own wording, bounded samples."""

from __future__ import annotations

import random
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ratelimit.sketches import (
    CELLS,
    COHORT_PAST,
    COVERAGE_WINDOW,
    FINGERPRINT_WORDS,
    OWN_PAST,
    Cells,
    CohortPast,
    Fingerprint,
    Firsts,
    Lens,
    Lexicon,
    OwnPast,
    OwnWords,
    Pace,
    WordIds,
    cell_of,
    hour_of,
)
from ratelimit.sketches.past import MOST_OF_ONE
from ratelimit.sketches.words import WINDOW, WORD_IDS

SECRET = b"0123456789abcdef"


class Reader:
    """Words, rarity and lens, put together as the engine does."""

    def __init__(self) -> None:
        self.words, self.lexicon, self.lens = WordIds(SECRET), Lexicon(), Lens()

    def look(self, text: str, own: OwnWords | None = None) -> Fingerprint | None:
        """Put *text* under the lens, what is *own* left out."""
        ids = self.words.array_of(text)
        return self.lens.look(ids, self.lexicon.weigh(ids, own))

    def similarity(self, text: str, past: str, own: OwnWords | None = None) -> float:
        """Return how similar *text* is to *past*."""
        kept = OwnPast()
        kept.learn(self.look(past))  # type: ignore[arg-type]
        self.look(text, own)
        return kept.nearest(self.lens).similarity


def prints(many: int, seed: int = 0, words: int = 12) -> list[Fingerprint]:
    """Return fingerprints of random words."""
    rng = np.random.default_rng(seed)
    lens = Lens()
    return [lens.look(*evenly(rng.choice(np.arange(1, WORD_IDS), words, replace=False)))
            for _ in range(many)]  # type: ignore[misc]


def evenly(words: Any) -> tuple[Any, Any]:
    """Return *words* as ids, and the weight of each: all weigh the same."""
    ids = np.array([word for word in words if word], np.intp)
    return ids, np.full(len(ids), 0.5, np.float32)


def under(lens: Lens, fingerprint: Fingerprint) -> None:
    """Put the payload of *fingerprint* under the lens."""
    lens.look(*evenly(fingerprint.words))


@given(text=st.text(max_size=400))
def test_any_text_gives_word_ids(text: str) -> None:
    """Whatever the script, the ids are in range and the same each time."""
    ids = WordIds(SECRET)

    found = ids.of(text)
    assert all(0 < word < WORD_IDS for word in found)
    assert found == ids.of(text) == WordIds(SECRET).of(text)


@pytest.mark.parametrize(
    ("one", "near", "far"),
    [
        ("how do I mount a usb disk in ubuntu", "mount the usb disk read only in ubuntu", "best recipe for leek soup"),
        ("如何在乌班图中挂载磁盘", "在乌班图中只读挂载磁盘", "韭葱汤最好的做法是什么"),
        ("ウブントゥでディスクをマウントする方法", "ディスクを読み取り専用でマウント", "美味しいスープの作り方"),
        ("วิธีเมานต์ดิสก์ในอูบุนตู", "เมานต์ดิสก์แบบอ่านอย่างเดียวในอูบุนตู", "สูตรซุปที่ดีที่สุดคืออะไร"),
        ("как подключить диск в убунту", "подключить диск только для чтения в убунту", "лучший рецепт супа с луком"),
    ],
)
def test_near_texts_are_similar_in_every_script(one: str, near: str, far: str) -> None:
    """A rewording lies nearer than another subject, also where no spaces divide the words."""
    reader = Reader()

    assert reader.similarity(one, near) > 0.1
    assert reader.similarity(one, far) < 0.5 * reader.similarity(one, near)
    assert reader.similarity(one, one) == pytest.approx(1.0, rel=1e-3)


@given(texts=st.lists(st.text(min_size=1, max_size=200), min_size=2, max_size=2))
def test_similarity_is_a_share(texts: list[str]) -> None:
    """Any two texts, seen alike, are between 0 and 1 similar, the same either way, and 1 to themselves."""
    reader = Reader()
    if reader.look(texts[0]) is None or reader.look(texts[1]) is None:
        return
    one, other = reader.similarity(*texts), reader.similarity(*reversed(texts))

    assert 0 <= one <= 1 + 1e-5
    assert one == pytest.approx(other, abs=1e-5) or max(len(reader.words.of(text)) for text in texts) > 16
    assert reader.similarity(texts[0], texts[0]) == pytest.approx(1.0, rel=1e-3)


def test_texts_without_a_common_word_are_not_similar() -> None:
    """Nothing shared is similarity 0, but for the rare collision of two words."""
    reader = Reader()
    found = [reader.similarity(f"alpha{i} beta{i} gamma{i}", f"delta{i} rho{i} tau{i}") for i in range(50)]

    assert sum(value > 0 for value in found) <= 1


def test_what_an_account_repeats_in_every_prompt_says_nothing() -> None:
    """Two payloads in one fixed wording are alike; with the account's own words left out they are not."""
    reader, own, rng = Reader(), OwnWords(), random.Random(1)
    payloads = [" ".join(f"w{rng.randrange(3000)}" for _ in range(12)) for _ in range(80)]
    wording = "Kindly work through this task in detail and show all of the reasoning:"
    for payload in payloads[:60]:
        own.learn(reader.words.array_of(f"{wording} {payload}"))

    raw = [reader.similarity(f"{wording} {one}", f"{wording} {other}") for one, other in pairwise(payloads[60:])]
    residual = [reader.similarity(f"{wording} {one}", f"{wording} {other}", own)
                for one, other in pairwise(payloads[60:])]
    assert min(raw) > 0.4
    assert sum(residual) < 0.1 * sum(raw)


def test_a_payload_inside_a_longer_prompt_is_contained_in_it() -> None:
    """What a past holds whole is contained, however much more that past says; similarity is less."""
    reader, kept = Reader(), OwnPast()
    kept.learn(reader.look("one two three four five six seven"))  # type: ignore[arg-type]
    reader.look("one two three")
    nearest = kept.nearest(reader.lens)

    assert nearest.contained == pytest.approx(1.0, rel=1e-3)
    assert 0.4 < nearest.similarity < 0.9


def test_what_one_brings_again_and_again_is_not_brought_by_several() -> None:
    """A second principal makes the difference, and only to what it brought."""
    firsts, value, another = Firsts(), 7 << 40, 8 << 40
    for _ in range(5):
        firsts.bring([value], by=1)
    (alone,) = firsts.by_several([value])
    firsts.bring([value], by=2)
    firsts.bring([another], by=2)

    assert not alone
    assert firsts.by_several([value]) == [True]
    assert firsts.by_several([another]) == [False]


@given(value=st.integers(1 << 20, 2**64 - 1), many=st.integers(1, 300), repeats=st.integers(1, 3))
def test_those_who_brought_a_value_are_counted(value: int, many: int, repeats: int) -> None:
    """Each counts once for as often as it repeats itself, up to 255; whoever would be next is told its place."""
    firsts = Firsts()
    for who in range(many):
        assert firsts.place_of(value, who) == min(255, who) + 1
        for _ in range(repeats):
            firsts.bring([value], by=who)

    assert firsts.brought_by(value) == min(255, many)
    assert firsts.place_of(value, many - 1) == 0
    assert firsts.place_of(value, 0) == 0


@given(value=st.integers(1 << 20, 2**64 - 1), tags=st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=6))
def test_a_value_is_public_to_all_but_who_brought_it_first(value: int, tags: list[int]) -> None:
    """The first one's own repeats are its own; to every other the value is another's."""
    firsts = Firsts()
    for tag in tags:
        firsts.bring([value], by=tag)

    assert not firsts.by_another(value, tags[0])
    assert firsts.by_another(value, tags[0] ^ 1)
    assert not firsts.by_another(value ^ 1 << 63, tags[0] ^ 1)


@given(others=st.lists(st.integers(0, 2**40 - 1), max_size=8, unique=True))
def test_what_several_brought_outlives_what_is_rare(others: list[int]) -> None:
    """Of the values that fall into one place the newest is kept, unless an older one is shared: that outlives two."""
    firsts, shared = Firsts(), 5 << 60
    firsts.bring([shared], by=1)
    firsts.bring([shared], by=2)
    for other in others:
        firsts.bring([(other << 20) + (1 << 62)], by=3)

    assert firsts.by_several([shared]) == [len(others) < 2]


@given(gaps=st.lists(st.floats(0, 7200), min_size=1, max_size=60))
def test_the_pace_counts_the_hour_and_forgets_by_the_day(gaps: list[float]) -> None:
    """The current hour's prompts are exact, and the daily average lies between 1 and all of them."""
    pace, at, hours = Pace(), 1_760_000_000.0, []
    for gap in gaps:
        at += gap
        pace.learn(at, repeats=False)
        hours.append(hour_of(at))

    assert pace.hour == (hours[-1], hours.count(hours[-1]), 0)
    assert 1 <= pace.per_day(at) <= len(gaps) + 1e-9
    assert pace.per_day(at + 10 * 86_400) < 0.001 * len(gaps)


def test_rare_words_outweigh_common_ones() -> None:
    """The lexicon learns from the traffic which words everybody uses."""
    words, lexicon = WordIds(SECRET), Lexicon()
    for number in range(500):
        lexicon.learn(words.array_of(f"the of and number{number}"))

    common, rare = (lexicon.weigh(words.array_of(word), None) for word in ("the", "zygote"))
    assert common < 0.1
    assert rare > 5


def test_the_lexicon_follows_the_traffic_in_bounded_space() -> None:
    """Counts are halved at 2^16 prompts: the newest prompts count, the table stays as it is."""
    lexicon = Lexicon()
    lexicon.prompts = (1 << 16) - 1
    lexicon.learn(np.array([7]))

    assert lexicon.prompts == 1 << 15


def test_no_words_give_no_fingerprint() -> None:
    """A prompt without a word has no fingerprint, and neither has one whose words all weigh nothing."""
    reader = Reader()

    assert reader.look("") is None
    assert reader.look("!?") is None
    assert reader.lens.look(np.array([7]), np.zeros(1, np.float32)) is None


def test_the_lens_shows_one_payload_at_a_time() -> None:
    """What was under the lens before leaves nothing behind."""
    reader, past = Reader(), OwnPast()
    past.learn(reader.look("old words here"))  # type: ignore[arg-type]
    reader.look("something else")
    first = past.nearest(reader.lens)
    reader.look("")

    assert first == (0.0, 0.0)
    assert past.nearest(reader.lens) == (0.0, 0.0)


def test_a_fingerprint_keeps_the_weightiest_words() -> None:
    """Of many words those that weigh most are kept, 16 at most."""
    own = OwnWords()
    for _ in range(50):
        own.learn(np.arange(50))
    ids = np.arange(1, 100)
    kept = Lens().look(ids, Lexicon().weigh(ids, own))

    assert kept is not None
    assert len(set(kept.words.tolist())) == FINGERPRINT_WORDS
    assert min(kept.words) >= 50


@given(lengths=st.lists(st.integers(WINDOW, 200_000), min_size=1, max_size=5))
def test_of_a_long_text_only_windows_are_looked_at(lengths: list[int]) -> None:
    """However long the text, words enough for the windows are found, and both ends are among them."""
    ids = WordIds(SECRET)
    for length in lengths:
        text = " ".join(["first", *(f"w{number}" for number in range(length // 5)), "last"])
        found = ids.of(text)

        assert len(found) <= WINDOW // 2
        assert ids.of("first") | ids.of("last") <= found


def test_nobody_can_foretell_which_middle_is_looked_at() -> None:
    """A payload hidden between two long constant ends is seen in places that change with length and secret."""
    def seen(secret: bytes, length: int) -> set[int]:
        body = " ".join(f"m{number}" for number in range(3000))[:length]
        return WordIds(secret).of("a " * 500 + body + " z" * 500) - WordIds(secret).of("a z")

    places = [seen(SECRET, length) for length in (9_000, 9_001, 9_002)]
    assert all(len(place) > 15 for place in places)
    assert len(places[0] & places[1]) < 15 or len(places[1] & places[2]) < 15


def test_a_flood_of_new_words_does_not_fill_memory() -> None:
    """The memo of words starts again when it is full, and ids stay what they were."""
    ids = WordIds(SECRET)
    before = ids.of("stable")
    for number in range(40_000):
        ids.of(f"w{number}")

    assert len(ids._ids) <= 1 << 15
    assert ids.of("stable") == before


def test_another_secret_gives_other_ids() -> None:
    """Nobody without the secret can tell which words collide."""
    mine, yours = WordIds(SECRET), WordIds(b"another secret..")
    text = " ".join(f"w{number}" for number in range(50))

    assert len(mine.of(text) & yours.of(text)) < 5


@given(many=st.integers(0, 30))
def test_the_own_past_keeps_the_latest(many: int) -> None:
    """A principal's past holds its latest fingerprints and no others."""
    past, lens, kept = OwnPast(), Lens(), prints(many)
    for fingerprint in kept:
        past.learn(fingerprint)
    found = []
    for fingerprint in kept:
        under(lens, fingerprint)
        found.append(past.nearest(lens).contained > 0.9)

    assert len(past) == min(many, OWN_PAST)
    assert found == [False] * max(0, many - OWN_PAST) + [True] * min(many, OWN_PAST)


@given(tags=st.lists(st.sampled_from([1, 2, 2**64 - 1]), max_size=150), draw=st.integers(0, 2**32))
def test_strangers_are_never_oneself(tags: list[int], draw: int) -> None:
    """A cohort's past is bounded, counts the prompts of others, and compares with no prompt of one's own."""
    past, lens, (own, other) = CohortPast(), Lens(), prints(2)
    for number, tag in enumerate(tags):
        past.learn(own if tag == 1 else other, tag, draw ^ number * 2654435761)
    under(lens, own)
    many, nearest = past.against(1, lens, least=1)

    assert len(past) == sum(min(tags.count(tag), MOST_OF_ONE) for tag in set(tags))
    assert many == len(past) - min(tags.count(1), MOST_OF_ONE)
    assert nearest.contained < 0.1
    assert past.against(1, lens, least=many + 1) == (0, (0.0, 0.0))


def test_a_cohorts_past_is_bounded_and_shared_out() -> None:
    """It holds so many prompts, however many members there are, and of no member more than two."""
    past, (kept,) = CohortPast(), prints(1)
    for number in range(500):
        past.learn(kept, number // 5, number * 2654435761)

    assert len(past) == COHORT_PAST
    held = [int(tag) for tag in past._tags]
    assert max(held.count(tag) for tag in held) <= MOST_OF_ONE


@given(cells=st.lists(st.integers(0, CELLS - 1), max_size=300))
def test_cells_count_what_was_reached(cells: list[int]) -> None:
    """A cell is new until it was learned; the count is that of the distinct ones."""
    reached = Cells()
    seen: set[int] = set()
    for cell in cells:
        assert reached.is_new(cell) == (cell not in seen)
        reached.learn(cell)
        seen.add(cell)

    assert reached.reached == len(seen)


def test_near_payloads_fall_into_one_cell_and_others_spread() -> None:
    """Payloads that share most words mostly share their cell; a thousand unrelated ones fill hundreds of cells."""
    shared = 0
    for fingerprint, other in zip(prints(300), prints(300, seed=2), strict=True):
        words = [*[int(word) for word in fingerprint.words if word][1:], int(other.words[0])]
        near = Lens().look(*evenly(words))
        assert near is not None
        shared += cell_of(fingerprint) == cell_of(near)

    assert shared > 200
    assert len({cell_of(fingerprint) for fingerprint in prints(1000, seed=1)}) > 600


def test_cells_begin_anew_after_a_window() -> None:
    """After the window's prompts only the newest counts, so coverage tells of the recent past."""
    cells = Cells()
    for number in range(COVERAGE_WINDOW + 1):
        cells.learn(number)

    assert (cells.volume, cells.reached) == (1, 1)


@given(prompts=st.lists(st.sets(st.integers(1, WORD_IDS - 1), max_size=30), max_size=40))
def test_own_words_never_understate_how_usual_a_word_is(prompts: list[set[int]]) -> None:
    """Folding words onto counters can only raise a share; no share leaves 0 to 1."""
    own = OwnWords()
    for words in prompts:
        own.learn(np.array(sorted(words), np.intp))

    for word in set().union(*prompts):
        true = sum(word in words for words in prompts) / len(prompts)
        (absent,) = own.absent(np.array([word]))
        assert -1e-6 <= absent <= 1 - true + 1e-6
        assert own.constant(np.array([word]), 0.8) == (absent <= 0.2 + 1e-6)


def test_own_words_forget_by_halves() -> None:
    """A word left out for long weighs again: counters are halved when they are full."""
    own = OwnWords()
    for _ in range(200):
        own.learn(np.array([1]))
    for _ in range(800):
        own.learn(np.array([2]))

    assert own.absent(np.array([1, 2])) == pytest.approx([1, 0], abs=0.1)


@given(text=st.text(st.characters(codec="ascii"), max_size=300))
def test_ascii_words_are_found_as_in_any_other_text(text: str) -> None:
    """The quick way for ASCII finds the very words that the general one does."""
    ids = WordIds(SECRET)

    assert ids.of(text) | ids.of("é") == ids.of(f"{text} é")
