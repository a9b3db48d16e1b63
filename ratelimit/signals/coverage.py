"""Coverage: whether a principal reaches new cells of prompt space more often, or more seldom, than honest ones."""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from ratelimit.errors import refuse_invalid
from ratelimit.sketches import cell_of

if TYPE_CHECKING:
    from ratelimit.observation import Features
    from ratelimit.profile import PrincipalProfile

#: (volume from which it holds, least, most): P(the next prompt reaches a new cell), honest principals of that volume.
HONEST = ((32, 0.08, 0.95), (128, 0.03, 0.85), (512, 0.012, 0.65), (1024, 0.008, 0.45))


@dataclass(frozen=True, kw_only=True, slots=True)
class Coverage:
    """The bet that a principal's next prompt reaches a cell that it has not reached before.

    At volume n an honest principal does so with a probability between lo(n) and hi(n). Every observation is a bet on
    one side, halfway between the null's edge and the far end:

        wide:    p1 = (1 + hi) / 2     new: p1 / hi     seen before: (1 - p1) / (1 - hi)
        narrow:  p1 = lo / 2           new: p1 / lo     seen before: (1 - p1) / (1 - lo)

    each of expectation at most one inside the null. Both sides can be watched, as two signals: published campaigns
    cover more cells than honest people or, in 11 of 14 sets, fewer. Batch jobs and single-purpose bots are at both ends
    too: in measurements it told no campaign from honest principals of equal volume. So it is not among a policy's
    default signals, and the default ceiling lets it put a principal on watch and never tighten it alone.

    side     ``wide`` or ``narrow``.
    honest   rows (volume, lo, hi) by rising volume: the row with the largest volume not above n holds at n; below the
             first there is no bet. Cells are counted anew after 2,048 prompts.
    ceiling  the most evidence it may hold, log10.

    Source: volume-normalised query accounting (Dziedzic et al. 2022); cells as in B4B (Dubinski et al. 2023).
    """

    side: Literal["wide", "narrow"]
    honest: tuple[tuple[int, float, float], ...] = HONEST
    ceiling: float = 3.5
    counts_cells: ClassVar[bool] = True

    def __post_init__(self) -> None:
        problems = []
        if self.side not in {"wide", "narrow"}:
            problems.append(f"side: must be 'wide' or 'narrow', got {self.side!r}")
        if not self.honest or sorted(self.honest) != list(self.honest):
            problems.append(f"honest: must be rows of rising volume, got {self.honest!r}")
        if not all(0.0 < low <= high < 1.0 for _, low, high in self.honest):
            problems.append(f"honest: must hold 0 < lo <= hi < 1 in every row, got {self.honest!r}")
        if self.ceiling <= 0:
            problems.append(f"ceiling: must be above 0, got {self.ceiling!r}; to switch the signal off leave it out")
        refuse_invalid("Coverage", problems)

    @property
    def name(self) -> str:
        """What evidence calls it."""
        return f"coverage-{self.side}"

    def score(self, features: Features, own: PrincipalProfile) -> float:
        """Return the natural log of the factor of this prompt, judged by the past alone; 0.0 for no bet."""
        if features.fingerprint is None or own.cells is None:
            return 0.0
        row = bisect_right(self.honest, (own.cells.volume, math.inf)) - 1
        if row < 0:
            return 0.0
        _, low, high = self.honest[row]
        edge, bet = (high, (1 + high) / 2) if self.side == "wide" else (low, low / 2)
        return math.log(bet / edge if own.cells.is_new(cell_of(features.fingerprint)) else (1 - bet) / (1 - edge))
