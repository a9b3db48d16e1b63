"""The engine by itself: what a request is charged, what is decided, and what is learned of it, field by field."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from ratelimit import (
    Affinity,
    Budget,
    ByLink,
    ByShape,
    Concurrency,
    Coverage,
    Policy,
    Principal,
    Stamina,
    Tier,
    Trust,
    Wander,
)
from ratelimit.charges import Orders
from ratelimit.clock import ManualClock
from ratelimit.decision import Cause
from ratelimit.engine import Engine, Plan
from ratelimit.evidence import LN10
from ratelimit.principal import keyed
from ratelimit.prompt import Prompt, Reading
from ratelimit.request import Request
from ratelimit.stores import MemoryStore

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from ratelimit.stores import Charged, Fold

SECRET = b"0123456789abcdef"
NOW = 1_760_000_000.0
HOUR = timedelta(hours=1)
POLICY = Policy(budgets=(Budget(name="requests", quota=3600, window=HOUR, burst=10_000),))
ANN = Principal(id="ann")


class Desk:
    """One engine and one store, asked by hand."""

    def __init__(self, policy: Policy = POLICY) -> None:
        self.policy, self.clock = policy, ManualClock(NOW)
        self.store = MemoryStore(clock=self.clock, secret=SECRET)
        self.engine = Engine([policy], secret=SECRET, lexicon=self.store.lexicon)

    def plan(self, who: Principal, *prompts: Prompt, body: bytes | None = None, more: int = 0, **how: Any) -> Plan:
        """Plan one request."""
        request = Request(path="/v1/chat/completions", reading=Reading(dialect="plain", prompts=prompts, more=more))
        told = repr(prompts).encode() if body is None else body
        return self.engine.plan(self.policy, request, who, body=told, now=self.clock.now(), **how)

    def settled(self, plan: Plan, *, learn: bool = True) -> tuple[Any, Fold | None, Charged]:
        """Charge and settle it, and learn it."""
        charged = at_once(self.store.charge(plan.charges))
        decision, fold = self.engine.settle(plan, charged)
        if fold is not None and learn:
            self.store.fold(fold)
        return decision, fold, charged

    def ask(self, who: Principal, *prompts: Prompt, **how: Any) -> tuple[Any, Fold]:
        """Decide and learn one request that is learned."""
        decision, fold, _ = self.settled(self.plan(who, *prompts, **how))
        assert fold is not None
        return decision, fold

    def recall(self, who: Principal, *prompts: Prompt, orders: Orders | None = None) -> Any:
        """Ask for a refusal that stands."""
        request = Request(path="/v1/chat/completions", reading=Reading(dialect="plain", prompts=prompts))
        how: dict[str, Any] = {} if orders is None else {"orders": orders}
        return self.engine.recall(self.policy, request, who, now=self.clock.now(), **how)

    def profile(self, who: Principal) -> Any:
        """Return what is kept of somebody."""
        return self.store._principals.peek(self.engine.key_of(self.policy, who))

    def suspect(self, who: Principal, decades: float = 7.5) -> None:
        """Let there be evidence against somebody."""
        kept = self.profile(who)
        kept.wealth, kept.active_at, kept.empty = {"wander": decades * LN10}, self.clock.now(), None


def at_once(charge: Coroutine[None, None, Charged]) -> Charged:
    """Run a coroutine that never waits."""
    try:
        charge.send(None)
    except StopIteration as done:
        return done.value  # type: ignore[no-any-return]
    raise AssertionError("the memory store waited")


def text(words: str, **fields: Any) -> Prompt:
    """Return a prompt."""
    return Prompt(text=words, **fields)


def words(many: int, start: int = 0) -> str:
    """Return so many unlike words."""
    return " ".join(f"word{number}" for number in range(start, start + many))


def test_what_a_request_is_charged() -> None:
    """Each field, from policy, principal, request and time."""
    policy = replace(POLICY, name="mine", concurrency=Concurrency(most=3, slot=timedelta(seconds=90)),
                     on_store_error="closed", signals=(Wander(), Stamina()), cohort_signals=(Affinity(),))
    desk, user = Desk(policy), Principal(id="user", payer="firm", since=NOW - 86_400.0)
    earlier = text("last", earlier=("second", "first"))
    charges = desk.plan(user, earlier, lease=77, orders=Orders(least=Tier.SOFT)).charges

    assert charges.principal == keyed(SECRET, "mine\x1fprincipal", "user")
    assert charges.payer == keyed(SECRET, "mine\x1fprincipal", "firm")
    assert desk.engine.key_of(policy, user) == charges.principal
    assert charges.costs == (1.0,)
    assert (charges.now, charges.lease, charges.orders) == (NOW, 77, Orders(least=Tier.SOFT))
    assert (charges.trusted, charges.aged, charges.on_store_error) == (False, True, "closed")
    assert charges.held_at == policy.presumption.held_at(user, now=NOW)
    assert charges.earlier == tuple(desk.engine._digest(turn) for turn in ("second", "first"))
    assert charges.terms.slots == 3
    assert charges.terms.slot_seconds == 90.0
    assert charges.terms.signals == ("wander", "stamina")
    assert charges.terms.cohort_signals == ("affinity",)
    assert charges.terms.watches
    assert not charges.terms.cells
    plain = desk.plan(ANN, text("hi")).charges
    assert (plain.payer, plain.lease, plain.earlier, plain.orders) == (None, 0, (), Orders())
    assert desk.plan(ANN).charges.earlier == ()
    batch = desk.plan(ANN, text("a", earlier=("no",)), text("b"), text("c", earlier=("yes",))).charges
    assert batch.earlier == (desk.engine._digest("yes"),)


def test_the_numbers_of_a_policy() -> None:
    """In seconds and units, the longest window among them."""
    budgets = (Budget(name="short", quota=60, window=timedelta(minutes=1), burst=5),
               Budget(name="long", quota=100, window=timedelta(days=1), burst=50))
    terms = Desk(replace(POLICY, budgets=budgets, signals=(Coverage(side="wide"),), cohort_signals=())).plan(
        ANN, text("hi")).charges.terms

    assert [(one.name, one.quota, one.window, one.burst, one.refill) for one in terms.budgets] == [
        ("short", 60, 60.0, 5.0, 1.0), ("long", 100, 86_400.0, 50.0, pytest.approx(100 / 86_400.0))]
    assert (terms.longest, terms.slots, terms.slot_seconds, terms.cells) == (86_400.0, 0, 0.0, True)
    assert (terms.ladder, terms.presumption) == (POLICY.ladder, POLICY.presumption)
    assert not Desk(replace(POLICY, signals=(), cohort_signals=())).plan(ANN, text("hi")).charges.terms.watches


def test_what_a_request_of_budgets_alone_is_charged() -> None:
    """Who it is, who pays and what it costs; nothing of its trust, of its cohorts or of what was said before."""
    policy = replace(POLICY, name="plain", signals=(), cohort_signals=(), cohorts=(), on_store_error="open",
                     concurrency=Concurrency(most=3))
    desk, user = Desk(policy), Principal(id="user", payer="firm", verified=True, links={"network": "as1"})
    plan = desk.plan(user, text("last", earlier=("first",)), text("more"), body=b"all", lease=77,
                     orders=Orders(least=Tier.SOFT))
    charges = plan.charges

    assert charges.principal == keyed(SECRET, "plain\x1fprincipal", "user")
    assert charges.payer == keyed(SECRET, "plain\x1fprincipal", "firm")
    assert (charges.costs, charges.now, charges.lease) == ((2.0,), NOW, 77)
    assert (charges.orders, charges.on_store_error) == (Orders(least=Tier.SOFT), "open")
    assert (charges.cohorts, charges.earlier, charges.trusted, charges.aged) == ((), (), False, False)
    assert charges.terms.slots == 3
    assert charges.plain
    assert (plan.trust, plan.shares, plan.body, plan.policy, plan.request.reading.count) == (0.0, (), b"all", policy, 2)
    assert desk.plan(ANN, text("x")).charges.payer is None
    assert not Desk().plan(ANN, text("x")).charges.plain


@pytest.mark.parametrize("watched", [{"signals": (Wander(),)}, {"cohort_signals": (Affinity(),)},
                                     {"cohorts": (ByLink(),)}])
def test_whose_trust_counts_is_looked_at(watched: dict[str, Any]) -> None:
    """Under any policy that has signals or cohorts; under no other a refusal hangs on it."""
    tight = replace(POLICY, budgets=(Budget(name="requests", quota=1, window=HOUR, burst=1),), signals=(),
                    cohort_signals=(), cohorts=())
    known = replace(ANN, verified=True)
    desk, plain = Desk(replace(tight, **watched)), Desk(tight)
    for one in (desk, plain):
        one.settled(one.plan(ANN, text("one")))
        assert one.settled(one.plan(ANN, text("two")))[0].refused

    assert desk.plan(known, text("x")).charges.trusted
    assert desk.recall(ANN, text("x")) is not None
    assert desk.recall(known, text("x")) is None
    assert plain.recall(known, text("x")) is not None


@pytest.mark.parametrize(("trust", "trusted"), [(0.5, True), (0.6, True), (0.49, False)])
def test_trust_from_a_threshold_on(trust: float, *, trusted: bool) -> None:
    """At it, and above; a refusal that stood before does not stand for one that is trusted since."""
    desk = Desk(replace(POLICY, trust=Trust(trusted_at=0.5), budgets=(
        Budget(name="requests", quota=60, window=HOUR, burst=15),)))
    ann = Principal(id="ann", trust=trust)
    desk.ask(ann, text("one"))
    desk.suspect(ann)
    plan = desk.plan(ann, text("two"))
    assert plan.charges.trusted is trusted
    assert desk.settled(plan)[0].refused
    assert desk.recall(ann, text("three")) is not None
    assert (desk.recall(replace(ann, trust=0.0), text("three")) is None) is trusted


def test_its_arguments_have_names() -> None:
    """Nothing is given by its place that could be taken for another."""
    desk, request = Desk(), Request(reading=Reading(dialect="plain", prompts=(text("x"),)))
    anything: Any = desk.engine
    with pytest.raises(TypeError):
        Engine([POLICY], SECRET)  # type: ignore[misc]  # it is what is tried
    with pytest.raises(TypeError):
        anything.recall(POLICY, request, ANN, NOW)
    with pytest.raises(TypeError):
        anything.plan(POLICY, request, ANN, b"x", NOW)
    with pytest.raises(TypeError):
        Plan(POLICY, request, desk.plan(ANN).charges, b"x", 0.0, ())  # type: ignore[misc]  # it is what is tried


@pytest.mark.parametrize(("who", "trusted", "aged"), [
    (Principal(id="a"), False, True),
    (Principal(id="a", verified=True), True, False),
    (Principal(id="a", trust=1.0), True, False),
    (Principal(id="a", trust=0.99), False, False),
    (Principal(id="a", since=NOW - 46 * 86_400.0), True, True),
    (Principal(id="a", since=NOW - 44 * 86_400.0), False, True),
])
def test_who_is_trusted_and_by_what(who: Principal, *, trusted: bool, aged: bool) -> None:
    """By its age alone, or for another reason; what is learned carries the trust of those who are not trusted."""
    desk = Desk()
    plan = desk.plan(who, text("hi"))
    fold = desk.settled(plan)[1]

    assert (plan.charges.trusted, plan.charges.aged) == (trusted, aged)
    assert fold is not None
    assert fold.trust == (0.0 if trusted else plan.trust)
    assert plan.trust == desk.policy.trust.of(who, now=NOW)


@pytest.mark.parametrize(("cost", "prompts", "more", "charged"), [
    (1.0, 1, 0, 1.0), (2.5, 1, 0, 2.5), (2.5, 2, 0, 5.0), (2.5, 3, 4, 17.5), (2.5, 0, 0, 2.5), (0.0, 3, 0, 0.0),
    (lambda request: 3.0, 5, 0, 3.0), (lambda request: 0.0, 1, 0, 0.0), (lambda request: "2", 1, 0, 2.0),
    (lambda request: -1e-9, 1, 0, 1.0), (lambda request: math.inf, 1, 0, 1.0), (lambda request: math.nan, 1, 0, 1.0),
    (lambda request: 1 / 0, 1, 0, 1.0), (lambda request: request.reading.count, 4, 2, 6.0),
])
def test_what_it_costs(cost: Any, prompts: int, more: int, charged: float) -> None:
    """A number is that of one prompt; a function's word counts as it is, and one unit where it makes no sense."""
    desk = Desk(replace(POLICY, budgets=(Budget(name="requests", quota=10**6, window=HOUR, burst=10**5, cost=cost),)))
    asked = [text(f"prompt {number}") for number in range(prompts)]

    assert desk.plan(ANN, *asked, more=more).charges.costs == (charged,)


def test_each_budget_has_a_cost_of_its_own() -> None:
    """One number and one function side by side."""
    budgets = (Budget(name="a", quota=10**6, window=HOUR, burst=10**5, cost=2.0),
               Budget(name="b", quota=10**6, window=HOUR, burst=10**5, cost=lambda request: 9.0))
    assert Desk(replace(POLICY, budgets=budgets)).plan(ANN, text("x"), text("y")).charges.costs == (4.0, 9.0)


def test_only_what_two_principals_came_with_makes_a_cohort() -> None:
    """Its values are shared all the same; one that was named twice is one; orders leave one out."""
    desk = Desk(replace(POLICY, cohorts=(ByLink(), ByShape(), ByShape())))
    ann, ben = (Principal(id=name, links={"network": "as1", "card": name}) for name in ("ann", "ben"))
    _, first = desk.ask(ann, text("hi", system="s"))
    alone = desk.plan(ann, text("hi there", system="s"))
    desk.ask(ben, text("hello", system="s"))
    both = desk.plan(ann, text("hi again", system="s"))
    shape, network = sorted(both.charges.cohorts, key=lambda ref: ref.kind, reverse=True)
    without = desk.plan(ann, text("hi", system="s"), orders=Orders(without=(network.key[:8].hex(),)))

    assert first.cohorts == ()
    assert alone.charges.cohorts == ()
    assert [ref.kind for ref in (shape, network)] == ["shape", "network"]
    assert network.key == keyed(SECRET, "default\x1fcohort\x1fnetwork", "as1")
    assert network.presumed
    assert set(both.shares) > {shape.tag, network.tag}
    assert len(both.shares) == 4
    assert without.charges.cohorts == (shape,)
    assert without.shares == both.shares


def test_what_is_decided() -> None:
    """Each field of a grant and of a refusal."""
    desk = Desk(replace(POLICY, budgets=(Budget(name="requests", quota=60, window=HOUR, burst=2),), name="mine"))
    plan = desk.plan(ANN, text("one"))
    granted, _, charged = desk.settled(plan)
    desk.ask(ANN, text("two"))
    refused, fold, _ = desk.settled(desk.plan(ANN, text("three")))

    assert (granted.allowed, granted.refused, granted.tier, granted.reasons) == (True, False, Tier.CLEAR, ())
    assert (granted.policy, granted.version, granted.mode) == ("mine", desk.policy.version, "enforce")
    assert granted.principal == plan.charges.principal.hex()
    assert (granted.remaining, granted.retry_after) == (charged.admission.remaining, 0.0)
    assert (granted.slots, granted.evidence, granted.cohorts) == (None, {}, {})
    assert (refused.allowed, refused.refused, fold) == (False, True, None)
    assert [reason.cause for reason in refused.reasons] == [Cause.QUOTA]
    assert refused.retry_after == pytest.approx(60.0)


def test_an_audit_allows_what_it_would_refuse() -> None:
    """And learns nothing of it, as enforcing would not have answered."""
    desk = Desk(replace(POLICY, budgets=(Budget(name="requests", quota=60, window=HOUR, burst=1),), mode="audit"))
    desk.ask(ANN, text("one"))
    decision, fold, _ = desk.settled(desk.plan(ANN, text("two")))

    assert (decision.allowed, decision.refused, decision.mode, fold) == (True, True, "audit", None)


def test_evidence_is_told_by_signal_and_by_cohort() -> None:
    """As log10."""
    desk = Desk(replace(POLICY, cohorts=(ByShape(),)))
    for name in ("ann", "ben"):
        desk.ask(Principal(id=name), text(f"of {name}"))
    desk.suspect(ANN, 3.0)
    (ref,) = desk.plan(ANN, text("x")).charges.cohorts
    desk.ask(ANN, text("more"))
    cohort = desk.store._cohorts.peek(ref.key)
    assert cohort is not None
    cohort.wealth, cohort.active_at = {"affinity": 1.5 * LN10}, NOW
    decision, _ = desk.ask(ANN, text("another"))

    assert decision.evidence["wander"] == pytest.approx(3.0)
    assert decision.cohorts == {ref.label: pytest.approx(1.5)}


def test_what_is_learned() -> None:
    """Each field of a fold."""
    desk = Desk()
    plan = desk.plan(ANN, text("alpha beta gamma", system="be kind"))
    _, fold, charged = desk.settled(plan)
    key = plan.charges.principal

    assert fold is not None
    assert (fold.principal, fold.charges, fold.now, fold.shares) == (key, plan.charges, NOW, plan.shares)
    assert fold.tag == int.from_bytes(key[:8], "little")
    assert charged.now == NOW
    assert fold.pieces == tuple(desk.engine._digest(piece) for piece in ("be kind", "alpha beta gamma"))
    assert fold.payloads == (desk.engine._digest("alpha beta gamma\nbe kind"),)
    (row,) = fold.features
    assert (row.tag, row.now, row.sender) == (fold.tag, NOW, 1)
    assert (row.bare, row.continues, row.trusted, row.tight, row.public, row.repeats) == (False,) * 6
    assert 0 <= row.draw < 1 << 64
    assert len(row.ids) == 5
    _, again = desk.ask(ANN, text("delta epsilon", system="be kind"))
    assert again.pieces == (desk.engine._digest("delta epsilon"),)
    assert again.payloads == again.pieces
    assert len(again.features[0].ids) == 2
    assert not again.features[0].bare
    assert desk.profile(ANN).folds == 2


def test_a_policy_of_budgets_alone_learns_nothing() -> None:
    """Nor does anything that asks nothing."""
    assert Desk(replace(POLICY, signals=(), cohort_signals=())).settled(Desk().plan(ANN, text("x")))[1] is not None
    plain = Desk(replace(POLICY, signals=(), cohort_signals=()))
    assert plain.settled(plain.plan(ANN, text("x")))[1] is None
    desk = Desk()
    assert desk.settled(desk.plan(ANN))[1] is None


def test_a_retry_is_not_learned_again() -> None:
    """Neither at once nor after seven others; after eight it is forgotten."""
    desk, asked = Desk(), text("the same")
    desk.ask(ANN, asked)
    assert desk.settled(desk.plan(ANN, asked))[1] is None
    for number in range(7):
        desk.ask(ANN, text(f"another {number}"))
    assert desk.settled(desk.plan(ANN, asked))[1] is None
    desk.ask(ANN, text("one more"))
    assert desk.settled(desk.plan(ANN, asked))[1] is not None


LONG = 1 << 14


def padded(
    size: int, *, middle: bytes = b".", head: bytes = b".", tail: bytes = b".", behind: bytes = b".",
    before: bytes = b".",
) -> bytes:
    """Return a body of *size* bytes that differs in its middle, or at either end, at the edges of 2,048 bytes."""
    made = bytearray(b"x" * size)
    made[size // 2 : size // 2 + 1] = middle
    made[2047:2049] = head + behind
    made[-2049:-2047] = before + tail
    return bytes(made)


@pytest.mark.parametrize(("size", "change", "retry"), [
    (LONG, {"middle": b"!"}, False),  # all of a short body counts
    (LONG + 1, {"middle": b"!"}, True),  # of a long one its texts do, and its ends
    (LONG + 1, {"head": b"!"}, False),
    (LONG + 1, {"tail": b"!"}, False),
    (LONG + 1, {"behind": b"!"}, True),
    (LONG + 1, {"before": b"!"}, True),
    (LONG + 1, {}, True),
])
def test_a_long_body_is_known_by_its_texts_and_its_ends(size: int, change: dict[str, bytes], *, retry: bool) -> None:
    """What differs in the middle of it, and is no text, asks nothing."""
    desk, asked = Desk(), text("the same")
    desk.ask(ANN, asked, body=padded(size))
    fold = desk.settled(desk.plan(ANN, asked, body=padded(size, **change)))[1]

    assert (fold is None) is retry


@pytest.mark.parametrize("other", [
    {"text": "another"}, {"system": "another"}, {"earlier": ("another",)}, {"earlier": ("old", "older")},
])
def test_another_text_in_a_long_body_is_another_request(other: dict[str, Any]) -> None:
    """Wherever the text stands; and so is another length."""
    desk = Desk()
    usual: dict[str, Any] = {"text": "the same", "system": "be kind", "earlier": ("old",)}
    desk.ask(ANN, Prompt(**usual), body=padded(LONG + 1))

    assert desk.settled(desk.plan(ANN, Prompt(**usual), body=padded(LONG + 1)))[1] is None
    assert desk.settled(desk.plan(ANN, Prompt(**usual), body=padded(LONG + 2)))[1] is not None
    assert desk.settled(desk.plan(ANN, Prompt(**usual | other), body=padded(LONG + 1)))[1] is not None


def test_a_long_batch_is_known_by_all_of_its_body() -> None:
    """It has no one payload."""
    desk, asked = Desk(), (text("one"), text("two"))
    desk.ask(ANN, *asked, body=padded(LONG + 1))

    assert desk.settled(desk.plan(ANN, *asked, body=padded(LONG + 1)))[1] is None
    assert desk.settled(desk.plan(ANN, *asked, body=padded(LONG + 1, middle=b"!")))[1] is not None


def test_of_a_long_body_the_payload_is_the_same() -> None:
    """As in a short one: whoever sends it otherwise is the second to ask it."""
    desk = Desk()
    _, short = desk.ask(ANN, text("alpha beta"))
    _, long = desk.ask(Principal(id="ben"), text("alpha beta"), body=padded(LONG + 1))

    assert long.payloads == short.payloads
    assert (long.features[0].public, long.features[0].sender) == (True, 2)
    assert (short.features[0].public, short.features[0].sender) == (False, 1)


def test_what_was_said_before_is_no_news() -> None:
    """Earlier turns and system texts that one sent already; a piece that comes twice in one request counts once."""
    desk = Desk()
    desk.ask(ANN, text("first thing", system="rules"))
    _, fold = desk.ask(ANN, text("second", system="rules", earlier=("first thing", "made up", "made up")))

    assert fold.payloads == (desk.engine._digest("second\nmade up"),)
    assert fold.pieces == tuple(desk.engine._digest(piece) for piece in ("made up", "second"))
    assert fold.features[0].continues
    _, again = desk.ask(ANN, text("first thing", system="rules"), body=b"another body")
    assert again.pieces == ()
    assert again.payloads == (desk.engine._digest("first thing"),)
    assert not again.features[0].continues


@pytest.mark.parametrize(("many", "looked_at"), [(1, 1), (63, 63), (64, 64), (65, 64), (200, 64)])
def test_of_a_large_batch_a_draw_is_looked_at(many: int, looked_at: int) -> None:
    """64 prompts, none twice, as they come if that is all; each with coins of its own."""
    desk, asked = Desk(), [f"subject{number} word{number}" for number in range(many)]
    _, fold = desk.ask(ANN, *map(text, asked))

    assert len(fold.features) == looked_at
    assert len(set(fold.payloads)) == looked_at
    assert many > looked_at or fold.payloads == tuple(map(desk.engine._digest, asked))
    assert len({row.draw for row in fold.features}) == looked_at


@pytest.mark.parametrize(("kept", "repeats"), [(16, True), (15, False)])
def test_who_asks_the_same_again(kept: int, *, repeats: bool) -> None:
    """All words of weight in one of one's own latest prompts, and not fifteen of sixteen."""
    desk = Desk()
    for number in range(5):
        desk.ask(ANN, text(words(16, 1000 + 20 * number)))
    desk.ask(ANN, text(words(16)))
    _, fold = desk.ask(ANN, text(words(kept) + " " + words(16 - kept, 500) + " "))

    assert fold.features[0].repeats is repeats


def test_the_coins_are_keyed() -> None:
    """Time, principal, body and secret each change them; nothing else does."""
    def draw(secret: bytes = SECRET, who: str = "ann", asked: str = "hi there", at: float = NOW) -> int:
        store = MemoryStore(clock=ManualClock(at), secret=secret)
        engine = Engine([POLICY], secret=secret, lexicon=store.lexicon)
        request = Request(reading=Reading(dialect="plain", prompts=(text(asked),)))
        plan = engine.plan(POLICY, request, Principal(id=who), body=asked.encode(), now=at)
        fold = engine.settle(plan, at_once(store.charge(plan.charges)))[1]
        assert fold is not None
        return fold.features[0].draw

    assert draw() == draw()
    many = [draw(asked=str(number)) for number in range(64)]
    assert max(many) >= 1 << 63
    assert any(number % 2 for number in many)
    assert len({draw(), draw(secret=b"f" * 16), draw(who="ben"), draw(asked="hello"), draw(at=NOW + 1)}) == 5


def test_a_tightened_principal_is_seen_as_such_and_bets_on_nothing_count() -> None:
    """From the tier soft on; every signal moves, if by nothing, so that the evidence does not fade meanwhile."""
    desk = Desk(replace(POLICY, signals=(Wander(), Stamina())))
    desk.ask(ANN, text("one", system="s"))
    desk.suspect(ANN, 4.2)  # the average of two
    _, watched = desk.ask(ANN, text("two", system="s"))
    assert (watched.features[0].tight, watched.moves) == (False, ())
    desk.suspect(ANN, 4.4)
    _, tight = desk.ask(ANN, text("three", system="s"))

    assert tight.features[0].tight
    assert [(name, ceiling) for name, _, ceiling in tight.moves] == [("wander", 8.0), ("stamina", 8.0)]
    desk.suspect(ANN, 7.5)
    desk.profile(ANN).levels.clear()
    assert desk.ask(ANN, text("four", system="s"))[1].features[0].tight


def test_no_refusal_is_remembered_of_who_was_granted() -> None:
    """Nor of a quota that is empty: that refills by itself."""
    desk = Desk(replace(POLICY, budgets=(Budget(name="requests", quota=60, window=HOUR, burst=1),)))
    assert desk.recall(ANN, text("x")) is None
    desk.ask(ANN, text("x"))
    assert desk.recall(ANN, text("y")) is None


def test_a_refusal_that_stands_covers_what_costs_as_much() -> None:
    """As long as nothing changed; a conversation is looked at, and so is an order."""
    desk = Desk(replace(POLICY, budgets=(Budget(name="requests", quota=60, window=HOUR, burst=15),)))
    desk.ask(ANN, text("one"))
    desk.suspect(ANN)
    refused = desk.settled(desk.plan(ANN, text("two")))[0]
    assert refused.refused
    found = desk.recall(ANN, text("three"))

    assert found is not None
    assert found.decision == refused
    assert desk.recall(ANN, text("three"), text("four")) is not None
    assert desk.recall(ANN) is not None
    assert desk.recall(ANN, text("three", earlier=("one",))) is None
    assert desk.recall(ANN, text("three", earlier=("one",)), text("four")) is not None
    assert desk.recall(ANN, text("three"), orders=Orders(least=Tier.SOFT)) is None
    assert desk.recall(replace(ANN, verified=True), text("three")) is None
    assert desk.recall(Principal(id="ben"), text("three")) is None


def test_a_secret_may_be_long() -> None:
    """Longer than a key of BLAKE2 may be."""
    engine = Engine([POLICY], secret=SECRET * 5, lexicon=Desk().store.lexicon)
    request = Request(path="/", reading=Reading(dialect="plain", prompts=(text("x"),)))

    assert engine.plan(POLICY, request, ANN, body=b"x", now=NOW).charges.costs == (1.0,)
    assert engine._digest("x") != Engine([POLICY], secret=SECRET, lexicon=Desk().store.lexicon)._digest("x")


def test_two_policies_keep_their_principals_apart() -> None:
    """Keys, terms, costs and cohorts are each policy's own."""
    one = replace(POLICY, name="one")
    two = replace(POLICY, name="two", budgets=(Budget(name="requests", quota=10, window=HOUR, burst=5, cost=3.0),))
    engine = Engine([one, two], secret=SECRET)
    request = Request(reading=Reading(dialect="plain", prompts=(text("x"),)))
    first, second = (engine.plan(policy, request, ANN, body=b"x", now=NOW).charges for policy in (one, two))

    assert first.principal != second.principal
    assert (first.costs, second.costs) == ((1.0,), (3.0,))
    assert (first.terms.budgets[0].quota, second.terms.budgets[0].quota) == (3600, 10)


def test_a_cohort_folds_what_its_seat_says() -> None:
    """One fold a cohort of the request, in their order."""
    desk = Desk()
    for name in ("ann", "ben", "ann", "ben"):
        desk.ask(Principal(id=name, links={"network": "as1"}), text(f"what {name} asks at {desk.clock.now()}"))
        desk.clock.advance(1.0)
    who = Principal(id="ann", links={"network": "as1"})
    plan = desk.plan(who, text("again"))
    _, fold, _ = desk.settled(plan)

    assert fold is not None
    assert len(plan.charges.cohorts) > 1
    assert [part.ref for part in fold.cohorts] == list(plan.charges.cohorts)


def test_a_plan_cannot_be_changed() -> None:
    """It is a value."""
    plan = Desk().plan(ANN, text("x"))
    with pytest.raises(AttributeError):
        plan.trust = 1.0  # type: ignore[misc]  # it is what is tried
    assert msgspec.structs.replace(plan, trust=1.0).trust == 1.0
