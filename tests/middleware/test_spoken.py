"""What is spoken into a Realtime session is charged and observed, whoever ends the utterance."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest

from ratelimit.dialects import OpenAIRealtime
from ratelimit.testing import converse

Make = Callable[..., Any]

COMMIT = json.dumps({"type": "input_audio_buffer.commit"})
CLEAR = json.dumps({"type": "input_audio_buffer.clear"})
COMMITTED = json.dumps({"type": "input_audio_buffer.committed", "item_id": "i"})


def piece(sound: bytes, **fields: Any) -> str:
    """Return a piece of audio."""
    return json.dumps({"type": "input_audio_buffer.append", "audio": base64.b64encode(sound).decode(), **fields})


class Model:
    """An application that records what it hears, and says *answers* after so many messages."""

    def __init__(self, answers: dict[int, list[str]] | None = None) -> None:
        self.heard: list[str] = []
        self._answers = answers or {}

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Speak ASGI."""
        await receive()
        await send({"type": "websocket.accept"})
        while (message := await receive())["type"] == "websocket.receive":
            self.heard.append(message["text"])
            for answer in self._answers.get(len(self.heard), ()):
                await send({"type": "websocket.send", "text": answer})


async def talk(guarded: Any, *messages: str) -> list[str]:
    """Have one conversation, and return the errors that came."""
    came = await converse(guarded.app, *messages, path="/v1/realtime")
    return [json.loads(said)["error"]["code"] for said in map(str, came.said) if '"error"' in said]


def marks(guarded: Any) -> list[tuple[str, ...]]:
    """Return what was seen of each request that was decided."""
    return [request.reading.prompts[0].media for request in guarded.requests]


async def test_a_commit_is_a_prompt(guard: Make, policy: Make) -> None:
    """Known by what was said, however it was cut; the pieces pass and cost nothing."""
    model = Model({2: [COMMITTED], 5: [COMMITTED]})
    guarded = guard(model, policy(burst=9))
    said = [piece(b"hello"), COMMIT, piece(b"hel"), piece(b"lo"), COMMIT, piece(b"other"), COMMIT]
    errors = await talk(guarded, *said)
    first, second, third = marks(guarded)

    assert (errors, model.heard) == ([], said)
    assert first == second != third
    assert len(first) == 1
    assert first[0].startswith("audio:")
    assert len(first[0]) == len("audio:") + 32


async def test_a_commit_beyond_the_budget_is_withheld(guard: Make, policy: Make) -> None:
    """And what was said stays said: asked again it is the same."""
    model = Model()
    guarded = guard(model, policy(burst=1))
    errors = await talk(guarded, piece(b"one"), COMMIT, piece(b"two"), COMMIT, piece(b"!"), COMMIT)

    assert errors == ["rate_limit_exceeded"] * 2
    assert model.heard == [piece(b"one"), COMMIT, piece(b"two"), piece(b"!")]
    assert len(set(marks(guarded))) == 3


async def test_what_the_server_ends_is_decided_with_the_next_piece(guard: Make, policy: Make) -> None:
    """Turns that it detects by itself: the second is one too many, and from then on nothing spoken is let pass."""
    model = Model({2: [COMMITTED], 3: [COMMITTED]})
    guarded = guard(model, policy(burst=1))
    said = [piece(b"one"), piece(b" more"), piece(b"two"), piece(b"three"), piece(b"four")]
    errors = await talk(guarded, *said)
    first, second, third = marks(guarded)

    assert model.heard == said[:3]
    assert errors == ["rate_limit_exceeded"] * 2
    assert first != second == third
    assert [decision.refused for decision in guarded.decisions] == [False, True, True]


async def test_what_is_owed_is_paid_with_a_commit_too(guard: Make, policy: Make) -> None:
    """One decision for both, which sees both."""
    model = Model({1: [COMMITTED]})
    guarded = guard(model, policy(burst=9))
    await talk(guarded, piece(b"one"), COMMIT, piece(b"two"))
    (owed,) = marks(guarded)

    assert len(owed) == 1
    assert model.heard == [piece(b"one"), COMMIT, piece(b"two")]


async def test_what_is_cleared_was_not_said(guard: Make, policy: Make) -> None:
    """A commit of nothing passes: the server answers it."""
    model = Model()
    guarded = guard(model, policy(burst=9))
    await talk(guarded, piece(b"one"), CLEAR, COMMIT, piece(b"two"), COMMIT)
    direct = guard(Model(), policy(burst=9))
    await talk(direct, piece(b"two"), COMMIT)

    assert len(model.heard) == 5
    assert marks(guarded) == marks(direct)


@pytest.mark.parametrize("bad", [
    {"type": "input_audio_buffer.append", "audio": "%%%"}, {"type": "input_audio_buffer.append", "audio": 7},
    {"type": "input_audio_buffer.append", "audio": "A"},
])
async def test_what_is_no_base64_counts_all_the_same(bad: Any, guard: Make, policy: Make) -> None:
    """By the message that it came in; without any audio nothing was said."""
    guarded = guard(Model(), policy(burst=9))
    await talk(guarded, json.dumps(bad), COMMIT)
    silent = guard(Model(), policy(burst=9))
    await talk(silent, json.dumps({"type": "input_audio_buffer.append"}), piece(b""), COMMIT)

    assert len(marks(guarded)) == 1
    assert marks(silent) == []


def test_no_more_than_a_few_utterances_are_told_apart() -> None:
    """A server that ends many without any audio between does not make it grow."""
    ear = OpenAIRealtime().ear()
    for number in range(50):
        for found in [ear.hear(piece(b"%d" % number).encode())]:
            assert number == 0 or found is not None
        ear.answered(COMMITTED)
        ear.answered(COMMITTED)
    found = ear.hear(COMMIT.encode())

    assert found is not None
    assert len(found.reading.prompts[0].media) == 9
    ear.passed()
    assert ear.hear(COMMIT.encode()) is None
