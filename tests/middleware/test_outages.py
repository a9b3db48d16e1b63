"""What happens while a store, or a listener of the operator's, fails."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from ratelimit.decision import Cause
from ratelimit.edge.complaints import QUIET, Complaints
from ratelimit.errors import StoreError
from ratelimit.stores import MemoryStore

if TYPE_CHECKING:
    from ratelimit.clock import ManualClock

Make = Callable[..., Any]


class Failing(MemoryStore):
    """A store whose server is away for charges while it has an *error*, and for learning once it is *mute*."""

    def __init__(self, error: Exception | None, clock: ManualClock, *, mute: bool = False) -> None:
        super().__init__(clock=clock, secret=b"0123456789abcdef")
        self.error, self.mute = error, mute

    async def charge(self, charges: Any) -> Any:
        """Charge, if the server is there."""
        if self.error is not None:
            raise self.error
        return await super().charge(charges)

    def fold(self, fold: Any) -> None:
        """Learn, unless it is mute."""
        if self.mute:
            raise StoreError("away")
        super().fold(fold)


@pytest.mark.parametrize("error", [StoreError("away"), ConnectionError(), KeyError("a bug")])
async def test_a_store_that_fails_is_an_outage(
    error: Exception, guard: Make, recorder: Make, policy: Make, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    """503 with a time to come back, logged once a minute; and when the store is back, so is the service."""
    store = Failing(error, clock)
    guarded = guard(recorder(), policy(), store=store)
    with caplog.at_level(logging.ERROR, logger="ratelimit"):
        away = [(await guarded()).status for _ in range(3)]
    store.error = None
    back = [(await guarded()).status for _ in range(2)]

    assert (away, back) == ([503] * 3, [200, 429])
    assert [record.getMessage().partition(":")[0] for record in caplog.records] == ["a request could not be decided"]
    assert caplog.records[0].exc_info is not None
    assert guarded.decisions[0].reasons[0].cause is Cause.UNAVAILABLE


async def test_a_store_that_cannot_learn_stops_nobody(
    guard: Make, recorder: Make, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    """The response goes on; the failure is logged."""
    came = await guard(recorder(), store=Failing(None, clock, mute=True))()

    assert (came.status, came.complete) == (200, True)
    assert "failed to learn" in caplog.text


async def test_a_listener_that_fails_changes_nothing(
    guard: Make, recorder: Make, policy: Make, caplog: pytest.LogCaptureFixture
) -> None:
    """What on_decision raises is logged, whether the request goes on or is refused."""

    def broken(decision: Any, request: Any) -> None:
        raise ZeroDivisionError

    guarded = guard(recorder(), policy(), on_decision=broken)

    assert [(await guarded()).status for _ in range(2)] == [200, 429]
    assert caplog.text.count("on_decision failed") == 1


async def test_a_cancelled_charge_is_cancelled(
    guard: Make, recorder: Make, policy: Make, clock: ManualClock
) -> None:
    """A cancellation while the store is asked is no outage: it goes through, and leaves no task."""
    asked = asyncio.Event()

    class Slow(MemoryStore):
        async def charge(self, charges: Any) -> Any:
            asked.set()
            await asyncio.Event().wait()

    before = asyncio.all_tasks()
    call = asyncio.ensure_future(guard(app := recorder(), policy(), store=Slow(clock=clock))())
    await asyncio.wait_for(asked.wait(), 10)
    call.cancel()

    with pytest.raises(asyncio.CancelledError):
        await call
    assert asyncio.all_tasks() == before
    assert app.calls == 0


async def test_complaints_are_made_once_a_minute(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A complaint is only counted while it is quiet, and the count told with the next; another is not kept back."""
    now = 100.0
    monkeypatch.setattr(asyncio.get_running_loop(), "time", lambda: now)
    complaints = Complaints()
    for _ in range(3):
        complaints.make("one thing failed", ValueError())
    complaints.make("another failed", ValueError())
    now += QUIET
    complaints.make("one thing failed", ValueError())
    monkeypatch.undo()

    assert [record.getMessage() for record in caplog.records] == [
        "one thing failed",
        "another failed",
        "one thing failed (and 2 times more since that was last said)",
    ]
