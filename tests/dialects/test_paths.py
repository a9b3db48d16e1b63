"""A dialect is found by its path, wherever it is mounted, and can be overridden."""

from __future__ import annotations

from typing import Any

import pytest

from ratelimit.dialects import (
    DEFAULT_DIALECTS,
    AnthropicMessages,
    Gemini,
    Mistral,
    OpenAIChat,
    Override,
    Plain,
    read_body,
)
from ratelimit.dialects.base import Dialect, Refusal
from ratelimit.errors import PolicyError
from ratelimit.policy import Policy
from ratelimit.prompt import Prompt, Reading

PATHS = {
    "openai-chat": ["/v1/chat/completions", "/chat/completions/", "/openai/deployments/d/chat/completions",
                    "/v1beta/openai/chat/completions", "/api/chat/completions"],
    "openai-responses": ["/v1/responses", "/openai/v1/responses", "/v1/responses/input_tokens",
                         "/v1/responses/compact"],
    "openai-realtime": ["/v1/realtime", "/openai/v1/realtime", "/realtime/"],
    "openai-completions": ["/v1/completions", "/openai/deployments/d/completions"],
    "openai-embeddings": ["/v1/embeddings", "/openai/deployments/d/embeddings"],
    "openai-moderations": ["/v1/moderations"],
    "openai-media": ["/v1/images/generations", "/v1/images/edits", "/v1/audio/speech", "/v1/audio/transcriptions",
                     "/openai/deployments/d/audio/translations", "/v1/videos"],
    "openai-files": ["/v1/files", "/openai/files"],
    "openai-batches": ["/v1/batches"],
    "anthropic-messages": ["/v1/messages", "/v1/messages/count_tokens", "/anthropic/v1/messages", "/v1/messages/"],
    "anthropic-batches": ["/v1/messages/batches"],
    "gemini": ["/v1beta/models/g:generateContent", "/v1beta/models/g:streamGenerateContent",
               "/v1/tunedModels/t:countTokens", "/v1/models/g:embedContent", "/v1beta/models/g:batchEmbedContents",
               "/v1beta/models/g:batchGenerateContent",
               "/v1/projects/p/locations/l/publishers/google/models/g:generateContent"],
    "cohere": ["/v1/chat", "/v2/chat", "/v1/embed", "/v2/embed", "/v1/rerank", "/v2/rerank", "/v1/classify",
               "/v1/generate", "/v1/summarize", "/cohere/v2/chat"],
    "mistral": ["/v1/fim/completions", "/v1/agents/completions", "/v1/conversations", "/v1/conversations/c",
                "/v1/conversations/c/restart", "/v1/ocr", "/v1/batch/jobs", "/mistral/v1/chat/completions",
                "/mistral/v1/embeddings"],
    "ollama": ["/api/generate", "/api/chat", "/api/embed", "/api/embeddings", "/ollama/api/chat"],
    "bedrock": ["/model/m/converse", "/model/m/converse-stream", "/model/m/invoke", "/model/m/count-tokens",
                "/model/m/invoke-with-response-stream", "/model/arn:aws:bedrock:r:1:profile/us.m-v1:0/converse"],
    "tgi": ["/generate", "/generate_stream", "/models/g/generate"],
    "tei": ["/embed", "/embed_all", "/embed_sparse", "/predict", "/rerank", "/similarity", "/decode"],
    "vllm": ["/pooling", "/classify", "/score", "/v1/score", "/tokenize", "/detokenize", "/inference/v1/generate"],
    "mcp": ["/mcp", "/mcp/", "/servers/one/mcp", "/messages/", "/mcp/messages/"],
    "plain": ["/", "/ask", "/v1/threads/t/messages", "/inmessages", "/v1/chat/completions/chatcmpl-1", "/model/m",
              "/v1/models/g:predict", "/v1/conversations/c/items/i/x"],
}


@pytest.mark.parametrize(("name", "path"), [(name, path) for name, paths in PATHS.items() for path in paths])
def test_each_path_has_its_dialect(name: str, path: str) -> None:
    """As the providers and servers publish them, and below any prefix."""
    assert Policy().dialect_for(path).name == name
    if name not in {"mcp", "plain"}:
        assert Policy().dialect_for(f"/a/mount{path}").name == name


def test_every_default_dialect_has_a_path() -> None:
    """None stands in the shade of another."""
    assert {dialect.name for dialect in DEFAULT_DIALECTS} == PATHS.keys()


def test_what_the_path_names_is_taken_from_it() -> None:
    """The model and the method, not what the body says."""
    found = Policy().dialect_for("/v1beta/models/gemini-2.0-flash:countTokens")

    assert found == Gemini(model="gemini-2.0-flash", method="countTokens")
    body = b'{"model": "made up", "contents": [{"parts": [{"text": "a"}]}]}'
    assert found.read(body).prompts[0].parameters == 'model="gemini-2.0-flash"'


def test_a_dialect_can_be_put_elsewhere() -> None:
    """Before the others, for the paths that it names, whatever else would claim them."""
    policy = Policy(dialects=(
        Override(paths=("/api/ask", "/v2/*/ask"), dialect=OpenAIChat()),
        Override(paths=("*/chat/completions",), dialect=Mistral()),
        *DEFAULT_DIALECTS,
    ))

    paths = ("/api/ask", "/v2/x/ask", "/v1/chat/completions", "/v1/messages")

    names = ["openai-chat", "openai-chat", "mistral", "anthropic-messages"]
    assert [policy.dialect_for(path).name for path in paths] == names
    body = b'{"messages": [{"role": "user", "content": "a"}]}'
    assert read_body(policy.dialect_for("/v1/chat/completions"), body).prompts[0].text == "a"


def test_an_override_by_itself_speaks_as_its_dialect() -> None:
    """All of it is handed on."""
    override = Override(paths=("/x",), dialect=AnthropicMessages())
    refusal = Refusal(status=429, code="c", title="t", message="m")
    body = b'{"messages": [{"role": "user", "content": "a"}]}'

    assert override.name == "anthropic-messages"
    assert override.read(body) == AnthropicMessages().read(body)
    assert override.error(refusal) == AnthropicMessages().error(refusal)
    assert override.headers(refusal) == AnthropicMessages().headers(refusal)
    assert override.stream_error(refusal) == AnthropicMessages().stream_error(refusal)


@pytest.mark.parametrize("fields", [{"paths": ()}, {"paths": "/x"}, {"dialect": "openai"}])
def test_a_useless_override_is_refused(fields: dict[str, Any]) -> None:
    """At once, and with the mend."""
    with pytest.raises(ExceptionGroup) as raised:
        Override(**{"paths": ("/x",), "dialect": Plain(), **fields})

    assert all(isinstance(error, PolicyError) for error in raised.value.exceptions)


class Own(Dialect):
    """A dialect of a user's: the least that there is to write."""

    @property
    def name(self) -> str:
        """Its name."""
        return "own"

    def claims(self, path: str) -> bool:
        """Its path."""
        return path == "/own"

    def read(self, body: bytes) -> Reading:
        """Read it all."""
        return Reading(dialect=self.name, prompts=(Prompt(text=body.decode()),))

    def error(self, refusal: Refusal) -> tuple[str, bytes]:
        """Say it."""
        return "text/plain", refusal.message.encode()


def test_a_dialect_of_ones_own_inherits_the_rest() -> None:
    """No headers of its own, no forms, and its error as an event in a stream."""
    policy, refusal = Policy(dialects=(Own(), Plain())), Refusal(status=429, code="c", title="t", message="No.")
    own = policy.dialect_for("/own")

    assert own.name == "own"
    assert own.headers(refusal) == ()
    assert own.stream_error(refusal) == b"data: No.\n\n"
    assert read_body(own, b"--b--", content_type="multipart/form-data; boundary=b").problem
    assert policy.dialect_for("/other").name == "plain"


def test_what_is_no_dialect_is_told_what_it_lacks() -> None:
    """At construction, with the mend."""

    class Half:
        name = "half"

        def claims(self, path: str) -> bool:
            return True

    with pytest.raises(ExceptionGroup) as raised:
        Policy(dialects=(Half(),))  # type: ignore[arg-type]

    (error,) = raised.value.exceptions
    assert "dialects[0]" in str(error)
    assert "has no hears, at, read, read_form, hear, error, headers, event_error, stream_error; inherit" in str(error)
