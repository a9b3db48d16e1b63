"""Delay holds a request back until there is budget for it, and not longer than is worth it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from ratelimit.clock import SystemClock
from ratelimit.edge.lanes import Lanes
from ratelimit.edge.listener import Listener
from ratelimit.testing import drive

Make = Callable[..., Any]
HOUR = 3600


def waiting(policy: Make, *, every: float, most: float = 5.0, **fields: Any) -> Any:
    """Return a policy that grants one request *every* so many seconds and holds the others back."""
    return policy(quota=round(HOUR / every), mode="delay", max_delay=timedelta(seconds=most), **fields)


async def test_a_request_is_held_back_until_it_can_be_granted(guard: Make, recorder: Make, policy: Make) -> None:
    """Refused at first, it is charged again when its budget has refilled, and goes on; the decision tells the wait."""
    guarded = guard(recorder(), waiting(policy, every=0.02), clock=SystemClock())
    came = [await guarded() for _ in range(3)]

    assert [exchange.status for exchange in came] == [200] * 3
    assert guarded.decisions[0].delayed == 0.0
    assert all(0 < decision.delayed < 5 and not decision.refused for decision in guarded.decisions[1:])
    assert came[1].header("ratelimit") == '"requests";r=0'


async def test_those_who_wait_go_one_by_one(guard: Make, recorder: Make, policy: Make) -> None:
    """Ten at once are let go in their order, each when there is budget for it, and none is lost."""
    done: list[int] = []
    guarded = guard(recorder(), waiting(policy, every=0.01), clock=SystemClock(), on_decision=None)

    async def ask(number: int) -> int:
        came = await drive(guarded.app, path="/v1/chat/completions", body=b'"x"')
        done.append(number)
        return came.status

    statuses = await asyncio.gather(*map(ask, range(10)))

    assert statuses == [200] * 10
    assert done[0] == 0
    assert sorted(done) == list(range(10))


async def test_a_wait_that_would_be_too_long_is_refused_at_once(guard: Make, recorder: Make, policy: Make) -> None:
    """Where the budget needs longer than max_delay, nobody is held: 429, with the time to come back."""
    guarded = guard(recorder(), waiting(policy, every=30), clock=SystemClock())
    await guarded()
    before = asyncio.get_running_loop().time()
    refused = await guarded()

    assert (refused.status, refused.header("retry-after") is not None) == (429, True)
    assert guarded.decision.delayed <= asyncio.get_running_loop().time() - before
    assert guarded.decision.refused


async def test_a_wait_ends_at_max_delay(guard: Make, recorder: Make, policy: Make) -> None:
    """A budget that does not refill after all (its clock stands still) is waited for no longer than max_delay."""
    guarded = guard(recorder(), waiting(policy, every=0.01, most=0.05))
    await guarded()
    refused = await guarded()

    assert refused.status == 429
    assert guarded.decision.delayed > 0
    assert guarded.decision.retry_after > 0


async def test_a_line_too_long_is_not_joined(guard: Make, recorder: Make, policy: Make) -> None:
    """When so many wait that the last would wait too long, the next is refused at once; nobody is granted too much."""
    guarded = guard(recorder(), waiting(policy, every=0.05, most=0.2), clock=SystemClock(), on_decision=None)

    async def ask(number: int) -> int:
        return (await drive(guarded.app, body=b"x")).status

    began = asyncio.get_running_loop().time()
    statuses = await asyncio.gather(*map(ask, range(40)))
    granted = 1 + (asyncio.get_running_loop().time() - began) / 0.05

    assert statuses.count(200) + statuses.count(429) == 40
    assert 1 <= statuses.count(200) <= granted + 1
    assert statuses.count(429) > 0


async def test_a_client_that_leaves_is_not_waited_for(guard: Make, recorder: Make, policy: Make) -> None:
    """Its wait ends, nothing is sent and charged, no task is left, and its place goes to the next."""
    app = recorder()
    guarded = guard(app, waiting(policy, every=3))
    await guarded()
    left = await guarded(disconnect_after=1)

    assert left.messages == []
    assert app.calls == 1
    assert len(guarded.decisions) == 1


async def test_a_body_that_goes_on_is_not_lost_while_held(guard: Make, recorder: Make, policy: Make) -> None:
    """What arrives while a request is held reaches the application in its place."""
    app = recorder()
    guarded = guard(app, waiting(policy, every=0.02, body_bytes=4), clock=SystemClock())
    pieces = [b"0123456789", b"abc", b"def", b"ghi"]
    await guarded(body=pieces)
    app.received.clear()
    came = await guarded(body=pieces)

    assert came.status == 200
    assert guarded.decision.delayed > 0
    assert [message["body"] for message in app.received] == pieces


async def test_a_cancelled_wait_leaves_nothing(guard: Make, recorder: Make, policy: Make) -> None:
    """A server that cancels a held request leaves no task, and nobody in the line."""
    guarded = guard(recorder(), waiting(policy, every=3))
    await guarded(headers={"authorization": "Bearer a"})
    before, held = asyncio.all_tasks(), asyncio.Event()
    requests: list[Any] = [{"type": "http.request", "body": b"x"}]

    async def receive() -> Any:
        if not requests:
            held.set()
            await asyncio.Event().wait()
        return requests.pop()

    async def send(message: Any) -> None:
        raise AssertionError("nothing is to be said")

    scope: Any = {
        "type": "http", "asgi": {"version": "3.0"}, "method": "POST", "path": "/",
        "headers": [(b"authorization", b"Bearer a")],
    }
    call = asyncio.ensure_future(guarded.app(scope, receive, send))
    await asyncio.wait_for(held.wait(), 10)
    call.cancel()

    with pytest.raises(asyncio.CancelledError):
        await call
    assert asyncio.all_tasks() == before
    assert all(lane.waiting == 0 for lane in guarded.middleware._rules.gate._lanes._lanes.values())


async def test_no_task_is_made_for_a_request_that_is_not_held(guard: Make, policy: Make) -> None:
    """On the way to the application there is one task: the caller's."""
    seen: list[int] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(len(asyncio.all_tasks()))
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body"})

    await guard(app, waiting(policy, every=0.02))()

    assert seen == [len(asyncio.all_tasks())]


async def test_an_ear_that_fails_is_heard() -> None:
    """What receive raises while a request is held is raised, and not swallowed."""

    async def receive() -> dict[str, Any]:
        raise ConnectionError("the server's")

    async with Listener(receive) as listener:
        with pytest.raises(ConnectionError, match="the server's"):
            await listener.wait(asyncio.Event().wait(), within=5)  # type: ignore[arg-type]  # what it returns is not used


async def test_lanes_are_kept_by_principal_and_grow_slower_only() -> None:
    """A line with somebody in it is shared; one too fast gives way to a slower one; an empty one starts anew."""
    lanes = Lanes()
    with lanes.place("a", 1.0) as first, lanes.place("a", 0.5) as second, lanes.place("b", 1.0) as other:
        assert first is second
        assert other is not first
        assert first.length == 2.0
        with lanes.place("a", 2.0) as slower:
            assert slower is not first
            assert "waiting=1" in repr(slower)
    with lanes.place("a", 0.5) as fresh:
        assert fresh.pace == 0.5
