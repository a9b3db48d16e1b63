"""Which policies govern what is asked where, found once for each method and path."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ratelimit.dialects import Dialect
    from ratelimit.policy import Policy

#: Routes that are kept found, and the most characters of one: paths may hold ids, and no caller makes this grow.
MOST, LONGEST = 4096, 256


class Route(NamedTuple):
    """What governs the requests of one method to one path.

    policies      those that may, each with the dialect that it speaks there: as far as the first that does so
                  unconditionally. Without any the requests pass untouched.
    body_bytes    how much of a body is read.
    read_timeout  for how many seconds.
    """

    policies: tuple[tuple[Policy, Dialect], ...]
    body_bytes: int
    read_timeout: float


class Routes:
    """The routes of some *policies*."""

    __slots__ = ("_found", "_policies")

    def __init__(self, policies: Sequence[Policy]) -> None:
        self._policies = tuple(policies)
        self._found: dict[tuple[str, str], Route] = {}

    def __len__(self) -> int:
        return len(self._found)

    def of(self, method: str, path: str) -> Route:
        """Return what governs requests of *method*, in upper case, to *path*."""
        route = self._found.get((method, path))
        if route is None:
            route = self._find(method, path)
            if len(method) + len(path) <= LONGEST:
                if len(self._found) >= MOST:
                    self._found.clear()
                self._found[method, path] = route
        return route

    def _find(self, method: str, path: str) -> Route:
        governing = []
        for policy in self._policies:
            if policy.governs(method, path):
                governing.append((policy, policy.dialect_for(path)))
                if policy.when is None:
                    break
        return Route(
            policies=tuple(governing),
            body_bytes=max([policy.body_bytes for policy, _ in governing], default=0),
            read_timeout=max([policy.read_timeout.total_seconds() for policy, _ in governing], default=0.0),
        )
