"""The packages cohere, mistralai, ollama and huggingface_hub: what is read of them, and how they are refused."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import cohere
import ollama
import pytest
from huggingface_hub import InferenceClient, close_session
from huggingface_hub.errors import HfHubHTTPError, OverloadedError
from mistralai.client import Mistral as MistralSDK
from mistralai.client.errors import SDKError

from ratelimit.dialects import TGI, Cohere, Mistral, Ollama

Ask = Callable[[Any], Any]
USER = {"role": "user", "content": "hello"}
ONCE: Any = {"max_retries": 0}
MESSAGE = "The budget is spent. Try again in 7 seconds."


def texts_of(wire: Any, dialect: str) -> list[str]:
    """Return the texts that were read, with the *dialect* of this name."""
    reading = wire.read()
    assert (reading.dialect, reading.problem, reading.count) == (dialect, None, max(1, len(reading.prompts)))
    return [prompt.text for prompt in reading.prompts]


def ask_cohere(url: str, sdk: Any, method: str, **arguments: Any) -> Any:
    """Return what the *method* of a client of the class *sdk* returns; the client is closed."""
    with sdk(api_key="k", base_url=url) as client:
        return getattr(client, method)(**arguments, request_options=ONCE)


@pytest.mark.parametrize(
    ("texts", "sdk", "method", "arguments"),
    [
        (["hello"], cohere.ClientV2, "chat", {"model": "m", "messages": [USER], "documents": ["a document"]}),
        (["a", "b"], cohere.ClientV2, "embed", {"model": "m", "texts": ["a", "b"], "input_type": "search_query"}),
        (["q\na", "q\nb"], cohere.ClientV2, "rerank", {"model": "m", "query": "q", "documents": ["a", "b"]}),
        (["hello"], cohere.Client, "chat", {"message": "hello", "preamble": "Be brief."}),
        (["a", "b"], cohere.Client, "classify", {"inputs": ["a", "b"], "model": "m"}),
    ],
)
def test_cohere_is_read_and_refused(
    texts: list[str], sdk: Any, method: str, arguments: dict[str, Any], wire: Any
) -> None:
    """Chats of both versions, texts to embed or classify, and documents to rank, each with the query."""
    wire.refuse(Cohere())
    with pytest.raises(cohere.TooManyRequestsError) as raised:
        ask_cohere(wire.url, sdk, method, **arguments)

    assert texts_of(wire, "cohere") == texts
    assert raised.value.body["message"] == MESSAGE


def test_a_cohere_chat_with_everything(wire: Any) -> None:
    """System text, image and documents; the old version's preamble and history."""
    wire.refuse(Cohere())
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
    parts = [{"type": "text", "text": "What is it?"}, image]
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": parts}]
    history = [{"role": "USER", "message": "a"}, {"role": "CHATBOT", "message": "b"}]
    with pytest.raises(cohere.TooManyRequestsError):
        ask_cohere(wire.url, cohere.ClientV2, "chat", model="m", messages=messages,
                   documents=["one", {"data": {"text": "two"}}])
    new = wire.read().prompts[0]
    with pytest.raises(cohere.TooManyRequestsError):
        ask_cohere(wire.url, cohere.Client, "chat", message="c", preamble="Be kind.", chat_history=history)
    old = wire.read().prompts[0]

    assert (new.text, new.system) == ("What is it?", "Be brief.")
    assert [mark.partition(":")[0] for mark in new.media] == ["image", "file", "file"]
    assert (old.text, old.system, old.earlier, old.continues) == ("c", "Be kind.", ("a",), True)


def test_cohere_streams_end_with_the_error(wire: Any) -> None:
    """In version 2 the end of the message says it, in version 1 the end of the stream."""
    wire.break_off(Cohere())
    with cohere.ClientV2(api_key="k", base_url=wire.url) as sdk:
        *_, new = sdk.chat_stream(model="m", messages=[USER])
    wire.break_off(Cohere(end="/v1/chat"), media_type="application/stream+json")
    with cohere.Client(api_key="k", base_url=wire.url) as sdk:
        *_, old = sdk.chat_stream(message="hello")

    assert (new.delta.finish_reason, new.delta.error) == ("ERROR", MESSAGE)
    assert (old.finish_reason, old.is_finished) == ("ERROR", True)


JOB = [{"custom_id": text, "body": {"messages": [{"role": "user", "content": text}]}} for text in ("one", "two")]
FILE = "3fa85f64-5717-4562-b3fc-2c963f66afa6"


@pytest.mark.parametrize(
    ("texts", "ask"),
    [
        (["a\nz"], lambda sdk: sdk.fim.complete(model="m", prompt="a", suffix="z")),
        (["hello"], lambda sdk: sdk.agents.complete(agent_id="a", messages=[USER])),
        (["hello"], lambda sdk: sdk.beta.conversations.start(model="m", inputs="hello", instructions="Be brief.")),
        (["hello"], lambda sdk: sdk.beta.conversations.append(
            conversation_id="c", inputs=[{**USER, "type": "message.input"}])),
        ([""], lambda sdk: sdk.ocr.process(model="m", document={"type": "document_url", "document_url": "https://x"})),
        (["one", "two"], lambda sdk: sdk.batch.jobs.create(endpoint="/v1/chat/completions", model="m", requests=JOB)),
        ([], lambda sdk: sdk.batch.jobs.create(endpoint="/v1/chat/completions", model="m", input_files=[FILE])),
    ],
)
def test_mistral_is_read_and_refused(texts: list[str], ask: Ask, wire: Any) -> None:
    """What Mistral has of its own, in its words."""
    wire.refuse(Mistral())
    with MistralSDK(api_key="k", server_url=wire.url) as sdk, pytest.raises(SDKError, match="rate_limited") as raised:
        ask(sdk)

    assert texts_of(wire, "mistral") == texts
    assert raised.value.status_code == 429


def test_mistral_in_a_house_of_its_own(wire: Any) -> None:
    """Its chat has OpenAI's paths; under ``/mistral/`` it is answered in its own words."""
    wire.refuse(Mistral())
    with MistralSDK(api_key="k", server_url=f"{wire.url}/mistral") as sdk, pytest.raises(SDKError):
        sdk.chat.complete(model="m", messages=[{"role": "user", "content": [
            {"type": "text", "text": "What is it?"}, {"type": "image_url", "image_url": "https://x/y.png"}]}])

    assert texts_of(wire, "mistral") == ["What is it?"]
    assert wire.read().prompts[0].media


@pytest.mark.parametrize(
    ("texts", "ask"),
    [
        (["hi"], lambda sdk: sdk.generate(model="m", prompt="hi", system="Be brief.", options={"seed": 3})),
        (["hello"], lambda sdk: sdk.chat(model="m", messages=[{**USER, "images": ["aGVsbG8="]}])),
        (["a", "b"], lambda sdk: sdk.embed(model="m", input=["a", "b"])),
        (["a"], lambda sdk: sdk.embeddings(model="m", prompt="a")),
    ],
)
def test_ollama_is_read_and_refused(texts: list[str], ask: Ask, wire: Any) -> None:
    """Generate, chat with an image, embed."""
    wire.refuse(Ollama())
    with (
        ollama.Client(host=wire.url) as sdk,
        pytest.raises(ollama.ResponseError, match="The budget is spent") as raised,
    ):
        ask(sdk)

    assert texts_of(wire, "ollama") == texts
    assert raised.value.status_code == 429


def test_an_ollama_stream_that_breaks_off_raises(wire: Any) -> None:
    """A line of JSON with the error."""
    begin = b'{"model":"m","message":{"role":"assistant","content":"Hi"},"done":false}\n'
    wire.break_off(Ollama(), media_type="application/x-ndjson", begin=begin)
    with ollama.Client(host=wire.url) as sdk:
        stream = sdk.chat(model="m", messages=[USER], stream=True)
        said = next(stream).message.content
        with pytest.raises(ollama.ResponseError, match="The budget is spent"):
            next(stream)

    assert said == "Hi"


@pytest.fixture
def hub() -> Iterator[None]:
    """Leave no session of huggingface_hub open."""
    yield
    close_session()


@pytest.mark.usefixtures("hub")
def test_tgi_is_read_and_refused(wire: Any) -> None:
    """Hugging Face's client knows an overloaded server; an image in Markdown is marked."""
    wire.refuse(TGI())
    with pytest.raises(OverloadedError, match="The budget is spent"):
        InferenceClient(f"{wire.url}/generate").text_generation("What is ![it](https://x/y.png)?", seed=4)

    assert texts_of(wire, "tgi") == ["What is ?"]
    assert wire.read().prompts[0].media
    assert wire.read().prompts[0].parameters == ""


@pytest.mark.usefixtures("hub")
@pytest.mark.parametrize(
    ("texts", "path", "ask"),
    [
        (["hi"], "embed", lambda sdk: sdk.feature_extraction("hi")),
        (["a\nb", "a\nc"], "similarity", lambda sdk: sdk.sentence_similarity("a", ["b", "c"])),
    ],
)
def test_tei_is_read_and_refused(texts: list[str], path: str, ask: Ask, wire: Any) -> None:
    """Texts to embed, and sentences to compare with a source."""
    wire.refuse(TGI())
    with pytest.raises(HfHubHTTPError, match="The budget is spent"):
        ask(InferenceClient(f"{wire.url}/{path}"))

    assert texts_of(wire, "tei") == texts


@pytest.mark.usefixtures("hub")
def test_a_tgi_stream_that_breaks_off_raises(wire: Any) -> None:
    """An event with the error and its type."""
    wire.break_off(TGI())
    with (
        InferenceClient(f"{wire.url}/generate_stream") as sdk,
        pytest.raises(OverloadedError, match="The budget is spent"),
    ):
        list(sdk.text_generation("hi", stream=True))
