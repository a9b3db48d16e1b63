"""What vLLM serves beside OpenAI's API: pooling, classes, scores, ranks and tokens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import msgspec
from msgspec import Raw

from ratelimit.dialects.chat import Message, conversation
from ratelimit.dialects.openai_style import OpenAIStyle
from ratelimit.dialects.parameters import canonical, without_noise
from ratelimit.dialects.plain import read_anything, read_form
from ratelimit.dialects.rows import Row, pairs, prompts_of, rows_of
from ratelimit.prompt import Prompt, Reading

if TYPE_CHECKING:
    from ratelimit.dialects.forms import Form

_ENDS = ("/pooling", "/classify", "/score", "/tokenize", "/detokenize", "/inference/v1/generate")


class _Body(msgspec.Struct, gc=False):
    messages: list[Message] = []
    prompt: Raw = Raw()
    input: Raw = Raw()
    inputs: Raw = Raw()  # TGI's and TEI's /tokenize
    tokens: Raw = Raw()
    token_ids: Raw = Raw()
    prompt_token_ids: Raw = Raw()
    text_1: Raw = Raw()
    text_2: Raw = Raw()
    data_1: Raw = Raw()
    data_2: Raw = Raw()
    queries: Raw = Raw()
    query: Raw = Raw()
    documents: Raw = Raw()
    items: Raw = Raw()
    # From here on: parameters, in the order of their canonical text.
    model: Raw = Raw()
    task: Raw = Raw()
    encoding_format: Raw = Raw()
    dimensions: Raw = Raw()
    truncate_prompt_tokens: Raw = Raw()
    add_special_tokens: Raw = Raw()
    softmax: Raw = Raw()
    activation: Raw = Raw()
    sampling_params: Raw = Raw()


_PARAMETERS = _Body.__struct_fields__[15:]
_body = msgspec.json.Decoder(_Body)


@dataclass(frozen=True, slots=True)
class VLLM(OpenAIStyle):
    """``/pooling``, ``/classify``, ``/score``, ``/tokenize``, ``/detokenize`` and ``/inference/v1/generate`` of vLLM.

    Each text or row of token ids is a prompt, and so is each pair to score. A body of another form is read as any JSON.
    """

    name: ClassVar[str] = "vllm"

    def claims(self, path: str) -> bool:
        """Say whether *path* ends as these do."""
        return path.rstrip("/").endswith(_ENDS)

    def read(self, body: bytes) -> Reading:
        """Read a whole, uncompressed *body*."""
        return read_anything(self.name, body, self._parse)

    def read_form(self, form: Form) -> Reading:
        """Read a *form*, which is none of vLLM's, as any."""
        return read_form(self.name, form)

    def _parse(self, body: bytes) -> Reading:
        read = _body.decode(body)
        read.sampling_params = without_noise(read.sampling_params)
        parameters = canonical(_PARAMETERS, msgspec.structs.astuple(read)[15:])
        spoken: tuple[Prompt, ...] = ()
        if read.messages:
            spoken = (conversation(read.messages, parameters=parameters),)
        fields = (read.prompt, read.input, read.inputs, read.tokens, read.token_ids, read.prompt_token_ids)
        rows = [*(row for raw in fields for row in rows_of(raw)), *_pairs(read)]
        if spoken and not rows:
            return Reading(dialect=self.name, prompts=spoken)
        prompts, more = prompts_of(rows, parameters=parameters, seed=body)
        return Reading(dialect=self.name, prompts=spoken + prompts, more=more)


def _pairs(read: _Body) -> list[Row]:
    scored = ((read.text_1, read.text_2), (read.data_1, read.data_2), (read.queries, read.documents),
              (read.query, read.documents), (read.query, read.items))
    return [pair for left, right in scored for pair in pairs(rows_of(left), rows_of(right))]
