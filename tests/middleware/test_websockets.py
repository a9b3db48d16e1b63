"""Websockets: prompts are charged and observed message by message, a refusal is an event, and all else passes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ratelimit import Budget, Cause, Concurrency, MemoryStore, Policy, StoreError, Tokens
from ratelimit.edge.socket import MOST_BILLS, MOST_REFUSED
from ratelimit.testing import Conversation, ProtocolChecker, converse

if TYPE_CHECKING:
    from ratelimit.stores import Fold

Make = Callable[..., Any]


def ask(text: str = "hello", **fields: Any) -> str:
    """Return an event that asks *text*."""
    content = [{"type": "input_text", "text": text}]
    item = {"type": "message", "role": "user", "content": content}
    return json.dumps({"type": "conversation.item.create", "item": item, **fields})


class Echo:
    """An application that accepts, records what it hears, and answers each message by *answers*."""

    def __init__(self, *answers: str) -> None:
        self.answers = answers
        self.heard: list[dict[str, Any]] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Speak ASGI."""
        assert (await receive())["type"] == "websocket.connect"
        await send({"type": "websocket.accept"})
        while (message := await receive())["type"] == "websocket.receive":
            self.heard.append(message)
            for answer in self.answers:
                await send({"type": "websocket.send", "text": answer})
        self.heard.append(message)

    @property
    def texts(self) -> list[Any]:
        """What was heard, but for the hanging up."""
        return [message.get("text", message.get("bytes")) for message in self.heard[:-1]]


async def talk(guarded: Any, *messages: Any, path: str = "/v1/realtime", **options: Any) -> Conversation:
    """Have one conversation with a guarded application, which must leave no task behind."""
    before = asyncio.all_tasks()
    came = await converse(guarded.app, *messages, path=path, **options)
    assert asyncio.all_tasks() == before
    return came


async def test_a_prompt_beyond_the_budget_is_an_error_event(guard: Make, policy: Make) -> None:
    """The message is withheld, the socket stays open, and the decision is told like any other."""
    app = Echo()
    guarded = guard(app, policy(burst=1))
    came = await talk(guarded, ask("one"), ask("two", event_id="e2"), '{"type": "response.cancel"}')
    (error,) = map(json.loads, came.said)

    assert app.texts == [ask("one"), '{"type": "response.cancel"}']
    assert (error["type"], error["error"]["code"], error["error"]["event_id"]) == ("error", "rate_limit_exceeded", "e2")
    assert "Try again in" in error["error"]["message"]
    assert came.closed is None
    assert [decision.allowed for decision in guarded.decisions] == [True, False]
    assert came.state["ratelimit"] == guarded.decision


async def test_responses_over_a_websocket_are_guarded(guard: Make, policy: Make) -> None:
    """Their prompts stand at the top of the event."""
    create = json.dumps({"type": "response.create", "model": "m", "input": "hello"})
    app = Echo()
    came = await talk(guard(app, policy(burst=1)), create, create, path="/v1/responses")

    assert app.texts == [create]
    assert json.loads(str(came.said[0]))["code"] == "rate_limit_exceeded"


events = st.sampled_from(['{"type": "session.update"}', '{"type": "input_audio_buffer.append"}', "[]"])


@given(messages=st.lists(st.one_of(st.text(), st.binary(), events)))
async def test_what_is_no_prompt_passes_untouched(messages: list[Any], guard: Make, policy: Make) -> None:
    """The very same messages, byte for byte, and none of them is charged."""
    app = Echo("answer")
    guarded = guard(app, policy(burst=1))
    came = await talk(guarded, *messages)

    assert app.texts == messages
    assert came.said == ["answer"] * len(messages)
    assert guarded.decisions == []


@pytest.mark.parametrize("path", ["/chat", "/v1/chat/completions", "/ws"])
async def test_other_websockets_are_left_alone(path: str, guard: Make, policy: Make) -> None:
    """The application gets the server's own receive and send."""
    seen: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.extend((receive, send))
        assert (await receive())["type"] == "websocket.connect"
        await send({"type": "websocket.close", "code": 1000})

    async def receive() -> Any:
        return {"type": "websocket.connect"}

    async def send(message: Any) -> None:
        pass

    scope = (await converse(ProtocolChecker(Echo()), path=path)).scope
    middleware = guard(app, policy()).middleware
    middleware._app = app
    await middleware(scope, receive, send)

    assert seen == [receive, send]


async def test_a_key_among_the_protocols_is_a_principal(guard: Make, policy: Make) -> None:
    """Browsers set no headers: two keys have a budget each, and no key shares the network's."""
    app = Echo()
    guarded = guard(app, policy(burst=1))
    for key in ("sk-1", "sk-2", "sk-1"):
        offered = f"realtime, openai-insecure-api-key.{key}, openai-beta.realtime-v1"
        await talk(guarded, ask(), headers={"sec-websocket-protocol": offered})
    await talk(guarded, ask(), headers={"sec-websocket-protocol": "realtime"})

    assert [decision.allowed for decision in guarded.decisions] == [True, True, False, True]
    assert len({decision.principal for decision in guarded.decisions}) == 3


async def test_audit_lets_all_pass(guard: Make, policy: Make) -> None:
    """And tells what would have been refused."""
    app = Echo()
    guarded = guard(app, policy(burst=1, mode="audit"))
    came = await talk(guarded, ask("one"), ask("two"))

    assert app.texts == [ask("one"), ask("two")]
    assert came.said == []
    assert [decision.refused for decision in guarded.decisions] == [False, True]


async def test_a_message_is_held_back_in_delay_mode(guard: Make, policy: Make) -> None:
    """It reaches the application when the budget has refilled, and what was said meanwhile comes after it."""
    class Refills(MemoryStore):
        async def charge(self, charges: Any) -> Any:
            charged = await super().charge(charges)
            guarded.clock.advance(0.006)
            return charged

    app = Echo()
    guarded = guard(app, policy(burst=1, quota=360_000, mode="delay", max_delay=timedelta(seconds=5)))
    guarded.middleware._rules.gate._store = Refills(clock=guarded.clock, secret=b"x" * 16)
    came = await talk(guarded, ask("one"), ask("two"), "plain")

    assert [decision.delayed > 0 for decision in guarded.decisions] == [False, True]
    assert app.texts == [ask("one"), ask("two"), "plain"]
    assert came.said == []


async def test_hanging_up_while_a_message_is_held_ends_it(guard: Make, policy: Make) -> None:
    """The application is told, and nothing is left waiting."""
    app = Echo()
    guarded = guard(app, policy(burst=1, mode="delay", max_delay=timedelta(hours=1)))
    await talk(guarded, ask("one"), ask("two"), code=1001)

    assert app.texts == [ask("one")]
    assert app.heard[-1]["code"] == 1001


async def test_who_does_not_listen_is_closed_in_the_end(guard: Make, policy: Make) -> None:
    """Not before so many refusals in a row; the application hears of it, and what it still says is dropped."""
    class Deaf(Echo):
        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            await super().__call__(scope, receive, send)
            await send({"type": "websocket.send", "text": "still here"})

    app = Deaf()
    came = await talk(guard(app, policy(burst=1)), *[ask(str(number)) for number in range(MOST_REFUSED + 5)])

    assert len(came.said) == MOST_REFUSED
    assert came.closed == 1013
    assert app.heard[-1] == {"type": "websocket.disconnect", "code": 1013, "reason": ""}


async def test_what_is_observed_is_a_message(guard: Make, clock: Any) -> None:
    """Each prompt is learned once the application has answered it, and one sent again under another id is not."""
    class Learning(MemoryStore):
        folds: list[Fold]

        def fold(self, fold: Fold) -> None:
            self.folds.append(fold)
            super().fold(fold)

    store = Learning(clock=clock, secret=b"0123456789abcdef")
    store.folds = []
    guarded = guard(Echo("ok"), Policy(), store=store, clock=clock)
    await talk(guarded, ask("one", event_id="a"), ask("one", event_id="b"), ask("two"), '{"type": "response.create"}')
    assert len(store.folds) == 2
    await talk(guard(Echo(), Policy(), store=store, clock=clock), ask("three"))

    assert len(store.folds) == 2


@pytest.mark.parametrize("denies", ["websocket.close", "accepts and closes"])
async def test_a_socket_that_is_turned_away_leaves_no_trace(denies: str, guard: Make) -> None:
    """Before it is accepted, or after its first message and without a word: nobody's profile knows of it."""
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        if denies != "websocket.close":
            await send({"type": "websocket.accept"})
            await receive()
        await send({"type": "websocket.close", "code": 1008})

    guarded = guard(app, Policy())
    came = await talk(guarded, ask(), stays=True)

    assert came.closed == 1008
    assert len(guarded.store._principals) == 0


DONE = json.dumps({"type": "response.done", "response": {"usage": {"input_tokens": 40, "output_tokens": 60}}})
METERED = Policy(budgets=(Budget(name="tokens", quota=10_000, window=timedelta(hours=1), cost=Tokens(output=10)),),
                 signals=(), cohort_signals=(), cohorts=())


@pytest.mark.parametrize(
    ("answers", "messages", "spent"),
    [((), [ask("8 bytes.")], 0.0), (('{"type": "x"}',), [ask("8 bytes.")], 12.0), ((DONE,), [ask("8 bytes.")], 100.0)],
)
async def test_tokens_are_counted(answers: Any, messages: Any, spent: float, guard: Make) -> None:
    """As the response reports; by the estimate if it does not; and not at all if there was none."""
    guarded = guard(Echo(*answers), METERED)
    await talk(guarded, *messages)
    left = [account.levels["tokens"] for _, account in guarded.store._principals]

    assert sum(left) == spent


async def test_one_response_to_several_items_counts_once(guard: Make) -> None:
    """Its usage is that of all of them."""
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        for _ in range(3):
            await receive()
        await send({"type": "websocket.send", "text": DONE})
        await receive()

    guarded = guard(app, METERED)
    await talk(guarded, ask("one"), ask("two"), '{"type": "response.create"}')

    assert [account.levels["tokens"] for _, account in guarded.store._principals] == [100.0]


class Slow(Echo):
    """An application that answers once it may."""

    def __init__(self, answer: str) -> None:
        super().__init__()
        self.answer, self.may, self.asked = answer, asyncio.Event(), asyncio.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Speak ASGI."""
        async def heard() -> Any:
            message = await receive()
            if message["type"] == "websocket.receive":
                self.asked.set()
                await self.may.wait()
                await send({"type": "websocket.send", "text": self.answer})
            return message

        await super().__call__(scope, heard, send)


@pytest.mark.parametrize("done", [
    "response.done", "response.completed", "response.incomplete", "response.failed"])
async def test_a_socket_takes_a_slot_until_its_response_has_ended(done: str, guard: Make, policy: Make) -> None:
    """While one answer is awaited another socket of the same key is told to wait, and after it is heard."""
    app = Slow(json.dumps({"type": done}))
    guarded = guard(app, policy(burst=9, concurrency=Concurrency(most=1)))
    first = asyncio.create_task(converse(guarded.app, ask("1"), ask("2"), path="/v1/realtime", stays=True))
    await app.asked.wait()
    meanwhile = await converse(guarded.app, ask("3"), path="/v1/realtime")
    app.may.set()
    async with asyncio.timeout(10):
        while len(guarded.decisions) < 3:
            await asyncio.sleep(0)
    after = await converse(guarded.app, ask("4"), path="/v1/realtime")
    first.cancel()
    await asyncio.wait([first])

    assert [decision.allowed for decision in guarded.decisions] == [True, False, True, True]
    assert guarded.decisions[1].reasons[0].cause is Cause.CONCURRENCY
    assert json.loads(str(meanwhile.said[0]))["error"]["code"] == "rate_limit_exceeded"
    assert after.said == [app.answer]


async def test_items_before_one_response_take_one_slot(guard: Make, policy: Make) -> None:
    """However many they are; and hanging up gives it back."""
    app = Echo("ok")
    guarded = guard(app, policy(burst=200, concurrency=Concurrency(most=1)))
    for _ in range(2):
        await talk(guarded, *[ask(str(n)) for n in range(MOST_BILLS + 5)])
        assert len(app.texts) == MOST_BILLS + 5
        app.heard.clear()

    assert all(decision.allowed for decision in guarded.decisions)


async def test_an_outage_is_an_error_event(guard: Make, policy: Make) -> None:
    """Nothing goes through undecided, and the socket stays open."""
    class Down(MemoryStore):
        async def charge(self, charges: Any) -> Any:
            raise StoreError("down")

    app = Echo()
    came = await talk(guard(app, policy(), store=Down(secret=b"x" * 16)), ask(), "plain")

    assert app.texts == ["plain"]
    assert json.loads(str(came.said[0]))["error"]["code"] == "temporary_reduced_capacity"


@pytest.mark.parametrize(("unreadable", "heard"), [("refuse", 0), ("charge", 1), ("pass", 1)])
async def test_a_prompt_that_cannot_be_read_meets_the_rule(
    unreadable: str, heard: int, guard: Make, policy: Make
) -> None:
    """One that is too long, here; the same event without a prompt passes at any length."""
    app = Echo()
    audio = json.dumps({"type": "input_audio_buffer.append", "audio": "A" * 5000})
    await talk(guard(app, policy(burst=9, unreadable=unreadable, body_bytes=1000)), ask("x" * 5000), audio)

    assert app.texts == [*[ask("x" * 5000)][:heard], audio]


async def test_who_stops_waiting_for_a_message_has_not_received_it(guard: Make, policy: Make) -> None:
    """An application that waits with a time limit loses nothing while a message is being decided."""
    class Slow(MemoryStore):
        async def charge(self, charges: Any) -> Any:
            if not slow.is_set():
                slow.set()
                await asyncio.Event().wait()
            return await super().charge(charges)

    slow = asyncio.Event()
    heard: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        waiting = asyncio.ensure_future(receive())
        await slow.wait()
        waiting.cancel()
        await asyncio.wait({waiting})
        heard.append((await receive())["text"])

    await talk(guard(app, policy(burst=9), store=Slow(secret=b"x" * 16)), ask("one"))

    assert heard == [ask("one")]
