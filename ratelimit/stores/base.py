"""What a store is: where profiles and budgets live."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import msgspec

if TYPE_CHECKING:
    from ratelimit.charges import Admission, Charges
    from ratelimit.clock import Clock
    from ratelimit.observation import Features
    from ratelimit.profile import CohortProfile, PrincipalProfile, Standing
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


class CohortFold(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What one cohort learns of a request.

    moves     (signal's name, log factor, its ceiling) of every bet that counts.
    standing  the member's own standing afterwards.
    trust     by how much the summed trust of the uncleared members changes.
    returns   requests that a guest gives back, for it cleared itself.
    learns    whether the cohort keeps the prompts: those of cleared members say nothing of the others.
    """

    moves: tuple[tuple[str, float, float], ...]
    standing: Standing
    trust: float
    returns: int
    learns: bool


class Fold(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What is learned from one request that was answered.

    Made of updates that commute, but for standings: of two requests of a member that overlap, the later one's counts.

    principal  its key.
    digest     stands for the body.
    features   a row a prompt, fingerprints filled in.
    moves      (signal's name, log factor, its ceiling) of the principal's own bets.
    cohorts    a row a cohort.
    pieces     digests of the turns and system texts that were new.
    meets      hashes of what the lexicon is to count as met: values that make no cohort until they are.
    payloads   hashes of the payloads, by which it is known that others sent them too.
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
    meets: tuple[int, ...]
    payloads: tuple[int, ...]
    tag: int
    charges: Charges
    now: float


class Store(Protocol):
    """Where profiles and budgets live. ``charge`` is the one awaited round trip of a request; ``fold`` never waits."""

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

    async def aclose(self) -> None:
        """Release what the store holds."""
        ...
