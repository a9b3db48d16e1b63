"""Budgets of tokens: charged by an estimate, corrected by what is reported, given back where nothing was had."""

from __future__ import annotations

import asyncio
import gzip
import itertools
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ratelimit import Budget, Policy, Principal, Tokens
from ratelimit.testing import drive

Make = Callable[..., Any]

#: 2 tokens of text and 10 of an answer.
BODY = json.dumps({"messages": [{"role": "user", "content": "8 bytes."}], "max_tokens": 10}).encode()
ESTIMATE, BURST = 12.0, 1000.0
POLICY = Policy(
    budgets=(
        Budget(name="requests", quota=60, window=timedelta(hours=1), burst=20),
        Budget(name="tokens", quota=10_000, window=timedelta(hours=1), burst=int(BURST), cost=Tokens()),
    ),
    signals=(), cohort_signals=(), cohorts=(),
)
JSON = ((b"content-type", b"application/json"),)
SSE = ((b"content-type", b"text/event-stream"),)
USAGE = b'{"choices": [], "usage": {"prompt_tokens": 30, "completion_tokens": 70}}'


def left(guarded: Any) -> dict[str, float]:
    """Return what the only principal has spent of each budget; nothing if it is not known."""
    accounts = [account for _, account in guarded.store._principals]
    return {name: round(level, 9) for account in accounts for name, level in account.levels.items() if level}


async def spend(guarded: Any, **exchange: Any) -> dict[str, float]:
    """Drive one exchange, and return what it came to."""
    await guarded(body=BODY, **exchange)
    return left(guarded)


async def test_the_estimate_is_charged_and_then_corrected(guard: Make) -> None:
    """While the application runs the estimate stands; once the response has ended, what it reported."""
    seen: list[dict[str, float]] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        seen.append(left(guarded))
        await send({"type": "http.response.start", "status": 200, "headers": list(JSON)})
        await send({"type": "http.response.body", "body": USAGE})
        seen.append(left(guarded))

    guarded = guard(app, POLICY)
    came = await spend(guarded)

    assert seen == [{"requests": 1.0, "tokens": ESTIMATE}, {"requests": 1.0, "tokens": 100.0}]
    assert came == seen[1]


STREAMS = {
    "openai": [b'data: {"choices": [{"delta": {"content": "Hi"}}]}\n\n', b"data: " + USAGE + b"\n\ndata: [DONE]\n\n"],
    "anthropic": [
        b'event: message_start\ndata: {"message": {"usage": {"input_tokens": 30, "output_tokens": 1}}}\n\n',
        b'event: message_delta\ndata: {"usage": {"output_tokens": 70}}\n\nevent: message_stop\ndata: {}\n\n',
    ],
    "gemini": [b'data: {"usageMetadata": {"promptTokenCount": 30, "candidatesTokenCount": 1}}\r\n\r\n',
               b'data: {"usageMetadata": {"promptTokenCount": 30, "candidatesTokenCount": 70}}\r\n\r\n'],
}


@pytest.mark.parametrize("api", STREAMS)
@given(cuts=st.lists(st.integers(0, 400), max_size=8))
async def test_a_stream_is_counted_and_passes_untouched(api: str, cuts: list[int], guard: Make, recorder: Make) -> None:
    """Wherever its chunks are cut, none is merged, split or changed."""
    data = b"".join(STREAMS[api])
    edges = [0, *sorted({cut % len(data) for cut in cuts} - {0}), len(data)]
    chunks = [data[start:end] for start, end in itertools.pairwise(edges)]
    guarded = guard(recorder(*chunks, headers=SSE), POLICY)
    came = await guarded(body=BODY)

    assert came.chunks == chunks
    assert left(guarded) == {"requests": 1.0, "tokens": 100.0}


async def test_a_chunk_is_passed_on_before_it_is_looked_at(guard: Make) -> None:
    """Each message has left before the next thing happens: nothing waits for a usage."""
    sent: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": list(SSE)})
        for number in range(5):
            sent.append(f"app {number}")
            await send({"type": "http.response.body", "body": b'data: {"usage', "more_body": number < 4})

    async def wire(message: Any) -> None:
        sent.append("wire" if message["type"] == "http.response.body" else "start")

    async def stays() -> Any:
        await asyncio.Event().wait()

    guarded = guard(app, POLICY)
    asked = [{"type": "http.request", "body": BODY}]
    scope = (await drive(Silent(), path="/v1/chat/completions")).scope

    async def receive() -> Any:
        return asked.pop() if asked else await stays()

    await guarded.middleware(scope, receive, wire)

    assert sent == ["start", *[item for number in range(5) for item in (f"app {number}", "wire")]]


class Silent:
    """An application that answers nothing much."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Speak ASGI."""
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body"})


@pytest.mark.parametrize(
    ("status", "body", "spent"),
    [
        (200, USAGE, {"requests": 1.0, "tokens": 100.0}),
        (200, b'{"choices": []}', {"requests": 1.0, "tokens": ESTIMATE}),
        (400, b'{"error": {}}', {"requests": 1.0}),
        (404, b'{"error": {}}', {"requests": 1.0}),
        (401, b'{"error": {}}', {}),
        (403, b'{"error": {}}', {}),
        (429, b'{"error": {}}', {}),
        (500, b'{"error": {}}', {}),
        (503, USAGE, {}),
    ],
)
async def test_what_was_not_had_is_given_back(
    status: int, body: bytes, spent: dict[str, float], guard: Make, recorder: Make
) -> None:
    """A refused or failed request costs nothing, a faulty one no tokens."""
    assert await spend(guard(recorder(body, status=status, headers=JSON), POLICY)) == spent


@pytest.mark.parametrize("status", [401, 403])
async def test_who_gets_all_of_it_back_is_forgotten(status: int, guard: Make, recorder: Make) -> None:
    """A newcomer whose only request came to nothing leaves no profile behind."""
    guarded = guard(recorder(status=status), Policy())
    await spend(guarded)

    assert len(guarded.store._principals) == len(guarded.store._cohorts) == 0


async def test_an_unauthenticated_request_changes_nobodys_profile(guard: Make, recorder: Make) -> None:
    """Who is known stands as before: its budgets, its evidence, what was learned of it."""
    app = recorder(USAGE, headers=JSON)
    guarded = guard(app, Policy(budgets=POLICY.budgets))
    before = await spend(guarded)
    ((_, account),) = guarded.store._principals
    learned = (account.folds, account.bodies, dict(account.wealth), account.pieces)
    app.status = 401
    after = await spend(guarded)

    assert after == before
    assert (account.folds, account.bodies, dict(account.wealth), account.pieces) == learned


async def test_a_packed_response_leaves_the_estimate(guard: Make, recorder: Make) -> None:
    """What is compressed is not unpacked for it."""
    headers = (*JSON, (b"content-encoding", b"gzip"))
    came = await spend(guard(recorder(gzip.compress(USAGE), headers=headers), POLICY))

    assert came == {"requests": 1.0, "tokens": ESTIMATE}


@pytest.mark.parametrize(("after", "spent"), [(1, {"requests": 1.0}), (2, {"requests": 1.0, "tokens": 31.0})])
async def test_a_client_that_leaves(after: int, spent: dict[str, float], guard: Make) -> None:
    """Before anything was produced, no tokens are charged; later the estimate at least, or what was reported beyond it.

    Who read an answer and left before its last event would otherwise pay for the first one alone.
    """

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "http.response.start", "status": 200, "headers": list(SSE)})
        if after > 1:
            chunk = b'data: {"message": {"usage": {"input_tokens": 30, "output_tokens": 1}}}\n\n'
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
        assert (await receive())["type"] == "http.disconnect"

    assert await spend(guard(app, POLICY), disconnect_after_sends=after) == spent


async def test_breaking_off_is_no_way_to_pay_less(guard: Make, recorder: Make) -> None:
    """Of a stream that ends before its last event the estimate stays charged, whatever was reported until then."""
    begun = b'data: {"message": {"usage": {"input_tokens": 1, "output_tokens": 1}}}\n\n'
    came = await spend(guard(recorder(begun, b"more", headers=SSE), POLICY), disconnect_after_sends=2)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": list(SSE)})
        await send({"type": "http.response.body", "body": begun, "more_body": True})
        await receive()
        await receive()

    assert came == {"requests": 1.0, "tokens": 2.0}
    assert await spend(guard(app, POLICY), disconnect_after_sends=2) == {"requests": 1.0, "tokens": ESTIMATE}


async def test_an_application_that_fails(guard: Make) -> None:
    """Before anything was produced all is given back; later the estimate stands."""

    async def fails(scope: Any, receive: Any, send: Any) -> None:
        raise ZeroDivisionError

    async def fails_late(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": list(SSE)})
        await send({"type": "http.response.body", "body": b"data: {}\n\n", "more_body": True})
        raise ZeroDivisionError

    for app, spent in ((fails, {}), (fails_late, {"requests": 1.0, "tokens": ESTIMATE})):
        guarded = guard(app, POLICY)
        with pytest.raises(ZeroDivisionError):
            await spend(guarded)
        assert left(guarded) == spent


async def test_leaving_does_not_make_a_failure(guard: Make) -> None:
    """An application that raises because its client left has not failed: the request stays charged."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        raise ConnectionError((await receive())["type"])

    guarded = guard(app, POLICY)
    with pytest.raises(ConnectionError):
        await spend(guarded, disconnect_after=1)

    assert left(guarded) == {"requests": 1.0}


async def test_debt_has_to_drain_first(guard: Make, recorder: Make) -> None:
    """An answer beyond the estimate is paid off before anything else is granted, and costs no more than that."""
    report = b'{"usage": {"prompt_tokens": 2, "completion_tokens": 3000}}'
    guarded = guard(recorder(report, headers=JSON), POLICY)
    assert (await spend(guarded))["tokens"] == 3002.0
    refused = await guarded(body=BODY)
    wait = guarded.decision.retry_after

    assert refused.status == 429
    assert wait == pytest.approx((3002 + ESTIMATE - BURST) / (10_000 / 3600))
    guarded.clock.advance(wait + 0.001)
    assert (await guarded(body=BODY)).status == 200


@given(steps=st.lists(st.tuples(st.integers(0, 400), st.integers(0, 3000), st.floats(0, 600)), max_size=30))
async def test_what_is_really_used_is_bounded(steps: list[tuple[int, int, float]], guard: Make) -> None:
    """In any hour, sent one at a time, burst + quota, and what the last one took beyond its estimate."""
    used: list[tuple[float, int, int]] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        body = json.dumps({"usage": {"prompt_tokens": 2, "completion_tokens": asked[1]}}).encode()
        used.append((guarded.clock.now(), 2 + asked[1], asked[1] - asked[0]))
        await send({"type": "http.response.start", "status": 200, "headers": list(JSON)})
        await send({"type": "http.response.body", "body": body})

    budget = Budget(name="tokens", quota=4000, window=timedelta(hours=1), burst=500, cost=Tokens())
    guarded = guard(app, Policy(budgets=(budget,), signals=(), cohort_signals=(), cohorts=()))
    for asked in steps:
        guarded.clock.advance(asked[2])
        await guarded(body=json.dumps({"prompt": "8 bytes.", "max_tokens": asked[0]}).encode(), path="/v1/completions")

    for start, _, _ in used:
        window = [row for row in used if start <= row[0] < start + 3600]
        assert sum(tokens for _, tokens, _ in window) <= 500 + 4000 + max(0, window[-1][2]) + 1e-6


async def test_a_payer_is_corrected_as_well(guard: Make, recorder: Make) -> None:
    """The key from which an end user spends is charged what was used, and given back what was not."""
    principal = Principal(id="end", payer="key")
    guarded = guard(recorder(USAGE, headers=JSON), POLICY, identify=lambda request: principal)
    await guarded(body=BODY)
    levels = [account.levels["tokens"] for _, account in guarded.store._principals]

    assert levels == [100.0, 100.0]


async def test_other_budgets_of_numbers_are_not_moved(guard: Make, recorder: Make) -> None:
    """A function of one's own is charged as it said."""
    budgets = (Budget(quota=100, window=timedelta(hours=1), burst=50, cost=lambda request: 7.0),)
    policy = Policy(budgets=budgets, signals=(), cohort_signals=(), cohorts=())

    assert await spend(guard(recorder(USAGE, headers=JSON), policy)) == {"requests": 7.0}
