"""The law of passage: an allowed exchange reaches the application and the client byte for byte, chunk for chunk."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeAlias

import msgspec
from hypothesis import strategies as st

from ratelimit.budget import Budget
from ratelimit.middleware import RateLimitMiddleware
from ratelimit.testing.broken import LawBrokenError, program
from ratelimit.testing.exchange import drive
from ratelimit.testing.laws.law import search

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.types import ASGIApp, Receive, Scope, Send

    from ratelimit.policy import Policy

#: Puts a policy around an application.
Guard: TypeAlias = Callable[["ASGIApp", "Policy"], "ASGIApp"]


class Passes(msgspec.Struct, frozen=True):
    """One exchange: the chunks of the request's body, and those of the response's."""

    sent: tuple[bytes, ...]
    answered: tuple[bytes, ...]


class PassThrough:
    """The law, as ``Law`` has it, for whatever puts a policy around an application.

    *guard* is that: by default ``RateLimitMiddleware``.
    """

    name = "pass_through"
    says = "an allowed exchange reaches the application and the client byte for byte, chunk for chunk."
    tolerance = "headers may be added to the response"

    def __call__(self, policy: Policy, *, guard: Guard = RateLimitMiddleware, profile: str = "ci") -> None:
        """Try the law on drawn exchanges. Raises: LawBrokenError; ValueError for an unknown profile."""
        pieces = st.lists(st.binary(max_size=12), min_size=1, max_size=4).map(tuple)
        search(lambda one: self.on(policy, [one], guard=guard), st.builds(Passes, pieces, pieces), profile)

    def on(self, policy: Policy, steps: Sequence[Passes], *, guard: Guard = RateLimitMiddleware) -> None:
        """Try the law on exchanges. Raises: LawBrokenError."""
        try:
            with ThreadPoolExecutor(1) as elsewhere:  # there may be a loop here that runs already
                what = elsewhere.submit(asyncio.run, _breach(policy, steps, guard)).result()
        except Exception as error:  # noqa: BLE001 (a guard of a user's raises anything, and that is a breach)
            what = f"The exchange raised {type(error).__name__}: {error}."
        if what is not None:
            raise LawBrokenError(self.name, self.says, what, (), program(
                self.name, policy, steps, guard=None if guard is RateLimitMiddleware else guard))


async def _breach(policy: Policy, steps: Sequence[Passes], guard: Guard) -> str | None:
    room = Budget(name="room", quota=10**6, window=policy.budgets[0].window, burst=10**6)
    open_policy = replace(policy, budgets=(room,), mode="enforce", unreadable="charge", concurrency=None, when=None,
                          exempt=None)
    for step in steps:
        received: list[bytes] = []

        async def app(scope: Scope, receive: Receive, send: Send, step: Passes = step, into: Any = received) -> None:
            more = scope["type"] == "http"
            while more:
                message = await receive()
                into.append(message.get("body", b""))
                more = message.get("more_body", False)
            await send({"type": "http.response.start", "status": 200, "headers": [(b"x-own", b"1")]})
            for number, piece in enumerate(step.answered, 1):
                await send({"type": "http.response.body", "body": piece, "more_body": number < len(step.answered)})

        came = await drive(guard(app, open_policy), path="/v1/chat/completions", body=list(step.sent),
                           headers={"content-type": "application/json"})
        chunks = tuple(message.get("body", b"") for message in came.messages
                       if message["type"] == "http.response.body")
        if tuple(received) != step.sent:
            return f"The application received the chunks {tuple(received)!r} of the body {step.sent!r}."
        if chunks != step.answered or came.status != 200:
            return f"The client received the status {came.status} and the chunks {chunks!r} of {step.answered!r}."
    return None


pass_through = PassThrough()
