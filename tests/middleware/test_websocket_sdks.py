"""The released SDK's websocket clients, over real sockets to a guarded application."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import openai

from ratelimit import Budget, Policy, Tokens

Make = Callable[..., Any]

POLICY = Policy(
    budgets=(
        Budget(quota=60, window=timedelta(hours=1), burst=2),
        Budget(name="tokens", quota=10**5, window=timedelta(hours=1), cost=Tokens()),
    ),
    signals=(), cohort_signals=(), cohorts=(),
)
USAGE = {"input_tokens": 30, "output_tokens": 12, "total_tokens": 42}


async def realtime(scope: Any, receive: Any, send: Any) -> None:
    """Speak as a model behind a websocket: acknowledge items, and answer when asked to."""
    await receive()
    await send({"type": "websocket.accept"})
    await say(send, {"type": "session.created", "event_id": "s", "session": {"type": "realtime"}})
    while (message := await receive())["type"] == "websocket.receive":
        event = json.loads(message["text"])
        if event["type"] == "conversation.item.create":
            await say(send, {"type": "conversation.item.added", "event_id": "a", "item": event["item"]})
        else:
            await say(send, {"type": "response.output_text.delta", "event_id": "d", "response_id": "r", "item_id": "i",
                             "output_index": 0, "content_index": 0, "delta": "Hello"})
            response = {"id": "r", "object": "realtime.response", "status": "completed", "output": [], "usage": USAGE}
            await say(send, {"type": "response.done", "event_id": "e", "response": response})


async def responses(scope: Any, receive: Any, send: Any) -> None:
    """Speak as a model that answers responses over a websocket."""
    await receive()
    await send({"type": "websocket.accept"})
    while (await receive())["type"] == "websocket.receive":
        delta = {"item_id": "i", "output_index": 0, "content_index": 0, "delta": "Hello", "logprobs": []}
        await say(send, {"type": "response.output_text.delta", "sequence_number": 0, **delta})
        response = {"id": "r", "object": "response", "created_at": 1, "model": "m", "output": [], "tools": [],
                    "parallel_tool_calls": False, "tool_choice": "auto", "status": "completed",
                    "usage": USAGE | {"input_tokens_details": {"cached_tokens": 0},
                                      "output_tokens_details": {"reasoning_tokens": 0}}}
        await say(send, {"type": "response.completed", "sequence_number": 1, "response": response})


async def say(send: Any, event: dict[str, Any]) -> None:
    """Send one event."""
    await send({"type": "websocket.send", "text": json.dumps(event)})


def spent(guarded: Any) -> dict[str, float]:
    """Return what the one principal has spent."""
    ((_, account),) = guarded.store._principals
    return dict(account.levels)


async def test_a_realtime_session_goes_on_after_a_refusal(guard: Make, server: Make) -> None:
    """Items are acknowledged, a response comes and is counted; the third prompt is an error event with its id."""
    guarded = guard(realtime, POLICY)
    async with (
        server(guarded.app, ws="websockets-sansio") as running,
        openai.AsyncOpenAI(base_url=f"{running.url}/v1", api_key="sk-1") as sdk,
        sdk.realtime.connect(model="m") as connection,
    ):
        kinds = [(await connection.recv()).type]
        for number in range(3):
            content: Any = [{"type": "input_text", "text": f"question {number}"}]
            item: Any = {"type": "message", "role": "user", "content": content}
            await connection.conversation.item.create(item=item, event_id=f"mine-{number}")
            last = await connection.recv()
            kinds.append(last.type)
        await connection.response.create()
        kinds += [(await connection.recv()).type for _ in range(2)]

    assert kinds == ["session.created", *["conversation.item.added"] * 2, "error", "response.output_text.delta",
                     "response.done"]
    assert last.type == "error"
    assert (last.error.code, last.error.event_id) == ("rate_limit_exceeded", "mine-2")
    assert spent(guarded) == {"requests": 2.0, "tokens": 42.0}


async def listener(scope: Any, receive: Any, send: Any) -> None:
    """Speak as a model that is spoken to: acknowledge what is committed."""
    await receive()
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] == "websocket.receive":
        if json.loads(message["text"])["type"] == "input_audio_buffer.commit":
            await say(send, {"type": "input_audio_buffer.committed", "event_id": "c", "item_id": "i"})


async def test_what_is_spoken_is_guarded(guard: Make, server: Make) -> None:
    """Two utterances are heard, the third commit is an error event with its id."""
    guarded = guard(listener, POLICY)
    kinds = []
    async with (
        server(guarded.app, ws="websockets-sansio") as running,
        openai.AsyncOpenAI(base_url=f"{running.url}/v1", api_key="sk-1") as sdk,
        sdk.realtime.connect(model="m") as connection,
    ):
        for number in range(3):
            for piece in (b"one", b"two"):
                await connection.input_audio_buffer.append(audio=base64.b64encode(piece * (number + 1)).decode())
            await connection.input_audio_buffer.commit(event_id=f"mine-{number}")
            last = await connection.recv()
            kinds.append(last.type)

    assert kinds == ["input_audio_buffer.committed"] * 2 + ["error"]
    assert last.type == "error"
    assert (last.error.code, last.error.event_id) == ("rate_limit_exceeded", "mine-2")
    assert len({request.reading.prompts[0].media for request in guarded.requests}) == 3


async def test_responses_over_a_websocket_are_guarded(guard: Make, server: Make) -> None:
    """Two are answered, the third is the SDK's error event, and what the first two used is charged."""
    guarded = guard(responses, POLICY)
    came: list[Any] = []
    async with (
        server(guarded.app, ws="websockets-sansio") as running,
        openai.AsyncOpenAI(base_url=f"{running.url}/v1", api_key="sk-1") as sdk,
        sdk.responses.connect() as connection,
    ):
        for number in range(3):
            await connection.response.create(model="m", input=f"question {number}")
            while came[-1:] == [] or came[-1].type not in {"response.completed", "error"} or len(ends(came)) <= number:
                came.append(await connection.recv())

    assert [event.type for event in ends(came)] == ["response.completed", "response.completed", "error"]
    assert (came[-1].code, came[-1].message[:24]) == ("rate_limit_exceeded", "The budget for requests ")
    assert spent(guarded) == {"requests": 2.0, "tokens": 84.0}


def ends(events: list[Any]) -> list[Any]:
    """Return those of *events* that end something."""
    return [event for event in events if event.type in {"response.completed", "error"}]
