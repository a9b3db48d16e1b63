"""The memory store at the edges of its arguments, and what it says of itself."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from ratelimit import Budget, MemoryStore, Policy, Principal
from ratelimit.charges import Orders
from ratelimit.clock import ManualClock, SystemClock
from ratelimit.decision import Tier
from ratelimit.evidence import LN10
from ratelimit.profile import CohortProfile, PrincipalProfile
from ratelimit.prompt import Prompt, Reading
from ratelimit.request import Request
from ratelimit.stores import Adjustment

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
