"""How a store is: what telemetry reads when it is asked, never on a request's way."""

from __future__ import annotations

import msgspec


class Health(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """How a store is just now.

    up          whether its server answers; a store without one is always up.
    charges     charges that the server was asked for, and *failures* those that failed, since the process began.
    seconds     for which all these charges waited together.
    waiting     writes that wait for the server.
    principals, cohorts
                that this process keeps; of a shared store those that it remembers.
    tight       of the cohorts, those that are tightened, by how many members they have: up to 9, 99, 999, and more.
    """

    up: bool = True
    charges: int = 0
    failures: int = 0
    seconds: float = 0.0
    waiting: int = 0
    principals: int = 0
    cohorts: int = 0
    tight: tuple[int, int, int, int] = (0, 0, 0, 0)
