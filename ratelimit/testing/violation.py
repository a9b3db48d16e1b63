"""What a breach of the protocol is, and the checks that several protocols share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from starlette.types import Message, Scope

_SEPARATORS = frozenset(b'\0\r\n\t "(),/:;<=>?@[\\]{}')
_BREAKS = frozenset(b"\0\r\n")


class ProtocolViolation(AssertionError):  # noqa: N818 (a violation, as everybody calls it)
    """A breach of the ASGI protocol, in one sentence."""


def require(holds: bool, breach: str) -> None:
    """Raise ``ProtocolViolation`` with *breach* unless it *holds*."""
    if not holds:
        raise ProtocolViolation(breach)


def require_field(
    message: Mapping[str, Any], name: str, kind: type | tuple[type, ...], *, required: bool = False
) -> Any:
    """Return the field called *name*, ``None`` if it is absent; it must be of that *kind*, and a bool is no int."""
    where = message.get("type", "message")
    require(name in message or not required, f"{where}: {name!r} is missing")
    value = message.get(name)
    if name in message:
        fits = isinstance(value, kind) and (not isinstance(value, bool) or kind is bool)
        if not fits:  # only then is the value put into words: it may be long
            raise ProtocolViolation(f"{where}: {name!r} is of the wrong type: {value!r}")
    return value


def require_headers(headers: object, where: str) -> list[tuple[bytes, bytes]]:
    """Return *headers* as pairs; each must be two byte strings, the name in lower case, neither with a line break."""
    require(isinstance(headers, Iterable) and not isinstance(headers, Mapping | str | bytes),
            f"{where}: headers must be an iterable of pairs, got {headers!r}")
    pairs = []
    for item in headers:  # type: ignore[attr-defined]  # an iterable: the line above made sure
        require(isinstance(item, list | tuple) and len(item) == 2, f"{where}: a header must be a pair, got {item!r}")
        name, value = item
        require(isinstance(name, bytes) and isinstance(value, bytes), f"{where}: a header must be bytes, got {item!r}")
        require(name == name.lower(), f"{where}: a header's name must be in lower case, got {name!r}")
        require(bool(name) and _SEPARATORS.isdisjoint(name), f"{where}: no header can be called {name!r}")
        require(_BREAKS.isdisjoint(value), f"{where}: a header's value must not break the line, got {item!r}")
        pairs.append((name, value))
    return pairs


def require_type(message: Message) -> str:
    """Return the type of *message*, which must be a dictionary that names one."""
    if not isinstance(message, dict):
        raise ProtocolViolation(f"a message must be a dictionary, got {message!r}")
    kind: str = require_field(message, "type", str, required=True)
    return kind


def require_scope(scope: Scope) -> None:
    """Check the fields that the scopes of HTTP and websockets share."""
    where = f"scope of type {scope['type']}"
    for name, default in (("path", None), ("http_version", ""), ("root_path", "")):
        value = scope.get(name, default)
        require(isinstance(value, str), f"{where}: {name!r} must be text, got {value!r}")
    require(isinstance(scope.get("query_string", b""), bytes), f"{where}: 'query_string' must be bytes")
    require("headers" in scope, f"{where}: 'headers' is missing")
    require_headers(scope["headers"], where)
    asgi = scope.get("asgi")
    require(isinstance(asgi, dict) and "version" in asgi, f"{where}: 'asgi' must tell the version, got {asgi!r}")
    require(isinstance(scope.get("state", {}), dict), f"{where}: 'state' must be a dictionary")
    for name in ("client", "server"):
        address = scope.get(name)
        require(address is None or (isinstance(address, list | tuple) and len(address) == 2),
                f"{where}: {name!r} must be a pair or None, got {address!r}")
