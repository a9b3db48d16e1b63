"""The first resolver that knows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ratelimit.errors import refuse_invalid
from ratelimit.identify.base import Found, Resolver, resolve, settled
from ratelimit.principal import Principal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ratelimit.request import Request


class FirstOf:
    """Ask *resolvers* in turn and return the first principal found; ``None`` if none of them finds one.

    Resolvers after that are not asked. Plain and async ones mix; nothing is awaited while plain ones answer.
    """

    __slots__ = ("_resolvers",)

    def __init__(self, *resolvers: Resolver) -> None:
        refuse_invalid("FirstOf", _problems(resolvers))
        self._resolvers = resolvers

    def __call__(self, request: Request) -> Found:
        """Return the first principal found behind *request*."""
        for index, resolver in enumerate(self._resolvers):
            found = resolver(request)
            if isinstance(found, Principal):
                return found
            if found is not None:
                return self._later(found, resolver, self._resolvers[index + 1 :], request)
        return None

    async def _later(
        self, found: object, resolver: Resolver, others: Sequence[Resolver], request: Request
    ) -> Principal | None:
        principal = await settled(found, resolver)
        for other in others:
            if principal is not None:
                break
            principal = await resolve(other, request)
        return principal

    def __repr__(self) -> str:
        return f"FirstOf({', '.join(map(repr, self._resolvers))})"


def _problems(resolvers: Sequence[object]) -> list[str]:
    if not resolvers:
        return ["resolvers: must not be empty; say FirstOf(APIKey(), ClientIP())"]
    return [f"resolvers[{index}]: must be a function from a Request to a Principal or None, got {resolver!r}"
            for index, resolver in enumerate(resolvers) if not callable(resolver)]
