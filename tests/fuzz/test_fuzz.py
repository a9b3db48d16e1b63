"""Bodies that nobody documents, through the middleware: no exception, and no 5xx that the application did not send.

``RATELIMIT_FUZZ_BODIES=100000 pytest tests/fuzz`` tries as many of every dialect; without it a few hundred are tried.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ratelimit import DEFAULT_DIALECTS, Cause, ManualClock, MemoryStore, Policy, RateLimitMiddleware
from ratelimit.budget import Budget
from ratelimit.testing import converse, drive
from ratelimit.tokens import Tokens

if TYPE_CHECKING:
    from collections.abc import Callable

    from ratelimit import Decision

#: Bodies that one example of Hypothesis tries, from its seed: a failure names both.
EACH = 50
EXAMPLES = max(1, int(os.environ.get("RATELIMIT_FUZZ_BODIES", "400")) // EACH)

HOUR = timedelta(hours=1)

FOLDER = Path(__file__).parent
SAMPLES: dict[str, list[Any]] = json.loads((FOLDER / "bodies.json").read_text("utf-8"))
EVENTS: dict[str, list[Any]] = json.loads((FOLDER / "events.json").read_text("utf-8"))

seeds = st.integers(0, 2**64 - 1)
fuzzed = settings(max_examples=EXAMPLES, deadline=None, database=None)


class Guarded:
    """A guarded application that answers 200 to whatever reaches it, and knows what was decided."""

    def __init__(self, **fields: Any) -> None:
        self.decisions: list[Decision] = []
        self.clock = ManualClock(1_760_000_000.0)
        hour = Budget(quota=10**9, window=HOUR, burst=10**8)
        tokens = Budget(name="tokens", quota=10**15, window=HOUR, burst=10**14, cost=Tokens())
        policy = Policy(budgets=(hour, tokens), **fields)
        store = MemoryStore(clock=self.clock, secret=b"0123456789abcdef", principals=200, cohorts=200)
        self.app = RateLimitMiddleware(self._answer, policy, store=store, on_decision=self._note)

    def _note(self, decision: Decision, _: Any) -> None:
        self.decisions.append(decision)

    async def _answer(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.accept"})
            while (await receive())["type"] != "websocket.disconnect":
                await send({"type": "websocket.send", "text": "ok"})
            return
        while (await receive()).get("more_body"):
            pass
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"{}"})

    @property
    def failures(self) -> list[Decision]:
        """Return the decisions that something inside of us failed to make."""
        return [one for one in self.decisions if any(reason.cause is Cause.UNAVAILABLE for reason in one.reasons)]


def cut(draw: Random, body: bytes) -> list[bytes]:
    """Return *body* in a few messages."""
    places = sorted(draw.randrange(len(body) + 1) for _ in range(draw.choice((0, 0, 1, 3))))
    edges = [0, *places, len(body)]
    return [body[start:end] for start, end in pairwise(edges)]


@pytest.fixture(scope="module")
def guards() -> dict[str, Guarded]:
    """Give guarded applications that live on from example to example: what is learned from one meets the next."""
    return {"charge": Guarded(), "refuse": Guarded(unreadable="refuse"), "audit": Guarded(mode="audit")}


@pytest.mark.parametrize("dialect", SAMPLES)
@given(seed=seeds)
@fuzzed
async def test_no_body_breaks_it(
    dialect: str, seed: int, guards: dict[str, Guarded], mutate: Callable[..., Any]
) -> None:
    """Whatever the body, it is answered by the application, or by a 4xx of ours that says why."""
    draw = Random(seed)
    for number in range(EACH):
        path, sample = draw.choice(SAMPLES[dialect])
        body, headers = mutate(draw, sample)
        guarded = guards[draw.choice(tuple(guards))]
        guarded.clock.advance(draw.choice((0.0, 1.0, 600.0)))
        headers |= {"authorization": f"Bearer {draw.randrange(40)}", "content-length": str(len(body))}
        came = await drive(guarded.app, path=path, headers=headers, body=cut(draw, body))

        assert came.status < 500, (seed, number, path, headers, body, came.body)
        assert came.status == 200 or json.loads(came.body) is not None, (seed, number, path, body)
        assert not guarded.failures, (seed, number, path, headers, body, guarded.failures)
        guarded.decisions.clear()


@pytest.mark.parametrize("path", EVENTS)
@given(seed=seeds)
@fuzzed
async def test_no_message_breaks_it(
    path: str, seed: int, guards: dict[str, Guarded], mutate: Callable[..., Any]
) -> None:
    """Nor does one of a websocket: it passes, or is answered by an error event."""
    draw = Random(seed)
    guarded = guards[draw.choice(tuple(guards))]
    messages: list[Any] = []
    for _ in range(EACH):
        body, _headers = mutate(draw, draw.choice(EVENTS[path]))
        messages.append(body if draw.random() < 0.2 else body.decode("utf-8", "surrogateescape"))
    came = await converse(guarded.app, *messages, path=path, headers={"authorization": f"Bearer {draw.randrange(40)}"})

    assert len(came.said) == EACH, (seed, came.closed)
    assert all(said == "ok" or json.loads(said)["type"] == "error" for said in came.said), seed
    assert not guarded.failures, (seed, guarded.failures)
    guarded.decisions.clear()


def test_every_dialect_is_tried(mutate: Callable[..., Any]) -> None:
    """None is left out, and each is found at the paths of its samples; most mutants are read as prompts still."""
    policy, draw, kinds = Policy(), Random(1), Counter[bool]()
    assert SAMPLES.keys() == {dialect.name for dialect in DEFAULT_DIALECTS}
    for name, samples in SAMPLES.items():
        for path, sample in samples:
            found = policy.dialect_for(path)
            assert found.name == name, path
            for _ in range(20):
                kinds[bool(found.read(mutate(draw, sample)[0]).prompts)] += 1

    assert kinds[True] > 400
    assert kinds[False] > 200
