"""The callers' own SDKs, over real sockets, against a guarded server."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import anthropic
import openai
import pytest

from ratelimit.budget import Budget
from ratelimit.clock import SystemClock
from ratelimit.evidence import Ladder
from ratelimit.policy import Policy

Make = Callable[..., Any]


class OpenAI:
    """The openai package."""

    error = openai.RateLimitError

    def __init__(self, url: str, key: str = "key", **options: Any) -> None:
        self.sdk = openai.AsyncOpenAI(base_url=f"{url}/v1", api_key=key, **options)

    async def ask(self, text: str = "hello") -> str:
        """Ask, and return the whole answer."""
        came = await self.sdk.chat.completions.create(model="toy", messages=[{"role": "user", "content": text}])
        return came.choices[0].message.content or ""

    async def stream(self, heard: asyncio.Semaphore) -> list[str]:
        """Ask for a stream, and return its pieces, each told to the model as it comes."""
        pieces = []
        stream = await self.sdk.chat.completions.create(
            model="toy", messages=[{"role": "user", "content": "hello"}], stream=True
        )
        async for event in stream:
            pieces.append(event.choices[0].delta.content or "")
            heard.release()
        return pieces


class Anthropic:
    """The anthropic package."""

    error = anthropic.RateLimitError

    def __init__(self, url: str, key: str = "key", **options: Any) -> None:
        self.sdk = anthropic.AsyncAnthropic(base_url=url, api_key=key, **options)

    async def ask(self, text: str = "hello") -> str:
        """Ask, and return the whole answer."""
        came = await self.sdk.messages.create(model="toy", max_tokens=9, messages=[{"role": "user", "content": text}])
        block: Any = came.content[0]
        return str(block.text)

    async def stream(self, heard: asyncio.Semaphore) -> list[str]:
        """Ask for a stream, and return its pieces, each told to the model as it comes."""
        pieces = []
        stream = await self.sdk.messages.create(
            model="toy", max_tokens=9, messages=[{"role": "user", "content": "hello"}], stream=True
        )
        async for event in stream:
            if event.type == "content_block_delta":
                pieces.append(getattr(event.delta, "text", ""))
                heard.release()
        return pieces


sdks = pytest.mark.parametrize("sdk", [OpenAI, Anthropic])


@sdks
async def test_allowed_calls_and_streams_arrive(sdk: Any, guard: Make, model: Make, server: Make, policy: Make) -> None:
    """A call is answered whole; of a stream each piece arrives before the model makes the next."""
    toy = model("Each", " piece", " by", " itself")
    async with server(guard(toy, policy(burst=5)).app) as running:
        caller = sdk(running.url)
        async with caller.sdk:
            whole = await caller.ask()
            toy.heard = asyncio.Semaphore(0)
            pieces = await caller.stream(toy.heard)

    assert whole == "Each piece by itself"
    assert pieces == ["Each", " piece", " by", " itself"]


@sdks
async def test_a_quota_refusal_is_their_own_error(
    sdk: Any, guard: Make, model: Make, server: Make, policy: Make
) -> None:
    """It raises RateLimitError, with the time to come back and the words of the refusal."""
    async with server(guard(model(), policy(quota=120)).app) as running:
        caller = sdk(running.url, max_retries=0)
        async with caller.sdk:
            await caller.ask()
            with pytest.raises(sdk.error) as raised:
                await caller.ask()

    error = raised.value
    assert error.status_code == 429
    assert 30 <= int(error.response.headers["retry-after"]) <= 33
    assert "Try again in" in str(error)
    if sdk is OpenAI:
        assert error.code == "rate_limit_exceeded"
        assert error.type == "rate_limit_error"
    else:
        assert error.body["error"]["type"] == "rate_limit_error"


@sdks
async def test_a_short_wait_is_waited_out(sdk: Any, guard: Make, model: Make, server: Make, policy: Make) -> None:
    """Where the budget refills at once, the SDK's own retry comes when it was told, and is served: two attempts."""
    guarded = guard(model(), policy(quota=36_000), clock=SystemClock())
    async with server(guarded.app) as running:
        caller = sdk(running.url)
        async with caller.sdk:
            await caller.ask()
            await caller.ask()

    assert running.requests in {2, 3}  # the second call may itself have come late enough
    assert guarded.decision.allowed


@sdks
async def test_a_long_wait_is_not_retried(sdk: Any, guard: Make, model: Make, server: Make, policy: Make) -> None:
    """Above a minute the SDKs, with their default retries, try exactly once."""
    async with server(guard(model(), policy(quota=30)).app) as running:
        caller = sdk(running.url)
        async with caller.sdk:
            await caller.ask()
            with pytest.raises(sdk.error):
                await caller.ask()

    assert running.requests == 2


@sdks
async def test_a_behavioural_refusal_makes_no_retry_storm(
    sdk: Any, guard: Make, model: Make, server: Make, harvest: Make
) -> None:
    """A harvest over several keys is refused as abnormal usage, and each refusal is one attempt on the wire."""
    policy = Policy(
        budgets=(Budget(quota=3600, window=timedelta(hours=1), burst=10),),
        ladder=Ladder(watch=0.05, soft=0.1, hard=0.2, soft_refill=0.5, hard_refill=0.5),
    )
    guarded = guard(model(), policy)
    async with server(guarded.app) as running:
        callers = [sdk(running.url, f"key-{number}") for number in range(20)]
        refusals: list[Any] = []
        campaign = harvest(guarded)
        for number in range(200):
            try:
                await callers[number % 20].ask(campaign.text())
            except sdk.error as error:
                refusals.append(error)
                if len(refusals) == 3:
                    break
        for caller in callers:
            await caller.sdk.close()

    assert len(refusals) == 3
    assert guarded.decision.behavioural
    assert running.requests == number + 1
    assert all(int(error.response.headers["retry-after"]) <= 60 for error in refusals)
    assert all(error.response.headers["x-should-retry"] == "false" for error in refusals)
    if sdk is OpenAI:
        assert {error.code for error in refusals} == {"abnormal_usage_detected"}
