"""Cancelled wherever it waits, a request leaves nothing behind: no slot, no task, no connection, no unit too many."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from ratelimit import APIKey, Budget, Concurrency, Policy, RateLimitMiddleware, Tokens
from ratelimit.stores.redis import RedisStore

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

HOUR = timedelta(hours=1)
BODY = json.dumps({"model": "m", "messages": [{"role": "user", "content": "one two three"}]}).encode()
SCOPE = {
    "type": "http", "asgi": {"version": "3.0", "spec_version": "2.4"}, "http_version": "1.1", "method": "POST",
    "scheme": "http", "path": "/v1/chat/completions", "raw_path": b"/v1/chat/completions", "query_string": b"",
    "root_path": "", "client": ("127.0.0.1", 50_000), "server": ("127.0.0.1", 80),
    "headers": [(b"authorization", b"Bearer sk-1"), (b"content-type", b"application/json")],
}


class Cancelled:
    """Awaits *work*, and cancels the task where *work* waits for the time numbered *place*."""

    def __init__(self, work: Any, place: int) -> None:
        self._work, self._place = work, place
        self.waited = 0

    def __await__(self) -> Generator[Any, Any, Any]:
        running = self._work.__await__()
        try:
            sent = None
            while True:
                waits_for = running.send(sent)
                while True:
                    if self.waited == self._place:
                        task = asyncio.current_task()
                        assert task is not None
                        task.cancel()
                    self.waited += 1
                    try:
                        sent = yield waits_for
                    except BaseException as error:  # noqa: BLE001 (the cancellation, which is the work's to bear)
                        waits_for = running.throw(error)
                    else:
                        break
        except StopIteration as done:
            return done.value


async def streaming(scope: Any, receive: Any, send: Any) -> None:
    """Answer in three chunks."""
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/event-stream")]})
    for number in range(3):
        await send({"type": "http.response.body", "body": b"data: %d\n\n" % number, "more_body": True})
    await send({"type": "http.response.body", "body": b"data: [DONE]\n\n", "more_body": False})


async def asked(app: Any) -> int:
    """Ask once, over a line on which whatever is sent or received takes a turn of the loop; return the status."""
    parts, status = [BODY[:20], BODY[20:]], []

    async def receive() -> Any:
        await asyncio.sleep(0)
        return {"type": "http.request", "body": parts.pop(0), "more_body": bool(parts)}

    async def send(message: Any) -> None:
        await asyncio.sleep(0)
        status.append(message.get("status"))

    await app({**SCOPE, "state": {}}, receive, send)
    return int(status[0])


def guarded(store: Any, mode: Any, decisions: list[Any]) -> Any:
    """Return an application behind budgets of requests and tokens, and one slot."""
    policy = Policy(
        budgets=(Budget(quota=1, window=HOUR, burst=200),
                 Budget(name="tokens", quota=1, window=HOUR, burst=10**6, cost=Tokens())),
        concurrency=Concurrency(most=1), mode=mode, max_delay=timedelta(milliseconds=50),
    )
    return RateLimitMiddleware(streaming, policy, store=store, identify=APIKey(),
                               on_decision=lambda decision, _: decisions.append(decision))


async def cancelled_everywhere(work: Callable[[], Any], then: Callable[[], Any], *, surely: bool = True) -> int:
    """Cancel *work* at each place where it waits, each time anew, and do *then*; return how many places there are.

    surely  whether each cancellation must end it.
    """
    for place in range(1000):
        stepped = Cancelled(work(), place)

        async def run(stepped: Cancelled = stepped) -> None:
            await stepped

        task = asyncio.create_task(run())
        await asyncio.wait([task], timeout=20)
        assert task.done()
        assert task.cancelled() or stepped.waited <= place or not surely, task
        await then()
        if stepped.waited <= place:
            return place
    raise AssertionError("it never ended")


@pytest.mark.parametrize("mode", ["enforce", "delay"])
@pytest.mark.parametrize("there", [True, False], ids=["there", "away"])
async def test_a_request_cancelled_at_every_await(
    mode: str, start: Callable[..., Any], stores: Callable[..., Any], *, there: bool
) -> None:
    """Each of them would take the only slot; wherever they were cut, the next one gets it, and pays what it costs."""
    server = start()
    store = stores(server.url, timeout=timedelta(seconds=10 if there else 0.1))
    decisions: list[Any] = []
    app = guarded(store, mode, decisions)
    assert await asked(app) == 200
    await store.sync()
    if there:
        with server.client as client:
            before = len(client.client_list())
    else:
        server.kill()
    whole = 1

    async def next_one() -> None:
        nonlocal whole
        if there:
            await store.sync()
        assert await asked(app) == 200
        whole += 1
        if there:
            await store.sync()

    places = await cancelled_everywhere(lambda: asked(app), next_one)

    assert places >= 7 + there  # two parts of the body, five messages, and the charge
    if there:
        with server.client as client:
            assert len(client.client_list()) <= before + 1
        # Each that ended is paid; each that was cut is paid or given back, and is not given back twice.
        assert whole <= 200 - decisions[-1].remaining[0].units <= 2 * whole
    await store.aclose()
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_closing_cancelled_at_every_await(server: Any) -> None:
    """Closed again, it is closed: whatever it was doing, no connection and no task is left of it."""
    made: list[RedisStore] = []
    with server.client as client:
        client.ping()
        before = len(client.client_list())

        async def asked_and_closed() -> None:
            made.append(RedisStore(server.url, secret=b"0123456789abcdef", timeout=timedelta(seconds=10)))
            assert await asked(guarded(made[-1], "enforce", [])) == 200
            await made[-1].aclose()

        async def closed() -> None:
            if made:  # it may have been cut before
                await made[-1].aclose()
            async with asyncio.timeout(10):
                while len(client.client_list()) > before:
                    await asyncio.sleep(0.01)
            assert asyncio.all_tasks() == {asyncio.current_task()}

        # Before Python 3.12 asyncio.wait_for, by which redis-py sends, loses a cancellation now and then (gh-86296).
        assert await cancelled_everywhere(asked_and_closed, closed, surely=False) >= 10
