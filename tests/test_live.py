"""Policies change while they are in force, all at once, and nobody starts afresh by it."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from ratelimit import (
    Affinity,
    Budget,
    Ladder,
    LivePolicies,
    ManualClock,
    MemoryStore,
    Policy,
    RateLimitMiddleware,
    Trust,
)
from ratelimit.errors import DiscoveryError
from ratelimit.testing import ProtocolChecker, check_policy, drive

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

LIMITS = """
from datetime import timedelta
from ratelimit import Budget, Policy, Trust
policy = Policy(budgets=(Budget(quota={quota}, window=timedelta(hours=1), burst={burst}),){more})
"""
CHAT: dict[str, Any] = {"path": "/v1/chat/completions", "body": b'{"messages": [{"role": "user", "content": "hi"}]}',
                        "headers": {"content-type": "application/json", "authorization": "Bearer sk-1"}}


async def app(scope: Any, receive: Any, send: Any) -> None:
    """Answer."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"{}"})


@pytest.fixture
def limits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Give what writes a module of limits, and says its name."""
    name = f"limits_{tmp_path.name.replace('-', '_')}"
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)

    def write(burst: int, *, quota: int = 60, more: str = "") -> str:
        (tmp_path / f"{name}.py").write_text(LIMITS.format(quota=quota, burst=burst, more=more))
        return f"{name}:policy"

    return write


async def asked(guarded: Any, times: int = 1) -> list[int]:
    """Return the statuses of so many chats."""
    return [(await drive(guarded, **CHAT)).status for _ in range(times)]


async def test_a_change_is_in_force_at_once_and_resets_nobody(limits: Callable[..., str]) -> None:
    """What was spent stays spent under the new burst."""
    policies = LivePolicies(limits(burst=2))
    decisions: list[Any] = []
    guarded = RateLimitMiddleware(app, policies, on_decision=lambda decision, _: decisions.append(decision))
    before = await asked(guarded, 3)
    limits(burst=4)
    changed = policies.reload()
    after = await asked(guarded, 3)

    assert (before, changed, after) == ([200, 200, 429], True, [200, 200, 429])
    new = policies.current[0].version
    assert [decision.version == new for decision in decisions] == [False] * 3 + [True] * 3


@pytest.mark.parametrize(("written", "told"), [
    ("burst=2, quota=0", "quota: must be a whole number of at least 1, got 0"),
    ("burst=2, more=', nonsense=5'", "unexpected keyword argument 'nonsense'"),
    ("burst='syntax error('", "SyntaxError"),
])
async def test_what_fails_is_refused_and_the_old_one_stays(
    written: str, told: str, limits: Callable[..., str], caplog: pytest.LogCaptureFixture
) -> None:
    """Logged whole."""
    policies = LivePolicies(limits(burst=2))
    guarded, old = RateLimitMiddleware(app, policies), policies.current
    eval(f"limits({written})", {"limits": limits})  # noqa: S307 (what stands above)

    assert not policies.reload()
    assert policies.current is old
    assert "the policies stay as they are" in caplog.text
    assert told in caplog.text
    assert await asked(guarded, 3) == [200, 200, 429]


async def test_a_policy_that_breaks_a_law_does_not_come_into_force(
    limits: Callable[..., str], caplog: pytest.LogCaptureFixture
) -> None:
    """By a check of the user's."""
    policies = LivePolicies(limits(burst=2), check=lambda policy: check_policy(policy, profile="quick"))
    old = policies.current
    limits(burst=3, more=", trust=Trust(mature_after=timedelta(seconds=1))")

    assert not policies.reload()
    assert policies.current is old
    assert "breaks the law 'split_proof'" in caplog.text
    with pytest.raises(AssertionError, match="split_proof"):
        policies.replace(replace(old[0], trust=Trust(mature_after=timedelta(seconds=1))))
    assert policies.current is old


async def test_a_request_finishes_under_the_policy_that_it_began_with(limits: Callable[..., str]) -> None:
    """Though its body comes after the change."""
    policies = LivePolicies(limits(burst=2))
    decisions: list[Any] = []
    guarded = ProtocolChecker(
        RateLimitMiddleware(app, policies, on_decision=lambda decision, _: decisions.append(decision)))
    began, arrives = asyncio.Event(), asyncio.Event()
    old = policies.current[0].version
    sent: list[Any] = []

    async def receive() -> Any:
        began.set()
        await arrives.wait()
        return {"type": "http.request", "body": CHAT["body"], "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "path": CHAT["path"],
             "raw_path": b"", "query_string": b"", "root_path": "", "scheme": "http", "client": None, "server": None,
             "headers": [(b"content-type", b"application/json")]}
    running = asyncio.create_task(guarded(scope, receive, send))  # type: ignore[arg-type]  # a coroutine
    await began.wait()
    policies.replace(replace(policies.current[0], name="another"))
    arrives.set()
    await running

    assert (decisions[0].policy, decisions[0].version) == ("default", old)
    assert sent[0]["status"] == 200
    assert (await asked(guarded)) == [200]
    assert decisions[1].policy == "another"


async def test_a_file_is_watched(limits: Callable[..., str]) -> None:
    """Until the task is cancelled."""
    policies = LivePolicies(limits(burst=2))
    watching = asyncio.create_task(policies.watch(every=0.01))
    await asyncio.sleep(0)
    limits(burst=33)
    deadline = time.monotonic() + 20
    while not policies.generation and time.monotonic() < deadline:
        await asyncio.sleep(0.01)
    watching.cancel()

    assert policies.current[0].budgets[0].burst == 33


def test_a_signal_reloads(limits: Callable[..., str], tmp_path: Path) -> None:
    """A real one, in a process of its own."""
    script = tmp_path / "serve.py"
    script.write_text(f"""
import sys
from ratelimit import LivePolicies
policies = LivePolicies({limits(burst=2)!r})
policies.on_signal()
print("ready", flush=True)
sys.stdin.readline()
print(policies.current[0].budgets[0].burst)
""")
    with subprocess.Popen([sys.executable, "-B", str(script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                          env=os.environ | {"PYTHONPATH": str(tmp_path)}) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        limits(burst=21)
        process.send_signal(signal.SIGHUP)
        time.sleep(0.5)
        told, _ = process.communicate("\n", timeout=20)

    assert told == "21\n"


def test_what_is_not_there_is_told(limits: Callable[..., str]) -> None:
    """When it is made, as there is nothing older to keep."""
    with pytest.raises(DiscoveryError, match="there is no module nowhere"):
        LivePolicies("nowhere:policy")
    with pytest.raises(ExceptionGroup) as raised:
        LivePolicies(limits(burst=2)).replace([Policy(), Policy()])

    assert "two are called 'default'; give each a name of its own" in str(raised.value.exceptions[0])


async def test_evidence_outlives_a_change_of_signals() -> None:
    """Who was tightened stays so under the new policy of that name."""
    store = MemoryStore(clock=ManualClock(1_760_000_000.0), secret=b"0123456789abcdef")
    first = Policy(budgets=(Budget(quota=60, window=timedelta(hours=1), burst=9),), ladder=Ladder())
    from ratelimit.testing import Play  # noqa: PLC0415

    with Play(first, lambda clock, secret: store) as play:
        play.suspect("ann", 5.0)
    with Play(replace(first, cohort_signals=(Affinity(spread=7),)), lambda clock, secret: store) as play:
        play.clock = store.clock  # type: ignore[assignment]  # the store's own

        assert str(play.ask("ann").tier) == "soft"


def cost_a(request: Any) -> float:
    """Cost one."""
    return 1.0


def cost_b(request: Any) -> float:
    """Cost two."""
    return 2.0


@pytest.mark.parametrize(("one", "other", "same"), [
    (Policy(), Policy(), True),
    (Policy(), Policy(mode="audit"), False),
    (Policy(ladder=Ladder(soft=4.0)), Policy(), True),
    (Policy(ladder=Ladder(soft=4.1)), Policy(), False),
    (Policy(cohort_signals=(Affinity(spread=6),)), Policy(), False),
    (Policy(budgets=(Budget(quota=1, window=timedelta(hours=1), cost=cost_a),)),
     Policy(budgets=(Budget(quota=1, window=timedelta(hours=1), cost=cost_a),)), True),
    (Policy(budgets=(Budget(quota=1, window=timedelta(hours=1), cost=cost_a),)),
     Policy(budgets=(Budget(quota=1, window=timedelta(hours=1), cost=cost_b),)), False),
])
def test_a_version_says_what_a_policy_says(one: Policy, other: Policy, same: bool) -> None:
    """No more and no less."""
    assert (one.version == other.version) is same
    assert len(one.version) == 16


def test_a_version_is_the_same_in_every_process() -> None:
    """Whatever the seed of hashes."""
    told = {subprocess.run([sys.executable, "-c", "from ratelimit import Policy; print(Policy().version)"],
                           env=os.environ | {"PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True).stdout
            for seed in ("1", "2")}

    assert told == {Policy().version + "\n"}


def test_changes_are_logged(limits: Callable[..., str], caplog: pytest.LogCaptureFixture) -> None:
    """With both versions."""
    policies = LivePolicies(limits(burst=2))
    old = policies.current[0].version
    limits(burst=3)
    with caplog.at_level(logging.INFO, "ratelimit"):
        policies.reload()

    assert f"policies are now default={policies.current[0].version}, and were default={old}" in caplog.text
