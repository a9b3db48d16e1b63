"""Whose bets count for how much: campaigns inside the traffic must not drag the nulls.

The exchangeable unit is the principal, but whoever brings a thousand small principals must not be a thousand. So

- who is *found* is left out, and the trace is read again without it, until nobody more is found: who ended under the
  engine's own tightening, be it for its own behaviour or with a cohort that had to share a budget. At most
  ``MOST_FOUND`` of all bodies, the most evidence first: where the engine tightens more than a minority it is the nulls
  that are wrong, and not the principals;
- principals that one cohort with evidence (the tier watch or more) holds uncleared to the end are one *body*, and weigh
  together as much as one principal;
- a principal of n bets weighs n / (n + ``FULL``): a passer-by says little of what a principal does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from ratelimit.calibrate.watching import Watched, Watching

MOST_FOUND = 0.05

FULL = 10.0

_WATCH, _SOFT = 2.0, 4.0


class Counted(NamedTuple):
    """One principal that counts, and its share of its body, 0 to 1."""

    key: bytes
    watched: Watched
    share: float


class Crowd(NamedTuple):
    """Who counts.

    counted  principals, by key.
    found    the ids of those that are left out.
    gone     how many bodies these are.
    bodies   how many bodies of several principals there are, and of how many in all.
    kept     principals that the engine tightened and that count all the same, as they are more than a minority.
    """

    counted: list[Counted]
    found: frozenset[str]
    gone: int
    bodies: int
    in_bodies: int
    kept: int


def crowd_of(watching: Watching, before: int = 0) -> Crowd:
    """Return who of those that were watched counts, and for how much; *before* were found by earlier readings."""
    bodies: dict[bytes, list[bytes]] = {}
    for key, watched in watching.principals.items():
        if watched.requests:
            bodies.setdefault(_body(key, watched, watching), []).append(key)
    found = sorted((body for body, keys in bodies.items() if _is_found(body, keys, watching)),
                   key=lambda body: (-watching.evidence.get(body, 9.0), body))
    most = max(0, int(MOST_FOUND * (len(bodies) + before)) - before)
    gone, stay = set(found[:most]), found[most:]
    counted = [
        Counted(key, watching.principals[key], 1.0 / len(keys))
        for body, keys in bodies.items() if body not in gone for key in keys
    ]
    several = [keys for body, keys in bodies.items() if len(keys) > 1 and body not in gone]
    return Crowd(
        counted=sorted(counted, key=lambda one: one.key),
        found=frozenset(watching.principals[key].id for body in gone for key in bodies[body]),
        gone=len(gone),
        bodies=len(several),
        in_bodies=sum(map(len, several)),
        kept=sum(len(bodies[body]) for body in stay),
    )


def _body(key: bytes, watched: Watched, watching: Watching) -> bytes:
    """Return the cohort of the most evidence that holds a principal uncleared, or the principal's own key."""
    tied = [(watching.evidence.get(cohort, 0.0), cohort) for cohort, cleared in watched.sits.items() if not cleared]
    evidence, cohort = max(tied, default=(0.0, key))
    return cohort if evidence >= _WATCH and not watched.tight else key


def _is_found(body: bytes, keys: list[bytes], watching: Watching) -> bool:
    if watching.evidence.get(body, 0.0) >= _SOFT:
        return True
    return len(keys) == 1 and watching.principals[keys[0]].tight
