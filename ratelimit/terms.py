"""A policy in numbers: the terms that travel with every charge, and what one request costs."""

from __future__ import annotations

import logging
import math
from typing import TYPE_CHECKING

from ratelimit.charges import BudgetTerms, Terms

if TYPE_CHECKING:
    from ratelimit.policy import Policy
    from ratelimit.request import Request

_log = logging.getLogger("ratelimit")


def terms_of(policy: Policy) -> Terms:
    """Return the terms of *policy*."""
    budgets = tuple(
        BudgetTerms(name=budget.name, quota=budget.quota, window=budget.window.total_seconds(),
                    burst=float(budget.burst), refill=budget.refill)
        for budget in policy.budgets
    )
    return Terms(
        budgets=budgets,
        ladder=policy.ladder,
        presumption=policy.presumption,
        signals=tuple(signal.name for signal in policy.signals),
        cohort_signals=tuple(signal.name for signal in policy.cohort_signals),
        cells=any(getattr(signal, "counts_cells", False) for signal in policy.signals),
        longest=max(budget.window for budget in budgets),
        slots=0 if policy.concurrency is None else policy.concurrency.most,
        slot_seconds=0.0 if policy.concurrency is None else policy.concurrency.slot.total_seconds(),
    )


def cost_of(cost: object, request: Request) -> float:
    """Return what *request* costs, in units, where a budget's *cost* is a number or a function; 0 or more.

    A function that raises, or gives no such number, makes it 1.
    """
    if not callable(cost):
        return float(cost) * request.reading.count  # type: ignore[arg-type]  # a number: Budget made sure of it
    try:
        value = float(cost(request))
    except Exception:  # noqa: BLE001 (a user's function raises anything; it is logged whole)
        _log.exception("a budget's cost function raised; the request is charged 1 unit")
        return 1.0
    if not math.isfinite(value) or value < 0:
        _log.error("a budget's cost function gave %r for %r; the request is charged 1 unit", value, request)
        return 1.0
    return value


