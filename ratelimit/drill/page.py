"""A drill as a page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ratelimit.drill.telling import times
from ratelimit.report import charts, common
from ratelimit.report.page import Picture, Section, page, safe
from ratelimit.trace.text import printable

if TYPE_CHECKING:
    from ratelimit.drill.outcome import Drill, Outcome


def page_of(drill: Drill) -> str:
    """Return the page of *drill*: all adversaries side by side, then each of them."""
    lead = (f"Policy {printable(drill.policy)}, seed {drill.seed}, {drill.days:g} days, {drill.accounts:,} accounts. "
            "Simulated time, synthetic text, the real engine." + ("" if drill.whole else " Stopped before its end."))
    return page("Rehearsed attacks", lead, [_overview(drill), *(
        _section(number, one) for number, one in enumerate(drill.outcomes))])


def _overview(drill: Drill) -> Section:
    rows = [["adversary", "answered", "harvested", "accounts burnt", "x requests", "x accounts", "honest lost"], *(
        [printable(one.adversary), f"{one.answered:.2%}", f"{one.harvested:.2%}", f"{one.burnt:,}",
         times(one.cost_requests), times(one.cost_accounts), f"{one.honest_lost:.3%}"] for one in drill.outcomes)]
    shares = [(one.adversary, 100 * one.harvested) for one in drill.outcomes]
    alt = "Share harvested: " + ", ".join(f"{name} {share:.1f} %" for name, share in shares)
    svg = charts.bars("all", shares, label="harvested, % of what it gets without a defence", alt=safe(alt))
    return Section(
        title="All adversaries", text="What each of them got, and how many times as many requests and accounts a "
        "distinct payload cost it as without a defence.",
        pictures=[Picture(caption="Harvest by adversary.", rows=rows, svg=svg if shares else "", open=True)],
    )


def _section(number: int, one: Outcome) -> Section:
    name = f"p{number}"
    return Section(
        title=printable(one.adversary), text=f"{one.summary[:1].upper()}{one.summary[1:]}.", pictures=[
            _harvest(name, one),
            common.tiers(f"{name}t", "the campaign", one.tiers, days=one.days),
            common.tiers(f"{name}h", "honest people", one.honest_tiers, days=one.days),
            common.cohorts(f"{name}c", [(row.cohort, row.evidence, row.members, row.refused, row.own, row.strange)
                                        for row in one.cohorts]),
            common.refusals(f"{name}r", [(kind, row.requests, row.refused) for kind, row in one.honest.items()],
                            what="honest kind"),
        ])


def _harvest(name: str, one: Outcome) -> Picture:
    fixed = f"fixed quota, {one.per_day:,} a day"
    lines = {"policy": one.policy.harvest, fixed: one.fixed.harvest, "no defence": one.nothing.harvest}
    alt = (f"Distinct payloads harvested over {one.days:.1f} days: policy {one.policy.harvested:,}, {fixed} "
           f"{one.fixed.harvested:,}, no defence {one.nothing.harvested:,}")
    rows = [["day", *lines]]
    sums = [0] * len(lines)
    for step, values in enumerate(zip(*lines.values(), strict=True)):
        sums = [total + value for total, value in zip(sums, values, strict=True)]
        rows.append([f"{one.days * (step + 1) / len(one.policy.harvest):.2f}", *(f"{total:,}" for total in sums)])
    return Picture(
        caption=f"Harvest against time: under the policy, under a fixed quota that costs honest people no more "
        f"({one.fixed_lost:.3%} of their requests), and without a defence. The scale is in powers of ten.",
        rows=rows, svg=charts.curves(name, lines, days=one.days, label="distinct payloads", alt=safe(alt)))
