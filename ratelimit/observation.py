"""What is seen of one prompt."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ratelimit.sketches import Fingerprint, Lens


class Features(msgspec.Struct, kw_only=True, gc=False):
    """One prompt, as the signals see it. No text.

    ids          distinct word ids of the payload; intp, shape (words,).
    rarity       what each word is worth in the traffic as a whole; float32, shape (words,).
    own_share    the share of the principal's own prompts that held each word; float32, shape (words,).
    fingerprint  the weightiest of them; ``None`` if there are none.
    lens         with the payload under it, to hold pasts against.
    nearest_own  the similarity of the nearest of the principal's own latest prompts, 0 or more.
    draw         64 pseudo-random bits, a keyed hash of body, principal and time: the coins of every random choice.
    tag          64 bits that stand for the principal within its cohorts.
    continues    whether it continues a conversation that the principal is known to have had.
    bare         whether it came without system text.
    now          Unix seconds.
    """

    ids: NDArray[np.intp]
    rarity: NDArray[np.float32]
    own_share: NDArray[np.float32]
    fingerprint: Fingerprint | None
    lens: Lens
    nearest_own: float
    draw: int
    tag: int
    continues: bool
    bare: bool
    now: float


class CohortRef(msgspec.Struct, frozen=True, gc=False):
    """One cohort that a request is seen in.

    kind      the kind of what is shared.
    key       what is shared, hashed; 16 bytes.
    presumed  whether a newcomer counts as innocent when the cohort is tightened.
    """

    kind: str
    key: bytes
    presumed: bool = True

    def __str__(self) -> str:
        return f"{self.kind}:{self.key.hex()[:16]}"
