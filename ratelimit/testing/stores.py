"""One suite that every store must pass: the same decisions as the memory store, whoever of several workers is asked."""

from __future__ import annotations

import math
import random
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec

from ratelimit.budget import Budget, Concurrency
from ratelimit.clock import Clock, ManualClock
from ratelimit.engine import Engine
from ratelimit.evidence import Ladder
from ratelimit.policy import Policy
from ratelimit.principal import Principal
from ratelimit.prompt import Prompt, Reading
from ratelimit.request import Request
from ratelimit.stores import Adjustment, MemoryStore, Store

if TYPE_CHECKING:
    from ratelimit.charges import Charges
    from ratelimit.decision import Decision

#: Gives new workers of one empty store that share it: so many, with this clock and secret.
MakeStores = Callable[[int, Clock, bytes], Awaitable[Sequence[Store]]]

_SECRET = b"a secret of the suite's own"
_START = 1_760_000_000.0
_CLOSE = 1e-6


class StoreMismatchError(AssertionError):
    """A store decided otherwise than the memory store does."""


async def check_store(make: MakeStores, *, seed: int = 1, steps: int = 400, workers: int = 2) -> None:
    """Play a random trace of *steps* requests of people and of a harvest, and compare each decision.

    Some requests stay in flight, some are not learned, and what some were charged is corrected when they end.

    make     called once; ``store.sync()`` is awaited after each step where there is one: it must leave no staleness.
    workers  stores that take turns at random; 1 or more.

    Raises: StoreMismatchError, with the step and both decisions.
    """
    clock, rng = ManualClock(_START), random.Random(seed)
    policy = _policy(rng)
    stores = await make(workers, clock, _SECRET)
    memory = _Side(policy, MemoryStore(clock=clock, secret=_SECRET))
    sides = [_Side(policy, store) for store in stores]
    write, pace = _Writer(rng), rng.choice((1.0, 0.02))
    running: list[tuple[int, _Side]] = []
    for step in range(steps):
        gap = rng.choice((0.0, 0.1, 5.0, 60.0, 60.0, 60.0, 3600.0)) if rng.random() < 0.98 else 90_000.0
        clock.advance(gap * pace)
        principal, prompt = write.request()
        side, learns = rng.choice(sides), rng.random() < 0.95
        want = await memory.decide(principal, prompt, lease=step + 1, learns=learns)
        got = await side.decide(principal, prompt, lease=step + 1, learns=learns)
        if differences := _differences(want, got):
            raise StoreMismatchError(
                f"step {step} of seed {seed}: {', '.join(differences)}\nmemory: {want}\nstore:  {got}")
        if not want.refused:
            running.append((step + 1, side))
        while running and rng.random() < 0.6:
            lease, side = running.pop(rng.randrange(len(running)))
            more = rng.choice((0.0, 0.0, 0.0, -1.0, -0.5, 2.0))
            memory.end(lease, more=more)
            side.end(lease, more=more)
        for store in (*stores, *stores):  # the first round writes what each learned, the second reads what all wrote
            if (sync := getattr(store, "sync", None)) is not None:
                await sync()


class _Side:
    """One store with an engine of its own, as one worker has it."""

    def __init__(self, policy: Policy, store: Store) -> None:
        self._policy, self._store = policy, store
        self._engine = Engine([policy], secret=store.secret, lexicon=store.lexicon)
        self._running: dict[int, Charges] = {}

    async def decide(self, principal: Principal, prompt: Prompt, *, lease: int, learns: bool) -> Decision:
        """Decide one request, and learn it if it is granted and *learns*."""
        request = Request(path="/v1/chat/completions", reading=Reading(dialect="plain", prompts=(prompt,)))
        body = "\n".join((prompt.system, *prompt.earlier, prompt.text)).encode()
        now = self._store.clock.now()
        plan = self._engine.plan(self._policy, request, principal, body=body, now=now, lease=lease)
        charged = await self._store.charge(plan.charges)
        decision, fold = self._engine.settle(plan, charged)
        if fold is not None and learns:
            self._store.fold(fold)
        if not decision.refused:
            self._running[lease] = msgspec.structs.replace(plan.charges, cohorts=charged.admission.pools)
        return decision

    def end(self, lease: int, *, more: float) -> None:
        """End a request, which turned out to be worth *more* times what it was charged."""
        charges = self._running.pop(lease)
        units = tuple(more * cost for cost in charges.costs)
        self._store.adjust(Adjustment(charges=charges, units=units, lease=lease, now=self._store.clock.now()))


class _Writer:
    """People who keep to subjects of their own, and a harvest that walks through all of them with one template."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._subjects = [[f"s{subject}w{word}" for word in range(30)] for subject in range(60)]
        self._said: dict[str, str] = {}

    def request(self) -> tuple[Principal, Prompt]:
        """Return the next request."""
        rng = self._rng
        if rng.random() < 0.7:
            number = rng.randrange(12)
            text = "Solve the task that follows and write out all: " + self._about(rng.randrange(60))
            links = {"network": f"as{number % 3}"}
            return Principal(id=f"m{number}", links=links, payer="key" if number == 1 else None), Prompt(text=text)
        number = rng.randrange(5)
        name, text = f"p{number}", self._about(number * 3 + rng.randrange(3))
        earlier = (self._said[name],) if name in self._said and rng.random() < 0.5 else ()
        self._said[name] = text
        since = None if number == 4 else _START - 86_400.0 * 40 * number
        return (Principal(id=name, since=since, verified=number == 2, links={"network": f"as{number}"}),
                Prompt(text=text, system="Be kind." if number == 3 else "", earlier=earlier))

    def _about(self, subject: int) -> str:
        return " ".join(self._rng.sample(self._subjects[subject], 9))


def _policy(rng: random.Random) -> Policy:
    burst = rng.choice((4, 20, 200))
    return Policy(
        budgets=(
            Budget(name="many", quota=burst * 20, window=timedelta(hours=1), burst=burst),
            Budget(name="day", quota=4000, window=timedelta(days=1), burst=400, cost=rng.choice((0.5, 2.0))),
        ),
        # Steps so low that a few hundred requests climb them, and fall again.
        ladder=Ladder(watch=0.3, soft=0.6, hard=2.0, grace=timedelta(hours=2), fade=10.0),
        concurrency=rng.choice((None, Concurrency(most=2, slot=timedelta(minutes=5)))),
    )


def _differences(want: Decision, got: Decision) -> list[str]:
    mine, theirs = msgspec.structs.asdict(want), msgspec.structs.asdict(got)
    return [name for name, value in mine.items() if not _same(value, theirs[name])]


def _same(a: object, b: object) -> bool:
    """Compare values; numbers to a millionth, as two machines' logarithms may differ in the last digit."""
    if isinstance(a, float | int) and isinstance(b, float | int):
        return a == b or math.isclose(a, b, rel_tol=_CLOSE, abs_tol=_CLOSE)
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(_same(value, b[key]) for key, value in a.items())
    if isinstance(a, tuple) and isinstance(b, tuple):
        return len(a) == len(b) and all(map(_same, a, b))
    if isinstance(a, msgspec.Struct) and isinstance(b, msgspec.Struct):
        return _same(msgspec.structs.astuple(a), msgspec.structs.astuple(b))
    return a == b
