"""The Model Context Protocol: JSON-RPC over HTTP."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec
from msgspec import Raw

from ratelimit.dialects.base import Dialect
from ratelimit.dialects.errors import JSON, encoded, problem_members
from ratelimit.dialects.parameters import canonical
from ratelimit.dialects.plain import read_anything, read_form
from ratelimit.dialects.rows import sampled
from ratelimit.prompt import Prompt, Reading

if TYPE_CHECKING:
    from ratelimit.dialects.base import Refusal
    from ratelimit.dialects.forms import Form

#: The code of a refusal: of those that JSON-RPC leaves to servers (-32000 to -32099), the one that says 429.
RATE_LIMITED = -32029

_INVALID, _INTERNAL = -32600, -32603

#: What asks nothing of a model or a tool: the talk around it.
_SMALL_TALK = frozenset({
    "initialize", "ping", "server/discover", "tools/list", "prompts/list", "resources/list", "resources/templates/list",
    "resources/subscribe", "resources/unsubscribe", "subscriptions/listen", "logging/setLevel", "roots/list",
    "tasks/list", "tasks/get", "tasks/result", "tasks/cancel",
})


#: Where the methods that ask something keep what they ask, and what it is asked of. Any other is asked all of it.
_ASKED: dict[str, tuple[str, ...]] = {
    "tools/call": ("arguments",),
    "prompts/get": ("arguments",),
    "resources/read": ("uri",),
    "completion/complete": ("argument", "context"),
}

_LONGEST_ID, _MOST_IDS = 256, 64


class _Call(msgspec.Struct, gc=False):
    jsonrpc: Raw = Raw()
    id: Raw = Raw()
    method: str = ""
    params: Raw = Raw()


_call = msgspec.json.Decoder(_Call)
_calls = msgspec.json.Decoder(list[_Call])
_params = msgspec.json.Decoder(dict[str, Raw])
_anything: msgspec.json.Decoder[Any] = msgspec.json.Decoder()


@dataclass(frozen=True, slots=True)
class MCP(Dialect):
    """``.../mcp``, and ``/messages/`` of the older transport: JSON-RPC, one call or several.

    A call of a tool, a prompt or a resource is a prompt: its arguments, as canonical JSON; its name is a parameter. A
    request that asks nothing (``initialize``, ``ping``, lists, notifications) is charged once and not observed. A body
    that is no JSON-RPC is read as any JSON.
    """

    name: ClassVar[str] = "mcp"

    def claims(self, path: str) -> bool:
        """Say whether *path* ends in ``/mcp``, or is the older transport's."""
        return path.rstrip("/").endswith("/mcp") or path == "/messages/" or path.endswith("/mcp/messages/")

    def read(self, body: bytes) -> Reading:
        """Read a whole, uncompressed *body*."""
        return read_anything(self.name, body, self._parse)

    def read_form(self, form: Form) -> Reading:
        """Read a *form*, which is none of MCP's, as any."""
        return read_form(self.name, form)

    def _parse(self, body: bytes) -> Reading | None:
        several = body.lstrip().startswith(b"[")
        calls = _calls.decode(body) if several else [_call.decode(body)]
        if not calls or not all(bytes(call.jsonrpc) == b'"2.0"' for call in calls):
            return None
        asked = [call for call in calls if _asks(call.method)]
        held = sampled(asked, body)
        ids = [_id(call.id) for call in calls[: _MOST_IDS + 1] if call.id]
        return Reading(
            dialect=self.name,
            prompts=tuple(map(_prompt, held)),
            more=len(asked) - len(held),
            call=f"[{','.join(ids)}]" if several and len(ids) <= _MOST_IDS else "".join(ids[: not several]),
        )

    def error(self, refusal: Refusal) -> tuple[str, bytes]:
        """Return an error of JSON-RPC with the id of the call, or one for each of several."""
        code = RATE_LIMITED if refusal.status in {429, 503} else _INVALID if refusal.status < 500 else _INTERNAL
        error = {"code": code, "message": refusal.message, "data": problem_members(refusal)}
        ids = json.loads(refusal.call or "null")
        told = [{"jsonrpc": "2.0", "id": one, "error": error} for one in (ids if isinstance(ids, list) else [ids])]
        return JSON, encoded(told if isinstance(ids, list) else told[0])

    def stream_error(self, refusal: Refusal) -> bytes:
        """Return the error as the message of an event."""
        return b"event: message\ndata: %s\n\n" % self.error(refusal)[1]


def _asks(method: str) -> bool:
    return bool(method) and method not in _SMALL_TALK and not method.startswith("notifications/")


def _prompt(call: _Call) -> Prompt:
    """Return what *call* asks, as canonical JSON, of a tool or whatever else its other members name."""
    params = _params.decode(call.params) if bytes(call.params).startswith(b"{") else {}
    asked = [params[name] for name in _ASKED.get(call.method, ()) if name in params]
    parameters = canonical(("method", "name", "ref"), (_encoded(call.method), *(
        params.get(name, Raw()) for name in ("name", "ref")
    )))
    texts = [_canonical(raw) for raw in asked or [call.params] if raw]
    return Prompt(text="\n".join(texts) or call.method, parameters=parameters)


def _canonical(raw: Raw) -> str:
    value = _anything.decode(raw)
    return value if isinstance(value, str) else msgspec.json.encode(value, order="sorted").decode()


def _encoded(text: str) -> Raw:
    return Raw(json.dumps(text).encode())


def _id(raw: Raw) -> str:
    """Return the id of a call as JSON that can be sent back: a string or a number, and no long one."""
    value = _anything.decode(raw) if len(bytes(raw)) <= _LONGEST_ID else None
    return json.dumps(value) if type(value) in {str, int} else "null"
