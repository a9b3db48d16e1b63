"""A batch of n prompts is n charges and n observations; what is no text is observed too."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ratelimit.budget import Budget
from ratelimit.clock import ManualClock
from ratelimit.decision import Cause
from ratelimit.engine import MOST_PROMPTS, Engine
from ratelimit.policy import Policy
from ratelimit.principal import Principal
from ratelimit.prompt import Prompt, Reading
from ratelimit.request import Request
from ratelimit.stores import MemoryStore

if TYPE_CHECKING:
    from ratelimit.decision import Decision
    from ratelimit.stores import Fold

HOUR = timedelta(hours=1)


class Desk:
    """One engine and one store; each call is one request of one principal, decided and learned."""

    def __init__(self, *budgets: Budget) -> None:
        self.policy = Policy(budgets=budgets or (Budget(quota=100_000, window=HOUR, burst=10_000),))
        self.store = MemoryStore(clock=ManualClock(1_760_000_000.0), secret=b"0123456789abcdef")
        self.engine = Engine([self.policy], secret=self.store.secret, lexicon=self.store.lexicon)
        self.fold: Fold | None = None

    async def __call__(self, *prompts: Prompt, body: bytes = b"", **fields: Any) -> Decision:
        """Decide one request that asks *prompts*."""
        request = Request(reading=Reading(dialect="plain", prompts=prompts, **fields))
        now = self.store.clock.now()
        plan = self.engine.plan(self.policy, request, Principal(id="p"), body=body or repr(prompts).encode(), now=now)
        decision, self.fold = self.engine.settle(plan, await self.store.charge(plan.charges))
        if self.fold is not None:
            self.store.fold(self.fold)
        return decision


def texts(many: int) -> tuple[Prompt, ...]:
    """Return *many* prompts that are all unlike."""
    return tuple(Prompt(text=f"subject{number} word{number}") for number in range(many))


@given(many=st.integers(1, 300), more=st.integers(0, 300), cost=st.sampled_from([0.0, 0.5, 1.0, 3.0]))
async def test_a_batch_is_charged_a_prompt_at_a_time(many: int, more: int, cost: float) -> None:
    """A budget's cost is that of one prompt; prompts that were counted and not read cost as much."""
    decision = await Desk(Budget(quota=100_000, window=HOUR, burst=10_000, cost=cost))(*texts(many), more=more)

    assert decision.remaining[0].units == 10_000 - cost * (many + more)


async def test_a_function_says_what_all_of_a_request_costs() -> None:
    """What a function returns is charged as it is: it was given the whole request."""
    desk = Desk(Budget(quota=100, window=HOUR, burst=100, cost=lambda request: 2.0 * request.reading.count))

    assert (await desk(*texts(7))).remaining[0].units == 100 - 14


async def test_what_asks_nothing_is_one_charge_and_no_observation() -> None:
    """The start of a batch, a handshake: a request all the same."""
    desk = Desk(Budget(quota=100, window=HOUR, burst=100))

    assert (await desk()).remaining[0].units == 99
    assert desk.fold is None


async def test_a_batch_that_holds_more_than_a_budget_ever_does_is_never_granted() -> None:
    """One refusal that says so, and nothing charged."""
    desk = Desk(Budget(quota=100, window=HOUR, burst=60))
    refused = await desk(*texts(61))

    assert [reason.cause for reason in refused.reasons] == [Cause.COST]
    assert (await desk(*texts(60))).allowed


@pytest.mark.parametrize("many", [1, 2, 20, MOST_PROMPTS])
async def test_a_batch_is_observed_a_prompt_at_a_time(many: int) -> None:
    """Each prompt has features of its own, and the principal's past holds each."""
    desk = Desk()
    await desk(*texts(many))

    assert desk.fold is not None
    assert len(desk.fold.features) == many
    assert len({bytes(row.fingerprint.words) for row in desk.fold.features if row.fingerprint}) == many


async def test_of_a_large_batch_a_draw_is_observed() -> None:
    """As many as are ever observed; which, nobody outside can foretell, and a replay draws the same."""
    drawn = []
    for body in (b"one", b"one", b"another"):
        desk = Desk()
        await desk(*texts(1000), body=body)
        assert desk.fold is not None
        drawn.append(frozenset(desk.fold.payloads))

    assert [len(found) for found in drawn] == [MOST_PROMPTS] * 3
    assert drawn[0] == drawn[1]
    assert len(drawn[0] & drawn[2]) < MOST_PROMPTS // 2


@pytest.mark.parametrize("unlike", [
    lambda number: Prompt(text="What is it?", media=(f"image:{number:032x}",)),
    lambda number: Prompt(text="", media=(f"audio:{number:032x}",)),
    lambda number: Prompt(text="", tokens=f"{number} {number + 1000} {number + 5000}"),
])
async def test_what_is_no_text_is_observed(unlike: Any) -> None:
    """Prompts that differ in an image, a sound or token ids alone are unlike; the same again is the same."""
    desk = Desk()
    for number in range(20):
        await desk(unlike(number))
    seen = []
    for number in (20, 19):
        await desk(unlike(number), body=b"%d" % number)
        assert desk.fold is not None
        seen.append(desk.fold.features[0].repeats)

    assert seen == [False, True]
