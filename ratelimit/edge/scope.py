"""An ASGI scope, read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ratelimit.request import Request

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import Scope

    from ratelimit.prompt import Reading

#: Digits of a Content-Length that count: enough to be too much, and few enough to be worked out.
_DIGITS = 18

_LOOKED_AT = frozenset({b"accept", b"content-length", b"content-type", b"content-encoding", b"x-body-compressed"})

#: Where the decision stands in ``scope["state"]``.
STATE = "ratelimit"


def route_path(scope: Scope) -> str:
    """Return the path as the application routes it, the mount's prefix taken off.

    Servers once left ``root_path`` out of ``path``, and now put it in; either is understood.
    """
    path: str = scope["path"]
    root = str(scope.get("root_path", "")).rstrip("/")
    if root and path.startswith(root) and path[len(root) : len(root) + 1] in {"", "/"}:
        return path[len(root) :] or "/"
    return path


def request_of(
    scope: Scope, path: str, reading: Reading | Callable[[], Reading], *, single: bool = False
) -> Request:
    """Return the request of *scope* as the core sees it; *single*: whether it is known to ask one prompt at most."""
    peer = scope.get("client")
    return Request(
        method=scope.get("method", "GET"),  # a websocket begins as one
        path=path,
        query=scope.get("query_string", b""),
        headers=scope["headers"],
        peer=peer[0] if peer else None,
        reading=reading,
        single=single,
    )


def told_by(scope: Scope) -> dict[bytes, str]:
    """Return the headers that are looked at here, by name; several of one name are joined by commas."""
    told: dict[bytes, str] = {}
    for name, value in scope["headers"]:
        if name in _LOOKED_AT:
            text = value.decode("latin-1")
            told[name] = f"{told[name]}, {text}" if name in told else text
    return told


def declared_length(told: dict[bytes, str]) -> int:
    """Return the length that the body is said to have, 0 if it is not said."""
    length = told.get(b"content-length", "")
    return int(length[:_DIGITS]) if length.isascii() and length.isdigit() else 0
