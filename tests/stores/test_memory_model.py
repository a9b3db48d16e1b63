"""The memory store against a dict model: every charge, fold, tier and moment."""

from __future__ import annotations

import math
from hashlib import blake2b
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from ratelimit.charges import BudgetTerms, Charges, Terms
from ratelimit.decision import Tier
from ratelimit.evidence import LN10, Ladder
from ratelimit.observation import NO_CAUTION, CohortRef, Features
from ratelimit.presumption import Caution, Presumption
from ratelimit.sketches import NOWHERE, Lens
from ratelimit.stores import Charged, CohortFold, Fold, MemoryStore

if TYPE_CHECKING:
    from collections.abc import Coroutine

DAY = 86_400.0
BUDGETS = {"fast": (0.1, 4.0), "slow": (0.04, 8.0)}
TERMS = Terms(
    budgets=(
        BudgetTerms(name="fast", quota=10, window=100.0, burst=4.0, refill=0.1),
        BudgetTerms(name="slow", quota=40, window=1000.0, burst=8.0, refill=0.04),
    ),
    ladder=Ladder(),
    presumption=Presumption(carried_by=2),
    signals=("alpha",),
    cohort_signals=("gamma",),
    longest=1000.0,
)

names = st.sampled_from(["ann", "bob", "cyd", "dan", "eve", "fay"])
groups = st.sets(st.sampled_from(["red", "blue", "grey"]), max_size=2).map(sorted)
CAUTIONS = {"grey": Caution(patience=1.0)}
bets = st.sampled_from([-1.5, 0.0, 0.5, 0.8, 2.5])
units = st.sampled_from([0.0, 0.5, 1.0, 3.0, 5.0, 9.0])


def now_or_never(charge: Coroutine[None, None, Charged]) -> Charged:
    """Run a coroutine that never waits; one that does is a failure, for then its charge is not atomic."""
    with pytest.raises(StopIteration) as done:
        charge.send(None)
    return done.value.value  # type: ignore[no-any-return]


def key(name: str) -> bytes:
    """Return a key as uniform as a keyed hash."""
    return blake2b(name.encode(), digest_size=16).digest()


def _trust(charges: Charges) -> str:
    """Return the word for the trust that was drawn for a charge."""
    return "no" if not charges.trusted else "aged" if charges.aged else "verified"


class Tub:
    """The model of one account: exact budgets, and evidence as DESIGN's words have it, written out again."""

    def __init__(self) -> None:
        self.levels = dict.fromkeys(BUDGETS, 0.0)
        self.at = -math.inf
        self.evidence = 0.0
        self.bet_at = -math.inf
        self.trust = 0.0
        self.tight = False
        self.outspoken: set[str] = set()

    def faded(self, now: float) -> float:
        """Return the decades of evidence that are left at *now*."""
        over = now - self.bet_at - DAY
        return max(0.0, self.evidence - over / DAY) if over > 0 else self.evidence

    def tier(self, now: float) -> int:
        """Return 0 to 3."""
        tier = sum(self.faded(now) >= step for step in (2.0, 4.0, 6.0))
        return 2 if self.tight and tier == 1 else tier  # a cohort is let go only once it is clear

    def bet(self, factor: float, now: float) -> None:
        """Let a bet of *factor* decades come out."""
        self.evidence = min(8.0, max(0.0, self.faded(now) + factor))
        self.bet_at = now

    def level(self, name: str, share: float, now: float) -> float:
        """Return what is in the bucket at *now*, at a *share* of the refill."""
        refill = BUDGETS[name][0] * share
        return self.levels[name] if self.at == -math.inf else max(0.0, self.levels[name] - (now - self.at) * refill)


class Model:
    """A dict of principals and a dict of cohorts, without bound."""

    def __init__(self, *, sticky: bool) -> None:
        self.sticky = sticky  # whether a hold is remembered when the request names other cohorts
        self.people: dict[str, Tub] = {}
        self.crowds: dict[str, Tub] = {}
        self.standing: dict[tuple[str, str], tuple[float, float]] = {}

    def seat(self, name: str, crowd: str, now: float, *, trusted: str) -> tuple[int, bool, bool, bool]:
        """Return the cohort's tier, and whether the member is cleared, is held, and counts."""
        careful, typical = self.standing.get((name, crowd), (0.0, 0.0))
        tier = self.crowds[crowd].tier(now) if crowd in self.crowds else 0
        cleared = typical <= -1.0
        more = 1.0 if crowd == "grey" else 0.0
        held = tier >= 2 and not cleared and (
            careful >= 2.0 + more if self.free(typical, more, trusted) else typical >= 0.7 + more)
        carried = crowd in self.crowds and len(self.crowds[crowd].outspoken) >= 2
        suspect = not cleared and typical >= (1.0 if crowd == "grey" else -math.inf)
        return tier, cleared, held, suspect and (held if tier >= 2 else carried or careful < 1.0)

    @staticmethod
    def free(typical: float, more: float, trusted: str) -> bool:
        """Say whether one is trusted: by age alone it is not once it would be held, for all have come young."""
        return trusted == "verified" or (trusted == "aged" and typical < 0.7 + more)

    def hears(self, name: str, crowd: str, *, trusted: str) -> float:
        """Return the days without an answer after which a held member is answered all the same."""
        careful, typical = self.standing[name, crowd]
        more = 1.0 if crowd == "grey" else 0.0
        if self.free(typical, more, trusted):
            return 100.0 ** (careful - 2.0 - more)
        return 100.0 ** (typical - 0.7 - more) * 10.0 ** max(0.0, 1.2 - 0.7 - more)

    def charge(
        self, name: str, cost: float, crowds: list[str], now: float, *, trusted: str, follow: bool
    ) -> tuple[bool, int]:
        """Return whether it is to be granted, and the tier that counts; spend it only if the store did: *follow*."""
        me = self.people.get(name) or Tub()
        share = (1, 1, 1 / 1440, 1 / 4800)[me.tier(now)]
        levels = {budget: me.level(budget, share, now) for budget in BUDGETS}
        brims = {b: self.brim(b, cost) if me.tier(now) >= 2 else BUDGETS[b][1] for b in BUDGETS}
        granted = all(levels[budget] + cost <= brims[budget] + 1e-9 for budget in BUDGETS)
        mine, tier, metered, days = granted, me.tier(now), [], 0.0
        elsewhere = [crowd for who, crowd in self.standing if self.sticky and who == name and crowd not in crowds]
        for crowd in [*crowds, *elsewhere]:
            step, _, held, _ = self.seat(name, crowd, now, trusted=trusted)
            tub = self.crowds.get(crowd)
            if tub is None or not held:
                continue
            pool = min(1.0, (1, 1, 1 / 1440, 1 / 4800)[step] * (1 + min(1.0, tub.trust)))
            filled = {budget: tub.level(budget, pool, now) for budget in BUDGETS}
            metered.append((tub, filled))
            tier = max(tier, step if self.standing[name, crowd][0] >= 1.0 else min(step, 2))
            if not all(filled[b] + cost <= self.brim(b, cost) + 1e-9 for b in BUDGETS):
                granted, days = False, max(days, self.hears(name, crowd, trusted=trusted))
        if mine and not granted and me.at + days * DAY <= now and me.at > -math.inf:
            granted, metered = True, []  # only cohorts refuse it, and it was not answered for long
        if granted and follow:  # a refused charge leaves everything as it was
            self.people[name] = me
            for tub, filled in [(me, levels), *metered]:
                tub.levels = {budget: level + cost for budget, level in filled.items()}
                tub.at = now
        return granted, tier

    @staticmethod
    def brim(budget: str, cost: float) -> float:
        """Return what a pool may hold when *cost* is charged."""
        return min(BUDGETS[budget][1], max(cost, 1.0, BUDGETS[budget][1] / 15))


class StoreAgainstModel(RuleBasedStateMachine):
    """Plays charges, folds and time against both."""

    principals = 1000

    def __init__(self) -> None:
        super().__init__()
        self.now = 1_760_000_000.0
        self.store = MemoryStore(principals=self.principals, secret=b"0123456789abcdef")
        self.model = Model(sticky=self.principals > 2)
        self.last: tuple[str, list[str], Charges] | None = None

    @rule(name=names, cost=units, crowds=groups, trusted=st.sampled_from(["no", "aged", "verified"]))
    def charge(self, name: str, cost: float, crowds: list[str], trusted: str) -> None:
        """Charge one request, in both."""
        self.forget(name)
        charges = Charges(
            principal=key(name), payer=None, cohorts=tuple(
                CohortRef("shape", key(crowd), caution=CAUTIONS.get(crowd, NO_CAUTION)) for crowd in crowds
            ),
            costs=(cost, cost), terms=TERMS, trusted=trusted != "no", aged=trusted == "aged", held_at=0.7, earlier=(),
            now=self.now,
        )
        charged = now_or_never(self.store.charge(charges))
        granted, tier = self.model.charge(
            name, cost, crowds, self.now, trusted=trusted, follow=charged.admission.allowed
        )
        self.compare(charged, granted, tier, [
            self.model.seat(name, crowd, self.now, trusted=trusted)[3] for crowd in crowds
        ])
        self.last = (name, crowds, charges) if charged.admission.allowed and granted else None

    @rule(own=bets, careful=bets, typical=bets)
    def fold(self, own: float, careful: float, typical: float) -> None:
        """Learn the last request that was granted: bets of so many decades come out."""
        if self.last is None:
            return
        (name, crowds, charges), self.last = self.last, None
        rows = []
        for crowd, ref in zip(crowds, charges.cohorts, strict=True):
            _, cleared, _, counts = self.model.seat(name, crowd, self.now, trusted=_trust(charges))
            joins = (name, crowd) not in self.model.standing
            before = self.model.standing.get((name, crowd), (0.0, 0.0))
            after = (min(4.0, max(-2.0, before[0] + careful)), min(4.0, max(-3.0, before[1] + typical)))
            moves = (("gamma", careful * LN10, 8.0),) if counts and careful else ()
            was, now = not joins and not cleared, after[1] > -1.0
            trust = 0.0 if was is now or charges.trusted else 0.25 if now else -0.25
            rows.append(CohortFold(ref, moves, careful * LN10, typical * LN10, False))
            tub = self.model.crowds.setdefault(crowd, Tub())
            tub.trust += trust
            before_bet = tub.tier(self.now)
            tub.tight = before_bet >= 2
            if moves:
                tub.bet(careful, self.now)
            if before_bet < 2 <= tub.tier(self.now):  # a pool begins empty
                tub.levels, tub.at = {b: self.model.brim(b, 1.0) for b in BUDGETS}, self.now
            tub.tight = tub.tier(self.now) >= 2
            (tub.outspoken.add if after[0] >= 1.0 else tub.outspoken.discard)(name)
            self.model.standing[name, crowd] = after
        if own:
            self.model.people[name].bet(own, self.now)
        seen = Features(
            ids=np.array([1]), fingerprint=None, lens=Lens(), nearest_own=NOWHERE, public=False, sender=1,
            repeats=False, draw=0, tag=1, continues=False, bare=True, trusted=False, tight=False, now=self.now,
        )
        self.store.fold(Fold(
            principal=key(name), digest=1, features=(seen,), moves=(("alpha", own * LN10, 8.0),) if own else (),
            cohorts=tuple(rows), pieces=(), shares=(), payloads=(), trust=0.0 if charges.trusted else 0.25,
            tag=1, charges=charges, now=self.now,
        ))

    @rule(seconds=st.sampled_from([0.0, 1.0, 10.0, 77.0, 1000.0, DAY, 2.5 * DAY]))
    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds

    def compare(self, charged: Charged, granted: bool, tier: int, counts: list[bool]) -> None:
        """Demand that both said the same."""
        assert charged.admission.allowed == granted
        assert charged.admission.tier == Tier(tier)
        assert [seat.counts for seat in charged.admission.seats] == counts

    def forget(self, name: str) -> None:
        """Let the model forget what the store does of one that went."""

    @invariant()
    def bounded(self) -> None:
        """Hold no more than it may."""
        assert len(self.store._principals) <= self.principals


class CrampedStoreAgainstModel(StoreAgainstModel):
    """The same, in a store with room for two: it may be tighter than the model, for a while, and never looser.

    Two things an evicted principal's trace does not hold: in which cohorts it was held, and evidence of less than a
    decade, which makes no tier. So the model forgets those too.
    """

    principals = 2

    def forget(self, name: str) -> None:
        """Forget less than a decade of one that the store does not hold any more."""
        mine = self.model.people.get(name)
        if mine is not None and mine.evidence < 1.0 and self.store._principals.peek(key(name)) is None:
            mine.evidence = 0.0

    def compare(self, charged: Charged, granted: bool, tier: int, counts: list[bool]) -> None:
        """Demand that the store grants nothing that the model refuses, and holds no tier below the model's."""
        assert granted or not charged.admission.allowed
        assert charged.admission.tier >= tier


StoreAgainstModel.TestCase.settings = settings(stateful_step_count=40)
CrampedStoreAgainstModel.TestCase.settings = settings(stateful_step_count=40)
TestStoreAgainstModel = StoreAgainstModel.TestCase
TestCrampedStoreAgainstModel = CrampedStoreAgainstModel.TestCase
