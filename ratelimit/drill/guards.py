"""What stands before the model: nothing, a fixed quota, or behavioural budgets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from ratelimit import gcra
from ratelimit.drill.acting import Answer
from ratelimit.trace.side import Side

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ratelimit.drill.scene import Scene
    from ratelimit.policy import Policy

DAY = 86_400.0

ANSWERED = Answer(True)


class Guard(Protocol):
    """Answers or refuses."""

    def decide(self, scene: Scene) -> Answer:
        """Return what the caller sees."""
        ...


class Nothing:
    """Answers everybody."""

    def decide(self, scene: Scene) -> Answer:  # noqa: ARG002 (the protocol's)
        """Answer."""
        return ANSWERED


class Quota:
    """A fixed quota per account: *per_day* requests a day, all of which may be spent at once."""

    def __init__(self, per_day: int) -> None:
        self._burst, self._refill = float(per_day), per_day / DAY
        self._levels: dict[str, tuple[float, float]] = {}

    def decide(self, scene: Scene) -> Answer:
        """Charge one request."""
        refused = self.charge(scene.principal.id, scene.now)
        return Answer(False, refused) if refused else ANSWERED

    def charge(self, account: str, now: float) -> float:
        """Charge one request of *account*; return the seconds until it would be granted, 0.0 if it is."""
        level, at = self._levels.get(account, (0.0, now))
        grant = gcra.charge(level, at, now=now, refill=self._refill, burst=self._burst, cost=1.0)
        if grant.allowed:
            self._levels[account] = (grant.level, now)
        return grant.retry_after


class Behaviour:
    """The policies under test, decided by the real engine."""

    def __init__(self, label: str, policies: Sequence[Policy]) -> None:
        self.side = Side(label, policies)

    def decide(self, scene: Scene) -> Answer:
        """Decide, and learn if it is allowed."""
        decision = self.side.decide(scene)
        scene.tier = decision.tier
        return Answer(False, decision.retry_after) if decision.refused else ANSWERED
