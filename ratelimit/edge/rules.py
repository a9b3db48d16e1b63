"""The policies in force, and the gate that decides under them: one value, so that both change at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ratelimit.edge.gate import Gate
    from ratelimit.policy import Policy


class Rules:
    """Some *policies* and their *gate*."""

    __slots__ = ("gate", "policies")

    def __init__(self, policies: tuple[Policy, ...], gate: Gate) -> None:
        self.policies, self.gate = policies, gate

    def governing(self, method: str, path: str) -> list[Policy]:
        """Return the policies that may govern: as far as the first that does so unconditionally."""
        found = []
        for policy in self.policies:
            if policy.governs(method, path):
                found.append(policy)
                if policy.when is None:
                    break
        return found
