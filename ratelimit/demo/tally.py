"""What happened so far, by mount and group: from the answers that came back and the decisions that were made."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from ratelimit.decision import Tier

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ratelimit.demo.calls import Caller


class Outcome(StrEnum):
    """How a request ended, as its sender saw it."""

    ANSWERED = "answered"  # 200, and the whole answer came
    REFUSED = "refused"  # 429
    FAILED = "failed"  # anything else: never expected, and shown if it happens


class Standing(NamedTuple):
    """How one principal stood at its last request.

    left      the share of the burst that it could still spend at once, 0 to 1; of its own budget or of the one that it
              shares with a tightened cohort, whichever is less.
    tier      the tier that counted.
    evidence  log10 of the evidence against it or a cohort that it is pooled in, whichever is more.
    """

    left: float = 1.0
    tier: Tier = Tier.CLEAR
    evidence: float = 0.0


@dataclass(slots=True)
class Row:
    """One group at one mount.

    outcomes     how many requests ended how.
    standings    the last standing of each principal that was seen, by API key.
    tightened    how many requests had been answered when a tier was first reached.
    """

    outcomes: dict[Outcome, int] = field(default_factory=lambda: dict.fromkeys(Outcome, 0))
    standings: dict[str, Standing] = field(default_factory=dict)
    tightened: dict[Tier, int] = field(default_factory=dict)

    @property
    def sent(self) -> int:
        """Requests that came to an end."""
        return sum(self.outcomes.values())

    @property
    def answered(self) -> int:
        """Requests that were answered."""
        return self.outcomes[Outcome.ANSWERED]

    @property
    def refused(self) -> int:
        """Requests that were refused."""
        return self.outcomes[Outcome.REFUSED]

    @property
    def left(self) -> float:
        """The share of the burst that is left, on average over the principals seen; 0 to 1."""
        return sum(one.left for one in self.standings.values()) / len(self.standings) if self.standings else 1.0

    @property
    def tier(self) -> Tier:
        """The highest tier of a principal in it."""
        return max((one.tier for one in self.standings.values()), default=Tier.CLEAR)

    @property
    def in_tier(self) -> int:
        """How many principals stand in that tier."""
        return sum(one.tier is self.tier for one in self.standings.values())

    @property
    def evidence(self) -> float:
        """The most evidence that any principal in it meets, log10."""
        return max((one.evidence for one in self.standings.values()), default=0.0)


class Tally:
    """Rows by (mount, group), for the callers of each group; and what went wrong first, if anything did."""

    def __init__(self, mounts: Sequence[str], groups: Mapping[str, Sequence[Caller]]) -> None:
        self.mounts = tuple(mounts)
        self.callers = {group: len(callers) for group, callers in groups.items()}
        self.rows = {(mount, group): Row() for mount in mounts for group in groups}
        self.trouble = ""

    def ended(self, mount: str, group: str, outcome: Outcome, trouble: str = "") -> None:
        """Count one request that came to its end."""
        self.rows[mount, group].outcomes[outcome] += 1
        self.trouble = self.trouble or trouble

    def stands(self, mount: str, caller: Caller, standing: Standing) -> None:
        """Note how *caller* stands at *mount*."""
        row = self.rows[mount, caller.group]
        row.standings[caller.key] = standing
        row.tightened.setdefault(standing.tier, row.answered)

    def sent(self, mount: str) -> int:
        """Return how many requests to *mount* came to an end."""
        return sum(row.sent for (where, _), row in self.rows.items() if where == mount)

    def honest(self, mount: str, *, but: str) -> tuple[int, int]:
        """Return how many requests of all groups *but* one ended at *mount*, and how many of these were refused."""
        rows = [row for (where, group), row in self.rows.items() if where == mount and group != but]
        return sum(row.sent for row in rows), sum(row.refused for row in rows)
