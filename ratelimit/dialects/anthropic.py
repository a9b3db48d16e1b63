"""Anthropic messages, and batches of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import msgspec
from msgspec import Raw

from ratelimit.dialects.base import Dialect
from ratelimit.dialects.chat import Message, conversation, string, system_text
from ratelimit.dialects.errors import JSON, encoded
from ratelimit.dialects.parameters import canonical
from ratelimit.dialects.rows import readings_of
from ratelimit.dialects.wire import read_json
from ratelimit.prompt import Reading

if TYPE_CHECKING:
    from ratelimit.dialects.base import Header, Refusal


class _Metadata(msgspec.Struct, gc=False):
    user_id: Raw = Raw()


class _Body(msgspec.Struct, gc=False):
    messages: list[Message] = []
    system: Raw = Raw()
    metadata: Raw = Raw()
    # From here on: parameters, in the order of their canonical text.
    model: Raw = Raw()
    max_tokens: Raw = Raw()
    temperature: Raw = Raw()
    top_p: Raw = Raw()
    top_k: Raw = Raw()
    stop_sequences: Raw = Raw()
    tools: Raw = Raw()
    tool_choice: Raw = Raw()
    thinking: Raw = Raw()
    output_config: Raw = Raw()
    output_format: Raw = Raw()
    mcp_servers: Raw = Raw()
    context_management: Raw = Raw()


_PARAMETERS = _Body.__struct_fields__[3:]
_body = msgspec.json.Decoder(_Body)
_metadata = msgspec.json.Decoder(_Metadata)
class _Request(msgspec.Struct, gc=False):
    params: Raw = Raw()


class _Batch(msgspec.Struct, gc=False):
    requests: list[_Request] = []


_batch = msgspec.json.Decoder(_Batch)
_ENDS = ("/messages", "/messages/count_tokens")

_TYPES = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
    529: "overloaded_error",
}


@dataclass(frozen=True, slots=True)
class AnthropicStyle(Dialect):
    """A dialect that words its errors as Anthropic does."""

    def error(self, refusal: Refusal) -> tuple[str, bytes]:
        """Return Anthropic's error object. It has no room for RFC 9457: its ``type`` must be ``error``."""
        kind = _TYPES.get(refusal.status, "invalid_request_error" if refusal.status < 500 else "api_error")
        return JSON, encoded({"type": "error", "error": {"type": kind, "message": refusal.message}})

    def headers(self, refusal: Refusal) -> tuple[Header, ...]:
        """Return the header without which Claude Code tries again for ever."""
        return ((b"anthropic-ratelimit-unified-status", b"rejected"),) if refusal.status == 429 else ()

    def stream_error(self, refusal: Refusal) -> bytes:
        """Return the error as the event that Anthropic's streams end with when something breaks."""
        return b"event: error\ndata: %s\n\n" % self.error(refusal)[1]


@dataclass(frozen=True, slots=True)
class AnthropicMessages(AnthropicStyle):
    """``.../messages`` and ``.../messages/count_tokens``, which has the same body; not ``.../messages/batches``.

    The end user is the body's ``metadata.user_id``.
    """

    name: ClassVar[str] = "anthropic-messages"
    single: ClassVar[bool] = True

    def claims(self, path: str) -> bool:
        """Say whether *path* ends as this API's do; ``/threads/{id}/messages`` is another's."""
        return path.rstrip("/").endswith(_ENDS) and "/threads/" not in path

    def read(self, body: bytes) -> Reading:
        """Read a whole, uncompressed *body*."""
        return read_json(self.name, body, self._parse)

    def _parse(self, body: bytes) -> Reading:
        read = _body.decode(body)
        parameters = canonical(_PARAMETERS, msgspec.structs.astuple(read)[3:])
        prompt = conversation(read.messages, parameters=parameters, system=system_text(read.system))
        return Reading(dialect=self.name, prompts=(prompt,), end_user=_end_user(read.metadata))


@dataclass(frozen=True, slots=True)
class AnthropicBatches(AnthropicStyle):
    """``.../messages/batches``: each of ``requests`` is the body of a message."""

    name: ClassVar[str] = "anthropic-batches"

    def claims(self, path: str) -> bool:
        """Say whether *path* ends in ``/messages/batches``."""
        return path.rstrip("/").endswith("/messages/batches")

    def read(self, body: bytes) -> Reading:
        """Read a whole, uncompressed *body*."""
        return read_json(self.name, body, self._parse)

    def _parse(self, body: bytes) -> Reading:
        requests = [request.params for request in _batch.decode(body).requests]
        return readings_of(self.name, requests, AnthropicMessages().read, seed=body)


def _end_user(metadata: Raw) -> str | None:
    return string(_metadata.decode(metadata).user_id) if bytes(metadata).startswith(b"{") else None
