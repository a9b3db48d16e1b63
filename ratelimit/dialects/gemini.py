"""Gemini: generate, stream, count, embed and batch, in camel case or in snake case."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, Self

import msgspec
from msgspec import Raw, field

from ratelimit.dialects.base import Dialect
from ratelimit.dialects.chat import conversation, system_text
from ratelimit.dialects.errors import JSON, encoded
from ratelimit.dialects.parameters import canonical, without_noise
from ratelimit.dialects.parts import NOTHING, Said, said_untyped
from ratelimit.dialects.rows import readings_of
from ratelimit.dialects.wire import read_json
from ratelimit.prompt import Reading

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ratelimit.dialects.base import Refusal
    from ratelimit.dialects.chat import Spoken

_BATCHES = frozenset({"batchGenerateContent", "asyncBatchEmbedContent"})
_METHODS = _BATCHES | {
    "generateContent", "streamGenerateContent", "countTokens", "embedContent", "batchEmbedContents",
}

_STATUSES = {
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    408: "DEADLINE_EXCEEDED",
    429: "RESOURCE_EXHAUSTED",
    503: "UNAVAILABLE",
}


class _Content(msgspec.Struct, gc=False):
    content: Raw = field(default=Raw(), name="parts")
    role: str = "user"


class _Call(msgspec.Struct, gc=False):
    contents: Raw = Raw()
    content: Raw = Raw()
    title: Raw = Raw()
    system_instruction: Raw = Raw()
    system_instruction_: Raw = field(default=Raw(), name="systemInstruction")
    # From here on: parameters, in the order of their canonical text.
    model: Raw = Raw()
    generation_config: Raw = Raw()
    generation_config_: Raw = field(default=Raw(), name="generationConfig")
    tools: Raw = Raw()
    tool_config: Raw = Raw()
    tool_config_: Raw = field(default=Raw(), name="toolConfig")
    safety_settings: Raw = Raw()
    safety_settings_: Raw = field(default=Raw(), name="safetySettings")
    cached_content: Raw = Raw()
    cached_content_: Raw = field(default=Raw(), name="cachedContent")
    task_type: Raw = Raw()
    task_type_: Raw = field(default=Raw(), name="taskType")
    output_dimensionality: Raw = Raw()
    output_dimensionality_: Raw = field(default=Raw(), name="outputDimensionality")


class _Counted(msgspec.Struct, gc=False):
    request: Raw = field(default=Raw(), name="generate_content_request")
    request_: Raw = field(default=Raw(), name="generateContentRequest")


class _Requests(msgspec.Struct, gc=False):
    requests: list[Raw] = []


class _Inlined(msgspec.Struct, gc=False):
    request: Raw = Raw()


class _Inlines(msgspec.Struct, gc=False):
    requests: list[_Inlined] = []


class _Input(msgspec.Struct, gc=False):
    requests: _Inlines = field(default_factory=_Inlines)


class _Batch(msgspec.Struct, gc=False):
    input: _Input = field(default_factory=_Input, name="input_config")
    input_: _Input = field(default_factory=_Input, name="inputConfig")


class _Batched(msgspec.Struct, gc=False):
    batch: _Batch = field(default_factory=_Batch)


_PARAMETERS = tuple(name.rstrip("_") for name in _Call.__struct_fields__[5:])
_call = msgspec.json.Decoder(_Call)
_counted = msgspec.json.Decoder(_Counted)
_requests = msgspec.json.Decoder(_Requests)
_batched = msgspec.json.Decoder(_Batched)
_one = msgspec.json.Decoder(_Content)
_many = msgspec.json.Decoder(list[_Content])


@dataclass(frozen=True, slots=True)
class Gemini(Dialect):
    """``.../models/{model}:{method}``: generate and stream, count tokens, embed, and batches of either.

    Names are read as the API takes them: in camel case and in snake case, both if both are there; one content or part
    may stand without the list around it. Each request in a batch is a prompt; a batch in a file asks nothing here.

    model   the path's, which is what answers, whatever the body says.
    method  the path's, such as ``generateContent``.
    """

    name: ClassVar[str] = "gemini"
    model: str = ""
    method: str = "generateContent"

    def claims(self, path: str) -> bool:
        """Say whether *path* ends in a method of the API."""
        return path.rstrip("/").rpartition(":")[2] in _METHODS

    def at(self, path: str) -> Self:
        """Return this dialect with the model and the method that *path* names."""
        before, _, method = path.rstrip("/").rpartition(":")
        return replace(self, model=before.rpartition("/")[2], method=method) if method in _METHODS else self

    def read(self, body: bytes) -> Reading:
        """Read a whole, uncompressed *body*."""
        return read_json(self.name, body, self._parse)

    def _parse(self, body: bytes) -> Reading:
        if self.method == "batchEmbedContents":
            return readings_of(self.name, _requests.decode(body).requests, self._read_call, seed=body)
        if self.method in _BATCHES:
            return self._batch(body)
        if self.method == "countTokens":
            counted = _counted.decode(body)
            for inner in filter(None, (counted.request, counted.request_)):
                return self._call(bytes(inner))
        return self._call(body)

    def _batch(self, body: bytes) -> Reading:
        batch = _batched.decode(body).batch
        requests = [one.request for part in (batch.input, batch.input_) for one in part.requests.requests]
        return readings_of(self.name, requests, self._read_call, seed=body) if requests else Reading(dialect=self.name)

    def _read_call(self, body: bytes) -> Reading:
        return read_json(self.name, body, self._call)

    def _call(self, body: bytes) -> Reading:
        read = _call.decode(body)
        if self.model:
            read.model = Raw(json.dumps(self.model).encode())
        read.generation_config = without_noise(read.generation_config)
        read.generation_config_ = without_noise(read.generation_config_)
        prompt = conversation(
            [*_contents(read.contents), *_contents(read.content)],
            parameters=canonical(_PARAMETERS, msgspec.structs.astuple(read)[5:]),
            system="\n".join(filter(None, map(_system, (read.system_instruction, read.system_instruction_)))),
            hear=_hear,
            place="contents",
            besides=said_untyped(read.title) if read.title else NOTHING,
        )
        return Reading(dialect=self.name, prompts=(prompt,))

    def error(self, refusal: Refusal) -> tuple[str, bytes]:
        """Return Google's error object, with the time to come back in it."""
        error = {
            "code": refusal.status,
            "message": refusal.message,
            "status": _STATUSES.get(refusal.status, "INVALID_ARGUMENT" if refusal.status < 500 else "INTERNAL"),
            "details": list(_details(refusal)),
        }
        return JSON, encoded({"error": error})


def _details(refusal: Refusal) -> Iterator[dict[str, object]]:
    reason = {"reason": refusal.code.upper(), "domain": "ratelimit", "metadata": {"type": refusal.type}}
    yield {"@type": "type.googleapis.com/google.rpc.ErrorInfo", **reason}
    if math.isfinite(refusal.retry_after):
        delay = f"{max(1, math.ceil(refusal.retry_after))}s"
        yield {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": delay}


def _hear(content: Spoken) -> Said:
    return said_untyped(content.content)


def _contents(raw: Raw) -> list[_Content]:
    """Return the contents in a field that holds a list of them, one, or a bare text."""
    told = bytes(raw)
    if told.startswith(b"{"):
        return [_one.decode(raw)]
    if told.startswith(b'"'):
        return [_Content(raw)]
    return _many.decode(raw) if told and told != b"null" else []


def _system(raw: Raw) -> str:
    texts = [system_text(content.content, said_untyped, "system_instruction") for content in _contents(raw)]
    return "\n".join(texts)
