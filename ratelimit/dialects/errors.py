"""Error bodies: what the dialects' own have in common."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from ratelimit.dialects.base import Refusal

JSON = "application/json"
PROBLEM = "application/problem+json"


def problem_members(refusal: Refusal) -> dict[str, Any]:
    """Return the members of RFC 9457, the code, and ``violated-policies`` of draft-ietf-httpapi-ratelimit-headers."""
    members: dict[str, Any] = {
        "type": refusal.type,
        "title": refusal.title,
        "status": refusal.status,
        "detail": refusal.message,
        "code": refusal.code,
    }
    if refusal.violated:
        members["violated-policies"] = list(refusal.violated)
    return members


def encoded(value: object) -> bytes:
    """Return *value* as JSON in ASCII, which holds any text, lone surrogates too."""
    try:
        written = msgspec.json.encode(value)
    except UnicodeEncodeError:  # a lone surrogate
        written = b"\xff"
    return written if written.isascii() else json.dumps(value, separators=(",", ":")).encode("ascii")
