"""Who calls in the demo, what is sent and when."""

from __future__ import annotations

import re
from collections import Counter

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ratelimit import gcra
from ratelimit.demo.calls import Call, Schedule
from ratelimit.demo.campaign import CAMPAIGN, campaign
from ratelimit.demo.people import honest
from ratelimit.demo.site import BUDGET
from ratelimit.demo.texts import subjects

SEED = st.integers(0, 1 << 16)
NOW = 1_760_000_000.0


def _prompt(call: Call) -> str:
    said = msgspec.json.decode(call.body)["messages"][-1]
    assert said["role"] == "user"
    return str(said["content"])


def _words(*texts: str) -> set[str]:
    return {word for text in texts for word in re.findall("[a-z]+", text.lower())}


@given(seed=SEED)
def test_the_same_seed_makes_the_same_schedule(seed: int) -> None:
    """Keys, ages, texts and times all follow from the seed."""
    one, other = ([*honest(seed, seconds=2.0), *campaign(seed, seconds=2.0, accounts=3)] for _ in range(2))

    assert [(due, call.caller.key, call.caller.age, call.body) for due, call in one] == [
        (due, call.caller.key, call.caller.age, call.body) for due, call in other
    ]


@given(seed=SEED)
def test_another_seed_makes_another_schedule(seed: int) -> None:
    """Neither keys nor texts stay the same."""
    one, other = (Schedule(honest(number, seconds=2.0)) for number in (seed, seed + 1))

    assert not one.callers.keys() & other.callers.keys()
    assert [call.body for _, call in one.calls] != [call.body for _, call in other.calls]


@given(seed=SEED, seconds=st.sampled_from([2.0, 50.0]))
def test_honest_callers_stay_within_their_budget(seed: int, seconds: float) -> None:
    """A fixed quota never refuses an honest call that is sent when it is due."""
    levels: dict[str, tuple[float, float]] = {}
    for due, call in Schedule(honest(seed, seconds=seconds)).calls:
        level, at = levels.get(call.caller.key, (0.0, 0.0))
        now = due * seconds
        grant = gcra.charge(level, at, now=now, refill=BUDGET.refill, burst=BUDGET.burst, cost=1.0)
        levels[call.caller.key] = grant.level, now

        assert grant.allowed


@given(seed=SEED, accounts=st.integers(1, 200), seconds=st.sampled_from([2.0, 6.0]))
def test_a_campaign_asks_nothing_twice_and_spreads_evenly(seed: int, accounts: int, seconds: float) -> None:
    """All payloads are distinct, and no account asks two more than another."""
    calls = [call for _, call in campaign(seed, seconds=seconds, accounts=accounts)]
    turns = Counter(call.caller.key for call in calls)
    spread = [turns[key] for key in {call.caller.key for call in calls}]

    assert len({_prompt(call) for call in calls}) == len(calls)
    assert max(spread) - min(spread) <= 1
    assert len(turns) == min(accounts, len(calls))


def test_no_word_gives_the_campaign_away() -> None:
    """The campaign has no word of its own: it speaks in the words that everybody's subjects are made of."""
    everybodys = _words(*(text for subject in subjects() for text in (*subject.frames, *subject.terms)))
    campaigners = _words(*(_prompt(call) for _, call in campaign(1, seconds=20.0, accounts=50)))

    assert len(campaigners) > 1000
    assert not campaigners - everybodys


def test_honest_people_have_few_subjects_and_the_campaign_has_all() -> None:
    """What tells them apart is what they ask about, and nothing else."""
    about: dict[str, set[str]] = {}
    for _, call in [*honest(1, seconds=50.0), *campaign(1, seconds=50.0, accounts=30)]:
        prompt = _prompt(call)
        found = max(subjects(), key=lambda one: sum(term in prompt for term in one.terms))
        who = CAMPAIGN if call.caller.group == CAMPAIGN else call.caller.name
        about.setdefault(who, set()).add(found.name)

    assert about.pop(CAMPAIGN) == {subject.name for subject in subjects()}
    assert max(len(names) for names in about.values()) < len(subjects()) / 4


def test_the_operators_table_says_what_an_operator_knows(schedule: Schedule) -> None:
    """Campaign accounts are hours to days old and unverified, and share a few networks."""
    accounts = schedule.accounts(now=NOW)
    young = [accounts[caller.key] for caller in schedule.groups[CAMPAIGN]]
    ages = [NOW - (principal.since_at or 0.0) for principal in young]

    assert accounts.keys() == schedule.callers.keys()
    assert all(3600.0 < age < 7 * 86_400.0 for age in ages)
    assert not any(principal.verified for principal in young)
    assert {principal.links["network"] for principal in young} <= {"cloud-1", "cloud-2", "cloud-3", "proxy-7"}


@pytest.mark.parametrize("group", ["chat people", "support bot", "batch job", "team", "writer (Anthropic)"])
def test_every_kind_of_honest_caller_calls(schedule: Schedule, group: str) -> None:
    """Each kind sends something, in its own dialect."""
    calls = [call for _, call in schedule.calls if call.caller.group == group]

    assert calls
    assert {call.path for call in calls} == {
        "/v1/messages" if group == "writer (Anthropic)" else "/v1/chat/completions"
    }


def test_conversations_resend_their_history() -> None:
    """A follow-up carries the turns before it, the model's own words among them."""
    turns = [len(msgspec.json.decode(call.body)["messages"]) for _, call in honest(1, seconds=20.0)
             if call.caller.group == "chat people"]

    assert set(turns) >= {1, 3, 5}
