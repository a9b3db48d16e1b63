"""What Redis keeps of a principal's sketches is what memory keeps of them."""

from __future__ import annotations

import numpy as np
import pytest

from ratelimit.profile import PrincipalProfile
from ratelimit.sketches import Fingerprint, Lens, OwnPast, OwnWords, Pace
from ratelimit.stores.redis import sketches

WORDS = np.arange(1, 17, dtype=np.intp)


@pytest.mark.parametrize("many", [1, 2, 3, 5, 8, 9, 20])
def test_a_past_of_any_length_comes_back(many: int) -> None:
    """However far it has grown: the same prompts, as near, and the next takes the place of the oldest there too."""
    kept, back = PrincipalProfile(0.0), PrincipalProfile(0.0)
    kept.words, kept.past, kept.pace = OwnWords(), OwnPast(), Pace()
    for number in range(many):
        learn(kept, number)
    fields = sketches.pack(kept)
    sketches.unpack(back, fields["w"], fields["f"], None, fields["r"])

    for profile in (kept, back):
        learn(profile, many)
    lens = Lens()
    assert kept.past is not None
    assert back.past is not None
    assert back.past.prompts == kept.past.prompts == many + 1
    for number in range(many + 1):
        lens.look(WORDS + 16 * number, np.ones(16, np.float32))
        near = back.past.nearest(lens)
        assert near == kept.past.nearest(lens)
        assert (near.contained > 0.99) is (number > many - 8)


def learn(profile: PrincipalProfile, number: int) -> None:
    """Learn a prompt of words that no other has."""
    assert profile.past is not None
    profile.past.learn(Fingerprint((WORDS + 16 * number).astype(np.uint16), 0.25))
