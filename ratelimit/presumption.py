"""Who, within a cohort that is tightened, has to share its budget."""

from __future__ import annotations

from dataclasses import dataclass

from ratelimit.errors import refuse_invalid


@dataclass(frozen=True, kw_only=True, slots=True)
class Presumption:
    """How much a member's own behaviour must say before it is *held*: before it shares a tightened cohort's budget.

    A cohort's evidence alone holds nobody. A member's standing, the log10 of what its own bets in the cohort have won,
    decides: at the typical price for most, at the careful price (the promise) for trusted ones. Only cohorts by
    template presume nothing: who sends the template of a harvest is held until its own behaviour clears it.

    cleared     the standing at or below which a member is cleared: never held, of no weight in the cohort's evidence.
    known       the standing from which a member is held whose age is known.
    unknown     the same, if its age is not known.
    continuing  the same, for a request that continues a conversation which the principal is known to have had.
    trusted     the careful standing from which even a trusted member is held.
    outspoken   the careful standing from which a member's bets no longer move the cohort's evidence: no account carries
                it alone.
    floor       the least standing that is kept, so that nobody is cleared for ever.
    ceiling     the most.

    All as log10; floor < cleared < 0 < the others <= ceiling.
    """

    cleared: float = -1.0
    known: float = 0.7
    unknown: float = 1.2
    continuing: float = 3.0
    trusted: float = 2.0
    outspoken: float = 1.0
    floor: float = -3.0
    ceiling: float = 3.0

    def __post_init__(self) -> None:
        problems = []
        if not self.floor < self.cleared < 0:
            problems.append(f"floor, cleared: must rise and stay below 0, got {self.floor!r}, {self.cleared!r}")
        problems.extend(
            f"{field}: must lie above 0 and be at most the ceiling of {self.ceiling!r}, got {value!r}"
            for field in ("known", "unknown", "continuing", "trusted", "outspoken")
            if not 0 < (value := getattr(self, field)) <= self.ceiling
        )
        refuse_invalid("Presumption", problems)
