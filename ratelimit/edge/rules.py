"""The policies in force, and the gate that decides under them: one value, so that both change at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from ratelimit.dialects import Dialect
    from ratelimit.edge.gate import Gate
    from ratelimit.policy import Policy

# Routes that are kept found, and the most characters of one: paths may hold ids, and no caller makes this grow.
_MOST, _LONGEST = 4096, 256


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


class Rules:
    """Some *policies* and their *gate*."""

    __slots__ = ("_routes", "gate", "policies")

    def __init__(self, policies: tuple[Policy, ...], gate: Gate) -> None:
        self.policies, self.gate = policies, gate
        self._routes: dict[tuple[str, str], Route] = {}

    def route(self, method: str, path: str) -> Route:
        """Return what governs requests of *method*, in upper case, to *path*."""
        found = self._routes.get((method, path))
        if found is None:
            found = self._found(method, path)
            if len(method) + len(path) <= _LONGEST:
                if len(self._routes) >= _MOST:
                    self._routes.clear()
                self._routes[method, path] = found
        return found

    def _found(self, method: str, path: str) -> Route:
        governing = []
        for policy in self.policies:
            if policy.governs(method, path):
                governing.append((policy, policy.dialect_for(path)))
                if policy.when is None:
                    break
        return Route(
            policies=tuple(governing),
            body_bytes=max([policy.body_bytes for policy, _ in governing], default=0),
            read_timeout=max([policy.read_timeout.total_seconds() for policy, _ in governing], default=0.0),
        )
