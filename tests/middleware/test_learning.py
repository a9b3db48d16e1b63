"""What is learned, when, and from whom not."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from ratelimit.budget import Budget
from ratelimit.decision import Decision
from ratelimit.policy import Policy
from ratelimit.stores import Fold, MemoryStore
from ratelimit.testing import drive

if TYPE_CHECKING:
    from ratelimit.clock import ManualClock

Make = Callable[..., Any]


class Learning(MemoryStore):
    """A store that remembers what it was told to learn."""

    def __init__(self, clock: ManualClock) -> None:
        super().__init__(clock=clock, secret=b"0123456789abcdef")
        self.folds: list[Fold] = []

    def fold(self, fold: Fold) -> None:
        """Learn, and remember."""
        self.folds.append(fold)
        super().fold(fold)


@pytest.fixture
def store(clock: ManualClock) -> Learning:
    """Return a store that remembers what it learned."""
    return Learning(clock)


@pytest.mark.parametrize(("status", "learned"), [(200, 1), (204, 1), (400, 1), (404, 1), (500, 1), (401, 0), (403, 0)])
async def test_what_is_not_authenticated_is_not_learned(
    status: int, learned: int, guard: Make, recorder: Make, store: Learning
) -> None:
    """Answered 401 or 403, a request was nobody's; any other answer is a request of the principal's."""
    await guard(recorder(status=status), store=store)()

    assert len(store.folds) == learned


async def test_it_is_learned_once_the_response_has_begun(guard: Make, store: Learning) -> None:
    """Not before the start is sent, and once, however long the stream."""
    seen: list[int] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(len(store.folds))
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for more in (True, True, False):
            seen.append(len(store.folds))
            await send({"type": "http.response.body", "body": b"x", "more_body": more})

    await guard(app, store=store)()

    assert seen == [0, 1, 1, 1]
    assert len(store.folds) == 1


async def test_what_is_not_answered_is_not_learned(guard: Make, store: Learning) -> None:
    """An application that fails before its response, or gives up on a client that left, teaches nothing."""

    async def fails(scope: Any, receive: Any, send: Any) -> None:
        raise ZeroDivisionError

    async def gives_up(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await receive()

    with pytest.raises(ZeroDivisionError):
        await guard(fails, store=store)()
    await guard(gives_up, store=store)(disconnect_after=1)

    assert store.folds == []


async def test_what_is_refused_is_not_learned(guard: Make, recorder: Make, store: Learning, chat: Make) -> None:
    """Of one granted and five refused requests one is learned."""
    once = Policy(budgets=(Budget(quota=60, window=timedelta(hours=1), burst=1),))
    guarded = guard(recorder(), once, store=store)
    statuses = [(await guarded(body=chat(f"text {number}"))).status for number in range(6)]

    assert statuses == [200] + [429] * 5
    assert len(store.folds) == 1


async def test_the_decision_is_there_before_the_application_runs(guard: Make, policy: Make) -> None:
    """It stands in the scope's own state, among what the server put there, and outer layers see it too."""
    seen: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(dict(scope["state"]))
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body"})

    guarded = guard(app, policy(burst=3))

    async def server(scope: Any, receive: Any, send: Any) -> None:
        state = scope["state"] = {"pool": 1}
        await guarded.app(scope, receive, send)
        assert scope["state"] is state
        seen.append(state)

    await drive(server)

    assert seen[0] == seen[1] == {"pool": 1, "ratelimit": guarded.decision}
    assert isinstance(guarded.decision, Decision)
    assert guarded.decision.remaining[0].units == 2


async def test_on_decision_sees_every_decision(guard: Make, recorder: Make, policy: Make) -> None:
    """Granted or refused, with the request, once each, and before the application runs."""
    seen: list[Any] = []
    app = recorder()

    def listen(decision: Decision, request: Any) -> None:
        seen.append((decision.allowed, request.path, request.reading.prompts[0].text, app.calls))

    guarded = guard(app, policy(), on_decision=listen)
    for _ in range(2):
        await guarded()

    assert seen == [(True, "/v1/chat/completions", "hello", 0), (False, "/v1/chat/completions", "hello", 1)]


async def test_each_of_several_listeners_is_told_though_one_fails(guard: Make, recorder: Make, policy: Make) -> None:
    """One that raises keeps nothing from the others."""
    told: list[str] = []

    def broken(decision: Decision, request: Any) -> None:
        told.append("broken")
        raise ValueError

    await guard(recorder(), policy(), on_decision=[broken, lambda decision, _: told.append(decision.policy)])()

    assert told == ["broken", "default"]
