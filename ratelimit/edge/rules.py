"""The policies in force, and the gate that decides under them: one value, so that both change at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ratelimit.edge.routes import Routes

if TYPE_CHECKING:
    from ratelimit.edge.gate import Gate
    from ratelimit.policy import Policy


class Rules:
    """Some *policies*, their *routes* and their *gate*."""

    __slots__ = ("gate", "policies", "routes")

    def __init__(self, policies: tuple[Policy, ...], gate: Gate) -> None:
        self.policies, self.gate, self.routes = policies, gate, Routes(policies)
