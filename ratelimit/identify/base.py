"""What a resolver is, and how one is asked."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeAlias

from ratelimit.errors import ResolverError
from ratelimit.principal import Principal
from ratelimit.request import Request

#: What a resolver returns: somebody, nobody, or the promise of either.
Found: TypeAlias = Principal | Awaitable[Principal | None] | None

#: Anything that names the principal behind a request, plain or async.
Resolver: TypeAlias = Callable[[Request], Found]


async def resolve(resolver: Resolver, request: Request) -> Principal | None:
    """Return the principal that *resolver* finds behind *request*; ``None`` if it finds none.

    Raises ``ResolverError`` if the resolver returns something else. What the resolver raises passes through.
    """
    found = resolver(request)
    if found is None or isinstance(found, Principal):  # the common case neither awaits nor inspects anything
        return found
    return await settled(found, resolver)


async def settled(found: object, source: object) -> Principal | None:
    """Return what *source* found, awaited if it must be; raise ``ResolverError`` if that is no principal."""
    if isinstance(found, Awaitable):
        found = await found
    if found is None or isinstance(found, Principal):
        return found
    raise ResolverError(
        f"{_name(source)}: a resolver must return a Principal or None, got a {type(found).__name__}; "
        "return Principal(id=...) for whom the request is charged, or None if this resolver cannot tell"
    )


def _name(source: object) -> str:
    name = getattr(source, "__qualname__", None)
    return name if isinstance(name, str) else repr(source)
