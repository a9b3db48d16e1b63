"""The bounded memory of one principal or one cohort."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import msgspec

from ratelimit.sketches import Cells, CohortPast, OwnPast, OwnWords, Pace, cell_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ratelimit.observation import CohortRef, Features

#: Cohorts in which a principal's own standing is kept; the one longest unseen is forgotten first.
STANDINGS = 16

#: Bodies by which a retry is known again.
RECENT_BODIES = 8

#: Turns and system texts by which what is sent again is known.
RECENT_PIECES = 32


class Left(NamedTuple):
    """What is left of an account that had to go.

    spent_until  when all its budgets will have refilled, Unix seconds.
    wealth       the most log wealth (natural) that any signal held.
    active_at    its last bet, Unix seconds.
    careful,     of a principal: the highest standings that it had in any cohort, natural logs, 0 or more.
    typical
    """

    spent_until: float
    wealth: float
    active_at: float
    careful: float
    typical: float


class Empty(msgspec.Struct, frozen=True, gc=False):
    """That an account is empty, as long as nothing happens to it.

    terms, costs   what was asked of it, the terms by identity.
    refuses_until  when it will hold as much again, Unix seconds.
    settled_until  until when that is sure.
    """

    terms: object
    costs: tuple[float, ...]
    refuses_until: float
    settled_until: float


class Standing(msgspec.Struct, gc=False):
    """What a principal's own bets within one cohort have won.

    ref      the cohort.
    careful  the log wealth (natural) at the careful price.
    typical  at the typical price.
    drawn    requests that it made as a guest, until it cleared itself.
    """

    ref: CohortRef
    careful: float = 0.0
    typical: float = 0.0
    drawn: int = 0


class Account:
    """What principals and cohorts both have: budgets and evidence.

    levels       units in the bucket of each budget, by the budget's name.
    at           when they stood so, Unix seconds.
    spent_until  when all of them will have drained at the base refill, Unix seconds.
    wealth       the log wealth (natural) of each signal, by the signal's name.
    active_at    the last bet, Unix seconds.
    empty        that it is known to be empty; ``None`` as soon as its levels, evidence or trust move.
    slots        requests in flight: until when each lease is taken, Unix seconds, the first taken first; ``None`` until
                 there was one.
    """

    __slots__ = ("active_at", "at", "empty", "levels", "slots", "spent_until", "wealth")

    def __init__(self, now: float) -> None:
        self.levels: dict[str, float] = {}
        self.at = self.spent_until = now
        self.wealth: dict[str, float] = {}
        self.active_at = now
        self.empty: Empty | None = None
        self.slots: dict[int, float] | None = None


class PrincipalProfile(Account):
    """One principal.

    past       its latest fingerprints.
    words      which words it puts into every prompt; ``None`` until anything was learned.
    standings  its own standing within each cohort, the last seen at the end.
    prior      the (careful, typical) standing with which it begins in a cohort: zeros, but for what eviction left.
    cells      the cells of prompt space that it reached; ``None`` while no signal looks at them.
    pace       how much and how steadily it asks.
    held_at    the typical standing (log10) from which it is held, fixed at first sight; ``None`` before.
    folds      how often anything was learned of it.
    bodies     digests of its last bodies.
    pieces     digests of the last turns and system texts that it sent: what is sent again says nothing new.
    """

    __slots__ = ("bodies", "cells", "folds", "held_at", "pace", "past", "pieces", "prior", "standings", "words")

    def __init__(self, now: float) -> None:
        super().__init__(now)
        self.words: OwnWords | None = None  # 512 bytes that a passer-by never needs, nor the other sketches
        self.past: OwnPast | None = None
        self.cells: Cells | None = None
        self.pace: Pace | None = None
        self.held_at: float | None = None
        self.folds = 0
        self.standings: dict[bytes, Standing] = {}
        self.prior = (0.0, 0.0)
        self.bodies: tuple[int, ...] = ()
        self.pieces: tuple[int, ...] = ()

    @property
    def learned(self) -> bool:
        """Whether anything was ever learned of it: before, it may be no more than a made-up key."""
        return self.words is not None

    def is_held_from(self, typical: float) -> bool:
        """Say whether any standing at the typical price is at least *typical*; natural log, above 0."""
        if self.prior[1] >= typical:
            return True
        for standing in self.standings.values():  # noqa: SIM110 (a loop is twice as fast as any() here)
            if standing.typical >= typical:
                return True
        return False

    def highest(self) -> tuple[float, float]:
        """Return the highest (careful, typical) standing that it has anywhere, each 0 or more; natural logs."""
        careful, typical = self.prior
        for standing in self.standings.values():
            careful, typical = max(careful, standing.careful), max(typical, standing.typical)
        return careful, typical

    def learn(self, features: Features, *, cells: bool) -> None:
        """Learn one prompt that was answered; which *cells* it reached only if a signal looks at them."""
        if self.words is None or self.past is None or self.pace is None:
            self.words, self.past, self.pace = OwnWords(), OwnPast(), Pace()
        self.pace.learn(features.now, repeats=features.repeats)
        if features.fingerprint is not None:
            self.past.learn(features.fingerprint)
            if cells:
                self.cells = self.cells or Cells()
                self.cells.learn(cell_of(features.fingerprint))
        self.words.learn(features.ids)

    def remember(self, body: int, pieces: Iterable[int]) -> None:
        """Remember the digests of a *body*, by which a retry is known, and of the *pieces* that were new in it."""
        self.bodies = (*self.bodies[1 - RECENT_BODIES :], body)
        new = [piece for piece in pieces if piece not in self.pieces]
        self.pieces = (*self.pieces, *new)[-RECENT_PIECES:]

    def stand(self, ref: CohortRef) -> Standing:
        """Return the standing in *ref*, or what a newcomer there begins with, and mark it as the last seen."""
        standing = self.standings.pop(ref.key, None)
        if standing is None:
            standing = Standing(ref, *self.prior)
            if len(self.standings) >= STANDINGS:
                del self.standings[next(iter(self.standings))]
        self.standings[ref.key] = standing
        return standing


class CohortProfile(Account):
    """One cohort.

    past     a sample of its uncleared members' fingerprints; ``None`` while it has one member.
    members  principals that were ever learned in it (one that was forgotten and came back counts again).
    outspoken  of these, how many are (see ``Presumption``).
    tight    whether it was tightened, and not let go since.
    trust    the summed trust of the members that are neither trusted nor cleared.
    guests   requests of guests that stand against it, at *guests_at* (Unix seconds).
    """

    __slots__ = ("guests", "guests_at", "members", "outspoken", "past", "tight", "trust")

    def __init__(self, now: float) -> None:
        super().__init__(now)
        self.past: CohortPast | None = None
        self.members = 0
        self.outspoken = 0
        self.tight = False
        self.trust = 0.0
        self.guests = 0.0
        self.guests_at = now

    def learn(self, features: Features) -> None:
        """Learn an uncleared member's prompt that was answered; that of the only member teaches nothing."""
        if features.fingerprint is None or self.members < 2:
            return
        if self.past is None:
            self.past = CohortPast()
        self.past.learn(features.fingerprint, features.tag, features.draw >> 24)
