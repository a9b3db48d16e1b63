"""OpenAI moderations: texts, or one text with images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import msgspec
from msgspec import Raw

from ratelimit.dialects.openai_style import OpenAIStyle
from ratelimit.dialects.parameters import canonical
from ratelimit.dialects.parts import said_of
from ratelimit.dialects.rows import Row, prompts_of, rows_of
from ratelimit.dialects.wire import read_json
from ratelimit.prompt import Reading


class _Body(msgspec.Struct, gc=False):
    input: Raw = Raw()
    model: Raw = Raw()


_body = msgspec.json.Decoder(_Body)


@dataclass(frozen=True, slots=True)
class OpenAIModerations(OpenAIStyle):
    """``.../moderations``: each text in ``input`` is a prompt; parts of text and image are one together."""

    name: ClassVar[str] = "openai-moderations"

    def claims(self, path: str) -> bool:
        """Say whether *path* ends in ``/moderations``."""
        return path.rstrip("/").endswith("/moderations")

    def read(self, body: bytes) -> Reading:
        """Read a whole, uncompressed *body*."""
        return read_json(self.name, body, self._parse)

    def _parse(self, body: bytes) -> Reading:
        read = _body.decode(body)
        parameters = canonical(("model",), (self.model_of(read.model),))
        prompts, more = prompts_of(_turns(rows_of(read.input)), parameters=parameters, seed=body)
        return Reading(dialect=self.name, prompts=prompts, more=more)


def _turns(rows: list[Row]) -> list[Row]:
    parts = [row for row in rows if isinstance(row, dict)]
    return [*([said_of(parts)] if parts else []), *(row for row in rows if not isinstance(row, dict))]
