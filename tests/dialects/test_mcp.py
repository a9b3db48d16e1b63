"""The Model Context Protocol: which calls ask something, and what answers repeat."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ratelimit.dialects import MCP, Refusal, read_body
from ratelimit.prompt import Reading, Unreadable

REFUSAL = Refusal(status=429, code="rate_limit_exceeded", title="Quota Exceeded", message="Spent.")


def read(value: Any) -> Reading:
    """Read *value* as a body."""
    return read_body(MCP(), json.dumps(value).encode())


def call(method: str, params: Any = None, **fields: Any) -> dict[str, Any]:
    """Return one call."""
    return {"jsonrpc": "2.0", "id": 1, "method": method, "params": params, **fields}


@pytest.mark.parametrize(
    ("method", "params", "text", "named"),
    [
        ("tools/call", {"name": "f", "arguments": {"b": "x", "a": 1}}, '{"a":1,"b":"x"}', 'name="f"'),
        ("tools/call", {"name": "f"}, '{"name":"f"}', 'name="f"'),
        ("prompts/get", {"name": "p", "arguments": {"topic": "x"}}, '{"topic":"x"}', 'name="p"'),
        ("resources/read", {"uri": "file:///x"}, "file:///x", ""),
        ("completion/complete", {"ref": {"type": "t"}, "argument": {"name": "n", "value": "v"}},
         '{"name":"n","value":"v"}', 'ref={"type":"t"}'),
        ("message/send", {"message": {"parts": ["x"]}, "arguments": "a decoy"},
         '{"arguments":"a decoy","message":{"parts":["x"]}}', ""),
        ("anything", None, "null", ""),
    ],
)
def test_a_call_is_a_prompt(method: str, params: Any, text: str, named: str) -> None:
    """Its arguments are what is asked, in canonical JSON; its method and name are parameters."""
    (prompt,) = read(call(method, params)).prompts

    assert prompt.text == text
    assert prompt.parameters == "\n".join(filter(None, (f'method="{method}"', named)))


@pytest.mark.parametrize("value", [
    call("initialize", {"protocolVersion": "2025-11-25"}), call("ping"), call("tools/list"),
    {"jsonrpc": "2.0", "method": "notifications/initialized"}, {"jsonrpc": "2.0", "id": 1, "result": {"content": "x"}},
])
def test_small_talk_asks_nothing(value: Any) -> None:
    """It is no prompt, and nothing unreadable."""
    reading = read(value)

    assert (reading.prompts, reading.problem, reading.count) == ((), None, 1)


@given(ids=st.lists(st.integers() | st.text(max_size=9), min_size=1, max_size=20))
def test_several_calls_are_as_many_prompts_and_answers(ids: list[Any]) -> None:
    """A batch is answered with an error for each id, in order."""
    reading = read([call("tools/call", {"name": "f", "arguments": {"q": one}}, id=one) for one in ids])
    told = json.loads(MCP().error(Refusal(status=429, code="c", title="t", message="m", call=reading.call))[1])

    assert reading.count == len(reading.prompts) == len(ids)
    assert [error["id"] for error in told] == ids
    assert all(error["error"]["message"] == "m" for error in told)


@pytest.mark.parametrize(
    ("one", "said"), [(7, 7), ("a", "a"), (None, None), (1.5, None), ([1], None), ("x" * 10_000, None), (True, None)]
)
def test_the_answer_repeats_the_id(one: Any, said: Any) -> None:
    """A string or a whole number; what is none, or long, is not sent back."""
    reading = read(call("tools/call", {"name": "f", "arguments": {}}, id=one))
    media_type, body = MCP().error(Refusal(status=429, code="c", title="t", message="m", call=reading.call))
    told = json.loads(body)

    assert media_type == "application/json"
    assert (told["jsonrpc"], told["id"]) == ("2.0", said)
    assert told["error"]["code"] == -32029


def test_a_flood_of_calls_gets_one_short_answer() -> None:
    """A request of many ids does not make a response of many errors."""
    reading = read([call("tools/call", {"name": "f", "arguments": {"q": number}}, id=number) for number in range(5000)])

    assert reading.count == 5000
    assert len(MCP().error(Refusal(status=429, code="c", title="t", message="m", call=reading.call))[1]) < 1000


def test_the_error_is_an_event_in_a_stream() -> None:
    """Streamable HTTP sends messages as events."""
    assert MCP().stream_error(REFUSAL).startswith(b'event: message\ndata: {"jsonrpc":"2.0","id":null,"error":')


def test_what_is_no_json_rpc_is_read_all_the_same() -> None:
    """The path may be another application's."""
    assert [prompt.text for prompt in read({"prompt": "a payload", "jsonrpc": "1.0"}).prompts] == ["a payload"]
    assert [prompt.text for prompt in read_body(MCP(), b"a payload").prompts] == ["a payload"]
    assert read([]).problem is Unreadable.NO_PROMPT
