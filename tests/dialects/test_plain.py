"""The dialect of everything else."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ratelimit.dialects import Plain, read_body
from ratelimit.prompt import Prompt, Unreadable

TEXTS = st.text(min_size=1, max_size=30).filter(lambda text: not text.isspace())
KEYS = ("prompt", "input", "inputs", "query", "question", "message", "text", "messages")


def read(body: Any) -> Prompt:
    """Return the one prompt that Plain reads in *body*."""
    reading = read_body(Plain(), json.dumps(body).encode())
    assert reading.problem is None, reading.detail
    (prompt,) = reading.prompts
    return prompt


@given(st.dictionaries(st.sampled_from(KEYS), TEXTS, min_size=1), st.dictionaries(TEXTS, TEXTS))
def test_every_documented_key_that_holds_text_is_read(keyed: dict[str, str], others: dict[str, str]) -> None:
    """Whatever else is in the body, in the stated order of keys: only the application knows which of them it reads."""
    texts = [keyed[key] for key in KEYS if key in keyed]

    assert read({**others, **keyed}).text == "\n".join(texts)


@given(st.dictionaries(TEXTS.map("own_".__add__), TEXTS, min_size=1, max_size=5), st.integers(), st.booleans())
def test_without_such_a_key_all_strings_are_the_text(own: dict[str, str], number: int, flag: bool) -> None:
    """In the order in which they stand, however deep; other values are parameters."""
    prompt = read({"model": "m", "own": [{"deep": own}], "number": number, "flag": flag})

    assert prompt.text == "\n".join(own.values())
    assert prompt.parameters == f'flag={str(flag).lower()}\nmodel="m"\nnumber={number}'


@pytest.mark.parametrize("value", [["a", "b"], [{"text": "a"}, {"type": "image", "url": "x"}, {"text": "b"}]])
def test_lists_under_a_key_are_joined(value: list[Any]) -> None:
    """Several texts are one prompt; parts without text add nothing."""
    assert read({"prompt": value}).text == "a\nb"


def test_other_fields_are_parameters_and_nonces_are_not() -> None:
    """Settings of the kind that text-generation servers take."""
    prompt = read({"inputs": "a", "parameters": {"temperature": 0.5}, "seed": 7, "stream": True, "system": "s"})

    assert prompt == Prompt(text="a", system="s", parameters='parameters={"temperature":0.5}')


@pytest.mark.parametrize("key", ["messages", "input"])
def test_a_list_of_turns_is_a_conversation(key: str) -> None:
    """The last user turn with text, the system text, and whether the model spoke before."""
    turns = [
        {"role": "system", "content": "s"},
        {"role": "user", "content": [{"type": "input_text", "text": "a"}]},
        {"role": "assistant", "content": "b"},
        {"type": "function_call_output", "output": "c"},
        {"type": "message", "role": "user", "content": [{"type": "input_image", "image_url": "x"}]},
    ]

    for prompt in (read({key: turns}), read(turns)):
        assert (prompt.text, prompt.system, prompt.continues) == ("a", "s", True)
        assert [mark.partition(":")[0] for mark in prompt.media] == ["image"]


@pytest.mark.parametrize(("value", "tokens"), [([1, 2], "1 2"), ([[1, 2], [3]], "1 2 3")])
def test_token_ids_under_a_key_are_read_without_text(value: list[Any], tokens: str) -> None:
    """Completions and embeddings take them; the ids are the words."""
    for body in ({"prompt": value}, {"input": value}, value):
        assert read(body) == Prompt(text="", tokens=tokens)


@pytest.mark.parametrize("body", [
    {"image": "iVBORw0KGgo=", "prompt": "What is it?"},
    {"prompt": "What is it?", "images": ["iVBORw0KGgo=", "R0lGODlh"]},
    {"prompt": "What is it?", "document": "word " * 100},
    {"messages": [{"role": "user", "content": "What is it?", "images": ["iVBORw0KGgo="]}]},
    {"messages": [{"role": "user", "content": [{"text": "What is it?"}, {"image": {"bytes": "iVBORw0KGgo="}}]}]},
])
def test_what_is_asked_about_is_marked(body: dict[str, Any]) -> None:
    """Images and long strings beside the text are no parameters: each other one is another prompt."""
    prompt, other = read(body), read(json.loads(json.dumps(body).replace("iV", "jV").replace("word", "wort")))

    assert (prompt.text, prompt.parameters) == ("What is it?", "")
    assert prompt.media
    assert (other.text, other.parameters) == (prompt.text, prompt.parameters)
    assert other.media != prompt.media


def test_an_image_alone_is_a_prompt() -> None:
    """Nothing but an image, under whatever key images have."""
    assert read({"image": "iVBORw0KGgo=", "model": "m"}).media == read({"image": "iVBORw0KGgo="}).media != ()


@pytest.mark.parametrize("body", [b"42", b"true", b"null", b"NaN", b"hello", b"prompt=a&b=c", b'{"prompt": "a"', b"[}"])
def test_what_is_no_json_of_objects_lists_or_strings_is_text_as_it_stands(body: bytes) -> None:
    """A body of a few words is a prompt."""
    reading = read_body(Plain(), body)

    assert [prompt.text for prompt in reading.prompts] == [body.decode()]


@pytest.mark.parametrize("body", [b"{}", b"[]", b'""', b'{"prompt": " "}', b'{"n": 1}', b'{"prompt": {}}', b" \n"])
def test_json_without_a_word_holds_no_prompt(body: bytes) -> None:
    """Numbers and blanks in an object ask nothing."""
    assert read_body(Plain(), body).problem is Unreadable.NO_PROMPT


def test_a_body_names_its_end_user() -> None:
    """The ``user`` of completions and embeddings."""
    assert read_body(Plain(), b'{"prompt": "a", "user": "bob"}').end_user == "bob"


@given(st.integers(100, 2000))
def test_a_flood_of_fields_leaves_a_bounded_prompt(count: int) -> None:
    """Parameters and joined text do not grow with the body."""
    body = {f"field{index:05}": index for index in range(count)} | {"long": ["word " * 50] * count}

    assert len(read(body).text) <= 1 << 16
    assert len(read(body).parameters) <= 4096
    assert len(read({**body, "prompt": "a"}).parameters) <= 4096
