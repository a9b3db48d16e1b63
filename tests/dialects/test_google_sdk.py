"""The google-genai package: what is read of it, and how it is refused."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from google import genai
from google.genai import errors, types

from ratelimit.dialects import Gemini, Refusal

Ask = Callable[[Any], Any]
INLINED = [{"contents": [{"parts": [{"text": text}], "role": "user"}]} for text in ("one", "two")]


@pytest.fixture
def sdk(wire: Any) -> Any:
    """Return a client whose every request is refused."""
    wire.refuse(Gemini())
    with genai.Client(api_key="k", http_options=types.HttpOptions(base_url=wire.url)) as client:
        yield client
        asyncio.run(client.aio.aclose())  # or it starts a task in whatever loop runs when it is collected


@pytest.mark.parametrize(
    ("texts", "ask"),
    [
        (["hi"], lambda sdk: sdk.models.generate_content(model="g", contents="hi")),
        (["hi"], lambda sdk: list(sdk.models.generate_content_stream(model="g", contents="hi"))),
        (["hi"], lambda sdk: sdk.models.count_tokens(model="g", contents="hi")),
        (["a", "b"], lambda sdk: sdk.models.embed_content(model="g", contents=["a", "b"])),
        (["one", "two"], lambda sdk: sdk.batches.create(model="g", src=INLINED)),
        ([], lambda sdk: sdk.batches.create(model="g", src="files/abc")),
    ],
)
def test_what_is_asked_is_read(texts: list[str], ask: Ask, wire: Any, sdk: Any) -> None:
    """Each prompt, whatever the method; the model is the path's; and the refusal is the SDK's own error."""
    with pytest.raises(errors.ClientError) as raised:
        ask(sdk)
    reading = wire.read()

    assert reading.dialect == "gemini"
    assert [prompt.text for prompt in reading.prompts] == texts
    assert reading.problem is None
    assert all('model="g"' in prompt.parameters for prompt in reading.prompts)
    assert (raised.value.code, raised.value.status) == (429, "RESOURCE_EXHAUSTED")
    assert raised.value.message == "The budget is spent. Try again in 7 seconds."
    assert {"retryDelay": "7s"}.items() <= raised.value.details["error"]["details"][1].items()


def test_a_call_with_everything(wire: Any, sdk: Any) -> None:
    """Text, image, system text and settings; a seed is no part of the shape."""
    with pytest.raises(errors.ClientError):
        sdk.models.generate_content(
            model="g",
            contents=["What is it?", types.Part.from_bytes(data=b"abc", mime_type="image/png")],
            config=types.GenerateContentConfig(system_instruction="Be brief.", temperature=0.5, seed=3),
        )
    (prompt,) = wire.read().prompts

    assert (prompt.text, prompt.system) == ("What is it?", "Be brief.")
    assert prompt.parameters == 'model="g"\ngeneration_config={"temperature":0.5}'
    assert [mark.partition(":")[0] for mark in prompt.media] == ["image"]


def test_a_chat_travels_with_its_history(wire: Any, sdk: Any) -> None:
    """The earlier user turns, and that the model has spoken."""
    said = (("user", "a"), ("model", "b"))
    history = [types.Content(role=role, parts=[types.Part(text=text)]) for role, text in said]
    with pytest.raises(errors.ClientError):
        sdk.chats.create(model="g", history=history).send_message("c")
    (prompt,) = wire.read().prompts

    assert (prompt.text, prompt.earlier, prompt.continues) == ("c", ("a",), True)


def test_a_stream_that_breaks_off_raises(wire: Any, sdk: Any) -> None:
    """After what came, Google's error object."""
    wire.break_off(Gemini(), begin=b'data: {"candidates":[{"content":{"parts":[{"text":"Hi"}],"role":"model"}}]}\n\n')
    stream = sdk.models.generate_content_stream(model="g", contents="hi")

    assert next(stream).text == "Hi"
    with pytest.raises(errors.ClientError, match="The budget is spent"):
        next(stream)


@pytest.mark.parametrize(("status", "word"), [(400, "INVALID_ARGUMENT"), (503, "UNAVAILABLE")])
def test_other_refusals_have_googles_words(status: int, word: str, wire: Any, sdk: Any) -> None:
    """A body refused unread and an outage."""
    wire.refuse(Gemini(), Refusal(status=status, code="broken", title="Broken", message="Mend it."))

    with pytest.raises(errors.APIError, match="Mend it") as raised:
        sdk.models.generate_content(model="g", contents="hi")
    assert raised.value.status == word
