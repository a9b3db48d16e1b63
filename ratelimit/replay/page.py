"""A replay as a page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ratelimit.report import common
from ratelimit.report.page import Section, page
from ratelimit.trace.text import printable

if TYPE_CHECKING:
    from ratelimit.replay.summary import SideSummary, Summary
    from ratelimit.trace.side import Side

_TOP = 12


def page_of(summary: Summary, sides: list[Side]) -> str:
    """Return the page of a replay that came to *summary*: a section a policy."""
    ended = "" if summary.whole else " Not read to its end."
    lead = f"{summary.lines:,} lines of {printable(summary.trace)}.{ended}"
    return page("Recorded traffic, decided again", lead, [
        _section(f"p{number}", row, side)
        for number, (row, side) in enumerate(zip(summary.policies, sides, strict=True))
    ])


def _section(name: str, row: SideSummary, side: Side) -> Section:
    tally, timeline = side.tally, side.timeline
    text = (f"{row.refused:,} of {row.requests:,} requests would be refused ({row.refused_share:.2%}); "
            f"{row.tightened:,} of {row.principals:,} principals would be soft or hard at some time.")
    found = [(str(pool.ref), pool.evidence, pool.members, pool.refused, pool.own, pool.strange)
             for pool in tally.top_cohorts(_TOP)]
    tight = [(printable(who), seen.requests, seen.refused) for who, seen in tally.top_principals(_TOP)]
    pictures = [common.tiers(f"{name}t", "all requests", timeline.stretches(), days=timeline.days)]
    pictures.append(common.cohorts(f"{name}c", found))
    pictures.append(common.refusals(f"{name}r", tight, what="principal"))
    return Section(title=printable(row.policy), text=text, pictures=pictures)
