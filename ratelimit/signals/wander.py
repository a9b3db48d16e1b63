"""Wander: whether a principal that asks much ever comes back near what it asked, or has a task of its own at all."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ratelimit.errors import refuse_invalid

if TYPE_CHECKING:
    from ratelimit.observation import Features
    from ratelimit.profile import PrincipalProfile


@dataclass(frozen=True, kw_only=True, slots=True)
class Wander:
    """The bet that the next prompt of a principal of high volume is loose from everything it asked before.

    A prompt is *loose* if it comes without system text, continues no known conversation, shares at most *template*
    words with nearly all (80 %) of the principal's own prompts, and lies nowhere near its latest ones (similarity below
    *near*). People are loose at times, but do not ask by the hundred; batch jobs and bots ask by the hundred, with a
    template or a system text. From *volume* prompts a day on, an honest principal is loose with probability at most p0:

        loose: p1 / p0        not: (1 - p1) / (1 - p0)

    of expectation at most one inside the null. While the principal is tightened, its volume is not looked at: what is
    refused hides how much it asks. A single account that walks through a list as it stands is loose nearly
    always. One that puts a fixed wording around it is not: it looks like a batch job, and this signal does not see it.

    volume   prompts a day, as an average over about a day; 1 or more.
    near     0 to 1.
    template 0 or more.
    p0, p1   0 < p0 < p1 < 1.
    ceiling  the most evidence it may hold, log10.

    Source: the growing-set novelty of PRADA (Juuti et al. 2019) and the linear null of calibrated query accounting
    (Dziedzic et al. 2022), as a bet (Shafer 2021).
    """

    volume: float = 150.0
    near: float = 0.35
    template: int = 1
    p0: float = 0.6
    p1: float = 0.8
    ceiling: float = 8.0
    name: str = "wander"

    def __post_init__(self) -> None:
        problems = []
        if self.volume < 1:
            problems.append(f"volume: must be at least 1, got {self.volume!r}")
        if not 0 < self.p0 < self.p1 < 1:
            problems.append(f"p0, p1: must rise strictly between 0 and 1, got {self.p0!r}, {self.p1!r}")
        if not 0 <= self.near <= 1:
            problems.append(f"near: must lie between 0 and 1, got {self.near!r}")
        if self.template < 0:
            problems.append(f"template: must not be negative, got {self.template!r}")
        if self.ceiling <= 0:
            problems.append(f"ceiling: must be above 0, got {self.ceiling!r}; to switch the signal off leave it out")
        refuse_invalid("Wander", problems)

    def score(self, features: Features, own: PrincipalProfile) -> float:
        """Return the natural log of the factor of this prompt, judged by the past alone; 0.0 for no bet."""
        if own.pace is None or own.past is None or len(own.past) < 2 or features.fingerprint is None:
            return 0.0
        if features.continues or features.public:
            return 0.0
        if not features.tight and own.pace.per_day(features.now) + 1.0 < self.volume:
            return 0.0
        if self._loose(features, own):
            return math.log(self.p1 / self.p0)
        return math.log((1 - self.p1) / (1 - self.p0))

    def _loose(self, features: Features, own: PrincipalProfile) -> bool:
        if not features.bare or features.nearest_own.similarity >= self.near or own.words is None:
            return False
        return own.words.constant(features.ids, 0.8) <= self.template
