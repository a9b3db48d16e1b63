"""A harvest: one list of prompts without a repeat, walked through by many young accounts that take turns."""

from __future__ import annotations

from datetime import timedelta
from random import Random
from typing import TYPE_CHECKING

from ratelimit.demo.calls import Caller, Timed
from ratelimit.demo.texts import Voice, subjects

if TYPE_CHECKING:
    from collections.abc import Iterator

CAMPAIGN = "campaign"

#: Requests a second, over all accounts together.
PER_SECOND = 84.0

_BEGINS = 0.05  # into the run: first, honest people have the place to themselves
_NETWORKS = ("cloud-1", "cloud-2", "cloud-3", "proxy-7")
_TEMPLATE = (
    "You are an expert with decades of practice. Reason step by step before you answer, name the alternatives, "
    "then give the final answer in full."
)


def campaign(seed: int, *, seconds: float, accounts: int) -> Iterator[Timed]:
    """Yield the calls of a campaign over so many *accounts* in a run of *seconds*.

    It is as even as it can be: every account has its turn before any has its next, and none asks much.
    """
    rng = Random(f"{seed}/campaign")
    callers = [_account(rng, number) for number in range(accounts)]
    many = round(PER_SECOND * seconds * (1 - _BEGINS))
    dues = sorted(rng.uniform(_BEGINS, 1.0) for _ in range(many))
    return (
        Timed(due, caller.call(prompt))
        for due, caller, prompt in zip(dues, _turns(rng, callers), payloads(rng), strict=False)
    )


def payloads(rng: Random) -> Iterator[str]:
    """Yield prompts about everything there is, none of them twice."""
    voice = Voice(rng, subjects())
    asked = set()
    while True:
        prompt = voice.ask()
        if prompt not in asked:
            asked.add(prompt)
            yield prompt


def _account(rng: Random, number: int) -> Caller:
    return Caller(
        name=f"signup-{number:05}",
        group=CAMPAIGN,
        key=f"sk-{rng.getrandbits(128):032x}",
        age=timedelta(hours=rng.uniform(3, 144)),
        links={"network": rng.choice(_NETWORKS)},
        program="AsyncOpenAI/Python 2.8.1",
        system=_TEMPLATE,
        parameters={"temperature": 0.7, "max_tokens": 2048},
    )


def _turns(rng: Random, callers: list[Caller]) -> Iterator[Caller]:
    while True:
        yield from rng.sample(callers, len(callers))
