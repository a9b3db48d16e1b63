"""Batches that are started: what they ask came before, in a file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import msgspec
from msgspec import Raw

from ratelimit.dialects.openai_style import OpenAIStyle
from ratelimit.dialects.plain import read_anything, read_form
from ratelimit.prompt import Reading

if TYPE_CHECKING:
    from ratelimit.dialects.forms import Form

#: The documented fields; a body that has others may be another API's.
_FIELDS = frozenset({"input_file_id", "endpoint", "completion_window", "metadata", "output_expires_after"})

_object = msgspec.json.Decoder(dict[str, Raw])


@dataclass(frozen=True, slots=True)
class OpenAIBatches(OpenAIStyle):
    """``.../batches``: starts a batch of the prompts in a file, which was read and charged when it was uploaded.

    A body with other fields than the documented is read as any JSON.
    """

    name: ClassVar[str] = "openai-batches"

    def claims(self, path: str) -> bool:
        """Say whether *path* ends in ``/batches``."""
        return path.rstrip("/").endswith("/batches")

    def read(self, body: bytes) -> Reading:
        """Read a whole, uncompressed *body*."""
        return read_anything(self.name, body, self._parse)

    def read_form(self, form: Form) -> Reading:
        """Read a *form*, which is none of OpenAI's, as any."""
        return read_form(self.name, form)

    def _parse(self, body: bytes) -> Reading | None:
        fields = _object.decode(body)
        return Reading(dialect=self.name) if "input_file_id" in fields and fields.keys() <= _FIELDS else None
