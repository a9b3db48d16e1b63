"""Fields that hold one prompt or many, of text, of token ids, or of neither."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ratelimit.dialects import read_body
from ratelimit.dialects.rows import MOST
from ratelimit.policy import Policy

if TYPE_CHECKING:
    from ratelimit.prompt import Reading

TEXTS = st.text(min_size=1, max_size=9).filter(lambda text: not text.isspace())
IDS = st.lists(st.integers(0, 200_000), min_size=1, max_size=5)

#: Where a list is a batch, and what it stands under.
BATCHES = {
    "/v1/completions": "prompt", "/v1/embeddings": "input", "/v1/moderations": "input", "/v1/embed": "texts",
    "/v2/embed": "texts", "/v1/classify": "inputs", "/api/embed": "input", "/generate": "text", "/embed": "inputs",
    "/predict": "inputs", "/pooling": "input", "/classify": "input", "/tokenize": "inputs", "/model/m/invoke": "texts",
}
#: Of those, where token ids may stand too.
TOKENS = {
    "/v1/completions": "prompt", "/v1/embeddings": "input", "/generate": "input_ids", "/embed": "inputs",
    "/decode": "ids", "/pooling": "input", "/detokenize": "tokens", "/inference/v1/generate": "token_ids",
}


def read(path: str, body: Any) -> Reading:
    """Read *body*, sent to *path*."""
    return read_body(Policy().dialect_for(path), json.dumps(body).encode())


@pytest.mark.parametrize(("path", "key"), BATCHES.items())
@given(texts=st.lists(TEXTS, min_size=1, max_size=9))
def test_each_text_of_a_list_is_a_prompt(path: str, key: str, texts: list[str]) -> None:
    """In order, all of one shape; a text alone is one."""
    many, one = read(path, {"model": "m", key: texts}), read(path, {"model": "m", key: texts[0]})

    assert [prompt.text for prompt in many.prompts] == texts
    assert [prompt.text for prompt in one.prompts] == texts[:1]
    assert (many.count, one.count) == (len(texts), 1)
    assert len({prompt.parameters for prompt in many.prompts + one.prompts}) == 1


@pytest.mark.parametrize(("path", "key"), TOKENS.items())
@given(rows=st.lists(IDS, min_size=1, max_size=5))
def test_each_row_of_token_ids_is_a_prompt_without_text(path: str, key: str, rows: list[list[int]]) -> None:
    """A row alone is one; a number written as a float is the same number."""
    expected = [" ".join(map(str, row)) for row in rows]
    many, one = read(path, {key: rows}), read(path, {key: rows[0]})
    floats = read(path, {key: [float(number) for number in rows[0]]})

    assert [prompt.tokens for prompt in many.prompts] == expected
    assert {prompt.text for prompt in many.prompts} == {""}
    assert [prompt.tokens for prompt in one.prompts] == [prompt.tokens for prompt in floats.prompts] == expected[:1]


@pytest.mark.parametrize(("path", "body", "texts"), [
    ("/v1/rerank", {"query": "q", "documents": ["a", {"text": "b"}]}, ["q\na", "q\nb"]),
    ("/rerank", {"query": "q", "texts": ["a", "b"]}, ["q\na", "q\nb"]),
    ("/rerank", {"query": "q", "documents": ["a", "b"]}, ["q\na", "q\nb"]),
    ("/similarity", {"inputs": {"source_sentence": "q", "sentences": ["a", "b"]}}, ["q\na", "q\nb"]),
    ("/score", {"text_1": "q", "text_2": ["a", "b"]}, ["q\na", "q\nb"]),
    ("/score", {"text_1": ["q", "r"], "text_2": ["a", "b"]}, ["q\na", "r\nb"]),
    ("/v1/score", {"queries": ["q"], "documents": ["a"]}, ["q\na"]),
    ("/v1/score", {"query": "q", "items": ["a", "b", "c"]}, ["q\na", "q\nb", "q\nc"]),
    ("/predict", {"inputs": [["a", "b"], ["c"]]}, ["a\nb", "c"]),
    ("/v2/embed", {"inputs": [{"content": [{"type": "text", "text": text}]} for text in "ab"]}, ["a", "b"]),
    ("/v1/summarize", {"text": "a"}, ["a"]),
    ("/v1/generate", {"prompt": "a"}, ["a"]),
])
def test_each_pair_to_judge_is_a_prompt(path: str, body: Any, texts: list[str]) -> None:
    """A query with each document, a sentence with each other, a text with its counterpart."""
    assert [prompt.text for prompt in read(path, body).prompts] == texts


@pytest.mark.parametrize(("path", "body"), [
    ("/v1/embed", {"images": ["data:image/png;base64,AAAA", "data:image/png;base64,BBBB"]}),
    ("/model/m/invoke", {"images": ["data:image/png;base64,AAAA", "data:image/png;base64,BBBB"]}),
    ("/v1/completions", {"prompt_embeds": ["AAAA", "BBBB"]}),
    ("/v1/embeddings", {"input": [{"image": "AAAA"}, {"image": "BBBB"}]}),
    ("/generate", {"text": ["What is it?", "What is it?"], "image_data": ["AAAA", "BBBB"]}),
])
def test_each_image_of_a_list_is_a_prompt(path: str, body: Any) -> None:
    """Marked each by itself."""
    one, other = read(path, body).prompts

    assert len(one.media) == len(other.media) == 1
    assert one.media != other.media


@pytest.mark.parametrize("many", [MOST, MOST + 1, 20_000])
def test_of_a_very_large_batch_a_sample_is_read(many: int) -> None:
    """All are counted; which are read depends on the whole body, and is the same for the same body."""
    texts = [f"text {number}" for number in range(many)]
    reading, again = (read("/v1/embeddings", {"input": texts}) for _ in range(2))
    other = read("/v1/embeddings", {"input": [*texts[:-1], "another"]})

    assert reading.count == other.count == many
    assert len(reading.prompts) == min(many, MOST)
    assert again == reading
    assert (many <= MOST) == ([prompt.text for prompt in reading.prompts[:-1]] == texts[: MOST - 1])
    if many > 2 * MOST:
        assert len({prompt.text for prompt in reading.prompts} & {prompt.text for prompt in other.prompts}) < MOST // 2


def test_blanks_are_charged_and_not_observed() -> None:
    """They ask nothing, and take a place in the batch all the same."""
    reading = read("/v1/embeddings", {"input": ["a", " ", "", "b"]})

    assert ([prompt.text for prompt in reading.prompts], reading.count) == (["a", "b"], 4)


def test_one_that_cannot_be_read_hides_no_other() -> None:
    """In a batch of whole requests, each stands for itself; it is charged."""
    good = {"params": {"messages": [{"role": "user", "content": "a payload"}]}}
    reading = read("/v1/messages/batches", {"requests": [{"params": {"messages": 5}}, good, {}, {"params": 7}]})
    none = read("/v1/messages/batches", {"requests": [{"params": {"messages": 5}}]})

    assert [prompt.text for prompt in reading.prompts] == ["a payload"]
    assert reading.count == 4
    assert none.problem == "wrong-type"
    assert none.detail.startswith("Expected")
