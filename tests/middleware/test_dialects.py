"""Every dialect through the middleware: charged by the prompt, split anywhere, packed anyhow, and refused in kind."""

from __future__ import annotations

import asyncio
import gzip
import json
import zlib
from collections.abc import Callable
from contextlib import closing
from typing import Any

import anthropic
import botocore.session
import brotli
import cohere
import ollama
import openai
import pytest
import zstandard
from botocore.config import Config
from botocore.exceptions import ClientError
from google import genai
from google.genai import errors, types
from huggingface_hub import InferenceClient, close_session
from huggingface_hub.errors import OverloadedError
from hypothesis import given
from hypothesis import strategies as st
from mcp import ClientSession, MCPError
from mcp.client.streamable_http import streamable_http_client
from mcp.server import MCPServer
from mistralai.client import Mistral
from mistralai.client.errors import SDKError

from ratelimit.dialects import DEFAULT_DIALECTS, OpenAIChat, Override
from ratelimit.principal import Principal

Make = Callable[..., Any]
USER = {"role": "user", "content": "hello"}
PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "identity": bytes, "gzip": gzip.compress, "deflate": zlib.compress, "br": brotli.compress,
    "zstd": zstandard.ZstdCompressor().compress,
}


def everybody(request: Any) -> Principal:
    """Say that all are one principal."""
    return Principal(id="everybody")


def ask_openai(url: str) -> Any:
    """Ask with the openai package."""
    with openai.OpenAI(base_url=f"{url}/v1", api_key="k", max_retries=0) as sdk:
        return sdk.responses.create(model="m", input="hello")


def ask_anthropic(url: str) -> Any:
    """Ask with the anthropic package."""
    with anthropic.Anthropic(base_url=url, api_key="k", max_retries=0) as sdk:
        return sdk.messages.count_tokens(model="m", messages=[USER])


def ask_google(url: str) -> Any:
    """Ask with the google-genai package."""
    with genai.Client(api_key="k", http_options=types.HttpOptions(base_url=url)) as sdk:
        try:
            return list(sdk.models.generate_content_stream(model="g", contents="hello"))
        finally:  # or it starts a task in whatever loop runs when it is collected
            asyncio.run(sdk.aio.aclose())


def ask_cohere(url: str) -> Any:
    """Ask with the cohere package."""
    with cohere.ClientV2(api_key="k", base_url=url) as sdk:
        return sdk.chat(model="m", messages=[USER], request_options={"max_retries": 0})


def ask_mistral(url: str) -> Any:
    """Ask with the mistralai package."""
    with Mistral(api_key="k", server_url=url) as sdk:
        return sdk.agents.complete(agent_id="a", messages=[USER])


def ask_ollama(url: str) -> Any:
    """Ask with the ollama package."""
    with ollama.Client(host=url) as sdk:
        return sdk.chat(model="m", messages=[USER])


def ask_bedrock(url: str) -> Any:
    """Ask with botocore."""
    session = botocore.session.get_session()
    session.set_credentials("key", "secret")
    config = Config(retries={"max_attempts": 0})
    sdk = session.create_client("bedrock-runtime", region_name="us-east-1", endpoint_url=url, config=config)
    with closing(sdk):
        return sdk.converse(modelId="m:0", messages=[{"role": "user", "content": [{"text": "hello"}]}])


def ask_tgi(url: str) -> Any:
    """Ask with huggingface_hub."""
    try:
        return InferenceClient(f"{url}/generate").text_generation("hello")
    finally:
        close_session()


@pytest.mark.parametrize(
    ("ask", "error", "dialect"),
    [
        (ask_openai, openai.RateLimitError, "openai-responses"),
        (ask_anthropic, anthropic.RateLimitError, "anthropic-messages"),
        (ask_google, errors.ClientError, "gemini"),
        (ask_cohere, cohere.TooManyRequestsError, "cohere"),
        (ask_mistral, SDKError, "mistral"),
        (ask_ollama, ollama.ResponseError, "ollama"),
        (ask_bedrock, ClientError, "bedrock"),
        (ask_tgi, OverloadedError, "tgi"),
    ],
)
async def test_a_refusal_is_the_callers_own_error(
    ask: Callable[[str], Any], error: type[Exception], dialect: str, guard: Make, recorder: Make, server: Make,
    policy: Make, monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Over a real socket, with the words of the refusal; the application is not troubled."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    app, read = recorder(), []
    guarded = guard(app, policy(), identify=everybody, on_decision=lambda _, request: read.append(request.reading))
    await guarded()
    async with server(guarded.app) as running:
        with pytest.raises(error, match="The budget for requests is spent"):
            await asyncio.to_thread(ask, running.url)

    assert app.calls == 1
    assert read[-1].dialect == dialect
    assert [prompt.text for prompt in read[-1].prompts] == ["hello"]


async def test_an_mcp_client_gets_a_json_rpc_error(guard: Make, server: Make, policy: Make) -> None:
    """A real server and a real session: the handshake passes, tools are called, and the refusal has the call's id."""
    toy = MCPServer("toy", log_level="CRITICAL")

    @toy.tool()
    def search(query: str) -> str:
        return f"found {query}"

    app = toy.streamable_http_app(json_response=True, stateless_http=True)
    guarded = guard(app, policy(burst=6, unreadable="refuse"), identify=everybody)
    async with (
        server(guarded.app, lifespan="on") as running,
        streamable_http_client(f"{running.url}/mcp") as streams,
        ClientSession(*streams[:2]) as session,
    ):
        await session.initialize()
        found = await session.call_tool("search", {"query": "one"})
        while guarded.decision.remaining[0].units >= 1:
            await session.call_tool("search", {"query": "more"})
        with pytest.raises(MCPError, match="The budget for requests is spent") as raised:
            await session.call_tool("search", {"query": "one too many"})

    assert found.content[0].text == "found one"
    assert raised.value.error.code == -32029
    assert raised.value.error.data["violated-policies"] == ["requests"]


@given(
    coding=st.sampled_from([*PACKERS]), cuts=st.lists(st.integers(0, 400), max_size=9).map(sorted),
    text=st.text(min_size=1, max_size=200).filter(lambda text: not text.isspace()),
)
async def test_a_body_is_read_however_it_is_split_and_packed(
    coding: str, cuts: list[int], text: str, guard: Make, recorder: Make, policy: Make
) -> None:
    """The same prompt, and the application gets the very bytes, in the very pieces."""
    packed = PACKERS[coding](json.dumps({"messages": [{"role": "user", "content": text}]}).encode())
    pieces = [packed[begin:end] for begin, end in zip([0, *cuts], [*cuts, len(packed)], strict=True)]
    app, read = recorder(), []
    guarded = guard(app, policy(), on_decision=lambda _, request: read.append(request.reading))
    await guarded(body=pieces, headers={"content-encoding": coding})

    assert [prompt.text for prompt in read[0].prompts] == [text]
    assert [message["body"] for message in app.received] == pieces


@pytest.mark.parametrize(("path", "body", "units"), [
    ("/v1/embeddings", {"input": ["a", "b", "c"]}, 3),
    ("/v1/completions", {"prompt": [[1, 2], [3]]}, 2),
    ("/v1/messages/batches", {"requests": [{"params": {"messages": [USER]}}] * 5}, 5),
    ("/v1beta/models/g:batchEmbedContents", {"requests": [{"content": {"parts": [{"text": "a"}]}}] * 4}, 4),
    ("/v2/rerank", {"query": "q", "documents": ["a", "b"]}, 2),
    ("/v1/batches", {"input_file_id": "f", "endpoint": "/v1/embeddings", "completion_window": "24h"}, 1),
    ("/mcp", [{"jsonrpc": "2.0", "id": n, "method": "tools/call", "params": {"name": "f"}} for n in range(3)], 3),
    ("/v1/chat/completions", {"messages": [USER]}, 1),
])
async def test_a_batch_is_charged_as_many_prompts(
    path: str, body: Any, units: int, guard: Make, recorder: Make, policy: Make
) -> None:
    """What is left says so."""
    guarded = guard(recorder(), policy(burst=20, unreadable="refuse"))
    came = await guarded(path=path, body=json.dumps(body).encode())

    assert came.status == 200
    assert guarded.decision.remaining[0].units == 20 - units


@pytest.mark.parametrize("scope", [
    {"path": "/llm/model/m:0/converse", "root_path": "/llm"}, {"path": "/model/m:0/converse", "root_path": "/llm"},
    {"path": "/llm/model/m:0/converse"},
])
async def test_a_mount_changes_nothing(scope: dict[str, str], guard: Make, recorder: Make, policy: Make) -> None:
    """Whether the server or an outer application takes the prefix off, or nobody does."""
    read: list[Any] = []
    guarded = guard(recorder(), policy(), on_decision=lambda _, request: read.append(request.reading))
    body = json.dumps({"messages": [{"role": "user", "content": [{"text": "hello"}]}]}).encode()
    refused = [await guarded(body=body, **scope) for _ in range(2)][1]

    assert read[0].prompts[0].parameters == 'model="m:0"'
    assert refused.header("x-amzn-errortype") == "ThrottlingException"


async def test_an_override_is_spoken_at_its_path(guard: Make, recorder: Make, policy: Make) -> None:
    """Read and answered as the policy says."""
    dialects = (Override(paths=("/ask",), dialect=OpenAIChat()), *DEFAULT_DIALECTS)
    guarded = guard(recorder(), policy(dialects=dialects))
    refused = [await guarded(path="/ask") for _ in range(2)][1]

    assert json.loads(refused.body)["error"]["type"] == "rate_limit_error"


async def test_problem_details_come_without_the_headers_of_a_dialect(
    guard: Make, recorder: Make, policy: Make
) -> None:
    """Who prefers RFC 9457 gets that alone."""
    guarded = guard(recorder(), policy())
    ranges = ("*/*", "*/*", "application/problem+json")
    _, refused, preferred = [await guarded(path="/v1/messages", headers={"accept": accept}) for accept in ranges]

    assert refused.header("anthropic-ratelimit-unified-status") == "rejected"
    assert preferred.header("anthropic-ratelimit-unified-status") is None
