"""Events: what the messages of a websocket have in common, and how an error is told among them."""

from __future__ import annotations

import json
import math
import re
from hashlib import sha256
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
from msgspec import Raw

from ratelimit.dialects.errors import encoded
from ratelimit.dialects.wire import UNREAD, as_python_reads

if TYPE_CHECKING:
    from ratelimit.dialects.base import Refusal


class _Event(msgspec.Struct, gc=False):
    type: str = ""
    event_id: Raw = Raw()
    stream_id: Raw = Raw()


class Event(NamedTuple):
    """What kind of event it is, and the ids by which its sender knows it, as JSON."""

    type: str
    call: str


_event = msgspec.json.Decoder(_Event)
_NONE = Event("", "")
_IDS = ("event_id", "stream_id")

#: An id that is repeated to its sender: a short string of plain characters, nothing of it escaped.
_PLAIN = re.compile(rb'"[ !#-\[\]-~]{1,512}"')


def event_of(data: bytes) -> Event:
    """Return what kind of event *data* is; an empty kind for what is none.

    >>> event_of(b'{"type": "response.create", "event_id": "e1"}')
    Event(type='response.create', call='{"event_id":"e1"}')
    """
    try:
        read = _event.decode(data)
    except UNREAD:
        again = as_python_reads(data)  # the application may read it so
        try:
            read = _event.decode(again) if again is not None else _Event()
        except UNREAD:
            return _NONE
    told = [(name, bytes(getattr(read, name))) for name in _IDS]
    ids = [f'"{name}":{value.decode()}' for name, value in told if _PLAIN.fullmatch(value)]
    return Event(read.type, f"{{{','.join(ids)}}}" if ids else "")


def error_event(refusal: Refusal, kind: str) -> bytes:
    """Return *refusal* as the event by which OpenAI's websockets tell an error of a *kind*.

    Realtime has it under ``error``, with the id of the event that was refused; responses at the top level too.
    """
    ids: dict[str, Any] = json.loads(refusal.call) if refusal.call else {}
    told: dict[str, Any] = {"code": refusal.code, "message": refusal.message, "param": None}
    error = {"type": kind, **told, "event_id": ids.get("event_id")}
    if math.isfinite(refusal.retry_after):
        error["retry_after_ms"] = math.ceil(refusal.retry_after * 1000)
    number = sha256(f"{refusal.call}\x1f{refusal.message}".encode("utf-8", "surrogatepass")).hexdigest()[:20]
    stream = {"stream_id": ids["stream_id"]} if "stream_id" in ids else {}
    return encoded({
        "type": "error", "event_id": f"event_{number}", "status": refusal.status, "error": error, **told,
        "sequence_number": 0, **stream,
    })

