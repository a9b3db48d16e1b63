"""Affinity: whether a principal comes back to what it asked before, rather than to what strangers asked."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from ratelimit.errors import refuse_invalid
from ratelimit.signals.base import Bet
from ratelimit.sketches import COHORT_PAST

if TYPE_CHECKING:
    from ratelimit.observation import Features
    from ratelimit.profile import CohortProfile, PrincipalProfile

#: P(the nearest is one's own because one came back to it, not by chance), by how many prompts of one's own are known.
CAREFUL = (0.01, 0.02, 0.065, 0.11, 0.14, 0.15, 0.18, 0.21)
TYPICAL = (0.12, 0.28, 0.33, 0.38, 0.41, 0.43, 0.45, 0.50)

# How the outcomes split, from the own side to the strangers'. Under a harvest: of own nearer, and of a stranger nearer.
_HARVEST_STRONG, _HARVEST_CLEAR, _CLOSE_OWN, _CLOSE_STRANGE = 0.25, 0.40, 0.35, 0.11
# Under honesty: of own nearer.
_HONEST_STRONG, _HONEST_CLEAR = 0.65, 0.20


@dataclass(frozen=True, kw_only=True, slots=True)
class Affinity:
    """The bet that a prompt lies as near to strangers in the cohort as to the principal's own past.

    The m latest prompts of the principal (up to 8) and N recent ones of other, uncleared members (up to 64) are held
    against the new one; a and b are the similarities of the nearest of either. Under a harvest spread over the members
    all m + N are exchangeable, and the nearest is an own one with probability p0 = m / (m + N), exactly, whatever the
    texts. An honest principal comes back to itself: h = p0 + (1 - p0) * r, with r at least ``careful[m - 1]``. With how
    far a and b are apart, four outcomes and their probabilities:

        outcome         when                harvest                       honest, at least favourable
        own by far      a > b, b < 0.5 a    0.25 p0                       0.65 h
        own             a > b, b < 0.8 a    0.40 p0                       0.20 h
        close           neither by much     0.35 p0 + 0.11 (1 - p0)       the same: no bet
        strange         b >= a, a < 0.7 b   0.89 (1 - p0)                 the rest

    The factor is harvest / honest, and at most one where the own past is nearer. It rises from the first row to the
    last, so its expectation is at most one for every principal whose outcomes lean to its own side at least as much as
    the last column. There is no bet while m < *least* or N < *least_strangers*; nor where it is one's own prompt
    again, where others send it too (a public text says nothing of anybody), or where a and b are below *apart*.

    Every outcome is also priced against a typical honest principal (``typical`` in place of ``careful``): that price is
    no promise. It decides only which members of a cohort that is tightened already share its budget.

    careful          r of the least favourable honest principal for m = 1 to 8, each above 0, below 1.
    typical          r of a typical one.
    least            m from which a bet is made; 1 to 8.
    least_strangers  N from which a bet is made; 1 to 64.
    public           the share of a prompt, 0 to 1, that one of a stranger's must hold for it to be public.
    apart            the similarity, 0 to 1, below which two prompts have nothing to do with each other.
    spread           how many principals must have sent the very same payload for the bet on the first of them to be
                     taken back: a class's assignment and a public benchmark are sent by many, a harvest shares its work
                     out. 2 or more. A harvest that hid behind this would ask everything so many times.
    ceiling          the most evidence it may hold, log10.

    Source: two-sample nearest-neighbour tests (Schilling 1986; Henze 1988), made sequential by betting (Shafer 2021).
    """

    careful: tuple[float, ...] = CAREFUL
    typical: tuple[float, ...] = TYPICAL
    least: int = 2
    least_strangers: int = 16
    public: float = 0.90
    apart: float = 0.02
    spread: int = 5
    ceiling: float = 8.0
    name: str = "affinity"

    def __post_init__(self) -> None:
        problems = []
        for field in ("careful", "typical"):
            values = getattr(self, field)
            if len(values) != len(CAREFUL) or not all(0.0 < value < 1.0 for value in values):
                problems.append(f"{field}: must be {len(CAREFUL)} numbers above 0 and below 1, got {values!r}")
        if not 1 <= self.least <= len(CAREFUL):
            problems.append(f"least: must lie between 1 and {len(CAREFUL)}, got {self.least!r}")
        if not 1 <= self.least_strangers <= 64:
            problems.append(f"least_strangers: must lie between 1 and 64, got {self.least_strangers!r}")
        problems.extend(
            f"{field}: must lie between 0 and 1, got {value!r}"
            for field in ("public", "apart") if not 0.0 <= (value := getattr(self, field)) <= 1.0
        )
        if self.spread < 2:
            problems.append(f"spread: must be at least 2, got {self.spread!r}")
        if self.ceiling <= 0:
            problems.append(f"ceiling: must be above 0, got {self.ceiling!r}; to switch the signal off leave it out")
        refuse_invalid("Affinity", problems)

    def score(self, features: Features, own: PrincipalProfile, cohort: CohortProfile) -> Bet | None:
        """Return the bet on this prompt, judged by the past alone; ``None`` for no bet."""
        past, many = cohort.past, 0 if own.past is None else len(own.past)
        if features.fingerprint is None or past is None or many < self.least or features.public or features.repeats:
            return None
        strangers, (strange, contained) = past.against(features.tag, features.lens, least=self.least_strangers)
        mine = features.nearest_own.similarity
        if not strangers or contained > self.public or max(mine, strange) < self.apart:
            return None
        outcome = _outcome(mine, strange)
        return Bet(factors(many, strangers, self.careful[many - 1])[outcome],
                   factors(many, strangers, self.typical[many - 1])[outcome])

    def takes_back(self, features: Features) -> float:
        """Return what the bet on the first sender of a payload won at most, once many have sent it; else 0.0."""
        if features.sender != self.spread:
            return 0.0
        return factors(len(self.careful), COHORT_PAST, self.careful[-1])[3]


def expected(own: int = 8, strangers: int = COHORT_PAST) -> tuple[float, float]:
    """Return the share of bets that come out for the own side: of a harvest, and at the least of honest principals.

    m = *own* and N = *strangers* as above; only bets that are not close count.

    >>> [round(share, 2) for share in expected()]
    [0.08, 0.29]
    """
    chance = own / (own + strangers)
    honest = chance + (1 - chance) * CAREFUL[own - 1]
    close = _CLOSE_OWN * chance + _CLOSE_STRANGE * (1 - chance)
    ours = (_HARVEST_STRONG + _HARVEST_CLEAR) * chance
    return ours / (1 - close), (_HONEST_STRONG + _HONEST_CLEAR) * honest / (1 - close)


def _outcome(mine: float, strange: float) -> int:
    if mine > strange:
        return 0 if strange < 0.5 * mine else 1 if strange < 0.8 * mine else 2
    return 3 if mine < 0.7 * strange else 2


@lru_cache(maxsize=4096)
def factors(own: int, strangers: int, comes_back: float) -> tuple[float, float, float, float]:
    """Return the natural logs of the four factors, for m = *own*, N = *strangers* and r = *comes_back*.

    >>> [round(factor, 2) for factor in factors(8, 64, 0.28)]
    [-2.13, -0.48, 0.0, 0.35]
    """
    chance = own / (own + strangers)
    honest = chance + (1 - chance) * comes_back
    close = _CLOSE_OWN * chance + _CLOSE_STRANGE * (1 - chance)
    strong, clear = _HONEST_STRONG * honest, _HONEST_CLEAR * honest
    rest = max(1e-6, 1 - strong - clear - close)
    return (
        min(0.0, math.log(_HARVEST_STRONG * chance / strong)),
        min(0.0, math.log(_HARVEST_CLEAR * chance / clear)),
        0.0,
        math.log((1 - _CLOSE_STRANGE) * (1 - chance) / rest),
    )
