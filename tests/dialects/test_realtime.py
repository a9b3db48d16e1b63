"""Events of OpenAI's websockets: which of them are prompts, what they ask, and how a refusal is told among them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.realtime import RealtimeErrorEvent
from openai.types.responses import ResponseErrorEvent

from ratelimit import OpenAIRealtime, OpenAIResponses, Override, Refusal, Unreadable
from ratelimit.dialects import DEFAULT_DIALECTS

REALTIME, RESPONSES = OpenAIRealtime(), OpenAIResponses()


def item(*parts: Any, **fields: Any) -> dict[str, Any]:
    """Return an event that adds an item."""
    content = [{"type": "input_text", "text": part} if isinstance(part, str) else part for part in parts]
    message = {"type": "message", "role": "user", "content": content}
    return {"type": "conversation.item.create", "item": message | fields}


def hear(dialect: Any, event: Any) -> Any:
    """Return what is read of *event*."""
    return dialect.hear(event if isinstance(event, bytes) else json.dumps(event).encode())


@pytest.mark.parametrize(
    ("dialect", "event", "asked"),
    [
        (REALTIME, item("What is it?"), "What is it?"),
        (REALTIME, item("a", "b"), "a\nb"),
        (REALTIME, item("hidden", role="system"), "hidden"),
        (REALTIME, item("hidden", role="poet"), "hidden"),
        (REALTIME, {"type": "response.create", "response": {"instructions": "Say hello."}}, "Say hello."),
        (REALTIME, {"type": "response.create", "response": {"input": [item("out of band")["item"]]}}, "out of band"),
        (RESPONSES, {"type": "response.create", "model": "m", "input": "Hi"}, "Hi"),
        (RESPONSES, {"type": "response.create", "input": [{"role": "user", "content": "Hi"}]}, "Hi"),
        (RESPONSES, {"type": "response.steer", "previous_response_id": "r", "input": "Rather this"}, "Rather this"),
        (RESPONSES, b'{"type": "response.create", "top_p": NaN, "input": "Hi"}', "Hi"),
    ],
)
def test_what_is_asked_is_read(dialect: Any, event: Any, asked: str) -> None:
    """In whatever place of the event it stands."""
    (prompt,) = hear(dialect, event).prompts

    assert prompt.payload == asked


@pytest.mark.parametrize(
    ("dialect", "event"),
    [
        (REALTIME, {"type": "session.update", "session": {"instructions": "Be kind."}}),
        (REALTIME, {"type": "input_audio_buffer.append", "audio": "AAAA"}),
        (REALTIME, {"type": "response.create"}),
        (REALTIME, {"type": "response.create", "response": {"output_modalities": ["text"]}}),
        (REALTIME, {"type": "response.cancel"}),
        (REALTIME, {"type": "conversation.item.create", "item": {"type": "function_call_output", "output": "42"}}),
        (REALTIME, item("said before", role="assistant")),
        (REALTIME, {"type": ["response.create"]}),
        (REALTIME, b"\x00\x01"), (REALTIME, b"[" * 10_000), (REALTIME, b""), (REALTIME, b"[]"),
        (RESPONSES, {"type": "response.cancel", "input": "Hi"}),
        (RESPONSES, {"input": "Hi"}),
    ],
)
def test_what_is_no_prompt_is_not_heard(dialect: Any, event: Any) -> None:
    """It passes."""
    assert hear(dialect, event) is None


def test_a_response_after_tools_is_a_request_without_a_prompt() -> None:
    """Over a websocket as over HTTP: it is charged, and asks nothing that could be observed."""
    event = {"type": "response.create", "previous_response_id": "r",
             "input": [{"type": "function_call_output", "call_id": "c", "output": "42"}]}
    reading = hear(RESPONSES, event)

    assert (reading.prompts, reading.problem, reading.count) == ((), None, 1)


def test_sound_and_images_are_marked() -> None:
    """By a hash of what they hold."""
    first, second = (hear(REALTIME, item({"type": "input_audio", "audio": data})).prompts[0].media
                     for data in ("AAAA", "BBBB"))

    assert first != second
    assert first[0].startswith("audio:")


def test_what_cannot_be_read_is_a_problem() -> None:
    """It meets the policy's rule, and does not slip through."""
    reading = hear(REALTIME, {"type": "conversation.item.create", "item": {"role": "user", "content": 5}})

    assert reading.problem is Unreadable.WRONG_TYPE


def test_a_refusal_is_an_error_event_of_the_sdks() -> None:
    """Both kinds of it, with the id of the event that was refused, and the lane that it came on."""
    event = item("hello") | {"event_id": "mine-1", "stream_id": "s2"}
    refusal = Refusal(status=429, code="rate_limit_exceeded", title="t", message="Spent.", retry_after=1.5,
                      call=hear(REALTIME, event).call)
    said = REALTIME.event_error(refusal)
    realtime, responses = RealtimeErrorEvent.model_validate_json(said), ResponseErrorEvent.model_validate_json(said)

    assert (realtime.error.event_id, realtime.error.code, realtime.error.type) == (
        "mine-1", "rate_limit_exceeded", "rate_limit_error")
    assert (responses.code, responses.message) == ("rate_limit_exceeded", "Spent.")
    assert json.loads(said)["stream_id"] == "s2"
    assert json.loads(said)["error"]["retry_after_ms"] == 1500


names = st.sampled_from(["type", "item", "role", "content", "response", "input", "instructions", "event_id"])
kinds = st.sampled_from(["response.create", "conversation.item.create"])
events = st.binary() | st.recursive(
    st.none() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(names, inner | kinds))


@given(events, st.sampled_from([REALTIME, RESPONSES]))
def test_no_event_is_too_odd(event: Any, dialect: Any) -> None:
    """Nothing raises, and whatever id it has can be repeated."""
    reading = hear(dialect, event)

    assert reading is None or dialect.event_error(
        Refusal(status=429, code="c", title="t", message="m", call=reading.call)).startswith(b'{"type":"error"')


def test_it_is_found_by_its_path() -> None:
    """Realtime and responses are heard, and what is put elsewhere is too; no other dialect is."""
    override = Override(paths=("/ws",), dialect=OpenAIRealtime())

    assert [dialect.name for dialect in DEFAULT_DIALECTS if dialect.hears] == ["openai-responses", "openai-realtime"]
    assert OpenAIRealtime().claims("/openai/v1/realtime")
    assert override.hears
    assert override.hear(json.dumps(item("Hi")).encode()) == hear(REALTIME, item("Hi"))
    assert override.event_error(Refusal(status=429, code="c", title="t", message="m"))[:8] == b'{"type":'
    assert hear(DEFAULT_DIALECTS[0], item("Hi")) is None
    assert REALTIME.read(json.dumps(item("Hi")).encode()) == hear(REALTIME, item("Hi"))
    assert REALTIME.read(b"{}").problem is Unreadable.NO_PROMPT
