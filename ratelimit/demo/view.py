"""What the demo shows while it runs, and at its end."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Literal, Protocol

from rich import box
from rich.console import Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from ratelimit.decision import Tier
from ratelimit.demo.campaign import CAMPAIGN

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

    from ratelimit.demo.drive import Driver
    from ratelimit.demo.tally import Row, Tally

_BAR = 6  # cells
_STYLES = {Tier.CLEAR: "green", Tier.WATCH: "yellow", Tier.SOFT: "dark_orange", Tier.HARD: "red"}


class View(Protocol):
    """Something to look at while the load runs."""

    async def show(self, tally: Tally, driver: Driver, planned: int) -> None:
        """Show *tally* until cancelled; *planned* is how many requests each mount is going to get."""
        ...


class LiveView:
    """Tables that move, for a terminal."""

    def __init__(self, console: Console, *, every: float = 0.25) -> None:
        self._console, self._every = console, every

    async def show(self, tally: Tally, driver: Driver, planned: int) -> None:
        """Draw anew every so many seconds, and leave the last picture standing."""
        with Live(console=self._console, auto_refresh=False) as live:
            try:
                while True:
                    live.update(picture(tally, driver.took, planned), refresh=True)
                    await asyncio.sleep(self._every)
            finally:
                live.update(picture(tally, driver.took, planned), refresh=True)


class PlainView:
    """A line every few seconds, for a pipe or a log."""

    def __init__(self, console: Console, *, every: float = 5.0) -> None:
        self._console, self._every = console, every

    async def show(self, tally: Tally, driver: Driver, planned: int) -> None:
        """Print a line every so many seconds."""
        while True:
            await asyncio.sleep(self._every)
            for line in lines(tally, driver.took, planned):
                self._console.print(line, highlight=False, markup=False, soft_wrap=True)


def picture(tally: Tally, took: float, planned: int) -> RenderableType:
    """Return all that is known, as a picture: a table a mount, and how far the run is."""
    sent = min(tally.sent(mount) for mount in tally.mounts)
    progress = Text(f" {took:4.0f} s   {sent:,} of {planned:,} requests sent to each mount")
    return Group(*(_table(tally, mount) for mount in tally.mounts), progress)


def lines(tally: Tally, took: float, planned: int) -> list[str]:
    """Return all that matters, as a line a mount."""
    found = []
    for mount in tally.mounts:
        campaign, (honest, lost) = tally.rows[mount, CAMPAIGN], tally.honest(mount, but=CAMPAIGN)
        found.append(
            f"{took:5.1f} s  {mount:<19}  {tally.sent(mount):>5,} of {planned:,} sent | campaign: "
            f"{campaign.answered:,} answered, {campaign.refused:,} refused, {campaign.left:.0%} of the budget left, "
            f"tier {campaign.tier}, evidence {_evidence(campaign)} | honest: {honest:,} sent, {lost:,} refused"
        )
    return found


def _table(tally: Tally, mount: str) -> Table:
    table = Table(
        title=mount, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False
    )
    for heading in ("group", "keys", "budget left", "tier", "evidence", "answered", "refused"):
        justify: Literal["left", "right"] = "left" if heading in {"group", "budget left", "tier"} else "right"
        table.add_column(heading, justify=justify, no_wrap=True, min_width=9 if heading == "tier" else None)
    for group, callers in tally.callers.items():
        row = tally.rows[mount, group]
        counts = f"{row.answered:,}", _refused(row)
        table.add_row(group, f"{callers:,}", _left(row), _tier(row), _evidence(row), *counts)
    return table


def _left(row: Row) -> Text:
    full = round(_BAR * row.left)
    bar = Text("━" * full, style="green").append("━" * (_BAR - full), style="dim")
    return bar.append(f" {row.left:>4.0%}", style="")


def _tier(row: Row) -> Text:
    many = f" {row.in_tier:,}" if row.tier > Tier.CLEAR and len(row.standings) > 1 else ""
    return Text(f"{row.tier}{many}", style=_STYLES[row.tier])


def _evidence(row: Row) -> str:
    return f"10^{row.evidence:.1f}" if row.evidence >= 0.05 else "-"


def _refused(row: Row) -> Text:
    return Text(f"{row.refused:,}", style="red" if row.refused else "")
