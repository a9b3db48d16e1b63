"""What the demo shows, of a tally that was really made."""

from __future__ import annotations

import asyncio
import io
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from ratelimit.decision import Tier
from ratelimit.demo.campaign import CAMPAIGN
from ratelimit.demo.drive import Driver
from ratelimit.demo.site import BEHAVIOURAL, FIXED, GUARDS
from ratelimit.demo.summary import introduction, sentences, table
from ratelimit.demo.tally import Outcome, Standing, Tally
from ratelimit.demo.view import LiveView, PlainView, View, lines, picture

if TYPE_CHECKING:
    from ratelimit.demo.calls import Schedule


@pytest.fixture
def tally(schedule: Schedule) -> Tally:
    """Two honest answers, and a campaign of which one request in three was refused behind behavioural budgets."""
    tally = Tally([guard.title for guard in GUARDS], schedule.groups)
    for outcome in (Outcome.ANSWERED, Outcome.ANSWERED, Outcome.REFUSED):
        tally.ended(FIXED.title, CAMPAIGN, Outcome.ANSWERED)
        tally.ended(BEHAVIOURAL.title, CAMPAIGN, outcome)
    for guard in GUARDS:
        tally.ended(guard.title, "team", Outcome.ANSWERED)
    first, second, *_ = schedule.groups[CAMPAIGN]
    tally.stands(BEHAVIOURAL.title, first, Standing(left=0.9, tier=Tier.CLEAR, evidence=0.4))
    tally.stands(BEHAVIOURAL.title, first, Standing(left=0.0, tier=Tier.SOFT, evidence=4.2))
    tally.stands(BEHAVIOURAL.title, second, Standing(left=0.5, tier=Tier.CLEAR, evidence=4.2))
    return tally


def _printed(what: object) -> str:
    console = Console(file=io.StringIO(), width=80)
    console.print(what)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_a_row_sums_its_principals_up(tally: Tally) -> None:
    """The budget left is the average, tier and evidence are the highest, each of what is known last."""
    row = tally.rows[BEHAVIOURAL.title, CAMPAIGN]

    assert (row.sent, row.answered, row.refused) == (3, 2, 1)
    assert (row.left, row.tier, row.in_tier, row.evidence) == (0.25, Tier.SOFT, 1, 4.2)
    assert row.tightened == {Tier.CLEAR: 2, Tier.SOFT: 2}
    assert tally.honest(FIXED.title, but=CAMPAIGN) == (1, 0)


def test_the_picture_has_a_row_for_every_group_and_fits_80_columns(tally: Tally, schedule: Schedule) -> None:
    """Budget, tier, evidence and counts of each group stand in one line each, at each mount."""
    shown = _printed(picture(tally, 12.0, 557)).splitlines()
    row = next(line for line in reversed(shown) if line.strip().startswith(CAMPAIGN))

    assert all(sum(line.strip().startswith(group) for line in shown) == 2 for group in schedule.groups)
    assert row.split()[0:2] == [CAMPAIGN, "5"]
    assert row.split()[-6:] == ["25%", "soft", "1", "10^4.2", "2", "1"]
    assert shown[-1].split() == ["12", "s", "4", "of", "557", "requests", "sent", "to", "each", "mount"]


def test_a_plain_line_tells_of_campaign_and_honest(tally: Tally) -> None:
    """Without a terminal, a line a mount says the same."""
    fixed, behavioural = lines(tally, 5.0, 557)

    assert "campaign: 3 answered, 0 refused" in fixed
    assert "campaign: 2 answered, 1 refused, 25% of the budget left, tier soft, evidence 10^4.2" in behavioural
    assert "honest: 1 sent, 0 refused" in behavioural


def test_the_end_tells_what_was_harvested_and_what_was_lost(tally: Tally) -> None:
    """Harvest and honest losses are told for both mounts, and when the campaign was tightened."""
    told = "\n".join(sentences(tally, took=50.2, planned=557, seed=3))

    assert "Sent 4 requests to each mount over HTTP in 50 s (553 more were planned); seed 3." in told
    assert "Harvested by 5 accounts, fixed quota: 3 of 3 prompts (100%)." in told
    assert "Harvested by 5 accounts, behavioural budgets: 2 of 3 prompts (67%); tier soft after 2." in told
    assert "Honest requests lost, behavioural budgets: 0 of 1." in told
    assert "Failed" not in told
    assert [line.split() for line in _printed(table(tally)).splitlines() if "campaign" in line] == [
        ["campaign", "5", "3", "3", "0", "2", "1"]
    ]


def test_failures_are_told_at_the_end(tally: Tally) -> None:
    """What went wrong is not hidden behind a table."""
    tally.ended(FIXED.title, "team", Outcome.FAILED, "500 ill")

    assert sentences(tally, took=1.0, planned=5, seed=1)[-1] == "Failed: 1 requests; the first: 500 ill"


def test_the_beginning_says_where_and_what(schedule: Schedule) -> None:
    """The first line names the URL, both paths, and who calls."""
    said = introduction("http://127.0.0.1:1", schedule)

    assert said.startswith("A toy model at http://127.0.0.1:1, guarded twice: /fixed (fixed quota) and /behavioural")
    assert f"20 honest API keys and a campaign over 5 send {len(schedule.calls)} requests to each." in said


@pytest.mark.parametrize("kind", [LiveView, PlainView])
async def test_a_view_shows_until_it_is_cancelled(kind: type[LiveView | PlainView], tally: Tally,
                                                  schedule: Schedule) -> None:
    """Both views draw what there is, again and again, and end without a trace of the cancelling."""
    out = io.StringIO()
    console = Console(file=out, force_terminal=kind is LiveView, width=100)
    view: View = kind(console, every=0.001)
    driver = Driver(schedule, GUARDS, tally, seconds=1.0)
    task = asyncio.create_task(view.show(tally, driver, len(schedule.calls)))
    while out.getvalue().count("soft") < 3:
        await asyncio.wait({task}, timeout=0.01)
        assert not task.done()
    task.cancel()
    await asyncio.wait({task})

    assert task.cancelled()
    assert "10^4.2" in out.getvalue()
