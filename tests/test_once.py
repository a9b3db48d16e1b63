"""Things made once of values that are not kept."""

from __future__ import annotations

import gc

from hypothesis import given
from hypothesis import strategies as st

from ratelimit.once import Once


@given(texts=st.lists(st.text(st.characters(exclude_categories=[])), max_size=60), most=st.integers(1, 8))
def test_every_text_makes_its_own_thing_and_memory_is_bounded(texts: list[str], most: int) -> None:
    """Whatever the texts and the order, each gives what it makes, and no more than so many are remembered."""
    once = Once(lambda text: ("made of", text), most=most)
    for text in texts:
        assert once.of(text) == ("made of", text)
        assert len(once) <= most


def test_it_makes_a_thing_once() -> None:
    """The second time the very same thing comes back."""
    once = Once(lambda text: [text])

    assert once.of("a") is once.of("a")


def test_it_keeps_no_text() -> None:
    """Of what it was asked nothing is held but hashes."""
    once = Once(len)
    once.of("a secret of some length")
    held = gc.get_referents(*(getattr(once, name) for name in Once.__slots__))

    assert not any("secret" in item for item in held if isinstance(item, str))
