"""What a replay came to, as text."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from ratelimit.trace.text import grid, lasting, printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from ratelimit.replay.summary import SideSummary, Summary

# Seconds behind from which a row is not just a log that several workers write, and seconds that make a gap.
_TOLERANCE, _GAP = 300.0, 86_400.0

# Requests from which it is odd that there is one principal.
_MANY = 100

_CAUSES = 2  # that are listed of a principal; the JSON summary has all


def report(summary: Summary) -> str:
    """Return the tables: all policies side by side, then for each who was tightened, and in which cohorts."""
    if not any(side.requests for side in summary.policies):
        return "No request was decided.\n"
    parts = [_span(summary), *grid(list(_overview(summary.policies)), left=(0,))]
    for side in summary.policies:
        parts += [*_labels(side)]
    for side in summary.policies:
        parts += [*_cohorts(side), *_principals(side)]
    return "\n".join(parts) + "\n"


def troubles(summary: Summary) -> Iterator[str]:
    """Yield what was wrong with the trace, and with functions of the user's, in lines of text."""
    bad = summary.bad_lines
    if bad.count:
        yield f"{bad.count:,} of {summary.lines:,} lines are bad ({_percent(bad.share)}) and were skipped:"
        yield from (f"  line {number:,}: {printable(reason, 300)}" for number, reason in bad.first)
        more = bad.count - len(bad.first)
        if more:
            yield f"  and {more:,} more:"
            yield from (f"  {count:>8,} x {printable(reason, 300)}" for reason, count in bad.others.items())
    if summary.left_out:
        yield f"{summary.left_out:,} lines were left out by the mapper."
    if summary.out_of_order and summary.last_at is not None:
        yield (f"{summary.out_of_order:,} requests came behind a later one, and were decided at its time; the latest "
               f"time, {_date(summary.last_at)}, is that of line {summary.latest_line:,}; the first of them is line "
               f"{summary.first_behind:,}, and they are behind by {lasting(summary.most_behind)} at most"
               + ("; sort the trace by at, or what is decided is of little worth."
                  if summary.most_behind > _TOLERANCE else "."))
    if summary.longest_gap >= _GAP:
        yield (f"There is no request for {lasting(summary.longest_gap)} before line {summary.gap_line:,}: evidence "
               "fades and budgets refill in it, as they would have.")
    if any(side.requests >= _MANY and side.principals == 1 for side in summary.policies):
        yield ("There is one principal in the trace: what principals do together cannot show. If many stand behind it, "
               "name what tells them apart by --map principal=...")
    for side in summary.policies:
        for complaint, (count, first) in side.complaints.items():
            yield f"{side.policy}: {complaint} ({count:,} times); the first: {printable(first, 300)}"
        if any(mode != "enforce" for mode in side.modes):
            yield f"{side.policy}: its mode is {', '.join(side.modes)}; shown is what enforcing would do."


def _span(summary: Summary) -> str:
    if summary.first_at is None or summary.last_at is None:
        return f"{summary.lines:,} lines"
    days = timedelta(seconds=summary.last_at - summary.first_at) / timedelta(days=1)
    return f"{summary.lines:,} lines, {_date(summary.first_at)} to {_date(summary.last_at)} ({days:,.1f} days)\n"


def _overview(sides: Sequence[SideSummary]) -> Iterator[list[str]]:
    yield ["", *(printable(side.policy) for side in sides)]
    yield ["requests", *(f"{side.requests:,}" for side in sides)]
    yield ["  refused", *(_part(side.refused, side.requests) for side in sides)]
    for cause in dict.fromkeys(cause for side in sides for cause in side.causes):
        yield [f"    by {cause}", *(_part(side.causes.get(cause, 0), side.requests) for side in sides)]
    for title, count in _SPECIAL:
        if any(count(side) for side in sides):
            yield [f"  {title}", *(_part(count(side), side.requests) for side in sides)]
    yield ["principals", *(("" if side.exact else "about ") + f"{side.principals:,}" for side in sides)]
    yield ["  ever soft or hard", *(_part(side.tightened, side.principals) for side in sides)]
    yield ["  ever hard", *(_part(side.hard, side.principals) for side in sides)]


_SPECIAL: tuple[tuple[str, Callable[[SideSummary], int]], ...] = (
    ("under no policy", lambda side: side.ungoverned),
    ("exempt", lambda side: side.exempt),
    ("with an unreadable body", lambda side: side.unread),
)


def _labels(side: SideSummary) -> Iterator[str]:
    if not side.labels:
        return
    yield f"\n{printable(side.policy)}: by label\n"
    yield from grid([
        ["requests", "refused", "principals", "tightened", "label"],
        *([f"{row.requests:,}", _part(row.refused, row.requests), f"{row.principals:,}",
           _part(row.tightened, row.principals), printable(label)] for label, row in side.labels.items()),
    ], left=(4,))


def _cohorts(side: SideSummary) -> Iterator[str]:
    if not side.top_cohorts:
        return
    yield f"\n{printable(side.policy)}: the cohorts with the most evidence against them (log10)\n"
    yield from grid([
        ["evidence", "members", "refused", "cohort"],
        *([f"{row.evidence:.1f}", f"{row.members:,}", f"{row.refused:,}", printable(row.cohort)]
          for row in side.top_cohorts),
    ], left=(3,))


def _principals(side: SideSummary) -> Iterator[str]:
    if not side.top_principals:
        yield f"\n{printable(side.policy)}: nobody was tightened."
        return
    yield f"\n{printable(side.policy)}: the tightened principals, the most often refused first\n"
    yield from grid([
        ["tier", "requests", "refused", "share", "by", "principal"],
        *([row.tier, f"{row.requests:,}", f"{row.refused:,}", _percent(row.share),
           _by(row.causes), printable(row.principal)]
          for row in side.top_principals),
    ], left=(0, 4, 5))


def _by(causes: Mapping[str, int]) -> str:
    """Return the most frequent causes with their counts; who is in many cohorts has more than a line holds."""
    shown = [f"{cause} {count:,}" for cause, count in list(causes.items())[:_CAUSES]]
    more = len(causes) - len(shown)
    return ", ".join([*shown, f"{more} more"] if more else shown) or "-"


def _part(part: int, whole: int) -> str:
    return f"{part:,} ({_percent(part / whole)})" if whole else f"{part:,}"


def _percent(share: float) -> str:
    return f"{share:.2%}"


def _date(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M:%S} UTC"
