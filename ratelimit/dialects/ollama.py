"""Ollama: generate, chat and embed."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Self

import msgspec
from msgspec import Raw

from ratelimit.dialects.base import Dialect
from ratelimit.dialects.chat import Message, conversation, string
from ratelimit.dialects.errors import JSON, encoded, problem_members
from ratelimit.dialects.media import few, mark, mark_of
from ratelimit.dialects.parameters import canonical, without_noise
from ratelimit.dialects.parts import Said, said
from ratelimit.dialects.rows import prompts_of, rows_of
from ratelimit.dialects.wire import as_python_reads, read_json
from ratelimit.prompt import Reading

if TYPE_CHECKING:
    from ratelimit.dialects.base import Refusal
    from ratelimit.dialects.chat import Spoken

_ENDS = ("/api/generate", "/api/chat", "/api/embed", "/api/embeddings")


class _Message(msgspec.Struct, gc=False):
    role: str = ""
    content: Raw = Raw()
    images: list[str] | None = None


class _Body(msgspec.Struct, gc=False):
    messages: list[_Message] = []
    prompt: Raw = Raw()
    suffix: Raw = Raw()
    images: list[str] | None = None
    context: Raw = Raw()
    system: Raw = Raw()
    template: Raw = Raw()
    input: Raw = Raw()
    # From here on: parameters, in the order of their canonical text.
    model: Raw = Raw()
    options: Raw = Raw()
    tools: Raw = Raw()
    format: Raw = Raw()
    raw: Raw = Raw()
    think: Raw = Raw()
    truncate: Raw = Raw()
    dimensions: Raw = Raw()


_PARAMETERS = _Body.__struct_fields__[8:]
_body = msgspec.json.Decoder(_Body)
_NAMES = frozenset({*_Body.__struct_fields__, *_Message.__struct_fields__})

# Names that are short enough to be one of them, whatever their letters are written as.
_NAME = re.compile(rb'"([^"]{1,64})"\s*:')


@dataclass(frozen=True, slots=True)
class Ollama(Dialect):
    """``/api/generate``, ``/api/chat``, ``/api/embed`` and ``/api/embeddings``.

    Ollama takes the names of fields in capitals as well, and so does this. The template is system text, and the context
    of an earlier answer is marked.

    end  how the path ends.
    """

    name: ClassVar[str] = "ollama"
    end: str = "/api/generate"

    def claims(self, path: str) -> bool:
        """Say whether *path* ends as this API's do."""
        return path.rstrip("/").endswith(_ENDS)

    def at(self, path: str) -> Self:
        """Return this dialect with what *path* asks for."""
        return next((replace(self, end=end) for end in _ENDS if path.rstrip("/").endswith(end)), self)

    def read(self, body: bytes) -> Reading:
        """Read a whole, uncompressed *body*."""
        return read_json(self.name, _in_small_letters(body), self._parse)

    def _parse(self, body: bytes) -> Reading:
        read = _body.decode(body)
        read.options = without_noise(read.options)
        parameters = canonical(_PARAMETERS, msgspec.structs.astuple(read)[8:])
        if self.end == "/api/chat":
            prompt = conversation(read.messages, parameters=parameters, hear=_hear)
            return Reading(dialect=self.name, prompts=(prompt,))
        if self.end == "/api/generate":
            prompt = conversation(
                [Message("user", read.prompt)],
                parameters=parameters,
                system="\n".join(filter(None, (string(read.system), string(read.template)))),
                continues=bool(read.context),
                place="prompt",
                besides=Said(string(read.suffix) or "", "", few([*_context(read.context), *_marks(read.images)])),
            )
            return Reading(dialect=self.name, prompts=(prompt,))
        rows = [*rows_of(read.input), *rows_of(read.prompt)]
        prompts, more = prompts_of(rows, parameters=parameters, seed=body)
        return Reading(dialect=self.name, prompts=prompts, more=more)

    def error(self, refusal: Refusal) -> tuple[str, bytes]:
        """Return Ollama's error, a text, with the members of RFC 9457 beside it."""
        return JSON, encoded({"error": refusal.message, **problem_members(refusal)})

    def stream_error(self, refusal: Refusal) -> bytes:
        """Return the error as a line: Ollama streams JSON lines."""
        return self.error(refusal)[1] + b"\n"


def _hear(message: Spoken) -> Said:
    turn = said(message.content)
    images = getattr(message, "images", None)
    return msgspec.structs.replace(turn, media=few([*turn.media, *_marks(images)])) if images else turn


def _marks(images: list[str] | None) -> list[str]:
    return [mark_of({"image": image}) for image in images or ()]


def _context(raw: Raw) -> list[str]:
    return [mark("file", bytes(raw))] if raw and bytes(raw) != b"null" else []


def _in_small_letters(body: bytes) -> bytes:
    """Return *body* with the names that are ours in small letters, as Go's decoder matches them; the last one counts.

    Nearly always that is the body as it came.
    """
    if not any(_is_odd(name) for name in set(_NAME.findall(body))):
        return body
    again = as_python_reads(body)
    if again is None:
        return body
    try:
        value = json.loads(again, object_pairs_hook=_folded)
    except RecursionError:
        return body
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def _is_odd(name: bytes) -> bool:
    told = name.decode("utf-8", "replace")
    return "\\" in told or (told not in _NAMES and told.casefold() in _NAMES)


def _folded(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    return {folded if (folded := name.casefold()) in _NAMES else name: value for name, value in pairs}
