"""Requests in flight: as many at once as the policy says, and every slot given back, however the exchange ends."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from ratelimit import Budget, Cause, Concurrency, MemoryStore, Policy, PolicyError, StoreError
from ratelimit.middleware import RateLimitMiddleware
from ratelimit.testing import ProtocolChecker, drive

Make = Callable[..., Any]

WIDE = Budget(quota=10**6, window=timedelta(hours=1), burst=10**6)


def at_once(most: int = 1, **fields: Any) -> Policy:
    """Return a policy that lets *most* be in flight, and watches nothing."""
    return Policy(**{"budgets": (WIDE,), "concurrency": Concurrency(most=most), "signals": (), "cohort_signals": (),
                     "cohorts": (), **fields})


def taken(guarded: Any) -> int:
    """Return how many slots are taken."""
    return sum(len(account.slots or ()) for _, account in guarded.store._principals)


class Gated:
    """An application that answers when it is told to, chunk by chunk."""

    def __init__(self) -> None:
        self.entered, self.told = asyncio.Semaphore(0), asyncio.Semaphore(0)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Speak ASGI."""
        self.entered.release()
        await self.told.acquire()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"x"})


async def test_the_next_is_refused_until_one_has_ended(guard: Make, fields: Any) -> None:
    """Two at once; the third is told so, and is let in when one of them has ended."""
    app = Gated()
    guarded = guard(app, at_once(2, disclose="full"))
    running = [asyncio.create_task(drive(guarded.app, body=b"x")) for _ in range(2)]
    for _ in running:
        await app.entered.acquire()
    refused = await drive(guarded.app, path="/v1/chat/completions", body=b"x")
    app.told.release()
    await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
    app.told.release()
    app.told.release()
    again = await drive(guarded.app, body=b"x")
    await asyncio.wait(running)

    assert (refused.status, refused.header("retry-after"), refused.header("x-should-retry")) == (429, "2", None)
    assert 1000 <= int(refused.header("retry-after-ms")) <= 1100
    assert b"Too many requests are in flight at once. Try again in" in refused.body
    assert b'"violated-policies":["concurrency"]' in refused.body
    assert [reason.cause for decision in guarded.decisions for reason in decision.reasons] == [Cause.CONCURRENCY]
    assert again.status == 200
    assert taken(guarded) == 0
    assert refused.header("ratelimit-policy") == (
        '"requests";q=1000000;w=3600, "concurrency";q=2;qu="concurrent-requests"')
    assert fields(refused.header("ratelimit"))[1] == ("concurrency", {"r": 0, "t": 2})
    assert fields(again.header("ratelimit"))[1] == ("concurrency", {"r": 0})


async def test_a_request_waits_for_a_slot_in_delay_mode(guard: Make) -> None:
    """Held back, it is let in once a slot is free."""
    app = Gated()
    guarded = guard(app, at_once(mode="delay", concurrency=Concurrency(most=1, slot=timedelta(milliseconds=20))))
    first = asyncio.create_task(drive(guarded.app, body=b"x"))
    await app.entered.acquire()
    second = asyncio.create_task(drive(guarded.app, body=b"x"))
    guarded.clock.advance(1.0)  # the first outlives its slot
    await app.entered.acquire()
    app.told.release()
    app.told.release()

    assert [came.status for came in await asyncio.gather(first, second)] == [200, 200]
    assert taken(guarded) == 0


async def fails(scope: Any, receive: Any, send: Any) -> None:
    """Raise before anything was sent."""
    raise ZeroDivisionError


async def fails_late(scope: Any, receive: Any, send: Any) -> None:
    """Raise in the middle of a stream."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"x", "more_body": True})
    raise ZeroDivisionError


async def gives_up(scope: Any, receive: Any, send: Any) -> None:
    """Return without an answer when the client has left."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def abandons(scope: Any, receive: Any, send: Any) -> None:
    """Begin a stream, and leave it when the client has."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"x", "more_body": True})
    await gives_up(scope, receive, send)


@pytest.mark.parametrize(
    ("app", "exchange"),
    [(fails, {}), (fails_late, {}), (gives_up, {"disconnect_after": 1}), (abandons, {"disconnect_after_sends": 2})],
)
async def test_a_slot_is_given_back_however_it_ends(app: Any, exchange: dict[str, Any], guard: Make) -> None:
    """By an exception, early or late; by a client that leaves, early or late."""
    guarded = guard(app, at_once())
    for _ in range(3):
        with suppress(ZeroDivisionError):
            await guarded(**exchange)

        assert guarded.decision.allowed
        assert taken(guarded) == 0


@pytest.mark.parametrize("status", [200, 204, 401, 404, 429, 500])
async def test_a_slot_is_given_back_whatever_is_answered(status: int, guard: Make, recorder: Make) -> None:
    """Of any status."""
    guarded = guard(recorder(status=status), at_once())
    statuses = [(await guarded()).status for _ in range(3)]

    assert statuses == [status] * 3
    assert taken(guarded) == 0


async def test_work_after_the_response_takes_no_slot(guard: Make) -> None:
    """A background task runs on while the next request is let in."""
    freed: list[int] = []

    def work() -> None:
        freed.append(taken(guarded))

    async def answer(request: Any) -> PlainTextResponse:
        return PlainTextResponse("x", background=BackgroundTask(work))

    guarded = guard(Starlette(routes=[Route("/v1/chat/completions", answer, methods=["POST"])]), at_once())
    await guarded()

    assert freed == [0]


class Waits:
    """Counts the points at which something waits, and stops its task at one of them."""

    def __init__(self, at: int) -> None:
        self.at, self.count = at, 0

    async def __call__(self) -> None:
        """Wait a moment; at the chosen point, until the task is cancelled."""
        self.count += 1
        if self.count - 1 == self.at:
            task = asyncio.current_task()
            assert task is not None
            task.cancel()
        await asyncio.sleep(0)


@pytest.mark.parametrize("mode", ["enforce", "delay", "audit"])
async def test_cancelling_it_anywhere_leaks_nothing(mode: str, guard: Make) -> None:
    """At every point where the exchange can wait, from the first message to the last: no slot, and no charge stays.

    Of a charge that was broken off nobody knows whether it was made, so that alone may stay charged.
    """
    for at in range(40):
        guarded, cancelled = await stopped(at, mode, guard)

        assert taken(guarded) == 0
        if not cancelled:
            break

    assert 6 < at < 39


async def stopped(at: int, mode: str, guard: Make) -> tuple[Any, bool]:
    """Run one exchange that is cancelled at the point *at*; return what guarded it, and whether it got there."""
    waits = Waits(at)

    class Slow(MemoryStore):
        async def charge(self, charges: Any) -> Any:
            await waits()
            charged = await super().charge(charges)
            await waits()
            return charged

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await waits()
        await receive()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await waits()
        for more in (True, True, False):
            await send({"type": "http.response.body", "body": b"x", "more_body": more})
            await waits()

    async def named(request: Any) -> None:
        await waits()

    guarded = guard(app, at_once(mode=mode), store=Slow(secret=b"x" * 16), identify=named)
    task = asyncio.create_task(guarded())
    with suppress(asyncio.CancelledError):
        await task
    return guarded, task.cancelled()


async def test_cancelling_one_that_was_held_leaks_nothing(guard: Make) -> None:
    """Granted after a wait, and stopped before it went on: all of it is given back."""
    class Late(MemoryStore):
        async def charge(self, charges: Any) -> Any:
            charged = await super().charge(charges)
            if charged.admission.allowed and len(guarded.decisions) == 1:
                asyncio.get_running_loop().call_soon(held.cancel)
            return charged

    budget = Budget(quota=3600, window=timedelta(hours=1), burst=1)
    guarded = guard(gives_up, at_once(4, mode="delay", budgets=(budget,)), store=Late(secret=b"x" * 16))
    await guarded(disconnect_after=1)
    held = asyncio.create_task(guarded(disconnect_after=None))
    with pytest.raises(asyncio.CancelledError):
        await held

    assert taken(guarded) == 0
    assert len(guarded.decisions) == 1


async def test_a_store_that_fails_half_way_is_told_to_give_the_slot_back(guard: Make, recorder: Make) -> None:
    """It may have taken it before it failed."""
    class Halfway(MemoryStore):
        async def charge(self, charges: Any) -> Any:
            await super().charge(charges)
            raise StoreError("timed out")

    guarded = guard(recorder(), at_once(), store=Halfway(secret=b"x" * 16))
    came = await guarded()

    assert came.status == 503
    assert taken(guarded) == 0


async def test_a_store_that_cannot_adjust_breaks_nothing(guard: Make, recorder: Make, caplog: Any) -> None:
    """It is logged, and the exchange goes its way."""
    class Broken(MemoryStore):
        def adjust(self, adjustment: Any) -> None:
            raise OSError("gone")

    came = await guard(recorder(), at_once(), store=Broken(secret=b"x" * 16))()

    assert came.status == 200
    assert "the store failed to correct a charge" in caplog.text


@given(
    ends=st.lists(
        st.tuples(
            st.sampled_from(["answers", "fails", "fails_late", "gives_up", "abandons", "cancelled", "refused"]),
            st.integers(0, 3), st.sampled_from([200, 401, 404, 429, 500])),
        min_size=10, max_size=30,
    )
)
async def test_no_slot_is_leaked(ends: list[tuple[str, int, int]], guard: Make) -> None:
    """Random exchanges at once, each ending in its own way: when all have ended, no slot is taken."""
    plan = iter(ends)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        how, turns, status = next(plan)
        for _ in range(turns):
            await asyncio.sleep(0)
        if how in {"fails", "fails_late", "gives_up", "abandons"}:
            await globals()[how](scope, receive, send)
        elif how == "cancelled":
            task = asyncio.current_task()
            assert task is not None
            task.cancel()
            await asyncio.sleep(0)
        await send({"type": "http.response.start", "status": status, "headers": []})
        for _ in range(turns):
            await asyncio.sleep(0)
        await send({"type": "http.response.body", "body": b"x"})

    guarded = guard(app, at_once(5))
    leaving: dict[str, dict[str, int]] = {"gives_up": {"disconnect_after": 1}}
    exchanges = [drive(guarded.app, body=b"x", **leaving.get(how, {"disconnect_after_sends": 2})) for how, _, _ in ends]
    await asyncio.gather(*exchanges, return_exceptions=True)

    assert taken(guarded) == 0


async def test_a_client_that_leaves_a_real_stream_gives_its_slot_back(server: Make) -> None:
    """Over a socket: the stream is broken off, and the next request is let in."""
    left = asyncio.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"first", "more_body": True})
        await gives_up(scope, receive, send)
        left.set()

    guarded = RateLimitMiddleware(ProtocolChecker(app), at_once())
    async with server(ProtocolChecker(guarded)) as running, httpx.AsyncClient() as caller:
        for _ in range(3):
            left.clear()
            async with caller.stream("POST", running.url, content=b"x") as came:
                assert came.status_code == 200
                await anext(came.aiter_bytes())
            await left.wait()


def test_what_cannot_work_is_said_at_once() -> None:
    """A number of slots, a time, and a name of its own."""
    with pytest.raises(ExceptionGroup) as raised:
        Concurrency(most=0, slot=timedelta(0))
    with pytest.raises(ExceptionGroup) as named:
        Policy(concurrency=Concurrency(most=1), budgets=(Budget(quota=1, window=timedelta(1), name="concurrency"),))
    with pytest.raises(ExceptionGroup):
        Policy(concurrency=8)  # type: ignore[arg-type]

    assert len(raised.value.exceptions) == 2
    assert all(isinstance(error, PolicyError) for error in raised.value.exceptions)
    assert "whose name that is" in str(named.value.exceptions[0])
