"""The story of an explanation, in words."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ratelimit.evidence import Ladder
    from ratelimit.explain.events import Run
    from ratelimit.explain.run import Explanation

_ASKED = {
    "unlike": "{n} unlike what {whose} asked before",
    "like": "{n} like what {whose} asked before",
    "even": "{n} answered, and nothing followed from {them}",
    "refused": "{n} refused, {why}",
}

_WHY = {
    "quota": "as the budget was spent",
    "behaviour": "as the budget was spent, which refills slowly after such requests",
    "cohort": "as a budget shared with others who send very similar requests was spent",
    "cost": "as one request asked for more than the budget can hold",
    "unreadable": "as the body could not be read",
    "unavailable": "as nothing could be decided",
}

_TIERS = {
    "clear": "in full use of its budget",
    "watch": "in full use of its budget",
    "soft": "slowed down: its budget refills slowly",
    "hard": "slowed down: its budget refills very slowly",
}


def story(told: Explanation, *, ladder: Ladder, internal: bool) -> Iterator[str]:
    """Yield the lines of the head and of the story."""
    yield from _head(told, ladder)
    yield ""
    worst = "clear"
    for run in told.story:
        yield f"{_when(run)}  {_what(run, cohort=told.cohort)}"
        if internal:
            yield from _inside(run)
        if _slowed(run.tier) != _slowed(worst):
            yield f"{' ' * 18}From here on it is {_TIERS[run.tier]}."
        worst = run.tier
    if internal:
        yield ""
        yield (f"Thresholds, log10 of the evidence: watch {ladder.watch:g}, soft {ladder.soft:g}, hard "
               f"{ladder.hard:g}; it fades by {ladder.fade:g} a day after {ladder.grace} without a bet.")
        if told.nearest:
            yield f"The cohort with the most evidence that it was seen in: {told.nearest}."


def _head(told: Explanation, ladder: Ladder) -> Iterator[str]:
    who = f"The group {told.subject}" if told.cohort else f"The account {told.subject}"
    members = f" of {told.principals:,} accounts" if told.cohort else ""
    yield (f"{who} sent {told.requests:,} requests{members}, {_date(told.first_at)} to {_date(told.last_at)} UTC; "
           f"{told.refused:,} of them were refused.")
    yield f"At the end it is {_TIERS[told.tier]}."
    for cause, count in told.causes.items():
        yield f"  {count:,} were refused {_WHY[cause.partition(':')[0]]}."
    if told.refused_last and math.isfinite(told.retry_after or math.inf):
        yield f"The next request can be answered {_lasting(told.retry_after or 0.0)} after the last one."
    if _slowed(told.tier):
        grace, most = ladder.grace.total_seconds(), ladder.forgives_after.total_seconds()
        shared = told.cohort or any(cause.startswith("cohort") for cause in told.causes)
        pause = "that all who share the budget stop such requests" if shared else "a pause"
        yield (f"What frees it: requests that follow from its own earlier work, or {pause}. After {_lasting(grace)} "
               f"without any it begins to ease, and {_lasting(most)} after the last it is over in any case.")
    if told.dropped:
        yield f"{told.dropped:,} requests in the middle are not told."


def _what(run: Run, *, cohort: bool) -> str:
    many = f"{run.requests:,} request{'s' if run.requests > 1 else ''}"
    if run.kind in {"unlike", "like", "refused"}:
        many += " were" if run.requests > 1 else " was"
    whose = "those accounts" if cohort and run.principals > 1 else "that account" if cohort else "this account"
    causes = dict.fromkeys(cause.partition(":")[0] for cause in run.causes)
    why = ", and ".join(_WHY[cause] for cause in causes) or "for no reason of the policy's"
    said = _ASKED[run.kind].format(n=many, whose=whose, why=why, them="them" if run.requests > 1 else "it")
    of = f" ({run.principals:,} accounts)" if cohort and run.principals > 1 else ""
    span = run.last_at - run.first_at
    return f"{said}{of}{f', in {_lasting(span)}' if run.requests > 1 and span >= 1 else ''}."


def _inside(run: Run) -> Iterator[str]:
    for title, numbers in (("moved", run.moves), ("evidence", run.evidence)):
        if numbers:
            yield f"{' ' * 18}{title}: " + ", ".join(f"{name} {value:+.2f}" for name, value in numbers.items())
    if run.causes:
        yield f"{' ' * 18}tier {run.tier}; refused by {', '.join(run.causes)}"


def _slowed(tier: str) -> bool:
    return tier in {"soft", "hard"}


def _when(run: Run) -> str:
    return _date(run.first_at)


def _date(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M}"


def _lasting(seconds: float) -> str:
    """Return how long *seconds* are, as people say it.

    >>> _lasting(10_800.0), _lasting(1.0)
    ('3 hours', '1 second')
    """
    units = ((86_400.0, "day"), (3600.0, "hour"), (60.0, "minute"), (1.0, "second"))
    unit, name = next(((unit, name) for unit, name in units if seconds >= unit), units[-1])
    many = math.ceil(seconds / unit - 0.05)
    return f"{many:,} {name}{'s' if many != 1 else ''}"


def nearest_said(kind: str, subject: str, near: Sequence[str], many: int) -> str:
    """Return the complaint about an id that is not there."""
    offered = f"; the nearest are: {', '.join(near)}" if near else ""
    return f"there is no {kind} {subject} in the trace, among {many:,}{offered}"
