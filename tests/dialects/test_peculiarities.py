"""What single APIs do that others do not, and where it could hide something."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ratelimit.dialects import read_body
from ratelimit.policy import Policy
from ratelimit.prompt import Prompt, Unreadable

GENERATE = "/v1beta/models/g:generateContent"


def only(path: str, body: Any) -> Prompt:
    """Return the one prompt of *body*, bytes or JSON, sent to *path*."""
    reading = read_body(Policy().dialect_for(path), body if isinstance(body, bytes) else json.dumps(body).encode())
    assert reading.problem is None, reading.detail
    (prompt,) = reading.prompts
    return prompt


@pytest.mark.parametrize("body", [
    b'{"Prompt": "a payload"}', b'{"prompt": "a decoy", "PROMPT": "a payload"}', b'{"\\u0050rompt": "a payload"}',
    '{"prompt": "Go on.", "\N{LATIN SMALL LETTER LONG S}uffix": "a payload"}'.encode(),
])
def test_ollama_takes_names_in_any_letters(body: bytes) -> None:
    """Go's decoder does, and of several the last counts."""
    assert only("/api/generate", body).text.removeprefix("Go on.\n") == "a payload"


def test_ollama_takes_them_within_messages_too() -> None:
    """Roles, contents and images; what is not Ollama's keeps its letters."""
    body = {"MESSAGES": [{"Role": "user", "CONTENT": "a payload", "Images": ["AAAA"]}], "tools": [{"Name": "F"}]}
    prompt = only("/api/chat", body)

    assert prompt.text == "a payload"
    assert prompt.media
    assert prompt.parameters == 'tools=[{"Name":"F"}]'


def test_ollamas_template_and_context_are_seen() -> None:
    """The template is system text; the context of another conversation is another prompt."""
    prompts = [only("/api/generate", {"prompt": "Go on.", "template": "{{ .Prompt }}!", "system": "Be brief.",
                                      "context": context, "suffix": "z"}) for context in ([1, 2], [1, 3])]

    assert (prompts[0].text, prompts[0].system) == ("Go on.\nz", "Be brief.\n{{ .Prompt }}!")
    assert prompts[0].continues
    assert prompts[0].media != prompts[1].media


@pytest.mark.parametrize("body", [
    {"contents": {"role": "user", "parts": {"text": "a payload"}}},
    {"contents": [{"parts": [{"text": "a payload"}]}]},
    {"contents": "a payload"},
    {"contents": [{"role": "user", "parts": [{"text": "a payload", "thoughtSignature": "x"}]}]},
    {"content": {"parts": [{"text": "a payload"}]}},
])
def test_gemini_takes_lists_and_single_ones(body: Any) -> None:
    """Protobuf's JSON does."""
    assert only(GENERATE, body).text == "a payload"


def test_gemini_in_both_spellings_is_read_in_both() -> None:
    """Whoever answers takes one of them, so neither is a decoy; camel and snake case are one shape."""
    contents = [{"role": "user", "parts": [{"text": "a"}]}]
    both = only(GENERATE, {"contents": contents, "systemInstruction": {"parts": [{"text": "one"}]},
                           "system_instruction": {"parts": {"text": "two"}}})
    camel, snake = (only(GENERATE, {"contents": contents, name: {"temperature": 1, "seed": number}}).parameters
                    for number, name in enumerate(("generationConfig", "generation_config")))

    assert set(both.system.split("\n")) == {"one", "two"}
    assert camel == snake == 'model="g"\ngeneration_config={"temperature":1}'


def test_geminis_thoughts_are_nobodys_turn_and_still_seen() -> None:
    """A part that claims to be a thought is marked."""
    one, other = (only(GENERATE, {"contents": [{"parts": [{"text": "a"}, {"text": text, "thought": True}]}]})
                  for text in ("hidden", "hidden too"))

    assert one.text == other.text == "a"
    assert one.media != other.media


def test_counting_gemini_tokens_of_a_whole_request() -> None:
    """``generateContentRequest`` holds a request."""
    body = {"generateContentRequest": {"model": "models/g", "contents": [{"parts": [{"text": "a payload"}]}]}}

    assert only("/v1beta/models/g:countTokens", body).text == "a payload"


@pytest.mark.parametrize(("body", "text"), [
    ({"inputs": "a payload", "parameters": {"seed": 1}}, "a payload"),
    ({"text": "a payload", "sampling_params": {"temperature": 0}}, "a payload"),
    ({"prompt": "a payload", "max_tokens": 5}, "a payload"),
    ({"query": "a payload"}, "a payload"),
    ({"messages": [{"role": "user", "content": "a payload"}]}, "a payload"),
    (b"a payload", "a payload"),
    (["a", "payload"], "a\npayload"),
    ({"inputs": True, "prompt": "a payload"}, "a payload"),
])
def test_a_path_of_several_servers_is_read_as_all_of_them(body: Any, text: str) -> None:
    """TGI, SGLang, vLLM's sample server, or an application of one's own at ``/generate``."""
    assert only("/generate", body).text == text


@pytest.mark.parametrize(("said", "text", "marks"), [
    ("See ![it](https://x/y.png)!", "See !", 1), ("![a](b)![c](d)", "", 2), ("![no", "![no", 0),
    ("![a](no", "![a](no", 0), ("a [link](b)", "a [link](b)", 0),
    ("![" + "x" * 300 + "](b) ![a](b)", "![" + "x" * 300 + "](b) ", 1),
])
def test_images_in_markdown_are_marked(said: str, text: str, marks: int) -> None:
    """TGI takes them so; what is none stays text."""
    prompt = only("/generate", {"inputs": said})

    assert (prompt.text, len(prompt.media)) == (text, marks)


def test_a_response_may_hold_bare_parts() -> None:
    """Parts without a message around them are the user's."""
    prompt = only("/v1/responses", {"input": [{"type": "input_text", "text": "What is it?"},
                                              {"type": "input_image", "image_url": "https://x"}]})

    assert prompt.text == "What is it?"
    assert len(prompt.media) == 1


def test_vllms_documents_and_template_are_seen() -> None:
    """Texts for the template are marked, and the template is system text."""
    messages = [{"role": "user", "content": "Answer from it."}]
    body = {"messages": messages, "chat_template": "{{ x }}"}
    one, other = (only("/v1/chat/completions", {**body, "documents": [{"text": text}]}) for text in ("one", "another"))

    assert one.media != other.media
    assert one.system == "{{ x }}"


def test_an_image_in_the_system_text_is_shown_with_the_question() -> None:
    """Wherever it stands, the model sees it."""
    image = {"type": "image_url", "image_url": {"url": "https://x/y.png"}}
    prompt = only("/v1/chat/completions", {"messages": [
        {"role": "system", "content": [image, {"type": "text", "text": "Be brief."}]}, {"role": "user", "content": "a"},
    ]})

    assert (prompt.text, prompt.system) == ("a", "Be brief.")
    assert len(prompt.media) == 1


def test_a_decoy_beside_an_image_hides_nothing() -> None:
    """Whatever member of a part is read by whom, all of them make its mark."""
    part = {"type": "image_url", "text": "what I always say", "image_url": {"url": "https://x/1"}, "file_id": "decoy"}
    parts = [part, part | {"image_url": {"url": "https://x/2"}}]
    one, other = (only("/v1/chat/completions", {"messages": [{"role": "user", "content": [part]}]}) for part in parts)

    assert one.text == other.text == "what I always say"
    assert one.media != other.media


@pytest.mark.parametrize("noise", [{"detail": "low"}, {"cache_control": {"type": "ephemeral"}}])
def test_what_moves_with_each_sending_is_no_part_of_an_image(noise: Any) -> None:
    """The resolution asked for, and where a cache begins."""
    image = {"type": "image_url", "image_url": {"url": "https://x/1"}}
    parts = (image, image | noise)
    one, other = (only("/v1/messages", {"messages": [{"role": "user", "content": [part]}]}) for part in parts)

    assert one.media == other.media


def test_too_many_images_are_few_marks() -> None:
    """One mark stands for those beyond, and any other image changes it."""
    def marks(last: str) -> tuple[str, ...]:
        images = [{"type": "image_url", "image_url": {"url": f"https://x/{number}"}} for number in range(99)]
        images.append({"type": "image_url", "image_url": {"url": last}})
        return only("/v1/chat/completions", {"messages": [{"role": "user", "content": images}]}).media

    assert len(marks("https://x/last")) == 32
    assert marks("https://x/last") != marks("https://x/other")


@pytest.mark.parametrize(("path", "body", "problem"), [
    ("/model/m/count-tokens", {"input": {"invokeModel": {"body": "%%%"}}}, Unreadable.WRONG_TYPE),
    ("/api/chat", {"messages": [{"role": "user", "content": "a", "images": [1]}]}, Unreadable.WRONG_TYPE),
    ("/v1/responses", {"input": [5]}, Unreadable.WRONG_TYPE),
    ("/v1/embeddings", {"input": [True]}, Unreadable.WRONG_TYPE),
    ("/v1/embeddings", {"input": []}, Unreadable.NO_PROMPT),
    (GENERATE, {"contents": [{"parts": 5}]}, Unreadable.WRONG_TYPE),
])
def test_what_no_server_takes_is_told_as_such(path: str, body: Any, problem: Unreadable) -> None:
    """A problem of its own, and words that say what to send."""
    reading = read_body(Policy().dialect_for(path), json.dumps(body).encode())

    assert reading.problem is problem
    assert reading.detail
