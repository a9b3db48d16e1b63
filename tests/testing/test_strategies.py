"""What the strategies draw is what they say, and shrinks to what a person reads."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import find, given, settings
from hypothesis import strategies as st

from ratelimit import DEFAULT_DIALECTS, Policy, RateLimitMiddleware
from ratelimit.dialects import read_body
from ratelimit.testing import ProtocolChecker, strategies, traces
from ratelimit.trace.case import Case
from ratelimit.trace.rows import read_row
from ratelimit.trace.side import Side


def dialect_for(path: str) -> Any:
    """Return what is spoken at *path* by default."""
    return Policy().dialect_for(path)


@pytest.mark.parametrize("dialect", sorted(strategies.BODIES))
def test_a_body_of_each_dialect_asks_what_it_says(dialect: str) -> None:
    """At its path, by its own reader."""

    @settings(max_examples=20, deadline=None)
    @given(drawn=strategies.bodies(dialect))
    def each(drawn: tuple[str, bytes, str]) -> None:
        path, body, text = drawn
        spoken = dialect_for(path)
        reading = read_body(spoken, body, content_type="application/json")

        assert spoken.name == dialect
        assert text in reading.prompts[0].payload

    each()


def test_there_is_a_body_for_every_dialect_that_carries_one_prompt() -> None:
    """Those that are left out read files, batches, sockets or media, or speak another's words."""
    left_out = {one.name for one in DEFAULT_DIALECTS} - set(strategies.BODIES)

    assert left_out <= {"openai-batches", "openai-files", "openai-media", "openai-realtime", "anthropic-batches",
                        "mistral", "vllm"}


@settings(max_examples=50, deadline=None)
@given(drawn=strategies.requests())
async def test_a_request_keeps_the_protocol(drawn: tuple[dict[str, Any], list[dict[str, Any]]]) -> None:
    """Cut anywhere it goes through the middleware, and both sides are checked."""
    scope, messages = drawn
    came: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        while (message := await receive()).get("more_body", False):
            came.append(message)
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def receive() -> Any:
        return messages.pop(0)

    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    await ProtocolChecker(RateLimitMiddleware(ProtocolChecker(app)))(scope, receive, send)

    assert sent[0]["status"] == 204


@settings(max_examples=60, deadline=None)
@given(rows=traces.mixed_traces() | traces.honest_traces() | traces.campaign_traces())
def test_a_trace_is_one_that_replay_reads(rows: list[dict[str, Any]]) -> None:
    """In order, each row whole, each body readable."""
    case, side = Case(), Side("drawn", [Policy()])
    for row in rows:
        case.take(read_row(msgspec.json.encode(row)))
        side.decide(case)

    assert [row["at"] for row in rows] == sorted(row["at"] for row in rows)
    assert side.tally.requests == len(rows)
    assert side.tally.unread == 0


@settings(max_examples=60, deadline=None)
@given(policy=strategies.policies(), who=strategies.principals(), prompt=strategies.prompts())
def test_policies_are_sound(policy: Policy, who: Any, prompt: Any) -> None:
    """Each decides a request of anybody."""
    from ratelimit.testing import Play  # noqa: PLC0415

    with Play(policy) as play:
        assert play.ask(who, prompt.text, system=prompt.system).policy == "default"


def test_traces_shrink_to_one_row() -> None:
    """What is found in many rows is told in as few as it takes."""
    smallest = find(traces.mixed_traces(), lambda rows: any("no 5" in str(row["body"]) for row in rows),
                    settings=settings(max_examples=2000, deadline=None, derandomize=True, database=None))

    assert len(smallest) <= 8


@given(drawn=st.data())
@settings(max_examples=50)
def test_cuts_join_to_the_whole(drawn: Any) -> None:
    """Whatever the places."""
    body = drawn.draw(st.binary(max_size=20))

    assert b"".join(drawn.draw(strategies.cuts(body))) == body
