"""The load, against the real site over real HTTP."""

from __future__ import annotations

from collections import Counter

import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from ratelimit.clock import SystemClock
from ratelimit.demo.calls import Schedule, Timed
from ratelimit.demo.campaign import CAMPAIGN
from ratelimit.demo.drive import Driver
from ratelimit.demo.serve import serving
from ratelimit.demo.site import BEHAVIOURAL, BUDGET, FIXED, GUARDS, create_site
from ratelimit.demo.tally import Outcome, Tally


def _tally(schedule: Schedule) -> Tally:
    return Tally([guard.title for guard in GUARDS], schedule.groups)


async def _drive(schedule: Schedule, *, seconds: float, patience: float = 100.0) -> Tally:
    tally = _tally(schedule)
    site = create_site(schedule, tally, seed=1, now=SystemClock().now())
    async with serving(site) as url:
        await Driver(schedule, GUARDS, tally, seconds=seconds, patience=patience).run(url)
    return tally


async def test_every_call_is_sent_once_to_each_mount(schedule: Schedule) -> None:
    """Both mounts get the whole schedule, and every call is counted with its group."""
    tally = await _drive(schedule, seconds=2.0)
    planned = Counter(call.caller.group for _, call in schedule.calls)

    assert {key: row.sent for key, row in tally.rows.items()} == {
        (guard.title, group): planned[group] for guard in GUARDS for group in schedule.groups
    }
    assert not tally.trouble
    assert all(row.outcomes[Outcome.FAILED] == 0 for row in tally.rows.values())


async def test_every_decision_reaches_the_tally(schedule: Schedule) -> None:
    """Each caller's standing at each mount is known, and a fixed quota gathers no evidence."""
    tally = await _drive(schedule, seconds=2.0)

    assert all(len(tally.rows[guard.title, group].standings) == len(callers)
               for guard in GUARDS for group, callers in schedule.groups.items())
    assert all(tally.rows[FIXED.title, group].evidence == 0.0 for group in schedule.groups)
    assert all(0.0 <= tally.rows[guard.title, group].left < 1.0 for guard in GUARDS for group in schedule.groups)


async def test_an_empty_budget_is_counted_as_refused_and_shown_as_empty(schedule: Schedule) -> None:
    """A caller that sends far more than its burst at once has the rest refused, by both mounts."""
    call = next(call for _, call in schedule.calls if call.caller.group == CAMPAIGN)
    row = (await _drive(Schedule([Timed(0.0, call)] * (3 * BUDGET.burst)), seconds=1.0)).rows[FIXED.title, CAMPAIGN]

    assert row.answered >= BUDGET.burst
    assert row.refused > 0
    assert row.answered + row.refused == 3 * BUDGET.burst
    assert row.left < 1 / BUDGET.burst


async def test_a_machine_that_cannot_keep_the_pace_leaves_the_rest_out(schedule: Schedule) -> None:
    """After twice the time that was meant nothing more is sent, to either mount."""
    far_too_much = Schedule(schedule.calls * 20)
    tally = await _drive(far_too_much, seconds=0.2, patience=2.0)

    assert 0 < tally.sent(FIXED.title) == tally.sent(BEHAVIOURAL.title) < len(far_too_much.calls)


async def _error(request: object) -> Response:
    return PlainTextResponse("the model is ill", 500)


async def _cut_short(request: object) -> Response:
    return Response(b'data: {"choices": []}\n\n', media_type="text/event-stream")


@pytest.mark.parametrize(("endpoint", "trouble"), [(_error, "500 the model is ill"), (_cut_short, "ended early")])
async def test_what_is_neither_answered_nor_refused_is_shown(
    schedule: Schedule, endpoint: object, trouble: str
) -> None:
    """An error and a stream that was cut short count as failed, and the first of them is told."""
    tally, few = _tally(schedule), Schedule(schedule.calls[:6])
    ill = Starlette(routes=[Route("/{path:path}", endpoint, methods=["POST"])])  # type: ignore[arg-type]  # either endpoint
    async with serving(ill) as url:
        await Driver(few, GUARDS, tally, seconds=0.1, patience=300.0).run(url)

    assert sum(row.outcomes[Outcome.FAILED] for row in tally.rows.values()) == 12
    assert trouble in tally.trouble


async def test_a_server_that_is_not_there_fails_every_call(schedule: Schedule) -> None:
    """A refused connection is counted, not raised."""
    async with serving(Starlette()) as url:
        pass
    tally, few = _tally(schedule), Schedule(schedule.calls[:6])
    await Driver(few, GUARDS, tally, seconds=0.1, patience=300.0).run(url)

    assert sum(row.outcomes[Outcome.FAILED] for row in tally.rows.values()) == 12
    assert "ConnectError" in tally.trouble
