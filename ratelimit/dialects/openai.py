"""OpenAI chat completions, and all that copy them: Azure, vLLM, SGLang, Groq, Mistral, LiteLLM."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import msgspec
from msgspec import Raw

from ratelimit.dialects.chat import Message, conversation, string, system_text
from ratelimit.dialects.openai_style import OpenAIStyle
from ratelimit.dialects.parameters import canonical
from ratelimit.dialects.parts import NOTHING, filed
from ratelimit.dialects.wire import read_json
from ratelimit.prompt import Reading


class _Body(msgspec.Struct, gc=False):
    messages: list[Message] = []
    user: Raw = Raw()
    safety_identifier: Raw = Raw()
    documents: Raw = Raw()  # vLLM's: texts for the model's template
    chat_template: Raw = Raw()  # and the template itself
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


_PARAMETERS = _Body.__struct_fields__[5:]
_body = msgspec.json.Decoder(_Body)


@dataclass(frozen=True, slots=True)
class OpenAIChat(OpenAIStyle):
    """``.../chat/completions``, wherever it is mounted; Azure's ``/openai/deployments/{name}/chat/completions`` too.

    The end user is the body's ``safety_identifier``, or else its ``user``, which that field replaces.
    """

    name: ClassVar[str] = "openai-chat"
    single: ClassVar[bool] = True

    def claims(self, path: str) -> bool:
        """Say whether *path* ends in ``/chat/completions``."""
        return path.rstrip("/").endswith("/chat/completions")

    def read(self, body: bytes) -> Reading:
        """Read a whole, uncompressed *body*."""
        return read_json(self.name, body, self._parse)

    def _parse(self, body: bytes) -> Reading:
        read = _body.decode(body)
        if self.model:
            read.model = self.model_of(read.model)
        prompt = conversation(
            read.messages,
            parameters=canonical(_PARAMETERS, msgspec.structs.astuple(read)[5:]),
            system=system_text(read.chat_template, place="chat_template") if read.chat_template else "",
            besides=filed(read.documents) if read.documents else NOTHING,
        )
        end_user = string(read.safety_identifier) or string(read.user)
        return Reading(dialect=self.name, prompts=(prompt,), end_user=end_user)
