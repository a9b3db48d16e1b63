"""Uploaded files: the prompts of a batch, a line each, or a file that a later request is about."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import msgspec
from msgspec import Raw

from ratelimit.dialects.anthropic import AnthropicMessages
from ratelimit.dialects.completions import OpenAICompletions
from ratelimit.dialects.embeddings import OpenAIEmbeddings
from ratelimit.dialects.media import few, kind_of, mark
from ratelimit.dialects.moderations import OpenAIModerations
from ratelimit.dialects.openai import OpenAIChat
from ratelimit.dialects.openai_style import OpenAIStyle
from ratelimit.dialects.plain import Plain
from ratelimit.dialects.responses import OpenAIResponses
from ratelimit.dialects.rows import sampled
from ratelimit.dialects.wire import BOM, UNREAD, as_python_reads
from ratelimit.prompt import Prompt, Reading

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ratelimit.dialects.base import Dialect
    from ratelimit.dialects.forms import Form

_DIALECTS: tuple[Dialect, ...] = (
    OpenAIChat(), OpenAIResponses(), OpenAICompletions(), OpenAIEmbeddings(), OpenAIModerations(), AnthropicMessages(),
    Plain(),
)


class _Line(msgspec.Struct, gc=False):
    """One line of a batch, in OpenAI's, Anthropic's, Gemini's or Bedrock's form."""

    url: str = ""
    body: Raw = Raw()
    params: Raw = Raw()
    request: Raw = Raw()
    modelInput: Raw = Raw()  # noqa: N815 (the wire's name)


_line = msgspec.json.Decoder(_Line)


@dataclass(frozen=True, slots=True)
class OpenAIFiles(OpenAIStyle):
    """``.../files``: each line of an uploaded batch is a request of its own, read as its ``url`` says.

    Any other file is a prompt of no text with the file's mark. Of a batch of more than 4,096 lines a sample is read;
    all are charged.
    """

    name: ClassVar[str] = "openai-files"

    def claims(self, path: str) -> bool:
        """Say whether *path* ends in ``/files``."""
        return path.rstrip("/").endswith("/files")

    def read(self, body: bytes) -> Reading:
        """Read a *body* that is the file itself."""
        return self._read([("", body)], "")

    def read_form(self, form: Form) -> Reading:
        """Read an upload: a file and its ``purpose``."""
        files = [(one.media_type, one.content) for one in form.files]
        files += [("", value.encode("utf-8", "surrogatepass")) for name, value in form.fields if name == "file"]
        purpose = next((value for name, value in form.fields if name == "purpose"), "")
        return self._read(files, f"purpose={purpose[:64]}")

    def _read(self, files: Sequence[tuple[str, bytes]], parameters: str) -> Reading:
        prompts: list[Prompt] = []
        count = 0
        marks = []
        for media_type, content in files:
            readings, asked = _read_lines(content)
            prompts += [prompt for reading in readings for prompt in reading.prompts]
            count += asked
            if not readings:
                marks.append(mark(kind_of(media_type), content))
        if marks:
            prompts.append(Prompt(text="", parameters=parameters, media=few(marks)))
            count += 1
        held = tuple(sampled(prompts, b"".join([content for _, content in files])))
        return Reading(dialect=self.name, prompts=held, more=max(0, count - len(held)))


def _read_lines(content: bytes) -> tuple[list[Reading], int]:
    """Return what the lines of a file ask, and how many prompts they are in all; nothing if it is no batch."""
    lines = [line for line in content.removeprefix(BOM).split(b"\n") if line and not line.isspace()]
    held = sampled(lines, content)
    readings = [reading for line in held if (reading := _read_line(line)) is not None]
    asked = sum([reading.count for reading in readings]) + len(held) - len(readings)
    return readings, asked * len(lines) // len(held) if readings else 0


def _read_line(line: bytes) -> Reading | None:
    """Return what one line asks; ``None`` if it is no line of a batch."""
    try:
        read = _line.decode(line)
    except UNREAD:
        read = _again(line)
    body = read.body or read.params or read.request or read.modelInput
    if not body:
        return None
    return next(dialect for dialect in _DIALECTS if dialect.claims(read.url)).read(bytes(body))


def _again(line: bytes) -> _Line:
    """Return the line as Python's own ``json`` reads it, for what runs the batch may read it so."""
    again = as_python_reads(line)
    try:
        return _Line() if again is None else _line.decode(again)
    except UNREAD:
        return _Line()
