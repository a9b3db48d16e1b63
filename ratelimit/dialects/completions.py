"""OpenAI completions: a text to go on with, or token ids; one, or a batch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import msgspec
from msgspec import Raw

from ratelimit.dialects.chat import string
from ratelimit.dialects.media import mark_of
from ratelimit.dialects.openai_style import OpenAIStyle
from ratelimit.dialects.parameters import canonical
from ratelimit.dialects.parts import Said
from ratelimit.dialects.rows import Row, prompts_of, rows_of, said_in
from ratelimit.dialects.wire import read_json
from ratelimit.prompt import Reading


class _Body(msgspec.Struct, gc=False):
    prompt: Raw = Raw()
    suffix: Raw = Raw()
    prompt_embeds: Raw = Raw()  # vLLM's: tensors in place of text
    user: Raw = Raw()
    # From here on: parameters, in the order of their canonical text.
    model: Raw = Raw()
    temperature: Raw = Raw()
    top_p: Raw = Raw()
    top_k: Raw = Raw()
    min_p: Raw = Raw()
    n: Raw = Raw()
    best_of: Raw = Raw()
    max_tokens: Raw = Raw()
    min_tokens: Raw = Raw()
    stop: Raw = Raw()
    echo: Raw = Raw()
    logprobs: Raw = Raw()
    prompt_logprobs: Raw = Raw()
    response_format: Raw = Raw()
    frequency_penalty: Raw = Raw()
    presence_penalty: Raw = Raw()
    repetition_penalty: Raw = Raw()
    logit_bias: Raw = Raw()


_PARAMETERS = _Body.__struct_fields__[4:]
_body = msgspec.json.Decoder(_Body)


@dataclass(frozen=True, slots=True)
class OpenAICompletions(OpenAIStyle):
    """``.../completions``, but not ``/chat/completions``: ``prompt`` is text, several texts, or token ids.

    A ``suffix``, before which the model fills in, belongs to each prompt.
    """

    name: ClassVar[str] = "openai-completions"

    def claims(self, path: str) -> bool:
        """Say whether *path* ends in ``/completions``, of whatever but a chat."""
        path = path.rstrip("/")
        return path.endswith("/completions") and not path.endswith("/chat/completions")

    def read(self, body: bytes) -> Reading:
        """Read a whole, uncompressed *body*."""
        return read_json(self.name, body, self._parse)

    def _parse(self, body: bytes) -> Reading:
        read = _body.decode(body)
        read.model = self.model_of(read.model)
        suffix = string(read.suffix)

        def hear(row: Row) -> Said:
            turn = said_in(row)
            return msgspec.structs.replace(turn, text="\n".join(filter(None, (turn.text, suffix)))) if suffix else turn

        tensors = [Said(media=(mark_of({"tensor": one}),)) for one in rows_of(read.prompt_embeds)]
        prompts, more = prompts_of(
            [*rows_of(read.prompt), *tensors],
            hear=hear,
            parameters=canonical(_PARAMETERS, msgspec.structs.astuple(read)[4:]),
            seed=body,
        )
        return Reading(dialect=self.name, prompts=prompts, more=more, end_user=string(read.user))
