"""What is seen of one prompt."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from ratelimit.presumption import Caution

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ratelimit.sketches import Fingerprint, Lens, Nearest


#: What most cohorts have.
NO_CAUTION = Caution()


class Features(msgspec.Struct, kw_only=True, gc=False):
    """One prompt, as the signals see it. No text.

    ids          the distinct word ids of the payload; intp.
    fingerprint  the weightiest of them; ``None`` if there are none.
    lens         with the payload under it, to hold pasts against.
    nearest_own  how near the nearest of the principal's own latest prompts is.
    public       whether another principal sent the very same payload: a public benchmark, a popular question.
    sender       the how-manieth principal it is to send the very same payload, 1 or more; 0 if it was counted already.
    repeats      whether one of its own latest prompts holds all of it.
    draw         64 pseudo-random bits, a keyed hash of body, principal and time: the coins of every random choice.
    tag          64 bits that stand for the principal within its cohorts.
    continues    whether it continues a conversation that the principal is known to have had.
    bare         whether it came without system text.
    trusted      whether the principal is trusted.
    tight        whether the principal's own evidence tightens it.
    now          Unix seconds.
    """

    ids: NDArray[np.intp]
    fingerprint: Fingerprint | None
    lens: Lens
    nearest_own: Nearest
    public: bool
    sender: int
    repeats: bool
    draw: int
    tag: int
    continues: bool
    bare: bool
    trusted: bool
    tight: bool
    now: float


class CohortRef(msgspec.Struct, frozen=True, gc=False):
    """One cohort that a request is seen in.

    kind      the kind of what is shared.
    key       what is shared, hashed; 16 bytes.
    presumed  whether a newcomer counts as innocent when the cohort is tightened.
    caution   what it must mind.
    label     what decisions call it; made of the others.
    tag       64 bits of the key.
    """

    kind: str
    key: bytes
    presumed: bool = True
    caution: Caution = NO_CAUTION
    label: str = ""
    tag: int = 0

    def __post_init__(self) -> None:
        if not self.label:
            msgspec.structs.force_setattr(self, "label", f"{self.kind}:{self.key[:8].hex()}")
            msgspec.structs.force_setattr(self, "tag", int.from_bytes(self.key[:8], "little"))

    def __str__(self) -> str:
        return self.label
