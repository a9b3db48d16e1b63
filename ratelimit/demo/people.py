"""Honest callers of several kinds. Each asks about two or three subjects of its own, as people do."""

from __future__ import annotations

from datetime import timedelta
from random import Random
from typing import TYPE_CHECKING

from ratelimit.demo.calls import Caller, Timed, Turn
from ratelimit.demo.texts import Voice, answer, subjects

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ratelimit.demo.calls import Call
    from ratelimit.demo.texts import Subject

_CHAT = "chat-desktop/4.2"
_SDK = "AsyncOpenAI/Python 2.8.1"

# Ages in days. Some came yesterday: nobody is honest by age alone.
_CHAT_AGES = (420, 260, 180, 120, 75, 50, 33, 21, 12, 6, 2, 0.5)
# Some come through networks that the campaign uses too, as anybody behind a cloud or a proxy may.
_CHAT_NETWORKS = {3: "cloud-2", 9: "proxy-7", 11: "cloud-3"}

_TEAM_AGES = (340, 330, 150, 40, 3)

_HELP_DESK = (
    "You are the help desk of a shop. Answer in a friendly tone, in at most four sentences. "
    "If you do not know, say so and offer to pass the question on to a colleague."
)
_LABELS = "Label the record. Answer with JSON: {topic, mood, language}. No other text."
_ASSISTANT = (
    "You work for our team and nobody else. House style: short paragraphs, metric units, no exclamation marks. "
    "Name your assumptions first. If a number is a guess, mark it with a tilde."
)
_EDITOR = "You are a patient editor. Keep my voice, and tell me what you changed."


def honest(seed: int, *, seconds: float) -> Iterator[Timed]:
    """Yield the calls of all honest callers in a run of *seconds*; none of them comes near its budget."""
    for kind in (_chat_people, _support_bot, _batch_job, _team, _writer):
        yield from kind(seed, seconds)


def _chat_people(seed: int, seconds: float) -> Iterator[Timed]:
    for number, age in enumerate(_CHAT_AGES):
        rng = Random(f"{seed}/chat/{number}")
        caller = Caller(
            name=f"chat-{number:02}",
            group="chat people",
            key=_key(rng),
            age=timedelta(days=age),
            links={"network": _CHAT_NETWORKS.get(number, f"home-{number:02}")},
            program=_CHAT,
            parameters={"stream": True},
        )
        yield from _timed(rng, _conversations(caller, rng), per_second=0.5, seconds=seconds)


def _support_bot(seed: int, seconds: float) -> Iterator[Timed]:
    rng = Random(f"{seed}/support")
    caller = Caller(
        name="support-bot",
        group="support bot",
        key=_key(rng),
        age=timedelta(days=400),
        verified=True,
        links={"network": "shop", "payment": "contract-88"},
        program=_SDK,
        system=_HELP_DESK,
        parameters={"temperature": 0.2, "max_tokens": 300},
    )
    yield from _timed(rng, _popular(caller, rng), per_second=1.4, seconds=seconds)


def _batch_job(seed: int, seconds: float) -> Iterator[Timed]:
    rng = Random(f"{seed}/batch")
    caller = Caller(
        name="batch-job",
        group="batch job",
        key=_key(rng),
        age=timedelta(days=700),
        verified=True,
        links={"network": "cloud-1", "payment": "contract-12"},
        program=_SDK,
        system=_LABELS,
        parameters={"temperature": 0},
    )
    yield from _timed(rng, _records(caller, rng), per_second=1.6, seconds=seconds)


def _team(seed: int, seconds: float) -> Iterator[Timed]:
    for number, age in enumerate(_TEAM_AGES):
        rng = Random(f"{seed}/team/{number}")
        caller = Caller(
            name=f"team-{number}",
            group="team",
            key=_key(rng),
            age=timedelta(days=age),
            links={"network": "office", "payment": "invoice-204"},
            program=_SDK,
            system=_ASSISTANT,
            parameters={"temperature": 0.5},
        )
        yield from _timed(rng, _conversations(caller, rng), per_second=0.6, seconds=seconds)


def _writer(seed: int, seconds: float) -> Iterator[Timed]:
    rng = Random(f"{seed}/writer")
    caller = Caller(
        name="writer",
        group="writer (Anthropic)",
        key=_key(rng),
        age=timedelta(days=80),
        links={"network": "home-90"},
        program="AsyncAnthropic/Python 0.75.0",
        dialect="anthropic",
        system=_EDITOR,
        parameters={"max_tokens": 1024, "stream": True},
    )
    yield from _timed(rng, _conversations(caller, rng), per_second=0.6, seconds=seconds)


def _conversations(caller: Caller, rng: Random) -> Iterator[Call]:
    """Ask about a subject of one's own and go on about it for a while, the history resent each time; and again."""
    voice = Voice(rng, _own_subjects(rng))
    while True:
        said: list[Turn] = []
        prompt = voice.ask()
        while True:
            yield caller.call(prompt, before=said)
            if rng.random() < 0.5:
                break
            said += [("user", prompt), ("assistant", answer(prompt))]
            prompt = voice.follow_up()


def _popular(caller: Caller, rng: Random) -> Iterator[Call]:
    """Pass on the questions of a shop's customers: few questions come often (Zipf), many seldom."""
    voice = Voice(rng, _own_subjects(rng), sentences=(1, 1))
    questions = [voice.ask() for _ in range(60)]
    weights = [1 / rank for rank in range(1, len(questions) + 1)]
    while True:
        yield caller.call(rng.choices(questions, weights)[0])


def _records(caller: Caller, rng: Random) -> Iterator[Call]:
    """Put one record after the other into one template."""
    voice = Voice(rng, _own_subjects(rng))
    number = rng.randrange(10_000, 90_000)
    while True:
        number += 1
        yield caller.call(f"Record {number}\n---\n{voice.ask()}\n---\nLabel:")


def _own_subjects(rng: Random) -> list[Subject]:
    """Return what one person asks about: of two or three subjects some part, as nobody has to do with all of one."""
    return [subject.part(rng, rng.randint(10, 16)) for subject in rng.sample(subjects(), rng.randint(2, 3))]


def _timed(rng: Random, calls: Iterator[Call], *, per_second: float, seconds: float) -> Iterator[Timed]:
    many = max(2, round(per_second * seconds))
    dues = sorted(rng.random() for _ in range(many))
    return map(Timed, dues, calls)


def _key(rng: Random) -> str:
    return f"sk-{rng.getrandbits(128):032x}"
