"""The table at the end, and what it comes to in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich import box
from rich.table import Table

from ratelimit.decision import Tier
from ratelimit.demo.campaign import CAMPAIGN
from ratelimit.demo.site import BEHAVIOURAL, BUDGET, FIXED, GUARDS

if TYPE_CHECKING:
    from ratelimit.demo.calls import Schedule
    from ratelimit.demo.tally import Row, Tally


def introduction(url: str, schedule: Schedule) -> str:
    """Return what is about to happen, and where."""
    campaign = len(schedule.groups[CAMPAIGN])
    paths = " and ".join(f"{guard.path} ({guard.title})" for guard in GUARDS)
    return (
        f"A toy model at {url}, guarded twice: {paths}. {len(schedule.callers) - campaign:,} honest API keys and a "
        f"campaign over {campaign:,} send {len(schedule.calls):,} requests to each."
    )


def table(tally: Tally) -> Table:
    """Return a row a group: what it sent, and what came of it at either mount."""
    grid = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    grid.add_column("group", no_wrap=True)
    for heading in ("keys", "sent", "fixed:\nanswered", "\nrefused", "behavioural:\nanswered", "\nrefused"):
        grid.add_column(heading, justify="right")
    for group, callers in tally.callers.items():
        fixed, behavioural = tally.rows[FIXED.title, group], tally.rows[BEHAVIOURAL.title, group]
        counts = (fixed.answered, fixed.refused, behavioural.answered, behavioural.refused)
        grid.add_row(group, f"{callers:,}", f"{behavioural.sent:,}", *(f"{count:,}" for count in counts))
    return grid


def sentences(tally: Tally, *, took: float, planned: int, seed: int) -> list[str]:
    """Return what was done, what was harvested and what honest people lost, a sentence or two each."""
    sent, accounts = min(tally.sent(mount) for mount in tally.mounts), tally.callers[CAMPAIGN]
    done = f"Sent {sent:,} requests to each mount over HTTP in {took:.0f} s"
    left_out = "" if sent >= planned else f" ({planned - sent:,} more were planned)"
    minutes = BUDGET.window.total_seconds() / 60
    allowance = f"{BUDGET.quota / minutes:g} requests a minute and {BUDGET.burst} at once"
    told = [
        f"{done}{left_out}; seed {seed}. At either, each API key may spend {allowance}.",
        *(_harvest(tally.rows[mount, CAMPAIGN], accounts, mount) for mount in tally.mounts),
        *(_honest(tally, mount) for mount in tally.mounts),
    ]
    failed = sum(row.sent - row.answered - row.refused for row in tally.rows.values())
    return told if not failed else [*told, f"Failed: {failed:,} requests; the first: {tally.trouble}"]


def _harvest(row: Row, accounts: int, mount: str) -> str:
    share = f" ({row.answered / row.sent:.0%})" if row.sent else ""
    tiers = [f"{tier} after {row.tightened[tier]:,}" for tier in (Tier.SOFT, Tier.HARD) if tier in row.tightened]
    when = f"; tier {', '.join(tiers)}" if tiers else ""
    return f"Harvested by {accounts:,} accounts, {mount}: {row.answered:,} of {row.sent:,} prompts{share}{when}."


def _honest(tally: Tally, mount: str) -> str:
    sent, refused = tally.honest(mount, but=CAMPAIGN)
    return f"Honest requests lost, {mount}: {refused:,} of {sent:,}."
