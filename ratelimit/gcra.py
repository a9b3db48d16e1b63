"""GCRA, the generic cell rate algorithm, as one pure function.

In its continuous-state leaky-bucket form (ITU-T I.371, annex A: equivalent to the virtual-scheduling form for a
constant refill). This form is used because the refill changes with the tier: a level in *units* keeps its meaning when
the refill changes, an arrival time in seconds does not, and tightening would hand out a fresh burst.
"""

from __future__ import annotations

import math

import msgspec

#: Sums of many small costs must not refuse the last whole unit for a rounding error.
SLACK = 1e-9


class Grant(msgspec.Struct, frozen=True, gc=False):
    """What one charge came to.

    allowed      whether the units were granted.
    level        units in the bucket afterwards, 0 to *burst*; unchanged, but for the drain, by a refused charge.
    remaining    units that could still be spent at once.
    retry_after  seconds until the same charge would be granted: 0 if it was, infinite if it never will be.
    """

    allowed: bool
    level: float
    remaining: float
    retry_after: float


def drained(level: float, at: float, *, now: float, refill: float) -> float:
    """Return what is left at *now* of a *level* that stood at *at*. A clock that stepped back drains nothing.

    >>> drained(10.0, 0.0, now=4.0, refill=2.0)
    2.0
    """
    return max(0.0, level - max(0.0, now - at) * refill)


def charge(level: float, at: float, *, now: float, refill: float, burst: float, cost: float) -> Grant:
    """Charge *cost* units to a bucket that stood at *level* at time *at*.

        level' = max(0, level - (now - at) * refill)
        granted if level' + cost <= burst, and then the new level is level' + cost

    A refused charge adds nothing: refusals are free.

    >>> charge(0.0, 0.0, now=0.0, refill=1.0, burst=2.0, cost=1.0).remaining
    1.0
    >>> charge(2.0, 0.0, now=0.5, refill=1.0, burst=2.0, cost=1.0).retry_after
    0.5
    """
    level = drained(level, at, now=now, refill=refill)
    if level + cost <= burst + SLACK:
        level += cost
        return Grant(True, level, max(0.0, burst - level), 0.0)
    wait = math.inf if cost > burst + SLACK or refill <= 0 else (level + cost - burst) / refill
    return Grant(False, level, max(0.0, burst - level), wait)
