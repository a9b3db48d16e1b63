"""The usage that responses report: every API's, cut anywhere, however long; and what only looks like one."""

from __future__ import annotations

import itertools
import json
import tracemalloc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ratelimit.dialects.usage import WHOLE, UsageReader, counted, reader_of, usage_in
from ratelimit.tokens import Usage

SSE, JSON = "text/event-stream", "application/json"


def sse(*events: Any, end: str = "\n") -> bytes:
    """Return *events* as a stream of them."""
    told = [f"event: {event.get('type', 'x')}{end}data: {json.dumps(event)}{end}{end}" for event in events]
    return "".join(told).encode()


CHAT = [{"choices": [{"delta": {"content": text}}], "usage": None} for text in ("Hel", "lo")]
CHAT_USAGE: dict[str, Any] = {
    "choices": [], "usage": {"prompt_tokens": 20, "completion_tokens": 7, "total_tokens": 27,
                             "prompt_tokens_details": {"cached_tokens": 5}},
}
RESPONSES = [
    {"type": "response.created", "response": {"id": "r", "usage": None}},
    {"type": "response.output_text.delta", "delta": '"usage": {"input_tokens": 1}'},
    {"type": "response.completed", "response": {"id": "r", "output": [{"type": "message"}], "usage": {
        "input_tokens": 11, "input_tokens_details": {"cached_tokens": 4}, "output_tokens": 6, "total_tokens": 17}}},
]
ANTHROPIC = [
    {"type": "message_start", "message": {"id": "m", "usage": {
        "input_tokens": 9, "cache_creation_input_tokens": 3, "cache_read_input_tokens": 30, "output_tokens": 1}}},
    {"type": "content_block_delta", "delta": {"type": "text_delta", "text": "Hello"}},
    {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 12}},
    {"type": "message_stop"},
]
GEMINI = [
    {"candidates": [{}], "usageMetadata": {"promptTokenCount": 8, "candidatesTokenCount": 1}},
    {"candidates": [{}], "usageMetadata": {"promptTokenCount": 8, "candidatesTokenCount": 5, "thoughtsTokenCount": 2,
                                           "cachedContentTokenCount": 3, "totalTokenCount": 15}},
]
OLLAMA = [{"message": {"content": "a"}, "done": False}, {"done": True, "prompt_eval_count": 26, "eval_count": 98}]
COHERE = {"usage": {"billed_units": {"input_tokens": 1}, "tokens": {"input_tokens": 60, "output_tokens": 9}}}
CONVERSE = {"output": {}, "usage": {"inputTokens": 5, "outputTokens": 6, "cacheReadInputTokens": 10}}

REPORTS = [
    (SSE, sse(*CHAT, CHAT_USAGE) + b"data: [DONE]\n\n", Usage(input=20, output=7, cached=5)),
    (SSE, sse(*CHAT, CHAT_USAGE, end="\r\n"), Usage(input=20, output=7, cached=5)),
    (SSE, sse(*CHAT, CHAT_USAGE, end="\r"), Usage(input=20, output=7, cached=5)),
    (SSE, sse(*RESPONSES), Usage(input=11, output=6, cached=4)),
    (SSE, sse(*ANTHROPIC), Usage(input=42, output=12, cached=30)),
    (SSE, sse(*GEMINI), Usage(input=8, output=7, cached=3)),
    (JSON, json.dumps(CHAT_USAGE, indent=2).encode(), Usage(input=20, output=7, cached=5)),
    (JSON, json.dumps(RESPONSES[-1]["response"]).encode(), Usage(input=11, output=6, cached=4)),
    (JSON, json.dumps(GEMINI).encode(), Usage(input=8, output=7, cached=3)),
    (JSON, json.dumps(COHERE).encode(), Usage(input=60, output=9)),
    (JSON, json.dumps(CONVERSE).encode(), Usage(input=15, output=6, cached=10)),
    (JSON, b'{"object":"list","data":[],"usage":{"prompt_tokens":4,"total_tokens":4}}', Usage(input=4)),
    ("application/x-ndjson", b"\n".join(json.dumps(line).encode() for line in OLLAMA), Usage(input=26, output=98)),
    (SSE, sse(*CHAT), None),
    (JSON, b'{"usage": "none", "message": "nothing"}', None),
    (JSON, b"", None),
]


@pytest.mark.parametrize(("kind", "data", "usage"), REPORTS)
@given(cuts=st.lists(st.integers(0, 2000), max_size=12))
def test_it_is_read_wherever_the_chunks_are_cut(kind: str, data: bytes, usage: Usage | None, cuts: list[int]) -> None:
    """One byte at a time, or all at once: what was reported is known when the response ends."""
    reader = UsageReader(kind)
    edges = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    for start, end in itertools.pairwise(edges):
        reader.feed(data[start:end])

    assert reader.end() == usage


def test_what_is_long_is_read_at_its_end() -> None:
    """Embeddings of some megabytes, and a last event that repeats a whole response, end with their usage."""
    rows = json.dumps([[0.123456] * 1000] * 100)
    body = b'{"data": %s, "model": "m", "usage": {"prompt_tokens": 77, "total_tokens": 77}}' % rows.encode()
    event = {"type": "response.completed", "response": {"output": ["x" * 200_000], "usage": {"input_tokens": 5,
             "output_tokens": 6}, "user": None, "metadata": {}}}
    for kind, data, wanted in ((JSON, body, Usage(input=77)), (SSE, sse(event), Usage(input=5, output=6))):
        for size in (1, len(data)) if len(data) < 300_000 else (997, len(data)):
            reader = UsageReader(kind)
            for start in range(0, len(data), size):
                reader.feed(data[start : start + size])

            assert reader.end() == wanted


def test_what_is_kept_is_bounded() -> None:
    """A line that never ends takes no more memory than the bound, three times over."""
    for kind in (SSE, JSON):
        reader, chunk = UsageReader(kind), b'data: "usage' + b"x" * 1000
        tracemalloc.start()
        for _ in range(20_000):
            reader.feed(chunk)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()

        assert peak < 4 * WHOLE
        assert reader.end() is None


def test_what_the_model_says_is_no_report() -> None:
    """Neither a text that spells a usage out nor a tool's arguments that hold one are taken for the API's."""
    spelled = {"content": [{"type": "text", "text": '"usage": {"input_tokens": 0}'},
                           {"type": "tool_use", "input": {"usage": {"input_tokens": 0, "output_tokens": 0}}}]}

    assert usage_in(json.dumps(spelled).encode()) is None
    assert usage_in(json.dumps({"usage": {"input_tokens": 9}, **spelled}).encode()) == Usage(input=9)


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.integers() | st.text(), lambda inner: st.lists(inner)
       | st.dictionaries(st.sampled_from(["usage", "tokens", "message", "response", "input_tokens", "usageMetadata",
                                          "prompt_tokens_details", "cached_tokens", "eval_count"]), inner)))
def test_no_json_is_too_odd(value: Any) -> None:
    """Whatever stands where a usage stands: nothing raises, and no count is below zero or beyond belief."""
    usage = usage_in(json.dumps(value).encode())
    counts = () if usage is None else (usage.input, usage.output, usage.cached)

    assert all(0 <= count <= 3 * 10**9 for count in counts)


@given(st.binary(), st.sampled_from([SSE, JSON, "application/x-ndjson"]))
def test_no_bytes_are_too_odd(data: bytes, kind: str) -> None:
    """Nor are bytes that are no JSON."""
    reader = UsageReader(kind)
    reader.feed(b'data: {"usage": ' + data)

    assert reader.end() is None or isinstance(reader.end(), Usage)


def test_nesting_is_not_followed() -> None:
    """Ten thousand nested arrays are no usage, read whole or at the end."""
    deep = b'{"usage": {"input_tokens": ' + b"[" * 10_000

    assert usage_in(deep) is None
    assert usage_in(b"[" * 10_000) is None
    reader = UsageReader(JSON)
    reader.feed(b" " * WHOLE + deep)
    assert reader.end() is None


@pytest.mark.parametrize(
    ("headers", "read"),
    [
        ([(b"content-type", b"application/json; charset=utf-8")], True),
        ([(b"Content-Type", b"Text/Event-Stream")], True),
        ([(b"content-type", b"application/json"), (b"content-encoding", b"identity")], True),
        ([(b"content-type", b"application/json"), (b"content-encoding", b"gzip")], False),
        ([(b"content-type", b"text/html")], False),
        ([(b"content-type", b"application/vnd.amazon.eventstream")], False),
        ([], False),
    ],
)
def test_only_what_can_be_read_is(headers: list[tuple[bytes, bytes]], read: bool) -> None:
    """What is packed, or no JSON, is left alone: the estimate stands."""
    assert (reader_of(headers) is not None) is read


def test_counts_are_the_larger_of_what_is_reported() -> None:
    """A stream counts upwards, and reports in parts."""
    assert Usage(input=5, output=1) | Usage(output=9, cached=2) == Usage(input=5, output=9, cached=2)
    assert counted({"input_tokens": True, "output_tokens": -1}) is None
    assert counted({"input_tokens": 1e30}) == Usage(input=10**9)
