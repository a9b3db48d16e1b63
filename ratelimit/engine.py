"""The pure core: from a request to its charges, and from what was granted to a decision and what is learned.

    recall  request, principal       -> a refusal that still stands, or nothing
    plan    request, principal       -> charges
    settle  charges, what came back  -> decision, fold

No I/O and no clock. Features are made only for requests that are allowed: a refused one is never learned, and costs no
more than it must.
"""

from __future__ import annotations

from functools import partial
from hashlib import blake2b, sha256
from random import Random
from typing import TYPE_CHECKING

import msgspec

from ratelimit.charges import NO_ORDERS, Charges, Orders
from ratelimit.decision import Decision, Tier
from ratelimit.ledger import evidence_by_signal
from ratelimit.observation import NO_CAUTION, CohortRef, Features
from ratelimit.once import Once
from ratelimit.principal import Principal, keyed
from ratelimit.refusals import Refusals
from ratelimit.seating import Seating
from ratelimit.sketches import NOWHERE, Lens, Lexicon, WordIds
from ratelimit.stores import Charged, Fold
from ratelimit.terms import cost_of, terms_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ratelimit.cohort import CohortRule
    from ratelimit.policy import Policy
    from ratelimit.prompt import Prompt
    from ratelimit.refusals import Refusal
    from ratelimit.request import Request

#: Prompts of one request that are observed; a batch of more is charged whole, and a draw of it observed.
MOST_PROMPTS = 64

#: The share of a payload that one of the principal's own latest prompts must hold for it to be the same again.
RERUN = 0.95

#: Bytes from which a body's texts are hashed, and not all of it as well; and how much of either end is looked at too.
_LONG, _END = 1 << 14, 1 << 11

_64_BITS = (1 << 64) - 1


class Plan(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One request, planned.

    policy, request  what it falls under, and what it is.
    charges          what the store is asked for.
    body             as it came.
    trust            the principal's, 0 to 1.
    shares           what it may share with others: 64 bits of each value that makes a cohort if another comes with it.
    """

    policy: Policy
    request: Request
    charges: Charges
    body: bytes
    trust: float
    shares: tuple[int, ...]


class Engine:
    """Plans and settles requests under *policies*, whose names differ, with the *secret* and *lexicon* of a store."""

    def __init__(self, policies: Sequence[Policy], *, secret: bytes, lexicon: Lexicon | None = None) -> None:
        self._secret = secret
        self._lexicon = lexicon if lexicon is not None else Lexicon()
        self._words = WordIds(secret)
        self._pieces = Once(self._digest)  # system texts and earlier turns are sent again and again
        self._lens = Lens()
        self._terms = {policy.name: terms_of(policy) for policy in policies}
        self._keys = {policy.name: Once(partial(keyed, secret, f"{policy.name}\x1fprincipal")) for policy in policies}
        self._rules = {
            policy.name: [(rule, Once(partial(_ref, secret, policy.name, rule))) for rule in policy.cohorts]
            for policy in policies
        }
        # What a request of one prompt costs, where that does not hang on the request.
        self._costs = {
            policy.name: None if any(callable(budget.cost) for budget in policy.budgets)
            else tuple([float(budget.cost) for budget in policy.budgets])  # type: ignore[arg-type]  # none is callable
            for policy in policies
        }
        self._refusals = Refusals()

    def key_of(self, policy: Policy, principal: Principal) -> bytes:
        """Return the key of *principal* under *policy*: what stands for it wherever anything is kept."""
        return self._keys[policy.name].of(principal.id)

    def recall(
        self, policy: Policy, request: Request, principal: Principal, *, now: float, orders: Orders = NO_ORDERS
    ) -> Refusal | None:
        """Return the refusal of *principal* that covers *request* too; ``None``: it has to be planned and charged."""
        found = self._refusals.find(self._keys[policy.name].of(principal.id), now=now)
        if found is None:
            return None
        terms = self._terms[policy.name]
        prompts = request.reading.prompts if terms.watches else ()
        if prompts and prompts[-1].earlier:  # it may continue a conversation, and that is looked at more kindly
            return None
        costs = self._costs_of(policy, request)
        trusted = self._trust_of(policy, principal, now) >= policy.trust.trusted_at
        return found if found.covers(costs, terms, trusted=trusted, orders=orders) else None

    def plan(
        self, policy: Policy, request: Request, principal: Principal, *, body: bytes, now: float, lease: int = 0,
        orders: Orders = NO_ORDERS,
    ) -> Plan:
        """Say what *request* by *principal* is to be charged under *policy*, at *now* (Unix seconds).

        lease   64 bits that stand for the request among those in flight; 0: it takes no slot.
        orders  what people ordered about it.
        """
        keys, terms = self._keys[policy.name], self._terms[policy.name]
        trust = self._trust_of(policy, principal, now)
        # A policy of budgets alone has no cohorts to be kind in, and does not read the body for them.
        prompts = request.reading.prompts if terms.watches else ()
        cohorts, shares = self._cohorts(policy, request, principal)
        if orders.without:
            cohorts = tuple([ref for ref in cohorts if ref.key[:8].hex() not in orders.without])
        charges = Charges(
            principal=keys.of(principal.id),
            payer=None if principal.payer is None else keys.of(principal.payer),
            cohorts=cohorts,
            costs=self._costs_of(policy, request),
            terms=terms,
            trusted=trust >= policy.trust.trusted_at,
            aged=principal.trust is None and not principal.verified,
            held_at=policy.presumption.held_at(principal, now=now),
            earlier=tuple([self._pieces.of(turn) for turn in prompts[-1].earlier]) if prompts else (),
            now=now,
            lease=lease,
            orders=orders,
            on_store_error=policy.on_store_error,
        )
        return Plan(policy=policy, request=request, charges=charges, body=body, trust=trust, shares=shares)

    def settle(self, plan: Plan, charged: Charged) -> tuple[Decision, Fold | None]:
        """Decide, and say what is to be learned if the request is answered; ``None``: nothing.

        Scored by the past alone and before learning it: a request never vouches for itself.
        """
        decision = self._decision(plan, charged)
        if decision.refused:
            self._refusals.keep(plan.charges, charged, decision)
            return decision, None
        return decision, self._fold(plan, charged)

    def _decision(self, plan: Plan, charged: Charged) -> Decision:
        admission, policy = charged.admission, plan.policy
        return Decision(
            allowed=admission.allowed or policy.mode == "audit",
            refused=not admission.allowed,
            tier=admission.tier,
            policy=policy.name,
            version=policy.version,
            mode=policy.mode,
            principal=plan.charges.principal.hex(),
            reasons=admission.reasons,
            remaining=admission.remaining,
            retry_after=admission.retry_after,
            slots=admission.slots_left,
            evidence=evidence_by_signal(charged.profile, policy.ladder, charged.now),
            cohorts={
                ref.label: seat.evidence for ref, seat in zip(plan.charges.cohorts, admission.seats, strict=True)
            },
        )

    def _fold(self, plan: Plan, charged: Charged) -> Fold | None:
        if not plan.charges.terms.watches:
            return None
        profile, prompts = charged.profile, plan.request.reading.prompts
        if not prompts:
            return None
        long = self._digest(prompts[0].payload) if len(plan.body) > _LONG and len(prompts) == 1 else None
        digest = _digest(self._secret, plan.body) if long is None else self._outline(plan.body, prompts[0], long)
        if digest in profile.bodies:  # a retry: neither scored nor learned
            return None
        moves: list[tuple[str, float, float]] = []
        crowd = [
            Seating(ref, seat, cohort, profile)
            for ref, seat, cohort in zip(plan.charges.cohorts, charged.admission.seats, charged.cohorts, strict=True)
        ]
        policy, tag = plan.policy, int.from_bytes(plan.charges.principal[:8], "little")
        pieces: dict[int, None] = {}
        rows, payloads = [], []
        for number, prompt in enumerate(_observed(prompts, digest)):
            news, payload = self._news(prompt, profile.pieces, pieces, long)
            payloads.append(payload)
            # The digest is keyed, so nobody outside can foretell what follows from it.
            draw = hash((digest, charged.now, number, tag)) & _64_BITS
            features = self._features(plan, charged, news, payload, tag=tag, draw=draw, bare=not prompt.system)
            rows.append(features)
            # As long as a tightened principal goes on asking, its evidence does not fade: even a bet on nothing is one.
            moves += [
                (signal.name, factor, signal.ceiling)
                for signal in policy.signals
                if (factor := signal.score(features, profile)) or features.tight
            ]
            for seating in crowd:
                seating.score(policy.cohort_signals, features, profile)
        return Fold(
            principal=plan.charges.principal,
            digest=digest,
            features=tuple(rows),
            moves=tuple(moves),
            cohorts=tuple([seating.fold() for seating in crowd]),
            pieces=tuple(pieces),
            shares=plan.shares,
            payloads=tuple(payloads),
            trust=0.0 if plan.charges.trusted else plan.trust,
            tag=tag,
            charges=plan.charges,
            now=charged.now,
        )

    def _outline(self, body: bytes, prompt: Prompt, payload: int) -> int:
        """Return the digest of a long *body* with one *prompt*, from those of all its texts, its length and its ends.

        What else differs in the middle of it, of the same length, asks nothing of the model.
        """
        texts = [payload, *map(self._pieces.of, (prompt.system, *prompt.earlier))]
        told = b"".join([text.to_bytes(8, "little") for text in texts])
        return _digest(self._secret, b"%d %s %s %s" % (len(body), told, body[:_END], body[-_END:]))

    def _news(
        self, prompt: Prompt, known: tuple[int, ...], pieces: dict[int, None], payload: int | None = None
    ) -> tuple[str, int]:
        """Return what is new in *prompt*, and its digest.

        That is the last turn, and whatever else the principal is not *known* to have sent. *pieces* gets what is new.

        So a conversation that is sent again with every turn does not look repetitive, and a payload that is hidden in a
        made-up earlier turn or in the system text is seen.
        """
        asked = prompt.payload
        news = [asked]
        for piece in (prompt.system, *prompt.earlier):
            if piece and (digest := self._pieces.of(piece)) not in known and digest not in pieces:
                pieces[digest] = None
                news.append(piece)
        if payload is None:
            payload = self._digest(asked)
        if payload not in known:
            pieces[payload] = None
        if len(news) == 1:
            return asked, payload
        together = "\n".join(news)
        return together, self._digest(together)

    def _features(
        self, plan: Plan, charged: Charged, text: str, payload: int, *, tag: int, draw: int, bare: bool
    ) -> Features:
        profile, ids = charged.profile, self._words.array_of(text)
        fingerprint = self._lens.look(ids, self._lexicon.weigh(ids, profile.words))
        near = NOWHERE if fingerprint is None or profile.past is None else profile.past.nearest(self._lens)
        return Features(
            ids=ids,
            fingerprint=fingerprint,
            lens=self._lens,
            nearest_own=near,
            public=self._lexicon.payloads.by_another(payload, tag),
            sender=self._lexicon.payloads.place_of(payload, tag),
            repeats=near.contained > RERUN,
            draw=draw,
            tag=tag,
            continues=charged.admission.continues,
            bare=bare,
            trusted=plan.charges.trusted,
            tight=charged.admission.own_tier >= Tier.SOFT,
            now=charged.now,
        )

    def _trust_of(self, policy: Policy, principal: Principal, now: float) -> float:
        """Return the trust of *principal*; 0 where nothing hangs on it, as no behaviour is looked at."""
        looks = policy.cohorts or self._terms[policy.name].watches
        return policy.trust.of(principal, now=now) if looks else 0.0

    def _costs_of(self, policy: Policy, request: Request) -> tuple[float, ...]:
        costs = self._costs[policy.name]
        if costs is not None and (request.single or request.reading.count == 1):
            return costs
        return tuple([cost_of(budget.cost, request) for budget in policy.budgets])

    def _cohorts(
        self, policy: Policy, request: Request, principal: Principal
    ) -> tuple[tuple[CohortRef, ...], tuple[int, ...]]:
        rules = self._rules[policy.name]
        if not rules:
            return (), ()
        found = [
            named.of(f"{kind}\x1f{value}")
            for rule, named in rules
            for kind, value in rule.of(request, principal)
        ]
        shares = tuple([ref.tag for ref in found])
        # What nobody else came with makes no cohort: most openings and links are nobody else's.
        refs: dict[int, CohortRef] = {}
        for ref, shared in zip(found, self._lexicon.shared.by_several(shares), strict=True):
            if shared:
                refs.setdefault(ref.tag, ref)
        return tuple(refs.values()), shares

    def _digest(self, text: str) -> int:
        return _digest(self._secret, text.encode("utf-8", "surrogatepass"))


def _ref(secret: bytes, policy: str, rule: CohortRule, named: str) -> CohortRef:
    """Return the cohort that *named*, a kind and a value, stands for under *rule*."""
    kind, value = named.split("\x1f", 1)
    key = keyed(secret, f"{policy}\x1fcohort\x1f{kind}", value)
    return CohortRef(kind, key, rule.presumed, getattr(rule, "caution", NO_CAUTION))


def _digest(secret: bytes, data: bytes) -> int:
    # All of it: if only the ends counted, a payload in the middle could pass for a retry of another.
    if len(data) > _LONG:  # most processors have instructions for SHA-256, and it is twice as fast
        data = sha256(data).digest()
    return int.from_bytes(blake2b(data, key=secret[:64], digest_size=8).digest(), "little")


def _observed(prompts: Sequence[Prompt], digest: int) -> Sequence[Prompt]:
    """Return *prompts*, or of too many a draw by the *digest*, which is keyed: nobody can foretell where we look."""
    return prompts if len(prompts) <= MOST_PROMPTS else Random(digest).sample(prompts, MOST_PROMPTS)
