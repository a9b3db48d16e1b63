"""OpenAI's images, sounds and videos: made from a text, or sent as files in a form."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from ratelimit.dialects.openai_style import OpenAIStyle
from ratelimit.dialects.plain import read_anything, read_form

if TYPE_CHECKING:
    from ratelimit.dialects.forms import Form
    from ratelimit.prompt import Reading

_ENDS = (
    "/images/generations", "/images/edits", "/images/variations", "/audio/speech", "/audio/transcriptions",
    "/audio/translations", "/videos",
)


@dataclass(frozen=True, slots=True)
class OpenAIMedia(OpenAIStyle):
    """``.../images/...``, ``.../audio/...`` and ``.../videos``: JSON with a ``prompt`` or ``input``, or a form.

    The files of a form are marked: who transcribes or edits one thing after another is seen.
    """

    name: ClassVar[str] = "openai-media"

    def claims(self, path: str) -> bool:
        """Say whether *path* ends as these do."""
        return path.rstrip("/").endswith(_ENDS)

    def read(self, body: bytes) -> Reading:
        """Read a whole, uncompressed *body*."""
        return read_anything(self.name, body)

    def read_form(self, form: Form) -> Reading:
        """Read a *form*: its text and the marks of its files."""
        return read_form(self.name, form)
