"""What a drill came to, as text."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from ratelimit.trace.text import grid, printable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ratelimit.drill.outcome import Drill


def told(drill: Drill) -> str:
    """Return the tables: what each adversary got and paid, and what honest people lost meanwhile."""
    if not drill.outcomes:
        return "Nothing was rehearsed.\n"
    head = (f"policy {printable(drill.policy)}, seed {drill.seed}, {drill.days:g} days, {drill.accounts:,} accounts; "
            "synthetic text\n")
    parts = [head, *grid(list(_adversaries(drill)), left=(0,)), "",
             "x requests, x accounts: how many times as many a distinct payload costs as without a defence; behind /,",
             "as under a fixed quota (requests a day and account) that costs honest people no more than the policy.",
             "", "honest requests lost\n", *grid(list(_honest(drill)), left=(0,))]
    return "\n".join(parts) + "\n"


def _adversaries(drill: Drill) -> Iterator[list[str]]:
    yield ["adversary", "sent", "answered", "harvested", "accounts", "burnt", "x requests", "x accounts", "quota"]
    for one in drill.outcomes:
        yield [
            printable(one.adversary) + ("" if one.whole else " (stopped)"), f"{one.policy.sent:,}",
            f"{one.answered:.2%}", f"{one.policy.harvested:,} ({one.harvested:.2%})", f"{one.policy.accounts:,}",
            f"{one.burnt:,}", f"{times(one.cost_requests)} / {times(one.over_fixed_requests)}",
            f"{times(one.cost_accounts)} / {times(one.over_fixed_accounts)}", f"{one.per_day:,}",
        ]


def _honest(drill: Drill) -> Iterator[list[str]]:
    kinds = sorted({kind for one in drill.outcomes for kind in one.honest})
    yield ["beside", "all", *kinds]
    for one in drill.outcomes:
        yield [printable(one.adversary), f"{one.honest_lost:.3%}",
               *(f"{row.refused:,} of {row.requests:,}" if (row := one.honest.get(kind)) else "-" for kind in kinds)]


def times(value: float) -> str:
    """Return a multiple as text: three figures of it, or ``never``."""
    if math.isinf(value):
        return "never"
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"
