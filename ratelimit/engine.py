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

from ratelimit.charges import BudgetTerms, Charges, Terms
from ratelimit.decision import Decision, Tier
from ratelimit.evidence import LN10
from ratelimit.observation import CohortRef, Features
from ratelimit.principal import Principal, keyed
from ratelimit.seating import Seating
from ratelimit.sketches import NOWHERE, Lens, Lexicon, WordIds
from ratelimit.stores import Charged, Fold

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ratelimit.policy import Policy
    from ratelimit.prompt import Prompt
    from ratelimit.request import Request

#: Prompts of one request that are observed; a batch of more is charged whole and observed in part.
MOST_PROMPTS = 64

#: The share of a payload that one of the principal's own latest prompts must hold for it to be the same again.
RERUN = 0.95

_log = logging.getLogger("ratelimit")


class Plan(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One request, planned.

    policy, request  what it falls under, and what it is.
    charges          what the store is asked for.
    body             as it came.
    trust            the principal's, 0 to 1.
    meets            what the lexicon is to count as met, 16 bits each.
    """

    policy: Policy
    request: Request
    charges: Charges
    body: bytes
    trust: float
    meets: tuple[int, ...]


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
            held_at=policy.presumption.held_at(principal, now=now),
            earlier=tuple([self._digest(turn) for turn in prompts[-1].earlier]) if prompts else (),
            now=now,
        )
        return Plan(policy=policy, request=request, charges=charges, body=body, trust=trust, meets=meets)

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
        if not plan.charges.terms.watches or not prompts:
            return None
        digest = _digest(self._secret, plan.body)
        if digest in profile.bodies:  # a retry: neither scored nor learned
            return None
        moves: list[tuple[str, float, float]] = []
        seated = [
            Seating(ref, profile, cohort, seat, presumption=plan.policy.presumption)
            for ref, cohort, seat in zip(plan.charges.cohorts, charged.cohorts, charged.admission.seats, strict=True)
        ]
        rows, payloads, pieces = [], [], dict.fromkeys(profile.pieces)
        for number, prompt in enumerate(prompts):
            news = self._news(prompt, pieces)
            payloads.append(self._digest(news))
            draw = _draw(plan.charges.principal, digest, charged.now, number)
            features = self._features(plan, news, payloads[-1], draw, charged, bare=not prompt.system)
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
            digest=digest,
            features=tuple(rows),
            moves=tuple(moves),
            cohorts=tuple([seat.fold(added) for seat in seated]),
            pieces=tuple([piece for piece in pieces if piece not in profile.pieces]),
            meets=plan.meets,
            payloads=tuple(payloads),
            tag=_tag(plan.charges),
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

    def _features(
        self, plan: Plan, text: str, payload: int, draw: int, charged: Charged, *, bare: bool
    ) -> Features:
        profile, ids = charged.profile, self._words.of(text)
        fingerprint = self._lens.look(self._lexicon.weigh(ids, profile.words))
        near = NOWHERE if fingerprint is None or profile.past is None else profile.past.nearest(self._lens)
        return Features(
            ids=ids,
            fingerprint=fingerprint,
            lens=self._lens,
            nearest_own=near,
            public=self._lexicon.is_public(payload, _tag(plan.charges)),
            repeats=near.contained > RERUN,
            draw=draw,
            tag=_tag(plan.charges),
            continues=charged.admission.continues,
            bare=bare,
            trusted=plan.charges.trusted,
            tight=charged.admission.own_tier >= Tier.SOFT,
            now=charged.now,
        )

    def _cohorts(
        self, policy: Policy, request: Request, principal: Principal
    ) -> tuple[tuple[CohortRef, ...], tuple[int, ...]]:
        refs, meets, prefix = [], [], f"{policy.name}\x1fcohort\x1f"
        for grouping in policy.cohorts:
            for kind, value in grouping.of(request, principal):
                # Hashed anew each time: a memo would keep ids, and the words of prompts, in clear.
                ref = CohortRef(kind, keyed(self._secret, prefix + kind, value), grouping.presumed)
                if grouping.met:
                    meets.append(int.from_bytes(ref.key[:2], "little"))
                    if not self._lexicon.met(meets[-1]):
                        continue
                if ref not in refs:
                    refs.append(ref)
        return tuple(refs), tuple(meets)

    def _digest(self, text: str) -> int:
        return _digest(self._secret, text.encode("utf-8", "surrogatepass"))


def _digest(secret: bytes, data: bytes) -> int:
    # All of it: if only the ends counted, a payload in the middle could pass for a retry of another.
    return int.from_bytes(blake2b(data, key=secret[:64], digest_size=8).digest(), "little")


def _draw(principal: bytes, digest: int, now: float, number: int) -> int:
    sealed = blake2b(struct.pack("<Qdq", digest, now, number), key=principal, digest_size=8).digest()
    return int.from_bytes(sealed, "little")


def _tag(charges: Charges) -> int:
    return int.from_bytes(charges.principal[:8], "little")


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
        longest=max(budget.window for budget in budgets),
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


