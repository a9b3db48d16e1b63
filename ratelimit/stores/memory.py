"""The store of one process."""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import TYPE_CHECKING

from ratelimit.admission import admit, settle
from ratelimit.clock import Clock, SystemClock
from ratelimit.decision import Tier
from ratelimit.errors import refuse_invalid
from ratelimit.evidence import LN10
from ratelimit.ledger import (
    cohort_tier,
    correct,
    drain_pool,
    in_flight,
    inherit,
    move,
    release_slot,
    share_of,
    stand,
    tier_of,
)
from ratelimit.profile import CohortProfile, PrincipalProfile
from ratelimit.sketches import Lexicon
from ratelimit.stores.base import Adjustment, Charged, CohortFold, Fold
from ratelimit.stores.health import Health
from ratelimit.stores.residue import Residue
from ratelimit.stores.rooms import Rooms

if TYPE_CHECKING:
    from ratelimit.charges import Charges, Terms
    from ratelimit.observation import CohortRef

# Rooms, in the order in which they are emptied.
_NEW, _KNOWN, _TIGHT = 0, 1, 2


class MemoryStore:
    """Keeps profiles and budgets in this process: exact, fast, gone when the process goes, multiplied by its workers.

    principals  the most that are kept; 1 or more. 6 to 8 KB each once they are long known.
    cohorts     the most that are kept; 1 or more. About 10 KB each for those with several members, below 1 KB for most.
    ttl         how long an idle one is kept. Choose it longer than the policy's ``ladder.forgives_after``, or evidence
                is forgiven when it ends.
    clock       where time comes from.
    secret      the key of every hash, 16 bytes or more; default: drawn anew, so nothing of it outlives the process.

    When full, principals of which nothing was learned go first (a flood of made-up keys fills nothing), then the idle
    and clear, then the tightened; of each that goes, a trace stays that keeps it from starting afresh.

    One event loop at a time: charges do not await, and so they are atomic in it.
    """

    def __init__(
        self,
        *,
        principals: int = 100_000,
        cohorts: int = 50_000,
        ttl: timedelta = timedelta(days=14),
        clock: Clock | None = None,
        secret: bytes | None = None,
    ) -> None:
        problems = []
        if principals < 1:
            problems.append(f"principals: must be at least 1, got {principals!r}")
        if cohorts < 1:
            problems.append(f"cohorts: must be at least 1, got {cohorts!r}")
        if ttl <= timedelta(0):
            problems.append(f"ttl: must be a positive timedelta, got {ttl!r}")
        if secret is not None and len(secret) < 16:
            problems.append(f"secret: must have 16 bytes or more, got {len(secret)}; draw one by secrets.token_bytes")
        refuse_invalid("MemoryStore", problems)
        self.secret = secret or secrets.token_bytes(32)
        self.clock: Clock = clock or SystemClock()
        self.lexicon = Lexicon()
        self._tight: set[bytes] = set()  # keys of cohorts that were tightened when last learned
        self._gone, self._gone_cohorts = Residue(), Residue()
        seconds = ttl.total_seconds()
        self._principals: Rooms[bytes, PrincipalProfile] = Rooms(
            most=principals, ttl=seconds, rooms=3, on_evict=self._principal_goes
        )
        self._cohorts: Rooms[bytes, CohortProfile] = Rooms(
            most=cohorts, ttl=seconds, rooms=3, on_evict=self._cohort_goes
        )

    def __repr__(self) -> str:
        return f"MemoryStore(principals={len(self._principals)}, cohorts={len(self._cohorts)})"

    async def charge(self, charges: Charges) -> Charged:
        """Charge everything, or nothing, at ``charges.now``, which the caller read from ``clock``."""
        now = charges.now
        mine, known = self._principal(charges.principal, charges.terms, now)
        payer, payer_known = None, True
        if charges.payer is not None:
            payer, payer_known = self._principal(charges.payer, charges.terms, now)
        cohorts = tuple([self._cohort(ref, charges.terms, now) for ref in charges.cohorts])
        others = self._tight_ones(charges, mine, now)
        admission = admit(charges, mine, payer, cohorts, others, now=now)
        settle(charges, admission, cohorts, now=now)
        if admission.allowed:  # a refused newcomer leaves nothing: refusals cannot fill memory
            if not known:
                self._principals.put(charges.principal, mine, room=_NEW, now=now)
            if charges.payer is not None and payer is not None and not payer_known:
                self._principals.put(charges.payer, payer, room=_NEW, now=now)
        return Charged(admission=admission, profile=mine, cohorts=cohorts, now=now)

    def fold(self, fold: Fold) -> None:
        """Learn what was answered, at once."""
        terms, now = fold.charges.terms, fold.now
        profile, _ = self._principal(fold.principal, terms, now)
        profile.folds += 1
        move(profile, fold.moves, terms, now)
        profile.remember(fold.digest, fold.pieces)
        for features in fold.features:
            profile.learn(features, cells=terms.cells)
            self.lexicon.learn(features.ids)
        if profile.held_at is None:
            profile.held_at = fold.charges.held_at
        self.lexicon.shared.bring(fold.shares, by=fold.tag)
        self.lexicon.payloads.bring(fold.payloads, by=fold.tag)
        for cohort in fold.cohorts:
            self._fold_cohort(cohort, fold, profile)
        room = _room(profile, terms, now)
        if room != self._principals.room_of(fold.principal):
            self._principals.put(fold.principal, profile, room=room, now=now)

    def adjust(self, adjustment: Adjustment) -> None:
        """Correct what was charged and give a slot back, at once."""
        charges, units, now = adjustment.charges, adjustment.units, adjustment.now
        terms, moves = charges.terms, any(units)
        for key in dict.fromkeys(filter(None, (charges.principal, charges.payer))):
            account = self._principals.get(key, now=now)
            if account is None:
                continue
            if adjustment.lease:
                release_slot(account, adjustment.lease)
            if moves:
                # A payer is asked as a clear one, whoever spends from it.
                tier = Tier.CLEAR
                if key == charges.principal:
                    tier = max(tier_of(account, terms, terms.signals, now), charges.orders.least)
                correct(account, units, terms, share_of(terms, tier), now)
            idle = not in_flight(account, now) and not any(account.levels.values())
            if idle and self._principals.room_of(key) == _NEW:
                self._principals.drop(key)
        for ref in charges.cohorts if moves else ():
            cohort = self._cohorts.get(ref.key, now=now)
            if cohort is not None:
                tier = cohort_tier(cohort, terms, now)
                correct(cohort, units, terms, share_of(terms, tier, cohort.trust), now)

    async def aclose(self) -> None:
        """Do nothing: there is nothing to release."""

    def health(self) -> Health:
        """Say how many it keeps, and how large the tightened cohorts are."""
        sizes = [0, 0, 0, 0]
        for key in self._tight:
            cohort = self._cohorts.peek(key)
            if cohort is not None:
                sizes[min(3, len(str(max(1, cohort.members))) - 1)] += 1
        one, two, three, more = sizes
        return Health(principals=len(self._principals), cohorts=len(self._cohorts), tight=(one, two, three, more))

    def _fold_cohort(self, learned: CohortFold, fold: Fold, profile: PrincipalProfile) -> None:
        terms, now, ref = fold.charges.terms, fold.now, learned.ref
        if learned.idle and ref.key in profile.standings:
            standing = profile.stand(ref)
            if standing.typical <= terms.presumption.cleared * LN10:  # most honest members, most of the time
                return
        cohort = self._cohort(ref, terms, now) or CohortProfile(now)
        joins = ref.key not in profile.standings
        cohort.members += joins
        standing, presumption = profile.stand(ref), terms.presumption
        counted = not joins and standing.typical > presumption.cleared * LN10  # among the uncleared, so far
        spoke = not joins and standing.careful >= presumption.outspoken * LN10
        cleared = stand(standing, learned.careful, learned.typical, presumption)
        cohort.outspoken += (standing.careful >= presumption.outspoken * LN10) - spoke
        if counted is cleared and fold.trust:
            cohort.trust += -fold.trust if cleared else fold.trust
            cohort.empty = None
        standing.drawn += learned.guest
        if cleared and standing.drawn:  # a guest that clears itself gives back what it drew
            cohort.guests = max(0.0, cohort.guests - standing.drawn)
            standing.drawn = 0
        cohort.tight = cohort.tight and cohort_tier(cohort, terms, now) >= Tier.SOFT  # it may have faded since
        move(cohort, learned.moves, terms, now)
        # What cleared members ask says nothing of the others; nor does, where all are members, what newcomers ask once
        # a harvest is found, or about to be.
        found = cohort.tight or cohort.outspoken >= presumption.carried_by
        if not cleared and not (found and standing.typical < ref.caution.patience * LN10):
            for features in fold.features:
                cohort.learn(features)
        room = _cohort_room(cohort, terms, now)
        if room == _TIGHT and not cohort.tight:
            drain_pool(cohort, terms, now)
        cohort.tight = room == _TIGHT
        if room != self._cohorts.room_of(ref.key):
            self._cohorts.put(ref.key, cohort, room=room, now=now)
        (self._tight.add if cohort.tight else self._tight.discard)(ref.key)

    def _tight_ones(
        self, charges: Charges, mine: PrincipalProfile, now: float
    ) -> list[tuple[CohortRef, CohortProfile]]:
        """Return the tightened cohorts that the principal stands in and the charge does not name."""
        if not self._tight or not mine.standings:
            return []
        named, found, without = {ref.key for ref in charges.cohorts}, [], charges.orders.without
        for key, standing in mine.standings.items():
            if key in self._tight and key not in named and not (without and key[:8].hex() in without):
                cohort = self._cohort(standing.ref, charges.terms, now)
                if cohort is None:  # it grew old
                    self._tight.discard(key)
                else:
                    found.append((standing.ref, cohort))
        return found

    def _principal(self, key: bytes, terms: Terms, now: float) -> tuple[PrincipalProfile, bool]:
        found = self._principals.get(key, now=now)
        if found is not None:
            return found, True
        profile = PrincipalProfile(now)
        left = self._gone.of(key)
        inherit(profile, left, terms, terms.signals)
        profile.prior = (left.careful, left.typical)
        return profile, False

    def _cohort(self, ref: CohortRef, terms: Terms, now: float) -> CohortProfile | None:
        found = self._cohorts.get(ref.key, now=now)
        if found is None and (left := self._gone_cohorts.of(ref.key))[1] > 0:
            found = CohortProfile(now)
            inherit(found, left, terms, terms.cohort_signals)
            drain_pool(found, terms, now)
            room = _cohort_room(found, terms, now)
            found.tight = room == _TIGHT
            self._cohorts.put(ref.key, found, room=room, now=now)
            self._tight.add(ref.key)
        return found

    def _principal_goes(self, key: bytes, profile: PrincipalProfile) -> None:
        self._gone.keep(key, profile)

    def _cohort_goes(self, key: bytes, cohort: CohortProfile) -> None:
        self._tight.discard(key)
        self._gone_cohorts.keep(key, cohort)


def _room(profile: PrincipalProfile, terms: Terms, now: float) -> int:
    """Return the room of a principal that is known: who is tightened, or would be held somewhere, goes last."""
    held = profile.is_held_from(terms.presumption.young * LN10)
    return _TIGHT if held or tier_of(profile, terms, terms.signals, now) >= Tier.SOFT else _KNOWN


def _cohort_room(cohort: CohortProfile, terms: Terms, now: float) -> int:
    if cohort_tier(cohort, terms, now) >= Tier.SOFT:
        return _TIGHT
    return _KNOWN if cohort.members > 1 else _NEW
