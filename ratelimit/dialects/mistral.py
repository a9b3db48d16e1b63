"""Mistral: what its API has beside OpenAI's chat, and its own errors."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import msgspec
from msgspec import Raw

from ratelimit.dialects.base import Dialect, Refusal
from ratelimit.dialects.chat import Message, conversation, string, system_text
from ratelimit.dialects.completions import OpenAICompletions
from ratelimit.dialects.embeddings import OpenAIEmbeddings
from ratelimit.dialects.errors import JSON, encoded
from ratelimit.dialects.moderations import OpenAIModerations
from ratelimit.dialects.openai import OpenAIChat
from ratelimit.dialects.parameters import canonical, without_noise
from ratelimit.dialects.parts import Said, filed
from ratelimit.dialects.rows import readings_of
from ratelimit.dialects.wire import read_json
from ratelimit.prompt import Reading

_TYPES = {413: "request_too_large", 429: "rate_limited"}
_ENDS = ("/agents/completions", "/fim/completions", "/ocr", "/batch/jobs", "/conversations")
_CONVERSATION = re.compile(r"/conversations/[^/]+(?:/restart)?/?$")


class _Body(msgspec.Struct, gc=False):
    messages: list[Message] = []
    inputs: Raw = Raw()
    items: Raw = Raw()  # OpenAI's conversations, at the same path
    instructions: Raw = Raw()
    document: Raw = Raw()
    document_annotation_prompt: Raw = Raw()
    # From here on: parameters, in the order of their canonical text.
    model: Raw = Raw()
    agent_id: Raw = Raw()
    agent_version: Raw = Raw()
    temperature: Raw = Raw()
    top_p: Raw = Raw()
    n: Raw = Raw()
    max_tokens: Raw = Raw()
    stop: Raw = Raw()
    completion_args: Raw = Raw()
    tools: Raw = Raw()
    tool_choice: Raw = Raw()
    parallel_tool_calls: Raw = Raw()
    response_format: Raw = Raw()
    frequency_penalty: Raw = Raw()
    presence_penalty: Raw = Raw()
    prediction: Raw = Raw()
    prompt_mode: Raw = Raw()
    reasoning_effort: Raw = Raw()
    safe_prompt: Raw = Raw()
    pages: Raw = Raw()
    document_annotation_format: Raw = Raw()
    bbox_annotation_format: Raw = Raw()


class _Request(msgspec.Struct, gc=False):
    body: Raw = Raw()


class _Job(msgspec.Struct, gc=False):
    endpoint: str = ""
    requests: list[_Request] | None = None


_PARAMETERS = _Body.__struct_fields__[6:]
_body = msgspec.json.Decoder(_Body)
_job = msgspec.json.Decoder(_Job)
_turns = msgspec.json.Decoder(list[Message])

#: Where Mistral's API is OpenAI's, but for its errors.
_OTHERS: dict[str, Dialect] = {
    "/chat/completions": OpenAIChat(),
    "/fim/completions": OpenAICompletions(),
    "/embeddings": OpenAIEmbeddings(),
    "/moderations": OpenAIModerations(),
}
_OTHERS_ENDS = tuple(_OTHERS)


@dataclass(frozen=True, slots=True)
class Mistral(Dialect):
    """Mistral's agents, conversations, OCR, fill-in-the-middle and batch jobs; under ``/mistral/`` its chat too.

    Its chat completions have OpenAI's paths. To have them answered in Mistral's words elsewhere, say
    ``Override(paths=("*/chat/completions",), dialect=Mistral())``.

    path  where it is spoken.
    """

    name: ClassVar[str] = "mistral"
    path: str = ""

    def claims(self, path: str) -> bool:
        """Say whether *path* ends as only this API's do, or is one of its house."""
        end = path.rstrip("/")
        return (
            end.endswith(_ENDS)
            or ("/mistral/" in path and end.endswith(_OTHERS_ENDS))
            or ("/conversations/" in path and _CONVERSATION.search(path) is not None)
        )

    def at(self, path: str) -> Self:
        """Return this dialect at *path*."""
        return replace(self, path=path.rstrip("/"))

    def read(self, body: bytes) -> Reading:
        """Read a whole, uncompressed *body*."""
        for end, dialect in _OTHERS.items():
            if self.path.endswith(end):
                return msgspec.structs.replace(dialect.read(body), dialect=self.name)
        return read_json(self.name, body, self._job if self.path.endswith("/batch/jobs") else self._parse)

    def _parse(self, body: bytes) -> Reading:
        read = _body.decode(body)
        read.completion_args = without_noise(read.completion_args)
        documents = filed(read.document)
        asked = Said(string(read.document_annotation_prompt) or "", "", documents.media)
        prompt = conversation(
            [*read.messages, *_entries(read.items), *_entries(read.inputs)],
            parameters=canonical(_PARAMETERS, msgspec.structs.astuple(read)[6:]),
            system=system_text(read.instructions, place="instructions"),
            continues="/conversations/" in self.path,
            besides=asked,
        )
        return Reading(dialect=self.name, prompts=(prompt,))

    def _job(self, body: bytes) -> Reading:
        job = _job.decode(body)
        if job.requests is None:  # the files were read when they were uploaded
            return Reading(dialect=self.name)
        inner = replace(self, path=job.endpoint.removesuffix("/batch/jobs"))
        return readings_of(self.name, [one.body for one in job.requests], inner.read, seed=body)

    def error(self, refusal: Refusal) -> tuple[str, bytes]:
        """Return Mistral's error object."""
        kind = _TYPES.get(refusal.status, "invalid_request_error" if refusal.status < 500 else "internal_server_error")
        told = {"object": "error", "message": refusal.message, "type": kind, "param": None, "code": refusal.code}
        return JSON, encoded(told)


def _entries(raw: Raw) -> list[Message]:
    """Return the turns of a conversation's input: a text, or a list of entries."""
    if bytes(raw).startswith(b"["):
        return _turns.decode(raw)
    return [Message("user", raw)] if raw and bytes(raw) != b"null" else []
