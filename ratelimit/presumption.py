"""Who, within a cohort that is tightened, has to share its budget."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from ratelimit.errors import refuse_invalid

if TYPE_CHECKING:
    from ratelimit.principal import Principal


@dataclass(frozen=True, kw_only=True, slots=True)
class Caution:
    """What a cohort must mind that ties its members by little or nothing.

    patience  by how much more, in decades, a member's own behaviour must say before it is held there; 0 or more. Above
              0 such a cohort has no guests, who is not held is simply free; only bets of members whose own standing is
              at least *patience* move its evidence; and while it is tightened, or enough of them are outspoken, only
              they teach it what a harvest asks.
    volume    prompts a day from which on a member is cleared there; above 0. Whoever asks much does not hide in a
              crowd, and is judged for itself.
    settling  how long a member is known before it is judged there; not negative.
    """

    patience: float = 0.0
    volume: float = math.inf
    settling: timedelta = timedelta(0)

    def __post_init__(self) -> None:
        problems = []
        if not 0 <= self.patience < math.inf:
            problems.append(f"patience: must be 0 or more, got {self.patience!r}")
        if not self.volume > 0:
            problems.append(f"volume: must be above 0, got {self.volume!r}; to judge nobody leave the rule out")
        if self.settling < timedelta(0):
            problems.append(f"settling: must not be negative, got {self.settling!r}")
        refuse_invalid("Caution", problems)


@dataclass(frozen=True, kw_only=True, slots=True)
class Presumption:
    """How much a member's own behaviour must say before it is *held*: before it shares a tightened cohort's budget.

    A cohort's evidence alone holds nobody. A member's standing, the log10 of what its own bets in the cohort have won,
    decides: at the typical price for most, at the careful price (the promise) for trusted ones. Only cohorts by
    template presume nothing: who sends the template of a harvest is held until its own behaviour clears it. Members
    that are presumed innocent are the cohort's *guests*, and what guests may ask together is bounded too; one that
    clears itself gives back what it drew.

    cleared     the standing at or below which a member is cleared: never held, of no weight in the cohort's evidence.
    young       the standing from which a member is held that is known to be new, rising with its age to
    settled     the same for one of *settled_after* or more. Fixed at first sight: waiting is no help.
    unknown     the same for one of unknown age.
    settled_after
                the age at which *settled* is reached; positive.
    continuing  the same, for a request that continues a conversation which the principal is known to have had.
    trusted     the careful standing from which even a trusted member is held. Age alone frees no member that was
                younger than *settled_after* when it was first seen and is held as one that is not trusted would be.
    outspoken   the careful standing from which a member's bets no longer move the cohort's evidence, so that no account
                carries it alone; and from which a held member's decisions say hard where the cohort is.
    carried_by  how many outspoken members a cohort must have for their bets to move its evidence all the same: so many
                carry it together. 1 or more.
    floor       the least standing that is kept, so that nobody is cleared for ever.
    ceiling     the most.
    hearing     a held member that was not answered for hearing * 100^x * 10^y is answered once, so that it can show
                itself: x is by how much its standing is above that from which it is held, y by how much that is below
                *settled*, both 0 or more. Not in cohorts that presume nothing. Positive.
    guests_per_day, guests_at_once
                requests that the guests of one cohort may make; 1 or more.

    Standings as log10; floor < cleared < 0 < the others <= ceiling.
    """

    cleared: float = -1.0
    young: float = 0.3
    settled: float = 1.2
    unknown: float = 1.5
    settled_after: timedelta = timedelta(days=30)
    continuing: float = 3.0
    trusted: float = 2.0
    outspoken: float = 1.0
    carried_by: int = 5
    floor: float = -3.0
    ceiling: float = 4.0
    hearing: timedelta = timedelta(hours=24)
    guests_per_day: int = 100
    guests_at_once: int = 4000

    def __post_init__(self) -> None:
        problems = []
        if not self.floor < self.cleared < 0:
            problems.append(f"floor, cleared: must rise and stay below 0, got {self.floor!r}, {self.cleared!r}")
        problems.extend(
            f"{field}: must lie above 0 and be at most the ceiling of {self.ceiling!r}, got {value!r}"
            for field in ("young", "settled", "unknown", "continuing", "trusted", "outspoken")
            if not 0 < (value := getattr(self, field)) <= self.ceiling
        )
        if self.settled_after <= timedelta(0):
            problems.append(f"settled_after: must be a positive timedelta, got {self.settled_after!r}")
        if self.hearing <= timedelta(0):
            problems.append(f"hearing: must be a positive timedelta, got {self.hearing!r}")
        problems.extend(
            f"{field}: must be at least 1, got {value!r}"
            for field in ("guests_per_day", "guests_at_once", "carried_by") if (value := getattr(self, field)) < 1
        )
        refuse_invalid("Presumption", problems)

    def hears_after(self, standing: float, held_at: float) -> float:
        """Return after how many seconds without an answer a member of that *standing* (log10) is heard."""
        above, younger = max(0.0, standing - held_at), max(0.0, self.settled - held_at)
        return self.hearing.total_seconds() * math.pow(10.0, 2.0 * above + younger)

    def held_at(self, principal: Principal, *, now: float) -> float:
        """Return the typical standing (log10) from which *principal* is held, seen first at *now* (Unix seconds)."""
        since = principal.since_at
        if since is None:
            return self.unknown
        youth = min(1.0, max(0.0, 1.0 - (now - since) / self.settled_after.total_seconds()))
        return self.settled - (self.settled - self.young) * youth
