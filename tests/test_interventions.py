"""People overrule the engine: at once, for a reason, for a while, wherever it runs."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from ratelimit import (
    Budget,
    Cause,
    InterventionError,
    Interventions,
    ManualClock,
    MemoryStore,
    Policy,
    Principal,
    RateLimitMiddleware,
    Tier,
)
from ratelimit.audit import EvidenceLog, records
from ratelimit.stores.redis import RedisStore
from ratelimit.testing import ProtocolChecker, drive

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

KEY = b"0123456789abcdef"
FEW = Policy(budgets=(Budget(quota=60, window=timedelta(hours=1), burst=3),))
ANN = "a" * 32
OPENING = "Solve the following task and write out all of your reasoning: "


async def app(scope: Any, receive: Any, send: Any) -> None:
    """Answer."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"{}"})


class Guarded:
    """A guarded application, and what was decided."""

    def __init__(
        self, policy: Policy = FEW, *, store: Any = None, clock: ManualClock | None = None, **more: Any
    ) -> None:
        self.clock = clock or ManualClock(1_760_000_000.0)
        self.store = store or MemoryStore(clock=self.clock, secret=KEY)
        self.interventions = Interventions(clock=self.clock, **more)
        self.decisions: list[Any] = []
        self.said = ""
        self.app = ProtocolChecker(RateLimitMiddleware(
            app, policy, store=self.store, interventions=self.interventions,
            identify=lambda request: Principal(id=str(request.header("x-name"))),
            on_decision=lambda decision, _: self.decisions.append(decision)))

    async def ask(self, who: str = "ann", text: str = "hi", times: int = 1) -> list[int]:
        """Return the statuses of so many chats."""
        body = json.dumps({"messages": [{"role": "user", "content": text}]}).encode()
        told = [await drive(self.app, path="/v1/chat/completions", body=body,
                            headers={"content-type": "application/json", "x-name": who}) for _ in range(times)]
        self.said = told[-1].body.decode()
        return [answer.status for answer in told]

    async def name(self, who: str = "ann") -> str:
        """Return what decisions call somebody."""
        await self.ask(who)
        return str(self.decisions[-1].principal)


@pytest.fixture(params=["memory", "redis"])
async def guarded(request: pytest.FixtureRequest) -> AsyncIterator[Guarded]:
    """Give one on each store."""
    if request.param == "memory":
        yield Guarded()
        return
    server, clock = request.getfixturevalue("redis_server"), ManualClock(1_760_000_000.0)
    store = RedisStore(server.url, secret=KEY, clock=clock, timeout=timedelta(seconds=10))
    yield Guarded(store=store, clock=clock)
    await store.aclose()


async def test_who_is_blocked_is_refused_until_it_ends(guarded: Guarded) -> None:
    """Nobody else is; the caller is not told why, and the operator is."""
    ann = await guarded.name()
    guarded.interventions.add("block", ann, reason="SECRET", by="ops", lasts=timedelta(minutes=10))
    refused, other = await guarded.ask(), await guarded.ask("bob")
    decision = guarded.decisions[-2]
    guarded.clock.advance(601)

    assert (refused, other) == ([429], [200])
    assert decision.reasons[0].cause is Cause.OPERATOR
    assert decision.reasons[0].detail == "SECRET"
    assert decision.retry_after == pytest.approx(600.0)
    assert await guarded.ask() == [200]


async def test_a_block_tells_the_caller_nothing() -> None:
    """But that access is suspended."""
    guarded = Guarded(Policy(disclose="full"))
    guarded.interventions.add("block", await guarded.name(), reason="SECRET", by="ops", lasts=timedelta(hours=1))
    came = await drive(guarded.app, path="/v1/chat/completions", body=b"{}", headers={"x-name": "ann"})
    told = came.body.decode() + repr(came.headers)

    assert "Access is suspended." in told
    assert "SECRET" not in told
    assert (b"x-should-retry", b"false") in came.headers


async def test_who_is_exempt_is_not_counted(guarded: Guarded) -> None:
    """And has its whole budget when that ends."""
    ann = await guarded.name()
    guarded.interventions.add("exempt", ann, reason="a migration", by="ops", lasts=timedelta(minutes=1))
    free = await guarded.ask(times=9)
    exempt = guarded.decisions[-1].exempt
    guarded.interventions.lift(ann, reason="it is done", by="ops")

    assert free == [200] * 9
    assert exempt
    assert await guarded.ask(times=3) == [200, 200, 429]


async def test_who_is_pardoned_has_its_budget_whatever_the_evidence(guarded: Guarded) -> None:
    """The same budget, with what was spent of it; behaviour counts again when that ends."""
    from ratelimit.testing import Play  # noqa: PLC0415

    ann = await guarded.name()
    if isinstance(guarded.store, MemoryStore):
        play = Play(FEW, lambda clock, secret: guarded.store)
        play.clock = guarded.clock
        play.suspect("ann", 6.5)
    tight = await guarded.ask()
    guarded.interventions.add("pardon", ann, reason="a customer of ours", by="ops", lasts=timedelta(hours=1))
    guarded.clock.advance(60)
    pardoned, tier = await guarded.ask(times=5), guarded.decisions[-1].tier
    version = guarded.decisions[-1].version
    guarded.interventions.lift(ann, reason="looked at", by="ops")
    guarded.clock.advance(120)
    await guarded.ask()

    assert pardoned[0] == 200
    assert pardoned[-1] == 429
    assert tier is Tier.CLEAR
    assert version == FEW.version
    if isinstance(guarded.store, MemoryStore):
        assert tight == [429]
        assert guarded.decisions[-1].tier is Tier.HARD


async def test_who_is_held_is_tightened_whatever_it_does(guarded: Guarded) -> None:
    """It has the refill of the tier, is told nothing of behaviour, and is free again when that is lifted."""
    ann = await guarded.name()
    guarded.interventions.add("hold", ann, tier="hard", reason="odd", by="ops", lasts=timedelta(hours=3))
    held = await guarded.ask(times=4)
    decision, said = guarded.decisions[-1], guarded.said
    again = await guarded.ask(text="and now?")
    guarded.clock.advance(120.0)  # two units at the full refill, and none at that of hard
    later = await guarded.ask()
    guarded.interventions.lift(ann, reason="a mistake", by="ops")

    assert held[-1] == 429
    assert (decision.tier, decision.reasons[0].cause) == (Tier.HARD, Cause.OPERATOR)
    assert decision.retry_after > 120
    assert not decision.behavioural
    assert "The budget for requests is spent." in said
    assert (again, later) == ([429], [429])
    guarded.clock.advance(120.0)
    assert await guarded.ask() == [200]
    assert guarded.decisions[-1].tier is Tier.CLEAR


async def test_a_dissolved_cohort_holds_nobody(guarded: Guarded, writer: Callable[..., Any]) -> None:
    """Not who comes with its shape, and not who was held there and comes with another."""
    guarded = Guarded(Policy(), store=guarded.store, clock=guarded.clock)
    walk, number = writer(1), 0
    while not (refused := guarded.decisions and guarded.decisions[-1].refused):
        assert number < 2000
        await guarded.ask(f"key-{number % 40}", OPENING + walk.harvest())
        guarded.clock.advance(60.0)
        if isinstance(guarded.store, RedisStore):
            await guarded.store.sync()
        number += 1
    one, tier = f"key-{(number - 1) % 40}", guarded.decisions[-1].tier
    found = {name for decision in guarded.decisions for name, log in decision.cohorts.items() if log >= 1}
    for name in found:
        guarded.interventions.add("dissolve", name, reason="ours", by="ops", lasts=timedelta(hours=3))
    free = await guarded.ask(one, OPENING + walk.harvest())
    decision = guarded.decisions[-1]
    other = await guarded.ask(one, walk.harvest())

    assert found
    assert (refused, tier >= Tier.SOFT) == (True, True)
    assert (free, other) == ([200], [200])
    assert decision.tier < Tier.SOFT
    assert not found & decision.cohorts.keys()
    guarded.clock.advance(3 * 3600.0)
    await guarded.ask(one, OPENING + walk.harvest())
    assert found & guarded.decisions[-1].cohorts.keys()


async def test_two_machines_share_a_server_and_a_command_adds_to_it(redis_server: Any) -> None:
    """Each hears of it by itself, one that starts later knows it, and it counts on while the server is away."""
    url = redis_server.url
    one, other = (Guarded(clock=ManualClock(time.time()), at=url) for _ in range(2))
    ann = await one.name()
    one.interventions.add("block", ann, reason="abuse", by="ops", lasts=timedelta(hours=1))
    assert await one.ask() == [429]
    assert await answers(other, 429)
    assert [made.subject for made in Interventions(url)] == [ann]
    said = command("lift", ann, "--reason", "a mistake", "--by", "me", "--at", url)
    assert said.returncode == 0, said.stderr
    assert await answers(one, 200)
    assert await answers(other, 200)
    one.interventions.add("block", ann, reason="abuse", by="ops", lasts=timedelta(hours=1))
    assert await answers(other, 429)
    redis_server.kill()
    assert await answers(other, 429)
    with pytest.raises(InterventionError, match="cannot be written"):
        one.interventions.lift(ann, reason="x", by="y")


async def test_who_begins_knows_all_that_was_ordered_before(redis_server: Any) -> None:
    """At once, though there is more than waits to be taken at a time."""
    url = redis_server.url
    first = Interventions(url)
    for number in range(1200):
        first.add("block", f"{number:032x}", reason="abuse", by="ops", lasts=timedelta(hours=1))

    assert len(list(Interventions(url))) == 1200
    assert list(Interventions(url, prefix="another")) == []


async def answers(guarded: Guarded, status: int) -> bool:
    """Ask until the answer is *status*, for two seconds at most."""
    for _ in range(100):
        guarded.clock.advance(0.2)
        if await guarded.ask() == [status]:
            return True
        await asyncio.sleep(0.02)
    return False


async def test_an_audit_only_says_so() -> None:
    """A block under a policy that audits lets pass."""
    guarded = Guarded(Policy(mode="audit"))
    guarded.interventions.add("block", await guarded.name(), reason="x", by="ops", lasts=timedelta(hours=1))

    assert await guarded.ask() == [200]
    assert guarded.decisions[-1].refused


async def test_two_workers_share_a_file_and_a_command_adds_to_it(tmp_path: Path) -> None:
    """Each obeys within a second of its own clock."""
    file, clock = tmp_path / "folder" / "interventions.jsonl", ManualClock(time.time())
    one, other = (Guarded(clock=clock, at=file) for _ in range(2))
    ann = await one.name()
    one.interventions.add("block", ann, reason="abuse", by="ops", lasts=timedelta(days=300))
    clock.advance(1.1)
    refused = await other.ask()
    said = command("lift", ann, "--reason", "a mistake", "--by", "me", "--at", str(file))
    clock.advance(1.1)

    assert refused == [429]
    assert said.returncode == 0, said.stderr
    assert await one.ask() == [200]
    assert [json.loads(line)["kind"] for line in file.read_text().splitlines()] == ["block", "lift"]
    assert [one.kind for one in Interventions(file, clock=clock)] == []


def command(*arguments: str) -> Any:
    """Run ``ratelimit intervene``."""
    return subprocess.run([sys.executable, "-m", "ratelimit", "intervene", *arguments], capture_output=True, text=True,
                          check=False, timeout=60)


def test_the_command(tmp_path: Path) -> None:
    """Adds, lists and lifts, and says what is wrong."""
    file = str(tmp_path / "interventions.jsonl")
    added = command("pardon", ANN, "--reason", "ours", "--by", "me", "--hours", "2", "--at", file)
    listed = command("list", "--at", file)
    wrong = command("block", "ann", "--reason", " ", "--by", "me", "--at", file)
    lifted = command("lift", ANN, "--reason", "done", "--by", "me", "--at", file)
    again = command("lift", ANN, "--reason", "done", "--by", "me", "--at", file)

    assert json.loads(added.stdout)["kind"] == "pardon"
    assert listed.stdout == added.stdout
    assert wrong.returncode == 2
    assert ("subject: must be the 32 hexadecimal digits that decisions show, got 'ann'; reason: must not be empty"
            in wrong.stderr)
    assert lifted.returncode == 0
    assert f"nothing counts for {ANN!r} now" in again.stderr


def test_a_file_that_is_damaged_does_no_harm(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A line that is none is told and passed over, a half one waited for, and a file written anew read anew."""
    file, clock = tmp_path / "interventions.jsonl", ManualClock(1_760_000_000.0)
    interventions = Interventions(file, clock=clock)
    interventions.add("block", ANN, reason="x", by="ops", lasts=timedelta(hours=1))
    whole = file.read_text()
    with file.open("a") as opened:
        opened.write("nonsense\n" + whole.replace("a" * 32, "b" * 32)[:50])
    clock.advance(2)
    half = interventions.of("b" * 32)
    with file.open("a") as opened:
        opened.write(whole.replace("a" * 32, "b" * 32)[50:])
    clock.advance(2)

    assert half is None
    assert interventions.of("b" * 32) is not None
    assert "is no intervention, and was passed over" in caplog.text
    file.write_text(whole.replace("a" * 32, "c" * 32))
    clock.advance(2)
    assert [one.subject[0] for one in interventions] == ["c"]


def test_each_is_recorded_as_evidence(tmp_path: Path) -> None:
    """With who, why and until when; once."""
    clock = ManualClock(1_760_000_000.0)
    log = EvidenceLog(tmp_path / "log", key=b"x" * 16, clock=clock)
    interventions = Interventions(tmp_path / "interventions.jsonl", record=log.record, clock=clock)
    interventions.add("block", ANN, reason="abuse", by="ops", lasts=timedelta(hours=1))
    assert list(interventions)
    log.close()
    told = [record for _, _, record, _ in records(tmp_path / "log") if record["kind"] == "intervention"]

    assert [(one["subject"], one["what"], one["by"], one["reason"]) for one in told] == [(ANN, "block", "ops", "abuse")]


@pytest.mark.parametrize(("arguments", "told"), [
    ({"kind": "spare"}, "kind: must be one of block, exempt, pardon, hold, dissolve, got 'spare'"),
    ({"kind": "hold"}, "tier: must be soft or hard, got ''"),
    ({"tier": "soft"}, "tier: only hold has one"),
    ({"kind": "dissolve"}, "subject: must be a cohort"),
    ({"reason": "x" * 501}, "reason: must have 500 characters at most"),
    ({"lasts": timedelta(0)}, "lasts: must be positive"),
    ({"by": ""}, "by: must not be empty"),
])
def test_what_is_wrong_is_told(arguments: dict[str, Any], told: str) -> None:
    """And nothing counts."""
    interventions = Interventions(clock=ManualClock(1_760_000_000.0))
    given: dict[str, Any] = {"kind": "block", "subject": ANN, "reason": "x", "by": "y", "lasts": timedelta(hours=1)}
    with pytest.raises(InterventionError, match=told):
        interventions.add(**given | arguments)

    assert not list(interventions)
