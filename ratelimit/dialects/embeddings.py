"""OpenAI embeddings: texts or token ids, usually a batch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import msgspec
from msgspec import Raw

from ratelimit.dialects.chat import Message, conversation, string
from ratelimit.dialects.openai_style import OpenAIStyle
from ratelimit.dialects.parameters import canonical
from ratelimit.dialects.rows import prompts_of, rows_of
from ratelimit.dialects.wire import read_json
from ratelimit.prompt import Reading


class _Body(msgspec.Struct, gc=False):
    input: Raw = Raw()
    messages: list[Message] = []  # vLLM's: a conversation in place of a text
    user: Raw = Raw()
    # From here on: parameters, in the order of their canonical text.
    model: Raw = Raw()
    dimensions: Raw = Raw()
    encoding_format: Raw = Raw()
    input_type: Raw = Raw()
    task: Raw = Raw()
    truncate_prompt_tokens: Raw = Raw()


_PARAMETERS = _Body.__struct_fields__[3:]
_body = msgspec.json.Decoder(_Body)


@dataclass(frozen=True, slots=True)
class OpenAIEmbeddings(OpenAIStyle):
    """``.../embeddings``: each text, row of token ids or object in ``input`` is a prompt."""

    name: ClassVar[str] = "openai-embeddings"

    def claims(self, path: str) -> bool:
        """Say whether *path* ends in ``/embeddings``."""
        return path.rstrip("/").endswith("/embeddings")

    def read(self, body: bytes) -> Reading:
        """Read a whole, uncompressed *body*."""
        return read_json(self.name, body, self._parse)

    def _parse(self, body: bytes) -> Reading:
        read = _body.decode(body)
        read.model = self.model_of(read.model)
        parameters = canonical(_PARAMETERS, msgspec.structs.astuple(read)[3:])
        spoken = (conversation(read.messages, parameters=parameters),) if read.messages else ()
        rows = rows_of(read.input)
        prompts, more = prompts_of(rows, parameters=parameters, seed=body) if rows or not spoken else ((), 0)
        return Reading(dialect=self.name, prompts=spoken + prompts, more=more, end_user=string(read.user))
