"""A body is read when somebody asks what is in it, and not before: budgets alone do not."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any, ClassVar

import pytest

from ratelimit import APIKey, Budget, EndUser, OpenAIChat, OpenAIEmbeddings, Policy, Tokens

Make = Callable[..., Any]

ALONE: dict[str, Any] = {"signals": (), "cohort_signals": (), "cohorts": ()}
KEY = {"authorization": "Bearer sk-1"}


class Chat(OpenAIChat):
    """Says how often it read."""

    reads: ClassVar[list[int]] = []

    def read(self, body: bytes) -> Any:
        """Count, and read."""
        self.reads.append(len(body))
        return super().read(body)


def policy(**fields: Any) -> Policy:
    """Return a policy that speaks it."""
    told: dict[str, Any] = {"budgets": (Budget(quota=60, window=timedelta(hours=1), burst=3),)}
    return Policy(dialects=(Chat(), OpenAIEmbeddings()), **(told | fields))


@pytest.mark.parametrize(("fields", "options", "reads"), [
    (ALONE, {}, 0),
    (ALONE | {"disclose": "full"}, {}, 0),
    ({}, {}, 1),
    (ALONE | {"unreadable": "refuse"}, {}, 1),
    (ALONE | {"when": lambda request: request.reading.prompts != ()}, {}, 1),
    (ALONE | {"exempt": lambda request, principal: request.reading.count > 9}, {}, 1),
    (ALONE | {"budgets": (Budget(quota=10**6, window=timedelta(hours=1), cost=Tokens()),)}, {}, 1),
    (ALONE, {"identify": EndUser(within=APIKey())}, 1),
    (ALONE, {"on_decision": lambda decision, request: request.reading.count}, 1),
])
async def test_it_is_read_once_at_most(fields: Any, options: Any, reads: int, guard: Make) -> None:
    """By whoever needs it first; and it reaches the application as it came."""
    Chat.reads.clear()
    body = json.dumps({"messages": [{"role": "user", "content": "hi"}]}).encode()
    heard: list[bytes] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        heard.append((await receive())["body"])
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    guarded = guard(app, policy(**fields), **({"identify": APIKey()} | options))
    statuses = [(await guarded(headers=KEY, body=body)).status for _ in range(3)]

    assert statuses == [200, 200, 200]
    assert heard == [body] * 3
    assert len(Chat.reads) == 3 * reads


async def test_a_refusal_reads_no_more_than_a_grant(guard: Make) -> None:
    """Its words need no body."""
    Chat.reads.clear()
    guarded = guard(_nothing, policy(**ALONE), identify=APIKey())
    statuses = [(await guarded(headers=KEY)).status for _ in range(5)]

    assert statuses == [200] * 3 + [429] * 2
    assert Chat.reads == []


async def test_a_batch_is_read_to_be_counted(guard: Make) -> None:
    """Each of its prompts costs; and so does each way in which a packed body may read."""
    guarded = guard(_nothing, policy(**ALONE), identify=APIKey())
    batch = json.dumps({"input": ["a", "b", "c", "d"]}).encode()
    assert (await guarded(path="/v1/embeddings", headers=KEY, body=batch)).status == 429
    Chat.reads.clear()
    packed = gzip.compress(json.dumps({"messages": [{"role": "user", "content": "hi"}]}).encode())
    assert (await guarded(headers=KEY | {"content-encoding": "gzip"}, body=packed)).status == 200
    assert len(Chat.reads) == 1


async def test_a_request_that_is_kept_can_be_read_later(guard: Make) -> None:
    """When the exchange is over, and the body long gone to the application."""
    guarded = guard(_nothing, policy(**ALONE), identify=APIKey())
    await guarded(headers=KEY)
    (request,) = guarded.requests

    assert request.reading.prompts[0].text == "hello"
    assert request.reading is request.reading


async def _nothing(scope: Any, receive: Any, send: Any) -> None:
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b""})
