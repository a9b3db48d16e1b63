"""The openai and anthropic packages, all that they ask besides chats: what is read of it, and how they are refused."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import anthropic
import openai
import pytest

from ratelimit.dialects import AnthropicMessages, OpenAIChat, OpenAIResponses

Ask = Callable[[Any], Any]
USER = {"role": "user", "content": "hello"}
LINES = [
    {"custom_id": "1", "method": "POST", "url": "/v1/chat/completions", "body": {"model": "m", "messages": [USER]}},
    {"custom_id": "2", "method": "POST", "url": "/v1/embeddings", "body": {"model": "e", "input": ["one", "two"]}},
    {"custom_id": "3", "method": "POST", "url": "/v1/responses", "body": {"model": "m", "input": "three"}},
]
JSONL = "\n".join(map(json.dumps, LINES)).encode()
PARTS = [{"type": "input_text", "text": "What is it?"}, {"type": "input_image", "image_url": "https://x/y.png"}]


@pytest.fixture
def sdk(wire: Any) -> Any:
    """Return an openai client whose every request is refused."""
    wire.refuse(OpenAIChat())
    with openai.OpenAI(api_key="k", base_url=f"{wire.url}/v1", max_retries=0) as client:
        yield client


@pytest.mark.parametrize(
    ("dialect", "texts", "ask"),
    [
        ("openai-responses", ["hi"], lambda sdk: sdk.responses.create(model="m", input="hi", instructions="Be brief.")),
        ("openai-responses", ["What is it?"], lambda sdk: sdk.responses.create(model="m", input=[
            {"role": "user", "content": "first"}, {"role": "assistant", "content": "yes"},
            {"type": "message", "role": "user", "content": PARTS},
            {"type": "function_call_output", "call_id": "c", "output": "a tool said so"},
        ])),
        ("openai-responses", ["a Roman"], lambda sdk: sdk.responses.create(
            model="m", prompt={"id": "pmpt_1", "variables": {"name": "a Roman"}})),
        ("openai-completions", ["a", "b"], lambda sdk: sdk.completions.create(model="m", prompt=["a", "b"])),
        ("openai-completions", ["a\nz"], lambda sdk: sdk.completions.create(model="m", prompt="a", suffix="z")),
        ("openai-completions", ["1 2"], lambda sdk: sdk.completions.create(model="m", prompt=[1, 2])),
        ("openai-completions", ["1 2", "3"], lambda sdk: sdk.completions.create(model="m", prompt=[[1, 2], [3]])),
        ("openai-embeddings", ["a", "b", "c"], lambda sdk: sdk.embeddings.create(model="m", input=["a", "b", "c"])),
        ("openai-embeddings", ["5 6"], lambda sdk: sdk.embeddings.create(model="m", input=[5, 6])),
        ("openai-moderations", ["a", "b"], lambda sdk: sdk.moderations.create(model="m", input=["a", "b"])),
        ("openai-media", ["a cat"], lambda sdk: sdk.images.generate(model="m", prompt="a cat")),
        ("openai-media", ["say it"], lambda sdk: sdk.audio.speech.create(model="m", input="say it", voice="alloy")),
        ("openai-files", ["hello", "one", "two", "three"],
         lambda sdk: sdk.files.create(file=("b.jsonl", JSONL), purpose="batch")),
    ],
)
def test_what_is_asked_is_read(dialect: str, texts: list[str], ask: Ask, wire: Any, sdk: Any) -> None:
    """Each prompt, by itself, whatever endpoint it goes to; and the refusal is the SDK's own error."""
    with pytest.raises(openai.RateLimitError) as raised:
        ask(sdk)
    reading = wire.read()

    assert reading.dialect == dialect
    assert [prompt.text or prompt.tokens for prompt in reading.prompts] == texts
    assert reading.count == len(texts)
    assert (raised.value.code, raised.value.type) == ("rate_limit_exceeded", "rate_limit_error")
    assert raised.value.response.headers["x-ratelimit-reset-requests"] == "7s"


@pytest.mark.parametrize(
    ("kind", "ask"),
    [
        ("image", lambda sdk, data: sdk.images.edit(model="m", prompt="a hat", image=("a.png", data, "image/png"))),
        ("audio", lambda sdk, data: sdk.audio.transcriptions.create(model="m", file=("a.wav", data, "audio/wav"))),
        ("file", lambda sdk, data: sdk.files.create(file=("a.pdf", data, "application/pdf"), purpose="user_data")),
        ("image", lambda sdk, data: sdk.responses.create(model="m", input=[{"role": "user", "content": [
            {"type": "input_image", "image_url": f"data:image/png;base64,{base64.b64encode(data).decode()}"}]}])),
        ("audio", lambda sdk, data: sdk.chat.completions.create(model="m", messages=[{"role": "user", "content": [
            {"type": "input_audio", "input_audio": {"data": base64.b64encode(data).decode(), "format": "wav"}}]}])),
        ("file", lambda sdk, data: sdk.chat.completions.create(model="m", messages=[{"role": "user", "content": [
            {"type": "file", "file": {"file_data": base64.b64encode(data).decode()}}]}])),
    ],
)
def test_media_are_marked_by_what_they_are(kind: str, ask: Callable[..., Any], wire: Any, sdk: Any) -> None:
    """The same image has the same mark in the next request, another has another; nothing of it is kept."""
    marks = []
    for data in (b"\x89one\xff", b"\x89one\xff", b"\x89two\xff"):
        with pytest.raises(openai.RateLimitError):
            ask(sdk, data)
        (prompt,) = wire.read().prompts
        marks.append(prompt.media)

    assert marks[0] == marks[1] != marks[2]
    assert [mark.partition(":")[0] for mark in marks[0]] == [kind]


def test_a_batch_that_is_started_asks_nothing_more(wire: Any, sdk: Any) -> None:
    """Its prompts were read with the file; it is one request, and nothing unreadable."""
    with pytest.raises(openai.RateLimitError):
        sdk.batches.create(input_file_id="file-1", endpoint="/v1/chat/completions", completion_window="24h")

    assert (wire.read().prompts, wire.read().problem, wire.read().count) == ((), None, 1)


def test_server_side_history_is_a_conversation(wire: Any, sdk: Any) -> None:
    """A response that goes on from another continues it, though no earlier turn travels along."""
    with pytest.raises(openai.RateLimitError):
        sdk.responses.create(model="m", input="more", previous_response_id="resp_1")

    assert wire.read().prompts[0].continues


def test_azures_deployment_is_the_model(wire: Any) -> None:
    """Azure answers with the deployment in the path, so a model made up in the body is no other shape."""
    wire.refuse(OpenAIChat())
    shapes = set()
    with openai.AzureOpenAI(api_key="k", azure_endpoint=wire.url, api_version="1", max_retries=0) as sdk:
        for body in ({}, {"model": "made up"}):
            with pytest.raises(openai.RateLimitError):
                sdk.embeddings.create(model="mine", input="a", extra_body=body)
            shapes.add(wire.read().prompts[0].parameters)

    assert shapes == {'model="mine"\nencoding_format="base64"'}


CHUNK = (b'data: {"id":"1","object":"chat.completion.chunk","created":1,"model":"m",'
         b'"choices":[{"index":0,"delta":{"content":"Hi"},"finish_reason":null}]}\n\n')


def test_a_chat_stream_that_breaks_off_raises(wire: Any, sdk: Any) -> None:
    """After what came, the error in OpenAI's words."""
    wire.break_off(OpenAIChat(), begin=CHUNK)
    stream = sdk.chat.completions.create(model="m", messages=[USER], stream=True)

    assert next(stream).choices[0].delta.content == "Hi"
    with pytest.raises(openai.APIError, match="The budget is spent") as raised:
        next(stream)
    assert raised.value.code == "rate_limit_exceeded"


def test_a_response_stream_that_breaks_off_raises(wire: Any, sdk: Any) -> None:
    """Responses stream events of their own; an error among them is one too."""
    wire.break_off(OpenAIResponses())

    with pytest.raises(openai.APIError, match="The budget is spent"):
        list(sdk.responses.create(model="m", input="hi", stream=True))


def test_a_messages_stream_that_breaks_off_raises(wire: Any) -> None:
    """Anthropic's event of an error."""
    wire.break_off(AnthropicMessages())
    with (
        anthropic.Anthropic(api_key="k", base_url=wire.url, max_retries=0) as sdk,
        pytest.raises(anthropic.APIStatusError, match="The budget is spent") as raised,
    ):
        list(sdk.messages.create(model="m", max_tokens=9, messages=[USER], stream=True))

    assert raised.value.body["error"]["type"] == "rate_limit_error"


def test_a_batch_of_messages_is_as_many_prompts(wire: Any) -> None:
    """Anthropic's batches travel in the body; Claude Code stops at the header."""
    wire.refuse(AnthropicMessages())
    requests = [
        {"custom_id": text, "params": {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": text}]}}
        for text in ("one", "two", "three")
    ]
    with (
        anthropic.Anthropic(api_key="k", base_url=wire.url, max_retries=0) as sdk,
        pytest.raises(anthropic.RateLimitError) as raised,
    ):
        sdk.messages.batches.create(requests=requests)
    reading = wire.read()

    assert reading.dialect == "anthropic-batches"
    assert [prompt.text for prompt in reading.prompts] == ["one", "two", "three"]
    assert raised.value.response.headers["anthropic-ratelimit-unified-status"] == "rejected"
