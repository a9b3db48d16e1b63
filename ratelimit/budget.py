"""What a principal may spend."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from ratelimit.errors import refuse_invalid

if TYPE_CHECKING:
    from collections.abc import Callable

    from ratelimit.request import Request

#: How headers and reasons call the budget of requests in flight.
CONCURRENCY = "concurrency"

_NAME = re.compile(r"[A-Za-z0-9._-]+")


@dataclass(frozen=True, kw_only=True, slots=True)
class Budget:
    """An allowance of *quota* units per *window*, of which *burst* may be spent at once.

    In any window a principal is granted at most ``burst + quota`` units; of units that are only known afterwards, by
    so much more as the requests that were in flight together took beyond their estimates.

    quota   units that flow back in one window; 1 or more.
    window  the time in which *quota* flows back; positive.
    burst   units that can be spent at once; 1 or more; default: a tenth of *quota*, at least 1.
    cost    units one prompt takes: a number of 0 or more; or a function from the ``Request`` to what all of it takes
            (``request.reading.count`` is how many prompts it is charged for). A request that costs more than *burst*
            can never be granted, and its refusal says so: where batches come, say how large they may be. ``Tokens()``
            estimates tokens, and corrects itself by what the response reports.
    name    how headers and reasons call it: ASCII letters, digits, ``-``, ``_`` and ``.``.

    >>> budget = Budget(quota=600, window=timedelta(hours=1))
    >>> budget.burst, budget.refill
    (60, 0.16666666666666666)
    """

    quota: int
    window: timedelta
    burst: int = 0  # 0 stands for the default until __post_init__ has run
    cost: float | Callable[[Request], float] = 1.0
    name: str = "requests"

    def __post_init__(self) -> None:
        problems = []
        if not _whole(self.quota) or self.quota < 1:
            problems.append(f"quota: must be a whole number of at least 1, got {self.quota!r}; to refuse outright, "
                            "refuse in your application")
        if not isinstance(self.window, timedelta) or self.window <= timedelta(0):
            problems.append(f"window: must be a positive timedelta, got {self.window!r}; say timedelta(hours=1)")
        if not _whole(self.burst) or self.burst < 0:
            problems.append(f"burst: must be a whole number of at least 1, got {self.burst!r}; leave it out for a "
                            "tenth of the quota")
        if not callable(self.cost) and not _cost(self.cost):
            problems.append(f"cost: must be a finite number of 0 or more or a function, got {self.cost!r}")
        problems.extend(name_problems(self.name))
        refuse_invalid("Budget", problems)
        if self.burst == 0:
            object.__setattr__(self, "burst", max(1, self.quota // 10))

    @property
    def refill(self) -> float:
        """Units that flow back per second."""
        return self.quota / self.window.total_seconds()


@dataclass(frozen=True, kw_only=True, slots=True)
class Concurrency:
    """How many requests of a principal may be in flight at once: ``Policy(concurrency=Concurrency(most=8))``.

    A principal's payer has as many for all who spend from it together. Messages of websockets take none.

    most  slots; 1 or more.
    slot  the longest that one is taken; positive. It is given back when the response has ended or failed, when the
          client left or the application gave up; and after this time whatever happens, so that no crash takes it for
          ever. Choose it longer than your longest stream: a request that outlives its slot goes on uncounted.
    """

    most: int
    slot: timedelta = timedelta(minutes=10)

    def __post_init__(self) -> None:
        problems = []
        if not _whole(self.most) or self.most < 1:
            problems.append(f"most: must be a whole number of at least 1, got {self.most!r}; leave concurrency out for "
                            "any number")
        if not isinstance(self.slot, timedelta) or self.slot <= timedelta(0):
            problems.append(f"slot: must be a positive timedelta, got {self.slot!r}; say timedelta(minutes=10)")
        refuse_invalid("Concurrency", problems)


def name_problems(name: object) -> list[str]:
    """Return what is wrong with the *name* of a budget or policy: it goes into headers, so it must be a plain token."""
    if isinstance(name, str) and _NAME.fullmatch(name):
        return []
    return [f"name: must be ASCII letters, digits, '-', '_' or '.', got {name!r}"]


def _whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _cost(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and value >= 0
