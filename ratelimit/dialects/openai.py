"""OpenAI chat completions, and all that copy them: Azure, vLLM, SGLang, Groq, Mistral, LiteLLM."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import msgspec
from msgspec import Raw

from ratelimit.dialects.chat import Message, conversation, string
from ratelimit.dialects.errors import JSON, encoded, problem_members
from ratelimit.dialects.parameters import canonical
from ratelimit.dialects.wire import read_json
from ratelimit.prompt import Reading

if TYPE_CHECKING:
    from ratelimit.dialects.base import Refusal


class _Body(msgspec.Struct, gc=False):
    messages: list[Message] = []
    user: Raw = Raw()
    safety_identifier: Raw = Raw()
    # From here on: parameters, in the order of their canonical text.
    model: Raw = Raw()
    temperature: Raw = Raw()
    top_p: Raw = Raw()
    top_k: Raw = Raw()
    min_p: Raw = Raw()
    n: Raw = Raw()
    max_tokens: Raw = Raw()
    max_completion_tokens: Raw = Raw()
    stop: Raw = Raw()
    tools: Raw = Raw()
    tool_choice: Raw = Raw()
    parallel_tool_calls: Raw = Raw()
    functions: Raw = Raw()
    function_call: Raw = Raw()
    response_format: Raw = Raw()
    reasoning_effort: Raw = Raw()
    verbosity: Raw = Raw()
    frequency_penalty: Raw = Raw()
    presence_penalty: Raw = Raw()
    repetition_penalty: Raw = Raw()
    logit_bias: Raw = Raw()
    logprobs: Raw = Raw()
    top_logprobs: Raw = Raw()
    modalities: Raw = Raw()
    audio: Raw = Raw()
    prediction: Raw = Raw()
    web_search_options: Raw = Raw()


_PARAMETERS = _Body.__struct_fields__[3:]
_body = msgspec.json.Decoder(_Body)


@dataclass(frozen=True, slots=True)
class OpenAIChat:
    """``.../chat/completions``, wherever it is mounted; Azure's ``/openai/deployments/{name}/chat/completions`` too.

    The end user is the body's ``safety_identifier``, or else its ``user``, which that field replaces.
    """

    name: ClassVar[str] = "openai-chat"

    def claims(self, path: str) -> bool:
        """Say whether *path* ends in ``/chat/completions``."""
        return path.rstrip("/").endswith("/chat/completions")

    def read(self, body: bytes) -> Reading:
        """Read a whole, uncompressed *body*."""
        return read_json(self.name, body, self._parse)

    def _parse(self, body: bytes) -> Reading:
        read = _body.decode(body)
        parameters = canonical(_PARAMETERS, msgspec.structs.astuple(read)[3:])
        prompt = conversation(read.messages, parameters=parameters)
        end_user = string(read.safety_identifier) or string(read.user)
        return Reading(dialect=self.name, prompts=(prompt,), end_user=end_user)

    def error(self, refusal: Refusal) -> tuple[str, bytes]:
        """Return OpenAI's error object, with the members of RFC 9457 beside it, which its clients ignore."""
        error = {"message": refusal.message, "type": _type(refusal.status), "param": None, "code": refusal.code}
        return JSON, encoded({"error": error, **problem_members(refusal)})


def _type(status: int) -> str:
    if status == 429:
        return "rate_limit_error"
    return "invalid_request_error" if status < 500 else "server_error"
