"""What SDKs send again of their own accord is one observation, and one charge."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import anthropic
import openai
import pytest

from ratelimit import Budget, MemoryStore, Policy, SystemClock

if TYPE_CHECKING:
    from ratelimit.stores import Fold

Make = Callable[..., Any]

USER: Any = {"role": "user", "content": "hello"}


class Learning(MemoryStore):
    """A store that remembers what it learned."""

    def __init__(self) -> None:
        super().__init__(clock=SystemClock(), secret=b"0123456789abcdef")
        self.folds: list[Fold] = []

    def fold(self, fold: Fold) -> None:
        """Learn, and remember."""
        self.folds.append(fold)
        super().fold(fold)


class Trying:
    """A model that is down for its first calls."""

    def __init__(self, model: Any, failures: int = 0, status: int = 503) -> None:
        self.model, self.failures, self.status, self.calls = model, failures, status, 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Speak ASGI."""
        self.calls += 1
        if self.calls > self.failures:
            await self.model(scope, receive, send)
            return
        while (await receive()).get("more_body"):
            pass
        await send({"type": "http.response.start", "status": self.status, "headers": [(b"retry-after-ms", b"1")]})
        await send({"type": "http.response.body", "body": b"{}"})


async def ask_openai(url: str) -> None:
    """Ask once, as the SDK does it by default."""
    async with openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="k") as sdk:
        await sdk.chat.completions.create(model="m", messages=[USER])


async def ask_anthropic(url: str) -> None:
    """Ask once, as the SDK does it by default."""
    async with anthropic.AsyncAnthropic(base_url=url, api_key="k") as sdk:
        await sdk.messages.create(model="m", max_tokens=9, messages=[USER])


asks = pytest.mark.parametrize("ask", [ask_openai, ask_anthropic])


def watching(**budget: Any) -> Policy:
    """Return the default policy with a budget of its own."""
    return Policy(budgets=(Budget(**{"quota": 36_000, "window": timedelta(hours=1), "burst": 1, **budget}),))


@asks
async def test_a_refused_call_is_observed_once(ask: Any, guard: Make, model: Make, server: Make) -> None:
    """Refused, sent again by the SDK and answered: of two attempts and more, one was learned, and one charged."""
    app, store = Trying(model()), Learning()
    guarded = guard(app, watching(), store=store, clock=store.clock)
    async with server(guarded.app) as running:
        await ask(running.url)
        while len(guarded.decisions) == app.calls:  # until one of them had to wait
            await ask(running.url)

    refused = [decision for decision in guarded.decisions if decision.refused]
    assert len(refused) >= 1
    assert len(guarded.decisions) == running.requests > app.calls
    assert len(store.folds) == 1  # the very same body, however often: one observation


@asks
async def test_a_call_that_failed_behind_us_is_charged_once(ask: Any, guard: Make, model: Make, server: Make) -> None:
    """Twice a 503, then an answer: three attempts, one observation, one charge."""
    app, store = Trying(model(), failures=2), Learning()
    guarded = guard(app, watching(quota=1, burst=2), store=store, clock=store.clock)
    async with server(guarded.app) as running:
        await ask(running.url)

    ((_, account),) = store._principals
    assert (running.requests, app.calls, len(store.folds)) == (3, 3, 1)
    assert account.levels["requests"] == pytest.approx(1.0, abs=0.01)
