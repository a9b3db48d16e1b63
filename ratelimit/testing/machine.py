"""A state machine that plays requests, time, outages, restarts and floods against a policy and a store."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from ratelimit import gcra
from ratelimit.clock import ManualClock
from ratelimit.errors import StoreError
from ratelimit.identify import Header
from ratelimit.middleware import RateLimitMiddleware
from ratelimit.stores import MemoryStore, Store
from ratelimit.testing.asgi import ProtocolChecker
from ratelimit.testing.exchange import drive
from ratelimit.testing.play import SECRET, START

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import Receive, Scope, Send

    from ratelimit.charges import Charges
    from ratelimit.clock import Clock
    from ratelimit.policy import Policy
    from ratelimit.stores import Adjustment, Charged, Fold
    from ratelimit.testing.play import MakeStore

#: Newcomers of one flood.
_FLOOD = 6
_SLACK = 1e-6


class Unreliable:
    """A store that can be made to fail: while it is *down* nothing is charged, and nothing is learned.

    It stands before a store that works, and does what that does while it is not down.
    """

    def __init__(self, store: Store) -> None:
        self.store, self.down = store, False

    @property
    def secret(self) -> bytes:
        """That of the store behind."""
        return self.store.secret

    @property
    def lexicon(self) -> Any:
        """That of the store behind."""
        return self.store.lexicon

    @property
    def clock(self) -> Clock:
        """That of the store behind."""
        return self.store.clock

    async def charge(self, charges: Charges) -> Charged:
        """Charge, or raise StoreError while it is down."""
        if self.down:
            raise StoreError("it is down")
        return await self.store.charge(charges)

    def fold(self, fold: Fold) -> None:
        """Learn, or lose it while it is down."""
        if not self.down:
            self.store.fold(fold)

    def adjust(self, adjustment: Adjustment) -> None:
        """Correct, or lose it while it is down."""
        if not self.down:
            self.store.adjust(adjustment)

    async def aclose(self) -> None:
        """Release the store behind."""
        await self.store.aclose()


def policy_machine(
    policy: Policy, *, store: MakeStore | None = None, per_worker: bool = False, workers: int = 2,
    before: Callable[[], object] | None = None, steps: int = 30, examples: int = 30,
) -> type[RuleBasedStateMachine]:
    """Return a state machine for *policy* behind the middleware; its ``TestCase`` is for pytest or unittest.

        TestMyPolicy = policy_machine(policy).TestCase

    store       makes the store from a clock and a secret; ``None``: a ``MemoryStore`` with room for eight.
    per_worker  whether each worker has a store of its own, all on one server; else all share one.
    workers     how many middlewares take turns.
    before      called before each play: to empty a server.
    steps       of a play, at most.
    examples    plays.

    After every step: no exception left the middleware, the protocol was kept, and whoever was answered 200 had room in
    the base budget (a plain bucket that is charged what was granted). While the store is down the answer is 503 where
    the policy says ``closed``, 200 where it says ``open`` or only audits, or a refusal that stands. A policy that says
    ``local`` is closed by a store that cannot decide by itself.
    """
    quiet = replace(policy, concurrency=None, when=None, exempt=None)
    made = store or (lambda clock, secret: MemoryStore(clock=clock, secret=secret, principals=8, cohorts=8))

    class Machine(_Machine):
        def __init__(self) -> None:
            super().__init__(quiet, made, workers if per_worker else 1, workers, before)

    Machine.TestCase.settings = settings(max_examples=examples, stateful_step_count=steps, deadline=None, database=None,
                                         derandomize=True)
    return Machine


class _Machine(RuleBasedStateMachine):
    def __init__(
        self, policy: Policy, store: MakeStore, stores: int, workers: int, before: Callable[[], object] | None
    ) -> None:
        super().__init__()
        if before is not None:
            before()
        self.policy, self.clock, self.runner, self.floods = policy, ManualClock(START), asyncio.Runner(), 0
        self.stores = [Unreliable(store(self.clock, SECRET)) for _ in range(stores)]
        self.workers = [self._worker(number) for number in range(workers)]
        self.levels: dict[tuple[str, str], tuple[float, float]] = {}

    def teardown(self) -> None:
        """Release what there is."""
        for store in self.stores:
            self.runner.run(store.aclose())
        self.runner.close()

    @rule(who=st.sampled_from(["ann", "bob", "cyd"]), text=st.sampled_from(["Hello", "Who are you?", "What is it?"]),
          worker=st.integers(0, 7), times=st.integers(1, 5))
    def ask(self, who: str, text: str, worker: int, times: int) -> None:
        """Let somebody ask one of the workers."""
        for _ in range(times):
            self._ask(who, text, worker)

    @rule(seconds=st.sampled_from([0.1, 1.0, 30.0, 600.0, 3600.0, 100_000.0]))
    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.clock.advance(seconds)

    @rule(down=st.booleans())
    def outage(self, *, down: bool) -> None:
        """Let the store go away, or come back."""
        for store in self.stores:
            store.down = down

    @rule(worker=st.integers(0, 7))
    def restart(self, worker: int) -> None:
        """Start a worker again: what it knew beside the store is gone."""
        number = worker % len(self.workers)
        self.workers[number] = self._worker(number)

    @rule()
    def flood(self) -> None:
        """Let as many newcomers ask as push others out of a small store."""
        for number in range(_FLOOD):
            self._ask(f"stranger {self.floods} {number}", "Hello", number)
        self.floods += 1

    def _worker(self, number: int) -> ProtocolChecker:
        store: Any = self.stores[number % len(self.stores)]
        return ProtocolChecker(RateLimitMiddleware(_answer, self.policy, store=store, identify=Header("x-name")))

    def _ask(self, who: str, text: str, worker: int) -> None:
        body = b'{"messages": [{"role": "user", "content": "%s"}]}' % text.encode()
        came = self.runner.run(drive(
            self.workers[worker % len(self.workers)], path="/v1/chat/completions", body=body,
            headers={"content-type": "application/json", "x-name": who},
        ))
        for store in self.stores:
            if (sync := getattr(store.store, "sync", None)) is not None:
                self.runner.run(sync())
        audits = self.policy.mode == "audit"
        if self.stores[0].down:
            expected = 200 if audits or self.policy.on_store_error == "open" else 503
            if came.status not in {expected, 200 if audits else 429}:  # a refusal that stands needs no store
                raise AssertionError(f"the store is down, and {who!r} was answered {came.status}, not {expected}")
            return
        if came.status not in {200, 429} or (audits and came.status != 200):
            raise AssertionError(f"{who!r} was answered {came.status}")
        if came.status == 200 and not audits:
            self._granted(who)

    def _granted(self, who: str) -> None:
        now = self.clock.now()
        for budget in self.policy.budgets:
            if callable(budget.cost):
                continue
            level, at = self.levels.get((who, budget.name), (0.0, now))
            refill = budget.quota / (budget.window / timedelta(seconds=1))
            base = gcra.charge(level, at, now=now, refill=refill, burst=budget.burst + _SLACK, cost=float(budget.cost))
            if not base.allowed:
                raise AssertionError(f"{who!r} was granted a request that its base budget {budget.name!r} refuses")
            self.levels[who, budget.name] = base.level, now


async def _answer(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer every request."""
    if scope["type"] == "http":
        while (await receive()).get("more_body", False):
            pass
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
    await send({"type": "http.response.body", "body": b"{}"})
