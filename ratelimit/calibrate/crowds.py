"""Whose bets count for how much: campaigns inside the traffic must not drag the nulls.

The exchangeable unit is the principal, but whoever brings a thousand small principals must not be a thousand. So

- who is *found* is left out, and the trace is read again without it, until nobody more is found: who ended under the
  engine's own tightening for what it did itself. That is, by its own evidence; or in a cohort that had to share a
  budget, if the cohort presumes nobody innocent (it sent the template of a harvest), or if its own bets there won
  1 / alpha or more at the careful price, as at most a share alpha of honest principals' do (Ville). Who was only
  dragged along counts. At most ``MOST_FOUND`` of all bodies, the most evidence first: where the engine tightens more
  than a minority it is the nulls that are wrong, and not the principals;
- principals that one cohort with evidence (the tier watch or more) would hold in the end, were it tightened, are one
  *body*, and weigh together as much as one principal;
- a principal of n bets weighs n / (n + ``FULL``): a passer-by says little of what a principal does.

Then the nulls are fitted to a last reading, in which everybody's prompts go on flowing into the pasts of its cohorts.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from ratelimit.calibrate.recording import Book
    from ratelimit.calibrate.watching import Watched, Watching

MOST_FOUND = 0.05

FULL = 10.0

_WATCH, _SOFT = 2.0, 4.0


class Counted(NamedTuple):
    """One principal that counts.

    watched  as the engine saw it.
    book     the bets that nulls are fitted to.
    share    its share of its body, 0 to 1.
    """

    key: bytes
    watched: Watched
    book: Book
    share: float


class Crowd(NamedTuple):
    """Who counts.

    counted  principals, by key.
    found    the ids of those that are left out.
    gone     how many bodies these are of.
    bodies   how many bodies of several principals there are, and of how many in all.
    kept     principals that the engine tightened and that count all the same, as they are more than a minority.
    """

    counted: list[Counted]
    found: frozenset[str]
    gone: int
    bodies: int
    in_bodies: int
    kept: int

    def fitted_to(self, fair: Watching) -> list[Counted]:
        """Return the principals that count, with the bets of a *fair* watching."""
        return [one._replace(book=fair.principals[one.key].book) for one in self.counted if one.key in fair.principals]


def crowd_of(watching: Watching, alpha: float, before: int = 0) -> Crowd:
    """Return who of those that were watched counts, and for how much; *before* were found by earlier readings."""
    bodies: dict[bytes, list[bytes]] = {}
    for key, watched in watching.principals.items():
        bodies.setdefault(_body(key, watched, watching), []).append(key)
    caught = {body: some for body, keys in bodies.items()
              if (some := [key for key in keys if _is_found(body, watching.principals[key], watching, alpha)])}
    most = max(0, int(MOST_FOUND * (len(bodies) + before)) - before)
    ranked = sorted(caught, key=lambda body: (-watching.evidence.get(body, 9.0), body))
    gone = {key for body in ranked[:most] for key in caught[body]}
    stay = [
        left for keys in bodies.values()
        if (left := [key for key in keys if key not in gone and watching.principals[key].requests])
    ]
    counted = [
        Counted(key, watched, watched.book, 1.0 / len(keys))
        for keys in stay for key in keys for watched in [watching.principals[key]]
    ]
    several = [keys for keys in stay if len(keys) > 1]
    return Crowd(
        counted=sorted(counted, key=lambda one: one.key),
        found=frozenset(watching.principals[key].id for key in gone),
        gone=len(ranked[:most]),
        bodies=len(several),
        in_bodies=sum(map(len, several)),
        kept=sum(len(caught[body]) for body in ranked[most:]),
    )


def _body(key: bytes, watched: Watched, watching: Watching) -> bytes:
    """Return the cohort of the most evidence that would hold a principal, or the principal's own key."""
    tied = [(watching.evidence.get(cohort, 0.0), cohort) for cohort, held in watched.tied.items() if held]
    evidence, cohort = max(tied, default=(0.0, key))
    return cohort if evidence >= _WATCH and not watched.tight else key


def _is_found(body: bytes, watched: Watched, watching: Watching, alpha: float) -> bool:
    """Say whether a principal of *body* ended under the engine's tightening for what it did itself."""
    if watched.tight:
        return True
    if watching.evidence.get(body, 0.0) < _SOFT:
        return False
    return body not in watching.presuming or watched.spoke.get(body, 0.0) >= -math.log10(alpha)
