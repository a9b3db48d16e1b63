"""Cohorts by opening and by creation: who opens its prompts alike, or was made with others, moves together."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from ratelimit.cohort import ByCreation, ByLink, ByOpening, ByShape, ByTemplate
from ratelimit.decision import Tier
from ratelimit.policy import Policy
from ratelimit.principal import Principal
from ratelimit.prompt import Prompt, Reading
from ratelimit.request import Request

if TYPE_CHECKING:
    from collections.abc import Callable

TASK = "Solve the following task and write out all of your reasoning:"
BY_SHAPE = Policy(cohorts=(ByShape(), ByTemplate(), ByLink()))


def openings(*texts: str, words: int = 3) -> list[tuple[str, str]]:
    """Return the cohorts by opening of one request that asks *texts*."""
    prompts = tuple(Prompt(text=text, system=f"Be {number}.") for number, text in enumerate(texts))
    request = Request(reading=Reading(dialect="plain", prompts=prompts))
    return list(ByOpening(words=words).of(request, Principal(id="a")))


def test_an_opening_is_the_first_words_of_the_first_prompt() -> None:
    """Blanks do not count, nor what comes after; a body that was not read has none."""
    assert openings("Solve  this\n task:\n\nTwo and two.") == [("opening", "Solve this task:")]
    assert openings("Good morning", "Solve this task") == [("opening", "Good morning")]
    assert openings() == []


def test_very_long_words_are_bounded() -> None:
    """What is looked at of an opening is bounded, whatever its words are like."""
    assert [len(value) for _, value in openings("x" * 100_000)] == [256]


def harvest(run: Any, writer: Any, requests: int) -> int:
    """Harvest from forty unlinked accounts, each with a system text of its own; return how much is answered."""
    answered = 0
    for number in range(requests):
        run.clock.advance(60)
        who = f"m{number % 40}"
        answered += run(who, f"{TASK} {writer.harvest()}", system=f"You serve {who}.").allowed
    return answered


def test_a_harvest_with_one_opening_is_stopped_whatever_its_accounts_vary(
    play: Callable[..., Any], writer: Callable[..., Any]
) -> None:
    """Unlinked accounts whose system texts are all unlike are one harvest if their prompts open alike."""
    unseen, seen = play(BY_SHAPE), play()
    harvest(unseen, writer(1), 1500)
    harvest(seen, writer(1), 1500)

    assert harvest(unseen, writer(2), 1500) == 1500
    assert harvest(seen, writer(2), 1500) < 150


def test_strangers_to_a_harvest_may_use_its_words(play: Callable[..., Any], writer: Callable[..., Any]) -> None:
    """Sixty newcomers of unknown age whose jobs open with a harvest's very words, each about its own, lose nothing."""
    run, write = play(), writer(1)
    harvest(run, write, 1500)
    people = [(f"p{number}", write.person()) for number in range(60)]
    refused, tight = 0, 0
    for _ in range(1500):
        harvest(run, write, 1)
        who, ask = write.rng.choice(people)
        decision = run(who, f"{TASK} {ask()}", system=f"You serve {who}.")
        refused += not decision.allowed
        tight += decision.tier >= Tier.SOFT

    assert (refused, tight) == (0, 0)


def made(since: datetime | float | None, rule: ByCreation | None = None, **links: str) -> list[tuple[str, str]]:
    """Return the cohorts by creation of a principal."""
    return list((rule or ByCreation()).of(Request(), Principal(id="a", since=since, links=links)))


def test_an_hour_of_creation_counts_within_one_network() -> None:
    """Seconds do not count; another hour, another network, or neither known, is another matter."""
    noon = datetime(2026, 1, 1, 12, tzinfo=UTC)
    hour = made(noon, network="as1")

    assert len(hour) == 1
    assert hour == made(noon.timestamp() + 3599, network="as1")
    assert hour != made(noon + timedelta(hours=1), network="as1")
    assert hour != made(noon, network="as2")
    assert made(None, network="as1") == made(noon, payment="card-1") == []


def test_stretch_and_link_can_be_chosen() -> None:
    """A day within a payment, say."""
    day = ByCreation(within=timedelta(days=1), link="payment")
    noon = datetime(2026, 1, 1, 12, tzinfo=UTC)

    assert made(noon, day, payment="card-1") == made(noon + timedelta(hours=11), day, payment="card-1") != []


def crowded(run: Any, write: Any) -> tuple[int, int]:
    """Let a harvest hide in a network, one request in six; return what of the people and of it is answered.

    Bare, every account with a system text of its own, all made within seven minutes of the time in which people were.
    """
    since, answered = run.clock.now() - 25 * 86_400, [0, 0]
    links = {"network": "as1"}
    crowd = [(Principal(id=f"p{n}", links=links, since=since + 7200 * n), write.person()) for n in range(300)]
    farm = [Principal(id=f"m{n}", links=links, since=since + 2_000_000 + 10 * n) for n in range(40)]
    for step in range(6000):
        run.clock.advance(12)
        who, ask = (farm[step // 6 % 40], write.harvest) if step % 6 == 0 else write.rng.choice(crowd)
        answered[step % 6 == 0] += run(who, ask(), system=f"You serve {who.id}.").allowed
    return answered[0], answered[1]


def test_a_harvest_made_in_one_hour_is_seen_in_a_crowded_network(
    play: Callable[..., Any], writer: Callable[..., Any]
) -> None:
    """The network hides it; who came with it gives it away, and other people lose next to nothing by that."""
    without = crowded(play(Policy(cohorts=(ByShape(), ByTemplate(), ByOpening(), ByLink()))), writer(1))
    people, harvested = crowded(play(), writer(1))

    assert harvested < 500
    assert harvested < without[1] / 2
    assert people >= 4950
