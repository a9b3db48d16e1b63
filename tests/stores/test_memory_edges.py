"""The memory store at the edges of its arguments, and what it says of itself."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from ratelimit import Budget, Caution, MemoryStore, Policy, Presumption, Principal
from ratelimit.charges import Orders
from ratelimit.clock import ManualClock, SystemClock
from ratelimit.decision import Tier
from ratelimit.evidence import LN10
from ratelimit.observation import NO_CAUTION, CohortRef
from ratelimit.profile import CohortProfile, PrincipalProfile
from ratelimit.prompt import Prompt, Reading
from ratelimit.request import Request
from ratelimit.stores import Adjustment
from ratelimit.stores.base import CohortFold

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.mark.parametrize(("make", "good", "bad", "says"), [
    (lambda many: MemoryStore(principals=many), 1, 0, "principals: must be at least 1, got 0"),
    (lambda many: MemoryStore(principals=many), 2, -1, "principals: must be at least 1, got -1"),
    (lambda many: MemoryStore(cohorts=many), 1, 0, "cohorts: must be at least 1, got 0"),
    (lambda many: MemoryStore(cohorts=many), 2, -1, "cohorts: must be at least 1, got -1"),
    (lambda ttl: MemoryStore(ttl=ttl), timedelta(microseconds=1), timedelta(0), "ttl: must be a positive timedelta"),
    (lambda ttl: MemoryStore(ttl=ttl), timedelta(hours=1), timedelta(-1), "ttl: must be a positive timedelta"),
    (lambda key: MemoryStore(secret=key), b"k" * 16, b"k" * 15, "secret: must have 16 bytes or more, got 15"),
    (lambda key: MemoryStore(secret=key), b"k" * 17, b"", "secret: must have 16 bytes or more, got 0"),
])
def test_edges_of_its_arguments(make: Callable[[Any], Any], good: Any, bad: Any, says: str) -> None:
    """The last that does, and the first that does not; what is wrong is told in words, all of it at once."""
    assert make(good) is not None
    with pytest.raises(ExceptionGroup) as caught:
        make(bad)
    assert [str(one) for one in caught.value.exceptions if says in str(one)]


def test_all_that_is_wrong_is_told_at_once() -> None:
    """And nothing may be given by its place."""
    with pytest.raises(ExceptionGroup) as caught:
        MemoryStore(principals=0, cohorts=0, ttl=timedelta(0), secret=b"")
    assert len(caught.value.exceptions) == 4
    with pytest.raises(TypeError):
        MemoryStore(10)  # type: ignore[misc]  # it is what is tried


def test_what_it_is_by_default() -> None:
    """Room, time to live, the system's clock, and a secret that is drawn anew."""
    store = MemoryStore()

    assert (store._principals._most, store._cohorts._most) == (100_000, 50_000)
    assert (store._principals._ttl, store._cohorts._ttl) == (14 * 86_400.0, 14 * 86_400.0)
    assert isinstance(store.clock, SystemClock)
    assert len(store.secret) == 32
    assert store.secret != MemoryStore().secret
    assert repr(store) == "MemoryStore(principals=0, cohorts=0)"


def test_what_it_is_given() -> None:
    """It keeps, each where it belongs."""
    clock = ManualClock(5.0)
    store = MemoryStore(principals=7, cohorts=3, ttl=timedelta(minutes=2), clock=clock, secret=b"k" * 16)

    assert (store._principals._most, store._cohorts._most, store._cohorts._ttl) == (7, 3, 120.0)
    assert store.clock is clock
    assert store.secret == b"k" * 16


@pytest.mark.parametrize(("members", "where"), [
    (0, 0), (1, 0), (9, 0), (10, 1), (99, 1), (100, 2), (999, 2), (1000, 3), (9999, 3), (10_000, 3), (10**6, 3),
])
def test_health_counts_tightened_cohorts_by_their_size(members: int, where: int) -> None:
    """Below ten, hundred, thousand, and more; one that is gone counts nowhere."""
    store = MemoryStore()
    cohort = CohortProfile(0.0)
    cohort.members = members
    store._cohorts.put(b"c" * 16, cohort, room=2, now=0.0)
    store._principals.put(b"p" * 16, PrincipalProfile(0.0), room=0, now=0.0)
    store._tight = {b"c" * 16, b"gone"}
    health = store.health()

    assert health.tight == tuple(int(at == where) for at in range(4))
    assert (health.principals, health.cohorts) == (1, 1)
    assert repr(store) == "MemoryStore(principals=1, cohorts=1)"


LIMITED = Policy(budgets=(Budget(name="fast", quota=3600, window=timedelta(hours=1), burst=10),))
KNOWN, TIGHT = 1, 2


def account(run: Any, name: str) -> Any:
    """Return what is kept of a principal."""
    return run.store._principals.peek(run.engine.key_of(run.policy, Principal(id=name)))


def room(run: Any, name: str) -> int:
    """Return where it is kept."""
    return int(run.store._principals.room_of(run.engine.key_of(run.policy, Principal(id=name))))


def charges_of(run: Any, who: Principal, **changed: Any) -> Any:
    """Return what a request of *who* is charged."""
    request = Request(path="/v1/chat/completions", reading=Reading(dialect="plain", prompts=(Prompt(text="hi"),)))
    return msgspec.structs.replace(
        run.engine.plan(run.policy, request, who, body=b"hi", now=run.clock.now()).charges, **changed)


def suspect(run: Any, name: str, *, spent: float = 0.0) -> None:
    """Let there be evidence against a principal, which has *spent* so much: it meets the tier hard."""
    kept = account(run, name)
    kept.levels["fast"] = spent
    kept.wealth, kept.active_at, kept.empty = {"wander": 7.5 * LN10}, run.clock.now(), None


def test_a_correction_drains_each_account_at_its_own_tier(play: Callable[..., Any]) -> None:
    """A tightened end user's at the share that its tier leaves, and its payer's, who is clear, at the base refill."""
    run, user = play(LIMITED), Principal(id="user", payer="firm")
    for number in range(4):
        run(user, f"text {number}")
    for number in range(4):
        run("firm", f"text {number}")
    suspect(run, "user", spent=4.0)
    spent = account(run, "user").levels["fast"], account(run, "firm").levels["fast"]
    run.clock.advance(3.0)
    run.store.adjust(Adjustment(charges=charges_of(run, user), units=(1.0,), lease=0, now=run.clock.now()))
    left = run.policy.ladder.share(Tier.HARD) * 3.0

    assert spent == (4.0, 8.0)
    assert account(run, "user").levels["fast"] == pytest.approx(4.0 - left + 1.0)
    assert account(run, "firm").levels["fast"] == pytest.approx(8.0 - 3.0 + 1.0)


def test_a_correction_obeys_an_order(play: Callable[..., Any]) -> None:
    """One that is held at a tier by people drains at that tier's share."""
    run, ann = play(LIMITED), Principal(id="ann")
    for number in range(4):
        run(ann, f"text {number}")
    run.clock.advance(3.0)
    held = charges_of(run, ann, orders=Orders(least=Tier.SOFT))
    run.store.adjust(Adjustment(charges=held, units=(1.0,), lease=0, now=run.clock.now()))

    assert account(run, "ann").levels["fast"] == pytest.approx(5.0 - 3.0 * run.policy.ladder.share(Tier.SOFT))


def test_a_payer_is_corrected_though_its_user_is_forgotten(play: Callable[..., Any]) -> None:
    """What is owed does not go with one of the two."""
    run, user = play(LIMITED), Principal(id="user", payer="firm")
    run(user, "text")
    charges = charges_of(run, user)
    run.store._principals.drop(charges.principal)
    run.store.adjust(Adjustment(charges=charges, units=(2.0,), lease=0, now=run.clock.now()))

    assert account(run, "firm").levels["fast"] == pytest.approx(3.0)
    assert account(run, "user") is None


def test_who_is_known_is_not_forgotten_for_having_nothing_to_pay(play: Callable[..., Any]) -> None:
    """Only of a newcomer is nothing lost."""
    run, ann = play(LIMITED), Principal(id="ann")
    run(ann, "text")
    charges = charges_of(run, ann)
    run.store.adjust(Adjustment(charges=charges, units=(-1.0,), lease=0, now=run.clock.now()))
    assert (room(run, "ann"), account(run, "ann").levels["fast"]) == (KNOWN, 0.0)
    suspect(run, "ann")
    run(ann, "another")
    run.store.adjust(Adjustment(charges=charges, units=(-1.0,), lease=0, now=run.clock.now()))
    assert (room(run, "ann"), account(run, "ann").levels["fast"]) == (TIGHT, 0.0)


def test_a_principal_moves_to_the_room_of_its_tier_and_back(play: Callable[..., Any]) -> None:
    """The tightened are kept last; who is forgiven is one of many again."""
    run = play(LIMITED)
    run("ann", "text")
    assert room(run, "ann") == KNOWN
    suspect(run, "ann")
    run("ann", "another")
    assert room(run, "ann") == TIGHT
    account(run, "ann").wealth = {}
    run("ann", "a third")
    assert room(run, "ann") == KNOWN


def test_a_known_payer_stays_where_it_is(play: Callable[..., Any]) -> None:
    """However many spend from it; and one that is new is kept from the first."""
    run = play(LIMITED)
    run(Principal(id="user", payer="new firm"), "text")
    assert room(run, "new firm") == 0
    run("firm", "text")
    suspect(run, "firm")
    run("firm", "another")
    run(Principal(id="user", payer="firm"), "text")
    assert room(run, "firm") == TIGHT


def test_from_when_one_is_held_is_fixed_at_first_sight(play: Callable[..., Any]) -> None:
    """Growing older does not change it."""
    run, at = play(), play().clock.now()
    run(Principal(id="ann", since=at - 86_400.0), "text")
    first = account(run, "ann").held_at
    run.clock.advance(90 * 86_400.0 / 10)
    run(Principal(id="ann", since=at - 86_400.0), "another")

    assert first is not None
    assert account(run, "ann").held_at == first
    assert first != run.policy.presumption.held_at(Principal(id="ann", since=at - 86_400.0), now=run.clock.now())


@pytest.mark.parametrize(("typical", "learned"), [(-0.99, True), (-1.01, False), (-2.9, False)])
def test_what_a_cleared_member_asks_between_bets_teaches_its_cohort_nothing(
    play: Callable[..., Any], typical: float, *, learned: bool
) -> None:
    """From the standing at which it is cleared, 10^-1, the cohort is not even looked at."""
    run = play()
    for number in range(2):
        for who in ("ann", "ben"):
            run(who, f"what {who} asks {number}", system="one system text")
    (key,) = [key for key, standing in account(run, "ann").standings.items() if standing.ref.kind == "shape"]
    standing, cohort = account(run, "ann").standings[key], run.store._cohorts.peek(key)
    standing.typical = typical * LN10
    before = 0 if cohort.past is None else len(cohort.past)
    run("ann", "something else altogether", system="one system text")

    assert (0 if cohort.past is None else len(cohort.past)) == before + learned


CLEARED, OUTSPOKEN = -1.0 * LN10, 1.0 * LN10


class Cohort:
    """One cohort, taught by hand what its members' bets came to."""

    def __init__(self, run: Any, caution: Caution = NO_CAUTION) -> None:
        self.run, self.ref = run, CohortRef("shape", b"c" * 16, True, caution)
        self._folds = {}
        for who in ("ann", "ben", "eve", "kim", "lee", "max", "zoe"):
            decision_fold = fold_of(run, who)
            self._folds[who] = decision_fold

    @property
    def kept(self) -> Any:
        """What is kept of it."""
        return self.run.store._cohorts.peek(self.ref.key)

    def standing(self, who: str) -> Any:
        """Return how somebody stands in it."""
        return account(self.run, who).standings[self.ref.key]

    def learn(
        self, who: str, careful: float = 0.0, typical: float = 0.0, *, trust: float = 0.0, guest: bool = False,
        moves: tuple[tuple[str, float, float], ...] = (),
    ) -> None:
        """Learn a request of somebody, whose bets came to so much."""
        part = CohortFold(self.ref, moves, careful, typical, guest)
        self.run.store.fold(msgspec.structs.replace(
            self._folds[who], cohorts=(part,), trust=trust, moves=(), now=self.run.clock.now()))

    @property
    def prompts(self) -> int:
        """How many prompts it holds."""
        return 0 if self.kept.past is None else len(self.kept.past)


def fold_of(run: Any, who: str) -> Any:
    """Return what would be learned of a request."""
    request = Request(path="/v1/chat/completions", reading=Reading(
        dialect="plain", prompts=(Prompt(text=f"alpha{who} beta{who} gamma{who}"),)))
    plan = run.engine.plan(run.policy, request, Principal(id=who), body=who.encode(), now=run.clock.now())
    charge = run.store.charge(plan.charges)
    try:
        charge.send(None)
    except StopIteration as done:
        return run.engine.settle(plan, done.value)[1]
    raise AssertionError("the memory store waited")


def test_members_are_counted_once(play: Callable[..., Any]) -> None:
    """However often they come; one that is forgotten and comes back counts again."""
    cohort = Cohort(play())
    for who in ("ann", "ben", "ann", "ben", "ann"):
        cohort.learn(who, typical=0.1)
    assert cohort.kept.members == 2
    del account(cohort.run, "ann").standings[cohort.ref.key]
    cohort.learn("ann")
    assert cohort.kept.members == 3


def test_the_trust_of_members_counts_until_they_clear_themselves(play: Callable[..., Any]) -> None:
    """Once each, given back when cleared, and once more when they are not any longer; the trusted bring none."""
    cohort = Cohort(play())
    trust = []
    for who, typical, brought in (
        ("ann", 0.0, 0.5), ("ann", 0.2, 0.5), ("ben", CLEARED, 0.25), ("eve", 0.0, 0.0), ("ann", CLEARED - 0.1, 0.5),
        ("ann", CLEARED - 0.3, 0.5), ("ann", -3 * CLEARED, 0.5), ("ann", 0.1, 0.5), ("ben", -0.2, 0.25),
        ("ben", 0.3, 0.25),
    ):
        cohort.kept and setattr(cohort.kept, "empty", "known")  # type: ignore[func-returns-value]
        cohort.learn(who, typical=typical, trust=brought)
        trust.append(cohort.kept.trust)

    assert trust == pytest.approx([0.5, 0.5, 0.5, 0.5, 0.5, 0.0, 0.5, 0.5, 0.5, 0.75])


def test_members_are_outspoken_from_a_standing_on(play: Callable[..., Any]) -> None:
    """Each is counted once, as long as it is, whatever it was before it joined."""
    cohort = Cohort(play())
    counts = []
    for who, careful in (("ann", OUTSPOKEN - 0.01), ("ann", 0.01), ("ann", 1.0), ("ben", OUTSPOKEN + 1), ("ann", -3.0),
                         ("ben", -0.99), ("ben", -0.02)):
        cohort.learn(who, careful=careful, typical=0.1)
        counts.append(cohort.kept.outspoken)

    assert counts == [0, 1, 1, 2, 1, 1, 0]


def test_a_guest_that_clears_itself_gives_back_what_it_drew(play: Callable[..., Any]) -> None:
    """All of it, once, and never more than stands."""
    cohort = Cohort(play())
    cohort.learn("ann", typical=0.1, guest=True)
    cohort.learn("ann", typical=0.1, guest=True)
    cohort.learn("ben", typical=0.1, guest=True)
    cohort.kept.guests = 5.0
    assert (cohort.standing("ann").drawn, cohort.standing("ben").drawn) == (2, 1)
    cohort.learn("ann", typical=2 * CLEARED)
    assert (cohort.kept.guests, cohort.standing("ann").drawn) == (3.0, 0)
    cohort.learn("ann", typical=-0.1)
    assert cohort.kept.guests == 3.0
    cohort.kept.guests = 0.5
    cohort.learn("ben", typical=2 * CLEARED, guest=True)
    assert (cohort.kept.guests, cohort.standing("ben").drawn) == (0.0, 0)


@pytest.mark.parametrize(("typical", "looked_at"), [(CLEARED, False), (CLEARED - 0.01, False), (CLEARED + 0.01, True)])
def test_a_cleared_member_that_bets_on_nothing_changes_nothing(
    play: Callable[..., Any], typical: float, *, looked_at: bool
) -> None:
    """The cohort is not even looked at: here, whether it is still tight."""
    cohort = Cohort(play())
    cohort.learn("ann", typical=typical)
    cohort.kept.tight = True
    cohort.learn("ann")
    assert cohort.kept.tight is not looked_at
    cohort.kept.tight = True
    cohort.learn("ann", typical=-0.001)
    assert not cohort.kept.tight


def test_only_the_uncleared_teach_and_none_while_there_is_one_member(play: Callable[..., Any]) -> None:
    """What a first member asks is nobody's, and what a cleared one asks is its own."""
    cohort = Cohort(play())
    held = []
    for who, typical in (("ann", 0.1), ("ann", 0.1), ("ben", 0.1), ("ann", 0.1), ("eve", CLEARED), ("eve", 0.1)):
        cohort.learn(who, typical=typical)
        held.append(cohort.prompts)

    assert held == [0, 0, 1, 2, 2, 3]


@pytest.mark.parametrize("found", ["tight", "outspoken"])
def test_where_all_are_members_newcomers_teach_nothing_once_a_harvest_is_found(
    play: Callable[..., Any], found: str
) -> None:
    """It is tightened, or five are outspoken: from then on only who stands at the patience that is asked of it."""
    cohort = Cohort(play(), Caution(patience=1.0))
    for who in ("ann", "ben"):
        cohort.learn(who, typical=0.1)
    assert cohort.prompts == 1
    if found == "outspoken":
        for who in ("eve", "kim", "lee", "max", "zoe"):
            assert cohort.kept.outspoken < 5
            before = cohort.prompts
            cohort.learn(who, careful=OUTSPOKEN, typical=0.1)
            # The fifth of them is the one by whom it is found.
            assert cohort.prompts == before + (who != "zoe")
    else:
        cohort.kept.wealth, cohort.kept.active_at = {"affinity": 5.0 * LN10}, cohort.run.clock.now()
        cohort.kept.tight = True
    before = cohort.prompts
    cohort.learn("ann", typical=LN10 - 0.11)
    assert cohort.prompts == before
    cohort.learn("ann", typical=0.02)
    assert cohort.prompts == before + 1


def test_a_cohort_that_is_tightened_begins_empty_and_is_let_go_below_watch(play: Callable[..., Any]) -> None:
    """Its pool is drained when it turns tight, not while it is, and it moves to the room of its tier."""
    run = play(LIMITED)
    cohort, full = Cohort(run), run.policy.ladder.burst(Tier.SOFT, 10.0, 1.0)
    cohort.learn("ann", typical=0.1)
    assert run.store._cohorts.room_of(cohort.ref.key) == 0
    cohort.learn("ben", typical=0.1)
    assert run.store._cohorts.room_of(cohort.ref.key) == KNOWN
    cohort.learn("ann", typical=0.1, moves=(("affinity", 3.9 * LN10, 8.0),))
    assert (cohort.kept.tight, cohort.kept.levels, run.store._tight) == (False, {}, set())
    cohort.learn("ann", typical=0.1, moves=(("affinity", 0.2 * LN10, 8.0),))
    assert (cohort.kept.tight, cohort.kept.levels, run.store._tight) == (True, {"fast": full}, {cohort.ref.key})
    assert run.store._cohorts.room_of(cohort.ref.key) == TIGHT
    cohort.kept.levels["fast"] = 0.25
    cohort.learn("ann", typical=0.1, moves=(("affinity", -2.0 * LN10, 8.0),))
    assert (cohort.kept.tight, cohort.kept.levels, run.store._tight) == (True, {"fast": 0.25}, {cohort.ref.key})
    cohort.learn("ann", typical=0.1, moves=(("affinity", -0.2 * LN10, 8.0),))
    assert (cohort.kept.tight, run.store._tight) == (False, set())
    assert run.store._cohorts.room_of(cohort.ref.key) == KNOWN


def test_a_cohort_that_faded_meanwhile_is_not_tight_any_more(play: Callable[..., Any]) -> None:
    """So if it is tightened again, its pool begins empty again."""
    run = play(LIMITED)
    cohort = Cohort(run)
    cohort.learn("ann", typical=0.1, moves=(("affinity", 4.5 * LN10, 8.0),))
    run.clock.advance(6 * 86_400.0)
    cohort.kept.levels["fast"] = 0.25
    cohort.learn("ben", typical=0.1, moves=(("affinity", 4.5 * LN10, 8.0),))

    assert cohort.kept.tight
    assert cohort.kept.levels == {"fast": run.policy.ladder.burst(Tier.SOFT, 10.0, 1.0)}


def tied(run: Any, who: str, *keys: bytes) -> list[CohortRef]:
    """Let somebody stand in tightened cohorts with these keys."""
    refs = []
    for key in keys:
        ref, cohort = CohortRef("network", key), CohortProfile(run.clock.now())
        cohort.wealth, cohort.tight, cohort.members = {"affinity": 5.0 * LN10}, True, 9
        run.store._cohorts.put(key, cohort, room=TIGHT, now=run.clock.now())
        run.store._tight.add(key)
        account(run, who).stand(ref)
        refs.append(ref)
    return refs


def test_the_tightened_cohorts_that_somebody_stands_in_are_asked_too(play: Callable[..., Any]) -> None:
    """Whatever the request is like; but not what it names, nor what people dissolved, nor what is gone."""
    run = play(LIMITED)
    for who in ("ann", "ben"):
        run(who, f"text of {who}")
    one, two, three, gone = tied(run, "ann", b"1" * 16, b"2" * 16, b"3" * 16, b"4" * 16)
    run.store._cohorts.drop(gone.key)
    run.store._gone_cohorts = type(run.store._gone_cohorts)()
    charges, now = charges_of(run, Principal(id="ann")), run.clock.now()

    def asked(**changed: Any) -> list[CohortRef]:
        found = run.store._tight_ones(msgspec.structs.replace(charges, **changed), account(run, "ann"), now)
        assert all(cohort is run.store._cohorts.peek(ref.key) for ref, cohort in found)
        return [ref for ref, _ in found]

    assert asked() == [one, two, three]
    assert gone.key not in run.store._tight
    assert asked(cohorts=(two,)) == [one, three]
    assert asked(orders=Orders(without=(one.key[:8].hex(),))) == [two, three]
    run.store._tight.discard(three.key)
    assert asked() == [one, two]
    assert run.store._tight_ones(charges, account(run, "ben"), now) == []


@pytest.mark.parametrize("turn", range(6))
def test_who_pays_is_not_who_asks_whatever_their_keys(play: Callable[..., Any], turn: int) -> None:
    """The order of two keys says nothing: each account is corrected at its own tier."""
    run, user = play(LIMITED), Principal(id=f"user {turn}", payer=f"firm {turn * turn}")
    run(user, "text")
    run(str(user.payer), "text")
    suspect(run, user.id, spent=4.0)
    account(run, str(user.payer)).levels["fast"] = 8.0
    run.clock.advance(3.0)
    run.store.adjust(Adjustment(charges=charges_of(run, user), units=(1.0,), lease=0, now=run.clock.now()))

    assert account(run, user.id).levels["fast"] == pytest.approx(5.0 - run.policy.ladder.share(Tier.HARD) * 3.0)
    assert account(run, str(user.payer)).levels["fast"] == pytest.approx(6.0)


def test_what_is_left_of_a_principal_that_had_to_go(play: Callable[..., Any]) -> None:
    """It begins with the evidence, the spent budget and the standing that it had; a stranger with nothing."""
    run = play(LIMITED)
    cohort = Cohort(run)
    run("ann", "text")
    cohort.learn("ann", careful=2.0, typical=3.0)
    suspect(run, "ann", spent=6.0)
    key = run.engine.key_of(run.policy, Principal(id="ann"))
    kept = account(run, "ann")
    kept.spent_until = run.clock.now() + 6.0
    run.store._principal_goes(key, kept)
    run.store._principals.drop(key)
    terms = charges_of(run, Principal(id="ann")).terms
    back, known = run.store._principal(key, terms, run.clock.now())
    stranger, _ = run.store._principal(b"s" * 16, terms, run.clock.now())

    assert not known
    assert back.prior == pytest.approx((2.0, 3.0), abs=0.2)
    assert max(back.wealth.values()) == pytest.approx(7.5 * LN10, rel=0.05)
    assert back.levels["fast"] == pytest.approx(6.0, abs=0.5)
    assert (stranger.prior, stranger.wealth, stranger.levels) == ((0.0, 0.0), {}, {})


@pytest.mark.parametrize(("typical", "wealth", "where"), [
    (0.99, 0.0, KNOWN), (1.01, 0.0, TIGHT), (0.0, 4.2, KNOWN), (0.0, 4.4, TIGHT),
])
def test_who_goes_last(play: Callable[..., Any], typical: float, wealth: float, where: int) -> None:
    """Who is tightened, or would be held as a young one somewhere."""
    run = play(replace(LIMITED, presumption=Presumption(young=1.0)))
    cohort = Cohort(run)
    run("ann", "text")
    account(run, "ann").wealth, account(run, "ann").active_at = {"wander": wealth * LN10}, run.clock.now()
    cohort.learn("ann", typical=typical * LN10)

    assert room(run, "ann") == where


@pytest.mark.parametrize(("evidence", "tight"), [(1.01, False), (3.9, False), (4.5, True), (7.0, True)])
def test_a_cohort_that_had_to_go_comes_back_as_it_was(
    play: Callable[..., Any], evidence: float, *, tight: bool
) -> None:
    """With its evidence and an empty pool, in the room of its tier; one of which nothing is left is not made up."""
    run = play(LIMITED)
    terms, now = charges_of(run, Principal(id="ann")).terms, run.clock.now()
    ref, gone = CohortRef("network", b"g" * 16), CohortProfile(now)
    gone.wealth, gone.active_at = {"affinity": evidence * LN10}, now
    run.store._cohort_goes(ref.key, gone)
    back = run.store._cohort(ref, terms, now)

    assert back is not None
    assert back.wealth["affinity"] == pytest.approx(evidence * LN10, abs=0.2)
    assert back.levels == {"fast": run.policy.ladder.burst(Tier.SOFT, 10.0, 1.0)}
    assert back.tight is tight
    assert run.store._cohorts.room_of(ref.key) == (TIGHT if tight else 0)
    assert ref.key in run.store._tight
    back.levels["fast"] = 0.5
    assert run.store._cohort(ref, terms, now) is back
    assert back.levels == {"fast": 0.5}
    assert run.store._cohort(CohortRef("network", b"n" * 16), terms, now) is None
    spent = CohortProfile(now)
    spent.spent_until = now + 60.0
    run.store._cohort_goes(b"s" * 16, spent)
    assert run.store._cohort(CohortRef("network", b"s" * 16), terms, now) is None


def test_a_hard_cohort_stays_tight_and_its_pool_as_it_is(play: Callable[..., Any]) -> None:
    """Being worse than soft is no new tightening."""
    run = play(LIMITED)
    cohort = Cohort(run)
    cohort.learn("ann", typical=0.1, moves=(("affinity", 7.0 * LN10, 8.0),))
    assert (cohort.kept.tight, run.store._cohorts.room_of(cohort.ref.key)) == (True, TIGHT)
    cohort.kept.levels["fast"] = 0.25
    cohort.learn("ben", typical=0.1, moves=(("affinity", 0.1 * LN10, 8.0),))
    assert (cohort.kept.tight, cohort.kept.levels) == (True, {"fast": 0.25})


@pytest.mark.parametrize(("typical", "outspoken", "learned"), [
    (1.0, 5, True), (0.999, 5, False), (0.999, 4, True), (0.999, 6, False), (1.0, 6, True),
])
def test_at_the_patience_one_teaches_again(
    play: Callable[..., Any], typical: float, outspoken: int, *, learned: bool
) -> None:
    """At five outspoken members and more, and at a decade exactly."""
    cohort = Cohort(play(), Caution(patience=1.0))
    for who in ("ann", "ben"):
        cohort.learn(who, typical=0.1)
    before = cohort.prompts
    cohort.standing("ann").typical, cohort.kept.outspoken = typical * LN10, outspoken
    cohort.learn("ann", careful=0.001)

    assert cohort.prompts == before + learned


@pytest.mark.parametrize("turn", range(8))
def test_a_payer_is_corrected_as_a_clear_one_whatever_it_did(play: Callable[..., Any], turn: int) -> None:
    """And whatever its key is: who pays is asked as one that is clear."""
    run, user = play(LIMITED), Principal(id=f"user {turn}", payer=f"firm {turn * turn}")
    run(user, "text")
    run(str(user.payer), "text")
    suspect(run, str(user.payer), spent=8.0)
    run.clock.advance(3.0)
    run.store.adjust(Adjustment(charges=charges_of(run, user), units=(1.0,), lease=0, now=run.clock.now()))

    assert account(run, str(user.payer)).levels["fast"] == pytest.approx(6.0)
