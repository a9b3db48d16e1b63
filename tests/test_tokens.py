"""What requests cost in tokens before they are answered."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ratelimit.dialects import DEFAULT_DIALECTS, read_body
from ratelimit.errors import PolicyError
from ratelimit.policy import Policy
from ratelimit.request import Request
from ratelimit.tokens import Tokens, Usage

POLICY = Policy()


def estimate(path: str, body: Any, tokens: Tokens | None = None, headers: Any = ()) -> float:
    """Return what the request of *body* at *path* is estimated to cost."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    reading = read_body(POLICY.dialect_for(path), data)
    return (tokens or Tokens())(Request(path=path, reading=reading, headers=headers))


def chat(text: str, **fields: Any) -> dict[str, Any]:
    """Return a chat body."""
    return {"model": "m", "messages": [{"role": "user", "content": text}], **fields}


def test_text_counts_by_its_bytes() -> None:
    """Four bytes a token, in any script, and 256 for the answer."""
    assert estimate("/v1/chat/completions", chat("a" * 400)) == 100 + 256
    assert estimate("/v1/chat/completions", chat("字" * 400)) == 300 + 256
    assert estimate("/v1/chat/completions", chat("a" * 400), Tokens(bytes_per_token=2, output=0)) == 200


def test_system_text_and_earlier_turns_count() -> None:
    """All that travels along and is read."""
    messages = [{"role": "system", "content": "s" * 40}, {"role": "user", "content": "u" * 40},
                {"role": "assistant", "content": "not read"}, {"role": "user", "content": "v" * 40}]

    assert estimate("/v1/chat/completions", {"messages": messages}, Tokens(output=0)) == 30


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/chat/completions", chat("", max_tokens=50)),
        ("/v1/chat/completions", chat("", max_completion_tokens=50)),
        ("/v1/chat/completions", chat("", max_tokens=5, max_completion_tokens=50)),
        ("/v1/completions", {"prompt": "", "max_tokens": 50}),
        ("/v1/responses", {"input": "", "max_output_tokens": 50}),
        ("/v1/messages", {"max_tokens": 50, "messages": [{"role": "user", "content": ""}]}),
        ("/v1beta/models/m:generateContent",
         {"contents": [{"parts": [{"text": ""}]}], "generationConfig": {"maxOutputTokens": 50, "topK": 3}}),
        ("/api/generate", {"prompt": "", "options": {"num_predict": 50}}),
        ("/generate", {"inputs": "", "parameters": {"max_new_tokens": 50}}),
        ("/model/m/converse", {"messages": [{"role": "user", "content": [{"text": ""}]}],
                               "inferenceConfig": {"maxTokens": 50}}),
        ("/v2/chat", {"messages": [{"role": "user", "content": ""}], "max_tokens": 50}),
    ],
)
def test_a_bound_on_the_answer_counts(path: str, body: dict[str, Any]) -> None:
    """However the API calls it, and wherever it puts it."""
    text = json.dumps(body).replace('""', json.dumps("a" * 40)).encode()

    assert estimate(path, text) == 10 + 50


def test_a_huge_bound_counts_for_so_much_only() -> None:
    """Clients name the most that there is; several answers count each."""
    assert estimate("/v1/chat/completions", chat("aaaa", max_tokens=10**9)) == 1 + 4096
    assert estimate("/v1/chat/completions", chat("aaaa", max_tokens=10, n=3)) == 1 + 30
    assert estimate("/v1/chat/completions", chat("aaaa", max_tokens=10**400)) == 1 + 256


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/embeddings", {"input": ["a" * 20, "b" * 20]}),
        ("/v1beta/models/m:embedContent", {"content": {"parts": [{"text": "a" * 40}]}}),
        ("/v1/messages/count_tokens", {"messages": [{"role": "user", "content": "a" * 40}]}),
        ("/v1/moderations", {"input": "a" * 40}),
        ("/api/embed", {"input": "a" * 40}),
    ],
)
def test_where_nothing_is_generated_no_answer_counts(path: str, body: dict[str, Any]) -> None:
    """Only what the model is given."""
    assert estimate(path, body) == 10


def test_token_ids_and_files_count() -> None:
    """Ids one by one; an image as it is told."""
    image = {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}}
    seen = {"messages": [{"role": "user", "content": [{"type": "text", "text": "a" * 8}, image]}]}

    assert estimate("/v1/completions", {"prompt": [1, 2, 3]}, Tokens(output=0)) == 3
    assert estimate("/v1/chat/completions", seen, Tokens(output=0, per_file=85)) == 87


def test_what_was_not_read_counts_by_its_length() -> None:
    """A body that is broken or too long costs what it declares to be, and an answer."""
    assert estimate("/v1/chat/completions", b"{", headers=[(b"content-length", b"4000")]) == 1000 + 256
    assert estimate("/v1/chat/completions", b"{") == 256
    assert estimate("/v1/chat/completions", b"{", headers=[(b"content-length", "²".encode("latin-1"))]) == 256
    assert estimate("/v1/batches", {"input_file_id": "f"}) == 0


@given(body=st.recursive(st.none() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(
    st.sampled_from(["messages", "content", "role", "prompt", "input", "max_tokens", "n", "options"]), inner)),
    dialect=st.sampled_from(DEFAULT_DIALECTS))
def test_an_estimate_is_always_a_number(body: Any, dialect: Any) -> None:
    """Whatever the body."""
    reading = read_body(dialect, json.dumps(body).encode())

    assert 0 <= Tokens()(Request(reading=reading)) < 1e12


def test_weights_make_units() -> None:
    """Tokens that are made cost more than those given, and cached ones less; estimates are weighed alike."""
    tokens = Tokens(input_weight=2, output_weight=10, cached_weight=0.5)

    assert tokens.counted(Usage(input=10, output=3, cached=4)) == 12 + 2 + 30
    assert Tokens().counted(Usage(input=10, output=3, cached=99)) == 13
    assert estimate("/v1/chat/completions", chat("a" * 4, max_tokens=1), tokens) == 12


def test_what_cannot_work_is_said_at_once() -> None:
    """Each with the mend."""
    with pytest.raises(ExceptionGroup) as raised:
        Tokens(bytes_per_token=0, output=-1, most_output=float("nan"), cached_weight=True, input_weight="1")  # type: ignore[arg-type]

    assert all(isinstance(error, PolicyError) for error in raised.value.exceptions)
    assert len(raised.value.exceptions) == 5
