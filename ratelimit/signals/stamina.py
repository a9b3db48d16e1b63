"""Stamina: whether a principal nobody knows asks hour after hour without ever asking the same again."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ratelimit.errors import refuse_invalid
from ratelimit.sketches import hour_of

if TYPE_CHECKING:
    from ratelimit.observation import Features
    from ratelimit.profile import PrincipalProfile


@dataclass(frozen=True, kw_only=True, slots=True)
class Stamina:
    """The bet that the clock hour that just ended was a full one, like the one before.

    An hour is *full* if it held *prompts* or more (and no less than half of the principal's own hourly average), at
    most a fifth of them asked before, and the next prompt came in the very next hour. One bet an hour, for principals
    that are not trusted and ask 12 * *prompts* a day or more. An honest one's hour is full with probability at most p0,
    given its past: people sleep, jobs end, and bots are asked the same again:

        full: p1 / p0        not: (1 - p1) / (1 - p0)

    of expectation at most one inside the null. An unknown account with a long honest job of unlike items that runs for
    more than two days at an even pace is outside of it: verify it, or leave the signal out. Nothing is bet against the
    evidence while the principal is tightened, when its hours cannot be full.

    prompts  1 or more.
    p0, p1   0 < p0 < p1 < 1.
    ceiling  the most evidence it may hold, log10.

    Source: of honest clients 15 to 55 % are active around the clock but bursty, and windows of even pace are rare
    (ServeGen, per-client traces); as a bet (Shafer 2021).
    """

    prompts: int = 12
    p0: float = 0.81
    p1: float = 0.98
    ceiling: float = 8.0
    name: str = "stamina"

    def __post_init__(self) -> None:
        problems = []
        if self.prompts < 1:
            problems.append(f"prompts: must be at least 1, got {self.prompts!r}")
        if not 0 < self.p0 < self.p1 < 1:
            problems.append(f"p0, p1: must rise strictly between 0 and 1, got {self.p0!r}, {self.p1!r}")
        if self.ceiling <= 0:
            problems.append(f"ceiling: must be above 0, got {self.ceiling!r}; to switch the signal off leave it out")
        refuse_invalid("Stamina", problems)

    def score(self, features: Features, own: PrincipalProfile) -> float:
        """Return the natural log of the factor of the hour that this prompt ends; 0.0 for no bet."""
        if features.trusted or own.pace is None or own.pace.hour.number in {-1, hour_of(features.now)}:
            return 0.0
        hour, per_day = own.pace.hour, own.pace.per_day(features.now) + 1.0
        if per_day < 12 * self.prompts:
            return 0.0
        full = hour.number + 1 == hour_of(features.now) and hour.prompts >= max(self.prompts, per_day / 48)
        if full and hour.repeats <= 0.2 * hour.prompts:
            return math.log(self.p1 / self.p0)
        return 0.0 if features.tight else math.log((1 - self.p1) / (1 - self.p0))
