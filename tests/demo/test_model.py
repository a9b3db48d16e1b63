"""The toy model, by the real SDKs over a real socket."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import anthropic
import httpx
import openai
import pytest

from ratelimit.demo.model import create_model
from ratelimit.demo.serve import serving
from ratelimit.demo.texts import answer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

PROMPT = "How much does a decent telescope cost these days, compared with the eyepiece?"
ASKED: Any = [{"role": "user", "content": PROMPT}]


@pytest.fixture
async def url() -> AsyncIterator[str]:
    """Serve the model."""
    async with serving(create_model()) as url:
        yield url


@pytest.fixture
async def openai_sdk(url: str) -> AsyncIterator[openai.AsyncOpenAI]:
    """Give the OpenAI SDK, without retries."""
    async with openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="sk-test", max_retries=0) as sdk:
        yield sdk


@pytest.fixture
async def anthropic_sdk(url: str) -> AsyncIterator[anthropic.AsyncAnthropic]:
    """Give the Anthropic SDK, without retries."""
    async with anthropic.AsyncAnthropic(base_url=url, api_key="sk-test", max_retries=0) as sdk:
        yield sdk


async def test_the_openai_sdk_gets_an_answer(openai_sdk: openai.AsyncOpenAI) -> None:
    """A plain chat completion has text, a reason to finish and usage."""
    reply = await openai_sdk.chat.completions.create(model="toy-1", messages=ASKED)

    assert reply.choices[0].message.content == answer(PROMPT)
    assert reply.choices[0].finish_reason == "stop"
    assert reply.usage is not None
    assert reply.usage.total_tokens == reply.usage.prompt_tokens + reply.usage.completion_tokens > 0


async def test_the_openai_sdk_streams_the_same_answer(openai_sdk: openai.AsyncOpenAI) -> None:
    """The chunks of a stream join to the plain answer; usage comes last, if it was asked for."""
    stream = await openai_sdk.chat.completions.create(
        model="toy-1", messages=ASKED, stream=True, stream_options={"include_usage": True}
    )
    chunks = [chunk async for chunk in stream]
    pieces = [choice.delta.content or "" for chunk in chunks for choice in chunk.choices]

    assert "".join(pieces) == answer(PROMPT)
    assert sum(map(bool, pieces)) > 1
    assert [choice.finish_reason for chunk in chunks for choice in chunk.choices][-1] == "stop"
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.completion_tokens == sum(map(bool, pieces))


async def test_the_anthropic_sdk_gets_an_answer(anthropic_sdk: anthropic.AsyncAnthropic) -> None:
    """A plain message has one block of text, a reason to stop and usage."""
    reply = await anthropic_sdk.messages.create(model="toy-1", max_tokens=100, messages=ASKED)

    assert reply.content[0].type == "text"
    assert reply.content[0].text == answer(PROMPT)
    assert reply.stop_reason == "end_turn"
    assert reply.usage.output_tokens > 0


async def test_the_anthropic_sdk_streams_the_same_answer(anthropic_sdk: anthropic.AsyncAnthropic) -> None:
    """The deltas of a stream join to the plain answer, and the SDK's own accumulator agrees."""
    async with anthropic_sdk.messages.stream(model="toy-1", max_tokens=100, messages=ASKED) as stream:
        pieces = [piece async for piece in stream.text_stream]
        final = await stream.get_final_message()

    assert "".join(pieces) == answer(PROMPT)
    assert len(pieces) > 1
    assert final.content[0].type == "text"
    assert final.content[0].text == answer(PROMPT)
    assert final.usage.output_tokens == len(pieces)


async def test_only_the_last_user_turn_is_answered(openai_sdk: openai.AsyncOpenAI) -> None:
    """A history travels along without changing what is answered, whether content is text or parts."""
    history: Any = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "What is a haiku?"},
        {"role": "assistant", "content": "A poem."},
        {"role": "user", "content": [{"type": "text", "text": PROMPT}]},
    ]
    reply = await openai_sdk.chat.completions.create(model="toy-1", messages=history)

    assert reply.choices[0].message.content == answer(PROMPT)


async def test_a_body_that_is_no_request_is_refused_as_each_sdk_expects(url: str) -> None:
    """Bad JSON gets a 400 with an error object of the dialect."""
    async with httpx.AsyncClient(base_url=url) as http:
        chat = await http.post("/v1/chat/completions", content=b"{")
        messages = await http.post("/v1/messages", content=b'{"messages": 1}')

    assert (chat.status_code, chat.json()["error"]["type"]) == (400, "invalid_request_error")
    assert (messages.status_code, messages.json()["error"]["type"]) == (400, "invalid_request_error")
    assert messages.json()["type"] == "error"
