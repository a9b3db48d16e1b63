"""What a store is: where profiles and budgets live."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import msgspec

if TYPE_CHECKING:
    from ratelimit.charges import Admission, Charges
    from ratelimit.clock import Clock
    from ratelimit.observation import CohortRef, Features
    from ratelimit.profile import CohortProfile, PrincipalProfile
    from ratelimit.sketches import Lexicon


class Charged(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The answer to one charge.

    admission  what was granted.
    profile    the principal's profile, as it was before this request is learned.
    cohorts    each cohort's, in the order of the charge; ``None`` for one not seen before.
    now        the time that counted: the store's, Unix seconds.
    """

    admission: Admission
    profile: PrincipalProfile
    cohorts: tuple[CohortProfile | None, ...]
    now: float


class CohortFold(msgspec.Struct, frozen=True, gc=False):
    """What one cohort learns of a request.

    ref      which cohort.
    moves    (signal's name, log factor, its ceiling) of every bet that counts.
    careful  by how much the member's own standing moves, in natural logs, at the careful price.
    typical  the same at the typical price.
    guest    whether the member came as a guest.
    """

    ref: CohortRef
    moves: tuple[tuple[str, float, float], ...]
    careful: float
    typical: float
    guest: bool

    @property
    def idle(self) -> bool:
        """Whether there was no bet."""
        return not (self.careful or self.typical or self.moves or self.guest)


class Fold(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What is learned from one request that was answered.

    Made of updates that commute: whatever overlaps, nothing that was learned is lost.

    principal  its key.
    digest     stands for the body.
    features   a row a prompt, fingerprints filled in.
    moves      (signal's name, log factor, its ceiling) of the principal's own bets.
    cohorts    a row a cohort.
    pieces     digests of the turns and system texts that were new.
    shares     hashes of what the principal may share with others: each makes a cohort if another comes with it.
    payloads   hashes of the payloads, by which it is known that others sent them too.
    trust      how much the principal adds to the refill of its cohorts while it is neither trusted nor cleared.
    tag        64 bits that stand for the principal.
    charges    the charge this follows from: budgets and ladder.
    now        Unix seconds.
    """

    principal: bytes
    digest: int
    features: tuple[Features, ...]
    moves: tuple[tuple[str, float, float], ...]
    cohorts: tuple[CohortFold, ...]
    pieces: tuple[int, ...]
    shares: tuple[int, ...]
    payloads: tuple[int, ...]
    trust: float
    tag: int
    charges: Charges
    now: float


class Adjustment(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What a charge turned out to be worth, once it is known what became of the request.

    charges  the charge it follows from, which was granted; its ``cohorts`` are those alone whose budgets it wrote.
    units    one a budget of ``charges.terms``: what is to be added to the levels of the principal, its payer and those
             cohorts; negative gives back, and no level falls below empty.
    lease    the slot to release, in the principal and its payer; 0: none.
    now      Unix seconds.
    """

    charges: Charges
    units: tuple[float, ...]
    lease: int
    now: float


class Store(Protocol):
    """Where profiles and budgets live.

    ``charge`` is the one awaited round trip of a request; ``fold`` and ``adjust`` never wait.
    """

    @property
    def secret(self) -> bytes:
        """The key of every hash; the same for all workers that share the store."""
        ...

    @property
    def lexicon(self) -> Lexicon:
        """How common each word is in what was folded."""
        ...

    @property
    def clock(self) -> Clock:
        """The clock that rules."""
        ...

    async def charge(self, charges: Charges) -> Charged:
        """Charge everything, or nothing, atomically, and bring the profiles back. Raises: StoreError."""
        ...

    def fold(self, fold: Fold) -> None:
        """Learn what was answered: now, or soon; never blocks and never raises."""
        ...

    def adjust(self, adjustment: Adjustment) -> None:
        """Correct what was charged and give a slot back: now, or soon; never blocks and never raises.

        Adjustments commute. A principal that was charged for the first time, and is given all of it back, is forgotten.
        """
        ...

    async def aclose(self) -> None:
        """Release what the store holds."""
        ...
