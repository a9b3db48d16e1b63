from __future__ import annotations

from random import Random
from string import Formatter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ratelimit.demo.texts import Subject, Voice, answer, subjects

ANY_SUBJECT = st.sampled_from(subjects())
SEED = st.integers(0, 1 << 32)


def _slots(sentence: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(sentence) if name is not None}


@given(seed=SEED, about=st.lists(ANY_SUBJECT, min_size=1, max_size=3))
def test_the_same_seed_says_the_same(seed: int, about: list[Subject]) -> None:
    """All chance comes from the generator that a voice is given."""
    one, other = Voice(Random(seed), about), Voice(Random(seed), about)

    assert [one.ask(), one.follow_up(), one.ask()] == [other.ask(), other.follow_up(), other.ask()]


@given(seed=SEED, about=st.lists(ANY_SUBJECT, min_size=1, max_size=3))
def test_a_voice_keeps_to_its_subjects(seed: int, about: list[Subject]) -> None:
    """Every prompt is about one of the voice's subjects."""
    prompt = Voice(Random(seed), about).ask()

    assert any(sum(term in prompt for term in subject.terms) >= 2 for subject in about)


@given(seed=SEED, subject=ANY_SUBJECT)
def test_a_follow_up_stays_with_what_was_asked(seed: int, subject: Subject) -> None:
    """The second turn of a conversation is about the subject of the first."""
    voice = Voice(Random(seed), subjects())
    voice.ask(subject)
    said = voice.follow_up()

    assert any(term in said for term in subject.terms)


@given(prompt=st.text())
def test_the_model_has_an_answer_to_everything_and_it_is_the_same_again(prompt: str) -> None:
    """Any text is answered, and an answer depends on the prompt alone."""
    first = answer(prompt)
    answer.cache_clear()

    assert first
    assert answer(prompt) == first


@given(seed=SEED, subject=ANY_SUBJECT)
def test_the_model_stays_on_the_subject(seed: int, subject: Subject) -> None:
    """An answer speaks of a subject that has at least as many of its terms in the prompt as any."""
    prompt = Voice(Random(seed), [subject]).ask()
    said = answer(prompt)
    found = max(subjects(), key=lambda one: sum(term in prompt for term in one.terms))

    assert any(term in said for term in found.terms)


def test_the_vocabulary_is_wide() -> None:
    """There are at least sixty subjects, and scripts with and without spaces among them."""
    names = [(subject.language, subject.name) for subject in subjects()]

    assert len(names) >= 60
    assert len(set(names)) == len(names)
    assert {"en", "de", "fr", "es", "zh", "ja"} <= {language for language, _ in names}


@pytest.mark.parametrize("subject", subjects(), ids=lambda subject: subject.name)
def test_a_subject_is_well_made(subject: Subject) -> None:
    """A subject has 25 terms or more, no two alike, and sentences with slots that a voice can fill."""
    assert len(subject.terms) >= 25
    assert len(set(subject.terms)) == len(subject.terms)
    assert all(subject.terms)
    assert all(_slots(frame) <= set("abcd") and len(_slots(frame)) >= 2 for frame in subject.frames)
    assert all(_slots(sentence) <= set("ab") and _slots(sentence) for sentence in subject.follow_ups)
    assert all(_slots(sentence) <= set("ab") and _slots(sentence) for sentence in subject.answers)
