"""The principal that a header names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ratelimit.errors import refuse_invalid
from ratelimit.principal import Principal

if TYPE_CHECKING:
    from ratelimit.request import Request


class Header:
    """What the header *name* says, as ``Principal(id="header:name:value")``; ``None`` if it is absent or empty.

    Only for a header that your own gateway sets on every request: whoever else can set it chooses who pays. Of several
    lines the last counts, which is the gateway's where it adds its line to the caller's.

    >>> from ratelimit.request import Request
    >>> Header("X-Account")(Request(headers=[(b"x-account", b"17")])).id
    'header:x-account:17'
    """

    __slots__ = ("_name", "name")

    def __init__(self, name: str) -> None:
        refuse_invalid("Header", _problems(name))
        self.name = name.lower()
        self._name = self.name.encode("ascii")

    def __call__(self, request: Request) -> Principal | None:
        """Return the principal that the header of *request* names."""
        for name, value in reversed(request.headers):
            if name == self._name:
                said = value.decode("latin-1").strip()
                return Principal(id=f"header:{self.name}:{said}") if said else None
        return None

    def __repr__(self) -> str:
        return f"Header({self.name!r})"


def _problems(name: object) -> list[str]:
    if isinstance(name, str) and name and name.isascii() and name.isprintable():
        return []
    return [f"name: must be a header's name, got {name!r}; say 'X-Account'"]
