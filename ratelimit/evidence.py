"""Evidence: what the bets have won, how it fades, and how it becomes a tier.

Every signal multiplies its wealth by a fair price, a factor whose expectation under honesty is at most one. Then

- *lifetime* form: the wealth is a supermartingale, and P(it ever reaches 10^k) <= 10^-k for an honest principal
  (Ville 1939);
- *cusum* form: the wealth is floored at one after each step, and an honest principal reaches 10^k at most once in 10^k
  of its observations on average (the e-detector of Shin, Ramdas and Rinaldo 2022).

Fading only ever lowers wealth, so it keeps both promises. Across signals evidence is the average of the wealths, which
is valid under any dependence (Vovk and Wang 2021).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Literal

from ratelimit.decision import Tier
from ratelimit.errors import refuse_invalid

if TYPE_CHECKING:
    from collections.abc import Sequence

LN10 = math.log(10.0)
_DAY = 86_400.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Ladder:
    """From evidence to tier, from tier to refill, and how evidence fades.

    watch, soft, hard     the evidence, as log10, from which each tier begins; rising, above 0.
    soft_refill,          the share of the base refill that is left in these tiers: of a principal's own, or of the one
    hard_refill           that the held members of a cohort have *together*, once per unit of (1 + their summed trust).
                          Above 0, at most 1, not rising. Clear and watch keep all.
    tight_burst           the share of the base burst that may be spent at once in these tiers, at least one unit; above
                          0, at most 1.
    ceiling               the most evidence that is ever held, as log10; at least *hard*.
    grace                 how long behaviour must have stopped before evidence fades.
    fade                  decades of evidence that fade per day after that; above 0. From the ceiling to clear takes
                          ``forgives_after``.
    form                  ``cusum`` or ``lifetime``, as above.

    >>> Ladder().tier(4.5)
    <Tier.SOFT: 2>
    """

    watch: float = 2.0
    soft: float = 4.0
    hard: float = 6.0
    soft_refill: float = 1 / 1440
    hard_refill: float = 1 / 4800
    tight_burst: float = 1 / 15
    ceiling: float = 8.0
    grace: timedelta = timedelta(days=1)
    fade: float = 1.0
    form: Literal["cusum", "lifetime"] = "cusum"

    def __post_init__(self) -> None:
        problems = []
        if not 0 < self.watch <= self.soft <= self.hard <= self.ceiling:
            problems.append("watch, soft, hard, ceiling: must rise from above 0, got "
                            f"{self.watch}, {self.soft}, {self.hard}, {self.ceiling}")
        if not 0 < self.hard_refill <= self.soft_refill <= 1:
            problems.append(f"soft_refill, hard_refill: must fall from at most 1 to above 0, got {self.soft_refill}, "
                            f"{self.hard_refill}; a share of 0 would never let anybody show that it changed")
        if not 0 < self.tight_burst <= 1:
            problems.append(f"tight_burst: must lie above 0 and be at most 1, got {self.tight_burst!r}")
        if self.grace < timedelta(0):
            problems.append(f"grace: must not be negative, got {self.grace!r}")
        if not 0 < self.fade < math.inf:
            problems.append(f"fade: must be above 0 decades a day, got {self.fade!r}; evidence that never fades "
                            "never forgives")
        if self.form not in {"cusum", "lifetime"}:
            problems.append(f"form: must be 'cusum' or 'lifetime', got {self.form!r}")
        refuse_invalid("Ladder", problems)

    def tier(self, evidence: float) -> Tier:
        """Return the tier of *evidence* (log10)."""
        if evidence < self.watch:
            return Tier.CLEAR
        if evidence < self.soft:
            return Tier.WATCH
        return Tier.SOFT if evidence < self.hard else Tier.HARD

    def share(self, tier: Tier) -> float:
        """Return the share of the base refill in *tier*, 1.0 in clear and watch."""
        if tier < Tier.SOFT:
            return 1.0
        return self.soft_refill if tier is Tier.SOFT else self.hard_refill

    def burst(self, tier: Tier, base: float, cost: float) -> float:
        """Return how many units may be spent at once in *tier*, of *base*; what fits the base always fits."""
        return base if tier < Tier.SOFT else min(base, max(cost, 1.0, base * self.tight_burst))

    def faded(self, wealth: float, idle: float) -> float:
        """Return the log *wealth* after *idle* seconds without an observation: it falls, but not below 0 by that."""
        over = idle - self.grace.total_seconds()
        if over <= 0 or wealth <= 0:
            return wealth
        return max(0.0, wealth - self.fade * LN10 * over / _DAY)

    def moved(self, wealth: float, factor: float, ceiling: float) -> float:
        """Return the log *wealth* after a bet came out at the log *factor*, within the form's floor and *ceiling*.

        *wealth* and *factor* are natural logs, *ceiling* is log10.
        """
        wealth = min(wealth + factor, min(ceiling, self.ceiling) * LN10)
        return max(0.0, wealth) if self.form == "cusum" else wealth

    @property
    def forgives_after(self) -> timedelta:
        """The longest time from the end of a behaviour to the tier clear."""
        return self.grace + timedelta(days=(self.ceiling - self.watch) / self.fade)


def combined(wealths: Sequence[float], signals: int) -> float:
    """Return log10 of the average of *wealths* (natural logs); of *signals* in all, those not named stand at one.

    >>> round(combined([6 * LN10, 0.0], 2), 3)
    5.699
    >>> combined([], 3)
    0.0
    """
    if not wealths or not signals:
        return 0.0
    top = max(0.0, *wealths)
    missing = max(0, signals - len(wealths)) * math.exp(-top)
    return (top + math.log((sum(math.exp(wealth - top) for wealth in wealths) + missing) / signals)) / LN10
