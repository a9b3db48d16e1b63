"""The laws of every policy, as far as they can be told without a server."""

from __future__ import annotations

import gc
import random
from datetime import timedelta
from types import FunctionType, ModuleType
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ratelimit.budget import Budget
from ratelimit.cohort import Everyone
from ratelimit.decision import Cause, Tier
from ratelimit.policy import Policy
from ratelimit.principal import Principal
from ratelimit.signals import Affinity, Stamina, Wander

if TYPE_CHECKING:
    from collections.abc import Callable

DAY = 86_400.0
START = 1_760_000_000.0
WIDE = Budget(quota=100_000, window=timedelta(hours=1), burst=10_000)
SMALL = Policy(budgets=(Budget(quota=20, window=timedelta(minutes=1), burst=5),))

steps = st.lists(
    st.tuples(st.sampled_from("abc"), st.sampled_from([0.0, 0.5, 3.0, 40.0]), st.integers(0, 5)), max_size=60
)


def members(many: int, **fields: Any) -> list[Principal]:
    """Return *many* unverified accounts of one network."""
    return [Principal(id=f"m{number}", links={"network": "as1"}, **fields) for number in range(many)]


@given(steps=steps)
@settings(max_examples=40)
def test_bounded(steps: list[tuple[str, float, int]], play: Callable[..., Any]) -> None:
    """In any minute a principal is granted at most burst + quota, whatever the interleaving."""
    run, granted = play(SMALL), []
    for name, gap, subject in steps:
        run.clock.advance(gap)
        if run(name, f"about {subject} {gap}").allowed:
            granted.append((name, run.clock.now()))

    for name, start in granted:
        assert sum(1 for who, at in granted if who == name and start <= at <= start + 60) <= 25


@given(steps=steps)
@settings(max_examples=40)
def test_never_looser(steps: list[tuple[str, float, int]], play: Callable[..., Any]) -> None:
    """Behaviour never gives more than the budgets alone: what signals let pass, a policy without any lets pass too."""
    watched = play(SMALL)
    bare = play(Policy(budgets=SMALL.budgets, signals=(), cohort_signals=(), cohorts=()))
    for name, gap, subject in steps:
        watched.clock.advance(gap)
        bare.clock.advance(gap)
        if watched(name, f"about {subject}").allowed:
            assert bare(name, f"about {subject}").allowed


TEMPLATE = "Solve the following task and write out all of your reasoning: "


def harvest(
    run: Any, writer: Any, accounts: list[Principal], requests: int, *, gap: float = 60.0, template: str = TEMPLATE
) -> int:
    """Send *requests* of one harvest, in turn from *accounts*; return how many were answered."""
    answered = 0
    for number in range(requests):
        run.clock.advance(gap)
        answered += run(accounts[number % len(accounts)], template + writer.harvest()).allowed
    return answered


def test_a_harvest_is_stopped_as_one_body(play: Callable[..., Any], writer: Callable[..., Any]) -> None:
    """Forty accounts, each far below any quota, are tightened together and then all but stopped."""
    run = play()
    first = harvest(run, writer(1), members(40), 1500)
    then = harvest(run, writer(2), members(40), 1500)

    assert first < 1500
    assert then < 75
    refusal = next(d for d in (run(members(40)[3], f"{TEMPLATE}{n}") for n in range(200)) if not d.allowed)
    assert refusal.tier >= Tier.SOFT
    assert max(refusal.cohorts.values()) >= run.policy.ladder.soft
    assert refusal.reasons[0].cause is Cause.COHORT


def test_split_proof(play: Callable[..., Any], writer: Callable[..., Any]) -> None:
    """Cutting one campaign with one template over ten times as many accounts adds the first few of each."""
    few = harvest(play(), writer(1), members(15), 3000)
    many = harvest(play(), writer(1), members(150), 3000)

    assert many <= few + 4 * 135


def test_new_accounts_add_nothing_to_a_tightened_template(
    play: Callable[..., Any], writer: Callable[..., Any]
) -> None:
    """Once a template is tight, a thousand fresh accounts of one request each get what its shared budget has."""
    run = play()
    harvest(run, writer(1), members(20), 1500)
    fresh = [Principal(id=f"fresh{number}") for number in range(1000)]

    assert harvest(run, writer(2), fresh, 1000, gap=10.0) <= 5


def test_without_a_template_each_account_adds_its_first_dozen(
    play: Callable[..., Any], writer: Callable[..., Any]
) -> None:
    """A newcomer to a tightened shape is presumed innocent until its own behaviour speaks: twelve requests, no more."""
    few = harvest(play(), writer(1), members(15), 3000, template="")
    many = harvest(play(), writer(1), members(150), 3000, template="")

    assert many <= few + 12 * 135


def test_honest_people_of_one_shape_keep_their_budget(play: Callable[..., Any], writer: Callable[..., Any]) -> None:
    """Sixty newcomers on one network, with one client and own interests, are never tightened and lose nothing."""
    run, write = play(), writer(5)
    people = [(who, write.person()) for who in members(60)]
    refused, tight = 0, 0
    for _ in range(3000):
        run.clock.advance(60)
        who, ask = write.rng.choice(people)
        decision = run(who, ask())
        refused += not decision.allowed
        tight += decision.tier >= Tier.SOFT

    assert (refused, tight) == (0, 0)


def strangers(many: int) -> list[tuple[Principal, str]]:
    """Return *many* young accounts that share nothing, each with a system text, a network and a payment of its own."""
    return [(Principal(id=f"x{number}", since=START - DAY, links={"network": f"n{number}", "payment": f"c{number}"}),
             f"You are the assistant of firm {number}.") for number in range(many)]


@pytest.mark.parametrize("among_all", [True, False])
def test_a_harvest_whose_accounts_share_nothing_is_found_among_all(
    among_all: bool, play: Callable[..., Any], writer: Callable[..., Any]
) -> None:
    """Forty accounts without a tie are held together if all are a cohort, and pass if not; people lose nothing."""
    rules = Policy().cohorts
    run = play(Policy(cohorts=rules if among_all else tuple(r for r in rules if not isinstance(r, Everyone))))
    write, rng = writer(1), random.Random(2)
    accounts, people = strangers(40), [(who, system, write.person()) for who, system in strangers(70)[40:]]
    answered, lost = [], 0
    for _ in range(8000):
        run.clock.advance(60)
        if rng.random() < 0.7:
            who, system = rng.choice(accounts)
            answered.append(run(who, write.harvest(), system=system).allowed)
        else:
            who, system, ask = rng.choice(people)
            lost += not run(who, ask(), system=system).allowed

    assert lost == 0
    assert (sum(answered[-1500:]) < 150) is among_all


def test_who_asks_much_is_not_judged_among_all(play: Callable[..., Any], writer: Callable[..., Any]) -> None:
    """A job of unlike items that asks 1,000 a day beside a harvest of strangers is left to other signals."""
    run, write, rng = play(Policy(signals=())), writer(1), random.Random(3)
    accounts, (job, system) = strangers(40), strangers(41)[40]
    held = []
    for _ in range(8000):
        run.clock.advance(60)
        if rng.random() < 0.6:
            who, its = rng.choice(accounts)
            run(who, write.harvest(), system=its)
        else:
            held.append(run(job, write.harvest(), system=system).allowed)

    assert all(held)


def test_who_is_held_is_heard_now_and_then(play: Callable[..., Any], writer: Callable[..., Any]) -> None:
    """A held account that comes back to itself is free again within days; its like that goes on gets little."""
    run, write = play(), writer(1)
    harvest(run, write, members(40), 3000, template="")
    changes, goes_on = members(42)[40:]
    for who in (changes, goes_on):
        while run(who, write.harvest()).allowed:
            run.clock.advance(60)
    ask, answered = writer(2).person(interests=1), {"changes": [], "goes on": []}
    for step in range(20 * 24):
        run.clock.advance(3600)
        for account in members(40):  # the others keep the cohort tight, and its shared budget empty
            run(account, write.harvest())
        answered["changes"].append(run(changes, f"{ask()} {step}").allowed)
        answered["goes on"].append(run(goes_on, write.harvest()).allowed)

    assert not any(answered["changes"][:12])
    assert all(answered["changes"][-48:])
    assert sum(answered["goes on"]) <= 20


def test_who_is_refused_all_the_time_is_not_forgotten(play: Callable[..., Any], writer: Callable[..., Any]) -> None:
    """A store forgets the idle; whoever goes on asking is not idle, though it is refused from memory."""
    answered = []
    for days in (3, 300):
        run, write = play(ttl=timedelta(days=days)), writer(1)
        harvest(run, write, members(40), 3000, template="")
        answered.append(harvest(run, write, members(40), 40 * 24 * 6, gap=3600 / 40, template=""))
        assert run.recalled

    assert answered[0] == answered[1] < 100


@pytest.mark.parametrize(("spread", "tight"), [(5, False), (1000, True)])
def test_what_a_whole_class_sends_is_no_harvest(
    play: Callable[..., Any], writer: Callable[..., Any], spread: int, tight: bool
) -> None:
    """Students of many classes share headed exercises, each for the first time: bets on the first are taken back."""
    policy = Policy(cohort_signals=(Affinity(spread=spread),))
    run, write, rng = play(policy), writer(1), random.Random(1)
    exercises = [f"{TEMPLATE}{write.harvest()}" for _ in range(150)]
    work = []
    for room in range(30):
        homework = rng.sample(exercises, 10)
        for seat in range(15):
            ask, who = write.person(), Principal(id=f"student{room}.{seat}")
            start = rng.random() * 10 * DAY
            for number, exercise in enumerate(homework):
                work.append((start + number * 7200, who, exercise))
                work.append((start + number * 7200 + 3600, who, ask()))
    tiers = []
    for at, who, text in sorted(work, key=lambda row: row[0]):
        run.clock.set(max(run.clock.now(), START + at))
        tiers.append(run(who, text).tier)

    assert (max(tiers) >= Tier.SOFT) is tight


def test_forgiving(play: Callable[..., Any], writer: Callable[..., Any]) -> None:
    """Once the behaviour has stopped for as long as the ladder states, everybody is clear again."""
    run = play()
    accounts = members(30)
    harvest(run, writer(1), accounts, 2000)
    before = run(accounts[0], "one more")
    run.clock.advance(run.policy.ladder.forgives_after.total_seconds() + 1)

    assert before.tier >= Tier.SOFT
    assert all(run(account, "back again").tier is Tier.CLEAR for account in accounts)


@pytest.mark.parametrize("signal", [Wander(), Stamina()])
def test_evidence_does_not_fade_while_a_tightened_principal_goes_on(
    signal: Wander | Stamina, play: Callable[..., Any], writer: Callable[..., Any]
) -> None:
    """One account that walks through a list, once tightened, stays so as long as it asks, and is forgiven after."""
    run, write, who = play(Policy(signals=(signal,))), writer(8), Principal(id="walker")
    tiers = []
    for number in range(9000):
        run.clock.advance(86.4)
        tiers.append(run(who, f"{write.harvest()} {number}").tier)
    first = next(number for number, tier in enumerate(tiers) if tier >= Tier.SOFT)

    assert first < 3000
    assert min(tiers[first:]) >= Tier.SOFT
    run.clock.advance(run.policy.ladder.forgives_after.total_seconds())
    assert run(who, "anything else").tier is Tier.CLEAR


def test_isolated(play: Callable[..., Any], writer: Callable[..., Any]) -> None:
    """A principal that shares no cohort with a harvest is decided as if the harvest did not exist."""
    alone, crowded = play(SMALL), play(SMALL)
    bystander = Principal(id="bystander", links={"network": "as2"})
    ask, campaign = writer(3).person(), writer(4)
    for number in range(600):
        text = ask()
        for run in (alone, crowded):
            run.clock.advance(7)
        for account in members(10):
            crowded(account, TEMPLATE + campaign.harvest(), system="the campaign's")
        one, other = (run(bystander, text, system="mine") for run in (alone, crowded))

        assert (one.allowed, one.tier, one.remaining) == (other.allowed, other.tier, other.remaining), number


def test_frame_proof(play: Callable[..., Any], writer: Callable[..., Any]) -> None:
    """Strangers who copy a victim's shape and network take nothing from a trusted one, nor from one that is cleared."""
    run, write = play(), writer(6)
    trusted = Principal(id="old", verified=True, links={"network": "as1"})
    newcomer, ask_old, ask_new = Principal(id="new", links={"network": "as1"}), write.person(), write.person()
    for _ in range(30):  # the newcomer has shown who it is before the strangers come
        run.clock.advance(600)
        run(newcomer, ask_new())
        run(trusted, ask_old())
    harvest(run, writer(7), members(40), 2500)
    outcomes = []
    for _ in range(100):
        run.clock.advance(600)
        outcomes.append((run(trusted, ask_old()), run(newcomer, ask_new())))

    assert all(old.allowed and old.tier < Tier.SOFT for old, _ in outcomes)
    assert sum(not new.allowed for _, new in outcomes) == 0


@given(repeats=st.integers(1, 30))
@settings(max_examples=20)
def test_retry_idempotent(repeats: int, play: Callable[..., Any]) -> None:
    """Repeating a refused body any number of times changes nothing that comes after."""
    once, often = play(SMALL), play(SMALL)
    for run, times in ((once, 1), (often, repeats)):
        for number in range(5):
            assert run("a", f"fill {number}").allowed
        for _ in range(times):
            assert not run("a", "one too many").allowed

    for number in range(20):
        once.clock.advance(2)
        often.clock.advance(2)
        one, other = once("a", f"later {number}"), often("a", f"later {number}")
        assert (one.allowed, one.tier, one.evidence, one.remaining) == (
            other.allowed, other.tier, other.evidence, other.remaining
        )


def test_a_retry_of_an_answered_body_teaches_nothing(play: Callable[..., Any]) -> None:
    """An SDK's retry is charged again, but neither scored nor learned."""
    run = play()
    run("a", "the same body")
    profile = run.store._principals.get(bytes.fromhex(run("a", "the same body").principal), now=run.clock.now())

    assert profile.words.prompts == 1


@pytest.mark.parametrize("where", ["text", "system", "earlier"])
def test_a_long_body_is_known_again_by_all_its_texts(where: str, play: Callable[..., Any]) -> None:
    """Sent again it is a retry; with one word changed, wherever it stands, it is not."""
    run, words = play(), [f"word{number}" for number in range(6000)]
    longest = {"text": " ".join(words), "system": "", "earlier": ()}
    if where != "text":
        longest |= {"text": "Go on. " * 2500, where: " ".join(words) if where == "system" else (" ".join(words),)}
    for _ in range(3):
        run("ann", **longest)
    words[3000] = "other"
    changed = " ".join(words)
    run("ann", **longest | {where: changed if where != "earlier" else (changed,)})
    ((_, profile),) = run.store._principals

    assert profile.folds == 2
    assert len(profile.bodies) == 2


def test_an_unanswered_request_teaches_nothing(play: Callable[..., Any]) -> None:
    """A request that the application refused leaves no trace in anybody's profile."""
    run = play()
    decision = run("a", "unauthenticated", answered=False)
    profile = run.store._principals.get(bytes.fromhex(decision.principal), now=run.clock.now())

    assert not profile.learned
    assert len(run.store._cohorts) == 0
    assert run.store.lexicon.prompts == 0


def test_the_same_trace_gives_the_same_decisions(play: Callable[..., Any], writer: Callable[..., Any]) -> None:
    """Decided twice, in two fresh stores, a trace of a crowd and a harvest gives the same decisions."""
    decisions = []
    for _ in range(2):
        run, write, rng = play(), writer(9), random.Random(9)
        people = [(Principal(id=f"p{number}"), write.person()) for number in range(20)]
        row = []
        for number in range(1200):
            run.clock.advance(30)
            who, ask = rng.choice(people)
            row.append(run(who, ask()))
            row.append(run(members(20)[number % 20], write.harvest()))
        decisions.append(row)

    assert decisions[0] == decisions[1]


def test_tightening_hands_out_no_fresh_burst(play: Callable[..., Any], writer: Callable[..., Any]) -> None:
    """A cohort that turns tight finds its shared budget spent: it is refused from the next request on."""
    run, write, accounts = play(), writer(1), members(40)
    for number in range(2000):
        run.clock.advance(1.0)
        decision = run(accounts[number % 40], TEMPLATE + write.harvest())
        if decision.tier >= Tier.SOFT:
            break

    assert decision.tier >= Tier.SOFT
    assert not decision.allowed


def test_a_flood_of_made_up_keys_fills_nothing_and_pushes_nobody_out(
    play: Callable[..., Any], writer: Callable[..., Any]
) -> None:
    """Principals that were never answered go first: 5,000 of them leave the 50 known ones as they were."""
    run, write = play(principals=100), writer(2)
    known = [(Principal(id=f"k{number}"), write.person()) for number in range(50)]
    for _ in range(5):
        for who, ask in known:
            run(who, ask())
    for number in range(5000):
        run(f"made up {number}", "hello", answered=False)

    assert len(run.store._principals) <= 100
    for who, ask in known:
        profile = run.store._principals.get(bytes.fromhex(run(who, ask()).principal), now=run.clock.now())
        assert profile.words.prompts >= 5


@pytest.mark.parametrize("hide", ["turn", "deep", "system"])
def test_a_payload_cannot_hide_behind_a_constant_last_turn(
    play: Callable[..., Any], writer: Callable[..., Any], hide: str
) -> None:
    """A harvest whose payload stands in a made-up earlier turn, or in the system text, is stopped like any other."""
    run, write = play(), writer(1)
    answered = 0
    for number in range(3000):
        run.clock.advance(60)
        payload = write.harvest()
        earlier = {"turn": (payload,), "deep": ("go on", "and on please", payload), "system": ()}[hide]
        decision = run(members(30)[number % 30], "please go on and finish your answer now", earlier=earlier,
                       system=payload if hide == "system" else "")
        answered += decision.allowed

    assert answered < 900


def test_a_conversation_sent_again_with_every_turn_is_no_repetition(
    play: Callable[..., Any], writer: Callable[..., Any]
) -> None:
    """Only what is new of a conversation is learned, so its own past does not fill up with itself."""
    run, ask = play(), writer(3).person()
    said: list[str] = []
    for _ in range(12):
        run.clock.advance(30)
        text = ask()
        decision = run("a", text, earlier=tuple(reversed(said)), system="You are kind.")
        said.append(text)
    profile = run.store._principals.get(bytes.fromhex(decision.principal), now=run.clock.now())

    assert profile.words.prompts == 12
    assert len(profile.pieces) == 13
    assert profile.words.absent(run.engine._words.array_of("kind")) > 0.8


def reachable(*roots: Any) -> list[Any]:
    """Return everything that *roots* hold, as deep as it goes, modules and types left out."""
    seen, waiting = {}, list(roots)
    while waiting:
        item = waiting.pop()
        if id(item) not in seen and not isinstance(item, type | ModuleType | FunctionType):
            seen[id(item)] = item
            waiting += gc.get_referents(item)
            if isinstance(item, msgspec.Struct):
                waiting += [getattr(item, name) for name in item.__struct_fields__]
    return list(seen.values())


def test_no_id_and_no_prompt_is_kept_in_clear(play: Callable[..., Any]) -> None:
    """After a request nothing that the engine or the store holds contains its id, its link, or its text."""
    run = play()
    who = Principal(id="sk-secret-id", links={"network": "as-secret-link"})
    run(who, "short words and averysecretwordofthirtyletters", system="system secret text")
    texts = [item for item in reachable(run.engine, run.store) if isinstance(item, str | bytes)]

    assert any("short" in text for text in map(repr, texts))  # what words are is remembered, one by one
    for secret in ("sk-secret-id", "as-secret-link", "averysecretwordofthirtyletters", "system secret text"):
        assert not any(secret in text if isinstance(text, str) else secret.encode() in text for text in texts), secret


def test_a_refusal_stands_until_something_changes(play: Callable[..., Any], writer: Callable[..., Any]) -> None:
    """A stopped harvest is refused from memory, and no decision differs from one worked out anew."""
    quick, slow = play(recalls=True), play(recalls=False)
    write, rng = writer(11), random.Random(11)
    people = [(Principal(id=f"p{number}", links={"network": "as1"}), write.person()) for number in range(10)]
    recalled = 0
    for number in range(3000):
        gap = rng.choice([1.0, 30.0, 600.0]) if number % 500 else 2 * DAY
        who, text = (members(30)[number % 30], write.harvest()) if number % 4 else (
            (found := rng.choice(people))[0], found[1]())
        for run in (quick, slow):
            run.clock.advance(gap)
        one, other = quick(who, text), slow(who, text)
        recalled += quick.recalled

        assert (one.allowed, one.tier, one.evidence) == (other.allowed, other.tier, other.evidence), number
        assert [row.units for row in one.remaining] == pytest.approx([row.units for row in other.remaining]), number
        assert one.retry_after <= other.retry_after + 1e-6
    assert recalled > 500
