"""botocore, which speaks to Bedrock: what is read of it, and how it is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import botocore.session
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, EventStreamError

from ratelimit.dialects import Bedrock, Refusal

Ask = Callable[[Any], Any]
MODEL = "anthropic.claude-3-sonnet-20240229-v1:0"
PROFILE = "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.amazon.nova-lite-v1:0"
HELLO = {"role": "user", "content": [{"text": "hello"}]}
CLAUDE = json.dumps({"max_tokens": 9, "messages": [{"role": "user", "content": "hello"}]})


@pytest.fixture
def sdk(wire: Any) -> Any:
    """Return a client whose every request is refused, and who does not try again."""
    wire.refuse(Bedrock())
    session = botocore.session.get_session()
    session.set_credentials("key", "secret")
    config = Config(retries={"max_attempts": 0})
    client = session.create_client("bedrock-runtime", region_name="us-east-1", endpoint_url=wire.url, config=config)
    yield client
    client.close()


@pytest.mark.parametrize(
    ("model", "texts", "ask"),
    [
        (MODEL, ["hello"], lambda sdk: sdk.converse(modelId=MODEL, messages=[HELLO])),
        (PROFILE, ["hello"], lambda sdk: sdk.converse_stream(modelId=PROFILE, messages=[HELLO])),
        (MODEL, ["hello"], lambda sdk: sdk.invoke_model(modelId=MODEL, body=CLAUDE)),
        ("titan", ["hi"], lambda sdk: sdk.invoke_model(modelId="titan", body=json.dumps({"inputText": "hi"}))),
        ("embed", ["a", "b"], lambda sdk: sdk.invoke_model(modelId="embed", body=json.dumps({"texts": ["a", "b"]}))),
        ("llama", ["hi"], lambda sdk: sdk.invoke_model_with_response_stream(
            modelId="llama", body=json.dumps({"prompt": "hi"}))),
        (MODEL, ["hello"], lambda sdk: sdk.count_tokens(modelId=MODEL, input={"converse": {"messages": [HELLO]}})),
        (MODEL, ["hello"], lambda sdk: sdk.count_tokens(modelId=MODEL, input={"invokeModel": {"body": CLAUDE}})),
    ],
)
def test_what_is_asked_is_read(model: str, texts: list[str], ask: Ask, wire: Any, sdk: Any) -> None:
    """Each prompt, in Bedrock's own form or the vendor's; the model is the path's; and it is throttled as AWS does."""
    with pytest.raises(ClientError) as raised:
        ask(sdk)
    reading = wire.read()

    assert reading.dialect == "bedrock"
    assert [prompt.text for prompt in reading.prompts] == texts
    assert all(prompt.parameters.startswith(f'model="{model}"') for prompt in reading.prompts)
    assert raised.value.response["Error"] == {
        "Code": "ThrottlingException", "Message": "The budget is spent. Try again in 7 seconds.",
    }


def test_a_conversation_with_everything(wire: Any, sdk: Any) -> None:
    """Text, guarded text and an image; system text; tool results are nobody's turn."""
    image = {"image": {"format": "png", "source": {"bytes": b"abc"}}}
    result = {"toolResult": {"toolUseId": "t", "content": [{"text": "a tool said so"}]}}
    with pytest.raises(ClientError):
        sdk.converse(
            modelId=MODEL,
            system=[{"text": "Be brief."}],
            messages=[
                {"role": "user", "content": [{"text": "first"}]},
                {"role": "assistant", "content": [{"text": "yes"}]},
                {"role": "user", "content": [{"text": "What?"}, image, {"guardContent": {"text": {"text": "b"}}}]},
                {"role": "assistant", "content": [{"toolUse": {"toolUseId": "t", "name": "f", "input": {}}}]},
                {"role": "user", "content": [result]},
            ],
            inferenceConfig={"temperature": 0.5},
            promptVariables={"name": {"text": "a Roman"}},
        )
    (prompt,) = wire.read().prompts

    assert prompt.text == "What?\nb\na Roman"
    assert (prompt.system, prompt.earlier, prompt.continues) == ("Be brief.", ("first",), True)
    assert prompt.parameters.endswith('inferenceConfig={"temperature":0.5}')
    assert [mark.partition(":")[0] for mark in prompt.media] == ["image"]


def test_a_stream_that_breaks_off_raises(wire: Any, sdk: Any) -> None:
    """An exception in a frame of AWS's event stream, its checksums right."""
    wire.break_off(Bedrock(), media_type="application/vnd.amazon.eventstream")
    stream = sdk.converse_stream(modelId=MODEL, messages=[HELLO])["stream"]

    with pytest.raises(EventStreamError, match="The budget is spent") as raised:
        list(stream)
    assert raised.value.response["Error"]["Code"] == "throttlingException"


@pytest.mark.parametrize(("status", "word"), [(400, "ValidationException"), (503, "ServiceUnavailableException")])
def test_other_refusals_have_awss_words(status: int, word: str, wire: Any, sdk: Any) -> None:
    """A body refused unread and an outage."""
    wire.refuse(Bedrock(), Refusal(status=status, code="broken", title="Broken", message="Mend it."))

    with pytest.raises(ClientError, match="Mend it") as raised:
        sdk.converse(modelId=MODEL, messages=[HELLO])
    assert raised.value.response["Error"]["Code"] == word
