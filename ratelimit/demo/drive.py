"""The load: every call of a schedule, over real HTTP, to every mount."""

from __future__ import annotations

import asyncio
import ssl
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

import httpx

from ratelimit.demo.tally import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ratelimit.demo.calls import Call, Schedule, Timed
    from ratelimit.demo.site import Guard
    from ratelimit.demo.tally import Tally

#: Calls that are under way at once, each to every mount.
_HANDS = 8

#: Seconds in which an answer must come; the server is at home.
_TIMEOUT = 30.0

_STREAM_ENDS = (b"data: [DONE]", b"event: message_stop")


class Driver:
    """Sends a *schedule* to *guards*, in order and no sooner than due, and counts in *tally* what comes back.

    seconds   how long the schedule is meant to take: it is spread over that time. When the machine cannot keep the
              pace, everybody is late alike.
    patience  how many times as long it may take; then the rest is left out.
    """

    def __init__(
        self, schedule: Schedule, guards: Sequence[Guard], tally: Tally, *, seconds: float, patience: float = 2.0
    ) -> None:
        self._schedule, self._guards, self._tally = schedule, guards, tally
        self._seconds, self._patience = seconds, patience
        self._began_at = self._ended_at = 0.0

    @property
    def took(self) -> float:
        """Seconds from the beginning to the end, or until now; 0 before."""
        if not self._began_at:
            return 0.0
        return (self._ended_at or asyncio.get_running_loop().time()) - self._began_at

    async def run(self, url: str) -> None:
        """Send everything to the site at *url*."""
        left, tls = iter(self._schedule.calls), ssl.create_default_context()
        async with AsyncExitStack() as stack:
            # A client a hand: the work of a pool grows with the square of its connections. TLS is not used, but each
            # would take its time to prepare it.
            clients = [
                await stack.enter_async_context(
                    httpx.AsyncClient(base_url=url, timeout=_TIMEOUT, trust_env=False, verify=tls)
                )
                for _ in range(_HANDS)
            ]
            self._began_at = asyncio.get_running_loop().time()
            try:
                async with asyncio.TaskGroup() as hands:
                    for client in clients:
                        hands.create_task(self._work(client, left))
            finally:
                self._ended_at = asyncio.get_running_loop().time()

    async def _work(self, client: httpx.AsyncClient, left: Iterator[Timed]) -> None:
        for due, call in left:  # shared by all hands: each call is taken once, in order
            await asyncio.sleep(due * self._seconds - self.took)
            if self.took > self._patience * self._seconds:
                return
            await asyncio.gather(*(self._send(client, guard, call) for guard in self._guards))

    async def _send(self, client: httpx.AsyncClient, guard: Guard, call: Call) -> None:
        headers = call.caller.headers
        try:
            response = await client.post(guard.path + call.path, content=call.body, headers=headers)
        except httpx.HTTPError as error:
            outcome, trouble = Outcome.FAILED, repr(error)
        else:
            outcome, trouble = _outcome(response)
        self._tally.ended(guard.title, call.caller.group, outcome, trouble)


def _outcome(response: httpx.Response) -> tuple[Outcome, str]:
    if response.status_code == 429:
        return Outcome.REFUSED, ""
    if response.status_code != 200:
        return Outcome.FAILED, f"{response.status_code} {response.text[:200]}"
    streamed = response.headers["content-type"].startswith("text/event-stream")
    if streamed and not any(end in response.content for end in _STREAM_ENDS):
        return Outcome.FAILED, f"a stream that ended early: {response.text[-200:]}"
    return Outcome.ANSWERED, ""
