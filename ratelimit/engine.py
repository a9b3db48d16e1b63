"""The pure core: from a request to its charges, and from what was granted to a decision and what is learned.

    plan    request, principal       -> charges
    settle  charges, what came back  -> decision, fold

No I/O and no clock. Features are made only for requests that are allowed: a refused one is never learned, and costs no
more than it must.
"""

from __future__ import annotations

import logging
import math
import struct
from hashlib import blake2b
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from ratelimit.admission import BudgetTerms, Charges, Terms
from ratelimit.decision import Decision
from ratelimit.evidence import LN10
from ratelimit.observation import CohortRef, Features
from ratelimit.principal import Principal, keyed
from ratelimit.profile import Standing
from ratelimit.sketches import Lens, Lexicon, WordIds
from ratelimit.stores import Charged, CohortFold, Fold

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from ratelimit.admission import Seat
    from ratelimit.policy import Policy
    from ratelimit.presumption import Presumption
    from ratelimit.profile import CohortProfile, PrincipalProfile
    from ratelimit.prompt import Prompt
    from ratelimit.request import Request
    from ratelimit.signals import CohortSignal

#: Prompts of one request that are observed; a batch of more is charged whole and observed in part.
MOST_PROMPTS = 64

_log = logging.getLogger("ratelimit")


class Plan(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One request, planned.

    policy, request  what it falls under, and what it is.
    charges          what the store is asked for.
    digest           stands for the whole body: a retry has the same.
    trust            the principal's, 0 to 1.
    meets            what the lexicon is to count as met, 16 bits each.
    """

    policy: Policy
    request: Request
    charges: Charges
    digest: int
    trust: float
    meets: tuple[int, ...]


class _Seated:
    """One cohort's part in a request: collects the bets, and says what the cohort learns."""

    __slots__ = ("_cohort", "_joins", "_moves", "_presumption", "_seat", "_standing")

    def __init__(
        self, ref: CohortRef, profile: PrincipalProfile, cohort: CohortProfile | None, seat: Seat, *,
        presumption: Presumption,
    ) -> None:
        before = profile.standings.get(ref.key)
        self._joins, self._cohort, self._seat, self._presumption = before is None, cohort, seat, presumption
        self._standing = Standing(ref) if before is None else Standing(ref, before.careful, before.typical)
        self._moves: list[tuple[str, float, float]] = []

    def score(self, signals: Sequence[CohortSignal], features: Features, profile: PrincipalProfile) -> None:
        """Bet on one prompt. Whether a bet counts was settled before, from the past alone: so every bet stays fair."""
        if self._cohort is None:
            return
        for signal in signals:
            bet = signal.score(features, profile, self._cohort)
            if bet is None:
                continue
            if self._seat.counts:
                self._moves.append((signal.name, bet.careful, signal.ceiling))
            low, high = self._presumption.floor * LN10, self._presumption.ceiling * LN10
            self._standing.careful = min(high, max(low, self._standing.careful + bet.careful))
            self._standing.typical = min(high, max(low, self._standing.typical + bet.typical))

    def fold(self, trust: float) -> CohortFold:
        """Say what the cohort learns of a member that has so much *trust* to add while it is not cleared."""
        cleared = self._standing.typical <= self._presumption.cleared * LN10
        was = not self._joins and not self._seat.cleared  # counted among the uncleared so far
        change = 0.0 if was is not cleared else -trust if cleared else trust
        return CohortFold(moves=tuple(self._moves), standing=self._standing, trust=change, learns=not cleared)


class Engine:
    """Plans and settles requests under *policies*, whose names differ, with the *secret* and *lexicon* of a store."""

    def __init__(self, policies: Sequence[Policy], *, secret: bytes, lexicon: Lexicon | None = None) -> None:
        self._secret = secret
        self._lexicon = lexicon if lexicon is not None else Lexicon()
        self._words = WordIds(secret)
        self._lens = Lens()
        self._terms = {policy.name: _terms(policy) for policy in policies}

    def plan(self, policy: Policy, request: Request, principal: Principal, *, body: bytes, now: float) -> Plan:
        """Say what *request* by *principal* is to be charged under *policy*, at *now* (Unix seconds)."""
        trust = policy.trust.of(principal, now=now)
        kind = f"{policy.name}\x1fprincipal"
        prompts = request.reading.prompts
        cohorts, meets = self._cohorts(policy, request, principal)
        charges = Charges(
            principal=keyed(self._secret, kind, principal.id),
            payer=None if principal.payer is None else keyed(self._secret, kind, principal.payer),
            cohorts=cohorts,
            costs=tuple([_cost(budget.cost, request) for budget in policy.budgets]),
            terms=self._terms[policy.name],
            trusted=trust >= policy.trust.trusted_at,
            age_known=principal.since is not None or principal.verified or principal.trust is not None,
            earlier=tuple([self._digest(turn) for turn in prompts[-1].earlier]) if prompts else (),
            now=now,
        )
        digest = _digest(self._secret, body)
        return Plan(policy=policy, request=request, charges=charges, digest=digest, trust=trust, meets=meets)

    def settle(self, plan: Plan, charged: Charged) -> tuple[Decision, Fold | None]:
        """Decide, and say what is to be learned if the request is answered; ``None``: nothing.

        Scored by the past alone and before learning it: a request never vouches for itself.
        """
        decision = self._decision(plan, charged)
        if decision.refused:
            return decision, None
        return decision, self._fold(plan, charged)

    def _decision(self, plan: Plan, charged: Charged) -> Decision:
        admission, policy, terms = charged.admission, plan.policy, plan.charges.terms
        ladder, wealth = terms.ladder, charged.profile.wealth
        idle = charged.now - charged.profile.active_at
        return Decision(
            allowed=admission.allowed or policy.mode == "audit",
            refused=not admission.allowed,
            tier=admission.tier,
            policy=policy.name,
            mode=policy.mode,
            principal=plan.charges.principal.hex(),
            reasons=admission.reasons,
            remaining=admission.remaining,
            retry_after=admission.retry_after,
            evidence={name: ladder.faded(value, idle) / LN10 for name, value in wealth.items()},
            cohorts={
                str(ref): seat.evidence for ref, seat in zip(plan.charges.cohorts, admission.seats, strict=True)
            },
        )

    def _fold(self, plan: Plan, charged: Charged) -> Fold | None:
        profile, prompts = charged.profile, plan.request.reading.prompts[:MOST_PROMPTS]
        if not prompts or plan.digest in profile.bodies:  # a retry: neither scored nor learned
            return None
        moves: list[tuple[str, float, float]] = []
        seated = [
            _Seated(ref, profile, cohort, seat, presumption=plan.policy.presumption)
            for ref, cohort, seat in zip(plan.charges.cohorts, charged.cohorts, charged.admission.seats, strict=True)
        ]
        rows, pieces = [], dict.fromkeys(profile.pieces)
        for number, prompt in enumerate(prompts):
            features = self._features(plan, self._news(prompt, pieces), number, charged, bare=not prompt.system)
            rows.append(features)
            moves += [
                (signal.name, factor, signal.ceiling)
                for signal in plan.policy.signals
                if (factor := signal.score(features, profile))
            ]
            for seat in seated:
                seat.score(plan.policy.cohort_signals, features, profile)
        added = 0.0 if plan.charges.trusted else plan.trust
        return Fold(
            principal=plan.charges.principal,
            digest=plan.digest,
            features=tuple(rows),
            moves=tuple(moves),
            cohorts=tuple([seat.fold(added) for seat in seated]),
            pieces=tuple([piece for piece in pieces if piece not in profile.pieces]),
            meets=plan.meets,
            charges=plan.charges,
            now=charged.now,
        )

    def _news(self, prompt: Prompt, known: dict[int, None]) -> str:
        """Return what is new in *prompt*: the last turn, and whatever else the principal is not *known* to have sent.

        So a conversation that is sent again with every turn does not look repetitive, and a payload that is hidden in a
        made-up earlier turn or in the system text is seen.
        """
        news = [prompt.text]
        for piece in (prompt.system, *prompt.earlier):
            if piece and (digest := self._digest(piece)) not in known:
                known[digest] = None
                news.append(piece)
        known[self._digest(prompt.text)] = None
        return "\n".join(news)

    def _features(self, plan: Plan, text: str, number: int, charged: Charged, *, bare: bool) -> Features:
        profile, found = charged.profile, self._words.of(text)
        ids: NDArray[np.intp] = np.fromiter(found, np.intp, len(found))
        ids.sort()  # a set's order is not the same from run to run, and sums of floats depend on order
        rarity = self._lexicon.rarity(ids)
        share = np.zeros(ids.size, np.float32) if profile.words is None else profile.words.share(ids)
        fingerprint = self._lens.look(ids, np.maximum(rarity * (1 - share), 0))
        near = 0.0 if fingerprint is None or profile.past is None else profile.past.nearest(self._lens)
        sealed = blake2b(
            struct.pack("<Qdq", plan.digest, charged.now, number), key=plan.charges.principal, digest_size=8
        ).digest()
        return Features(
            ids=ids,
            rarity=rarity,
            own_share=share,
            fingerprint=fingerprint,
            lens=self._lens,
            nearest_own=near,
            draw=int.from_bytes(sealed, "little"),
            tag=int.from_bytes(plan.charges.principal[:8], "little"),
            continues=charged.admission.continues,
            bare=bare,
            now=charged.now,
        )

    def _cohorts(
        self, policy: Policy, request: Request, principal: Principal
    ) -> tuple[tuple[CohortRef, ...], tuple[int, ...]]:
        refs, meets, prefix = {}, [], f"{policy.name}\x1fcohort\x1f"
        for grouping in policy.cohorts:
            for kind, value in grouping.of(request, principal):
                key = keyed(self._secret, prefix + kind, value)
                if grouping.met:
                    meets.append(int.from_bytes(key[:2], "little"))
                    if self._lexicon.met(meets[-1]) < grouping.met:
                        continue
                refs[key] = CohortRef(kind, key, grouping.presumed)
        return tuple(refs.values()), tuple(meets)

    def _digest(self, text: str) -> int:
        return _digest(self._secret, text.encode("utf-8", "surrogatepass"))


def _digest(secret: bytes, data: bytes) -> int:
    # All of it: if only the ends counted, a payload in the middle could pass for a retry of another.
    return int.from_bytes(blake2b(data, key=secret[:64], digest_size=8).digest(), "little")


def _terms(policy: Policy) -> Terms:
    budgets = tuple(
        BudgetTerms(name=budget.name, quota=budget.quota, window=budget.window.total_seconds(),
                    burst=float(budget.burst), refill=budget.refill)
        for budget in policy.budgets
    )
    return Terms(
        budgets=budgets,
        ladder=policy.ladder,
        presumption=policy.presumption,
        signals=tuple(signal.name for signal in policy.signals),
        cohort_signals=tuple(signal.name for signal in policy.cohort_signals),
    )


def _cost(cost: object, request: Request) -> float:
    if not callable(cost):
        return float(cost)  # type: ignore[arg-type]  # a number: Budget made sure of it
    try:
        value = float(cost(request))
    except Exception:  # noqa: BLE001 (a user's function raises anything; it is logged whole)
        _log.exception("a budget's cost function raised; the request is charged 1 unit")
        return 1.0
    if not math.isfinite(value) or value < 0:
        _log.error("a budget's cost function gave %r for %r; the request is charged 1 unit", value, request)
        return 1.0
    return value


