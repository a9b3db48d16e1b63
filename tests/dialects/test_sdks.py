"""Bodies as the real SDKs put them on a real socket, and refusals as they take them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import anthropic
import openai
import pytest

from ratelimit.dialects import AnthropicMessages, OpenAIChat, Refusal, read_body
from ratelimit.identify import DEFAULT_IDENTIFY, resolve

if TYPE_CHECKING:
    from ratelimit.dialects import Dialect
    from ratelimit.prompt import Prompt, Reading

REFUSAL = Refusal(
    status=429,
    code="rate_limit_exceeded",
    title="Quota Exceeded",
    message="The budget is spent. Try again in 7 seconds.",
    type="https://iana.org/assignments/http-problem-types#quota-exceeded",
    violated=("requests",),
)
PNG = "data:image/png;base64,iVBORw0KGgo="
WEATHER = {"type": "object", "properties": {"city": {"type": "string"}}}


def read(wire: Any, dialect: Dialect) -> Reading:
    """Read the last request as the middleware would."""
    request, body = wire.last
    assert dialect.claims(request.path)
    return read_body(dialect, body, content_type=request.header("content-type"))


def only(reading: Reading) -> Prompt:
    """Return the one prompt of a reading without a problem."""
    assert reading.problem is None, reading.detail
    (prompt,) = reading.prompts
    return prompt


def ask_openai(wire: Any, **arguments: Any) -> Reading:
    """Ask with the openai SDK, be refused, and return what was read."""
    wire.answer = OpenAIChat().error(REFUSAL)
    with openai.OpenAI(api_key="sk-openai", base_url=f"{wire.url}/v1", max_retries=0) as sdk:
        with pytest.raises(openai.RateLimitError) as caught:
            sdk.chat.completions.create(model="gpt-4o-mini", **arguments)
        assert caught.value.code == "rate_limit_exceeded"
        assert caught.value.type == "rate_limit_error"
    return read(wire, OpenAIChat())


def ask_anthropic(wire: Any, **arguments: Any) -> Reading:
    """Ask with the anthropic SDK, be refused, and return what was read."""
    wire.answer = AnthropicMessages().error(REFUSAL)
    with anthropic.Anthropic(api_key="sk-ant", base_url=wire.url, max_retries=0) as sdk:
        with pytest.raises(anthropic.RateLimitError) as caught:
            sdk.messages.create(model="claude-test", max_tokens=64, **arguments)
        assert caught.value.body == {
            "type": "error",
            "error": {"type": "rate_limit_error", "message": "The budget is spent. Try again in 7 seconds."},
        }
    return read(wire, AnthropicMessages())


@pytest.mark.parametrize("stream", [False, True])
def test_a_plain_openai_call(wire: Any, stream: bool) -> None:
    """Text, system text and parameters are read; streaming or not is no part of the shape."""
    messages = [{"role": "developer", "content": "Be brief."}, {"role": "user", "content": "Why is the sky blue?"}]
    prompt = only(ask_openai(wire, messages=messages, temperature=0.7, stream=stream, seed=3))

    assert prompt.text == "Why is the sky blue?"
    assert prompt.system == "Be brief."
    assert prompt.parameters == 'model="gpt-4o-mini"\ntemperature=0.7'
    assert not prompt.continues


def test_an_openai_call_with_images_tools_and_history(wire: Any) -> None:
    """The last user turn is found behind tool results; images have no text; tools are in the parameters."""
    call = {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Wien"}'}}
    tools = [{"type": "function", "function": {"name": "weather", "parameters": WEATHER}}]
    parts = [
        {"type": "text", "text": "What is this,"},
        {"type": "image_url", "image_url": {"url": PNG}},
        {"type": "text", "text": "and is it raining there?"},
    ]
    reading = ask_openai(
        wire,
        messages=[
            {"role": "user", "content": parts},
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "c1", "content": "rain"},
        ],
        tools=tools,
        user="bob",
        metadata={"run": "17"},
    )
    prompt = only(reading)

    assert prompt.text == "What is this,\nand is it raining there?"
    assert prompt.continues
    assert prompt.parameters.startswith('model="gpt-4o-mini"\ntools=')
    assert reading.end_user == "bob"


def test_an_azure_call(wire: Any) -> None:
    """Azure's paths are chat completions, and its key header names the principal."""
    wire.answer = OpenAIChat().error(REFUSAL)
    with (
        openai.AzureOpenAI(
            api_key="azure-key", azure_endpoint=wire.url, api_version="2024-10-21", max_retries=0
        ) as sdk,
        pytest.raises(openai.RateLimitError),
    ):
        sdk.chat.completions.create(model="deployed", messages=[{"role": "user", "content": "Hello"}])

    assert wire.last[0].path == "/openai/deployments/deployed/chat/completions"
    assert only(read(wire, OpenAIChat())).text == "Hello"


def test_a_plain_anthropic_call(wire: Any) -> None:
    """Text, system text, parameters and the end user are read."""
    reading = ask_anthropic(
        wire,
        system="Be brief.",
        messages=[{"role": "user", "content": "Why is the sky blue?"}],
        metadata={"user_id": "bob"},
        extra_body={"temperature": 0.5},
    )
    prompt = only(reading)

    assert (prompt.text, prompt.system, prompt.continues) == ("Why is the sky blue?", "Be brief.", False)
    assert prompt.parameters == 'model="claude-test"\nmax_tokens=64\ntemperature=0.5'
    assert reading.end_user == "bob"


def test_an_anthropic_tool_loop(wire: Any) -> None:
    """Tool results speak as the user and are not the user's turn; system blocks are joined."""
    prompt = only(
        ask_anthropic(
            wire,
            system=[{"type": "text", "text": "Be brief."}, {"type": "text", "text": "Be kind."}],
            messages=[
                {"role": "user", "content": [{"type": "text", "text": "Is it raining in Wien?"}]},
                {"role": "assistant", "content": [{"type": "tool_use", "id": "t1", "name": "weather", "input": {}}]},
                {
                    "role": "user",
                    "content": [
                        {"type": "tool_result", "tool_use_id": "t1", "content": [{"type": "text", "text": "rain"}]}
                    ],
                },
            ],
            tools=[{"name": "weather", "input_schema": WEATHER}],
        )
    )

    assert (prompt.text, prompt.system, prompt.continues) == ("Is it raining in Wien?", "Be brief.\nBe kind.", True)


def test_counting_tokens_reads_alike(wire: Any) -> None:
    """``count_tokens`` has the same body and is the same dialect."""
    wire.answer = AnthropicMessages().error(REFUSAL)
    with (
        anthropic.Anthropic(api_key="sk-ant", base_url=wire.url, max_retries=0) as sdk,
        pytest.raises(anthropic.RateLimitError),
    ):
        sdk.messages.count_tokens(model="claude-test", messages=[{"role": "user", "content": "Hello"}])

    assert only(read(wire, AnthropicMessages())).text == "Hello"


async def test_the_keys_of_both_sdks_name_principals(wire: Any) -> None:
    """Whatever header an SDK puts its key in, the default finds it."""
    ask_openai(wire, messages=[{"role": "user", "content": "a"}], user="bob")
    ask_anthropic(wire, messages=[{"role": "user", "content": "a"}])
    found = [await resolve(DEFAULT_IDENTIFY, request) for request, _ in wire.received]

    assert [principal.id for principal in found if principal] == ["key:sk-openai", "key:sk-ant"]


@pytest.mark.parametrize(("status", "error"), [(400, "BadRequestError"), (503, "InternalServerError")])
def test_other_refusals_raise_the_sdks_own_errors(wire: Any, status: int, error: str) -> None:
    """A body refused unread and an outage are told in the dialect too."""
    refusal = Refusal(status=status, code="broken", title="Broken", message="Mend it.")
    wire.status = status
    wire.answer = OpenAIChat().error(refusal)
    with (
        openai.OpenAI(api_key="k", base_url=wire.url, max_retries=0) as sdk,
        pytest.raises(getattr(openai, error), match=r"Mend it\."),
    ):
        sdk.chat.completions.create(model="m", messages=[])
    wire.answer = AnthropicMessages().error(refusal)
    with (
        anthropic.Anthropic(api_key="k", base_url=wire.url, max_retries=0) as sdk,
        pytest.raises(getattr(anthropic, error, anthropic.APIStatusError), match=r"Mend it\."),
    ):
        sdk.messages.create(model="m", max_tokens=1, messages=[])
