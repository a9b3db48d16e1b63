"""Cohere: chat, embed, rerank, classify, generate and summarize, versions 1 and 2."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import ClassVar, Self, TypeAlias

import msgspec
from msgspec import Raw, field

from ratelimit.dialects.base import Dialect, Refusal
from ratelimit.dialects.chat import Message, conversation, string
from ratelimit.dialects.errors import JSON, encoded, problem_members
from ratelimit.dialects.media import mark_of
from ratelimit.dialects.parameters import canonical
from ratelimit.dialects.parts import NOTHING, Said, filed
from ratelimit.dialects.rows import pairs, prompts_of, rows_of
from ratelimit.dialects.wire import read_json
from ratelimit.prompt import Prompt, Reading

Asked: TypeAlias = tuple[tuple[Prompt, ...], int]


class _Turn(msgspec.Struct, gc=False):
    content: Raw = field(default=Raw(), name="message")
    role: str = ""


class _Body(msgspec.Struct, gc=False):
    messages: list[Message] = []
    message: Raw = Raw()
    preamble: Raw = Raw()
    chat_history: list[_Turn] = []
    conversation_id: Raw = Raw()
    documents: Raw = Raw()
    texts: Raw = Raw()
    images: Raw = Raw()
    inputs: Raw = Raw()
    query: Raw = Raw()
    prompt: Raw = Raw()
    text: Raw = Raw()
    # From here on: parameters, in the order of their canonical text.
    model: Raw = Raw()
    temperature: Raw = Raw()
    p: Raw = Raw()
    k: Raw = Raw()
    max_tokens: Raw = Raw()
    stop_sequences: Raw = Raw()
    tools: Raw = Raw()
    tool_choice: Raw = Raw()
    connectors: Raw = Raw()
    response_format: Raw = Raw()
    safety_mode: Raw = Raw()
    citation_options: Raw = Raw()
    prompt_truncation: Raw = Raw()
    frequency_penalty: Raw = Raw()
    presence_penalty: Raw = Raw()
    reasoning: Raw = Raw()
    thinking: Raw = Raw()
    logprobs: Raw = Raw()
    examples: Raw = Raw()
    input_type: Raw = Raw()
    embedding_types: Raw = Raw()
    output_dimension: Raw = Raw()
    truncate: Raw = Raw()
    top_n: Raw = Raw()
    length: Raw = Raw()
    format: Raw = Raw()
    additional_command: Raw = Raw()


_PARAMETERS = _Body.__struct_fields__[12:]
_body = msgspec.json.Decoder(_Body)
_ROLES = {"user": "user", "chatbot": "assistant", "system": "system", "tool": "tool"}


@dataclass(frozen=True, slots=True)
class Cohere(Dialect):
    """``/v1/chat``, ``/v2/chat``, and ``embed``, ``rerank``, ``classify``, ``generate`` and ``summarize`` beside them.

    Each of the ``texts``, ``images`` or ``inputs`` to embed or classify is a prompt; so is each document to rank, with
    the query. The documents of a chat are marked.

    end  how the path ends: the version and what is asked for.
    """

    name: ClassVar[str] = "cohere"
    end: str = "/v2/chat"

    def claims(self, path: str) -> bool:
        """Say whether *path* ends as this API's do, version and all; ``/inference/v1/generate`` is vLLM's."""
        end = path.rstrip("/")
        return end.endswith(_ENDS) and not end.endswith("/inference/v1/generate")

    def at(self, path: str) -> Self:
        """Return this dialect with what *path* asks for."""
        return next((replace(self, end=end) for end in _ENDS if path.rstrip("/").endswith(end)), self)

    def read(self, body: bytes) -> Reading:
        """Read a whole, uncompressed *body*."""
        return read_json(self.name, body, self._parse)

    def _parse(self, body: bytes) -> Reading:
        read = _body.decode(body)
        parameters = canonical(_PARAMETERS, msgspec.structs.astuple(read)[12:])
        prompts, more = _READERS[self.end](read, parameters, body)
        return Reading(dialect=self.name, prompts=prompts, more=more)

    def error(self, refusal: Refusal) -> tuple[str, bytes]:
        """Return Cohere's message, with the members of RFC 9457 beside it."""
        return JSON, encoded({"message": refusal.message, **problem_members(refusal)})

    def stream_error(self, refusal: Refusal) -> bytes:
        """Return the end of a message for an error: an event, or in version 1 a line."""
        if self.end.startswith("/v1/"):
            told = {"text": "", "finish_reason": "ERROR", "error": refusal.message}
            event = {"event_type": "stream-end", "is_finished": True, "finish_reason": "ERROR", "response": told}
            return encoded(event) + b"\n"
        event = {"type": "message-end", "delta": {"finish_reason": "ERROR", "error": refusal.message}}
        return b"event: message-end\ndata: %s\n\n" % encoded(event)


def _chat(read: _Body, parameters: str, _: bytes) -> Asked:
    besides = filed(read.documents) if read.documents else NOTHING
    return (conversation(read.messages, parameters=parameters, besides=besides),), 0


def _old_chat(read: _Body, parameters: str, _: bytes) -> Asked:
    for turn in read.chat_history:
        turn.role = _ROLES.get(turn.role.lower(), turn.role)
    prompt = conversation(
        [*read.chat_history, Message("user", read.message)],
        parameters=parameters,
        system=string(read.preamble) or "",
        continues=string(read.conversation_id) is not None,
        place="chat_history",
        besides=filed(read.documents) if read.documents else NOTHING,
    )
    return (prompt,), 0


def _embed(read: _Body, parameters: str, body: bytes) -> Asked:
    images = [Said(media=(mark_of({"image": image}),)) for image in rows_of(read.images)]
    rows = [*rows_of(read.texts), *rows_of(read.inputs), *images]
    return prompts_of(rows, parameters=parameters, seed=body)


def _rerank(read: _Body, parameters: str, body: bytes) -> Asked:
    return prompts_of(pairs(rows_of(read.query), rows_of(read.documents)), parameters=parameters, seed=body)


def _inputs(read: _Body, parameters: str, body: bytes) -> Asked:
    return prompts_of(rows_of(read.inputs), parameters=parameters, seed=body)


def _text(read: _Body, parameters: str, body: bytes) -> Asked:
    return prompts_of([*rows_of(read.prompt), *rows_of(read.text)], parameters=parameters, seed=body)


Read: TypeAlias = Callable[[_Body, str, bytes], Asked]

_READERS: dict[str, Read] = {
    "/v2/chat": _chat, "/v1/chat": _old_chat, "/v2/embed": _embed, "/v1/embed": _embed, "/v2/rerank": _rerank,
    "/v1/rerank": _rerank, "/v1/classify": _inputs, "/v1/generate": _text, "/v1/summarize": _text,
}
_ENDS = tuple(_READERS)
