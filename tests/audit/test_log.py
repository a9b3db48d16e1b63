"""The evidence log keeps what it acknowledges, whatever dies, and says what it lost."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
import threading
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from ratelimit import Budget, Decision, ManualClock, Policy, RateLimitMiddleware, Request, Tier
from ratelimit.audit import AuditError, EvidenceLog, records, verify
from ratelimit.testing import Play, drive

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

KEY = b"the key of the tests, long enough"
ONE = Policy(budgets=(Budget(quota=2, window=timedelta(hours=1), burst=1),))

WRITER = """
import sys
from ratelimit.audit import EvidenceLog
log = EvidenceLog(sys.argv[1], key=b"the key of the tests, long enough", rotate=20_000)
number = 0
while True:
    for _ in range(7):
        number += 1
        log.record("note", {"number": number, "padding": "x" * (number % 50)})
    if log.flush():
        print(number, flush=True)
"""


def kept(folder: Path, kind: str = "decision") -> list[dict[str, Any]]:
    """Return the records of one *kind*."""
    return [record for _, _, record, _ in records(folder) if record["kind"] == kind]


def decided(who: str, tier: Tier = Tier.CLEAR, *, refused: bool = False) -> Decision:
    """Return a decision about *who*."""
    return Decision(allowed=not refused, refused=refused, tier=tier, principal=who, version="v1")


async def app(scope: Any, receive: Any, send: Any) -> None:
    """Answer."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"{}"})


async def test_it_keeps_what_matters_and_no_text(tmp_path: Path) -> None:
    """As the listener of a real middleware: refusals one by one, the rest counted, nothing of any prompt."""
    log = EvidenceLog(tmp_path / "log", key=KEY)
    guarded = RateLimitMiddleware(app, ONE, on_decision=log)
    for number in range(3):
        await drive(guarded, path="/v1/chat/completions", headers={"authorization": "Bearer sk-secret"},
                    body=b'{"messages": [{"role": "user", "content": "a private question %d"}]}' % number)
    assert log.close()
    text = b"".join(path.read_bytes() for path in (tmp_path / "log").glob("*.jsonl"))

    assert [record["refused"] for record in kept(tmp_path / "log")] == [True, True]
    assert kept(tmp_path / "log", "counts")[0]["answered"] == 1
    assert kept(tmp_path / "log")[0]["version"] == ONE.version
    assert b"private" not in text
    assert b"sk-secret" not in text
    assert verify(tmp_path / "log", KEY).findings == ()


def test_changes_of_tier_are_recorded_once(tmp_path: Path) -> None:
    """Up and down, for each principal."""
    log = EvidenceLog(tmp_path, key=KEY)
    for tier in (Tier.CLEAR, Tier.SOFT, Tier.SOFT, Tier.HARD, Tier.CLEAR, Tier.CLEAR):
        log(decided("ann", tier), Request())
    log(decided("bob", Tier.CLEAR), Request())
    log.close()

    assert [(one["before"], one["tier"]) for one in kept(tmp_path)] == [
        ("clear", "soft"), ("soft", "hard"), ("hard", "clear")]
    assert sum(one["answered"] for one in kept(tmp_path, "counts")) == 4


def test_a_log_goes_on_where_it_ended(tmp_path: Path) -> None:
    """Over files, and over writers: one chain."""
    for number in range(3):
        log = EvidenceLog(tmp_path, key=KEY, rotate=4096, clock=ManualClock(1e9 + number))
        for _ in range(40):
            log.record("note", {"text": "x" * 90})
            log.flush()
        assert log.close()
    found = verify(tmp_path, KEY)

    assert found.findings == ()
    assert found.files >= 4
    assert len(kept(tmp_path, "note")) == 120
    assert [record["n"] for _, _, record, _ in records(tmp_path)] == list(range(1, found.records + 1))


@pytest.mark.parametrize("seed", range(4))
def test_nothing_that_was_acknowledged_is_lost_by_sigkill(seed: int, tmp_path: Path) -> None:
    """Killed at a random moment, again and again: what flush acknowledged is there, and the log goes on whole."""
    rng, script = random.Random(seed), tmp_path / "writer.py"
    script.write_text(WRITER)
    for _ in range(2):
        already = len(kept(tmp_path / "log", "note")) if (tmp_path / "log").exists() else 0
        command = [sys.executable, str(script), str(tmp_path / "log")]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            process.stdout.readline()
            time.sleep(rng.random() * 0.3)
            process.send_signal(signal.SIGKILL)
            acknowledged = [int(line) for line in process.stdout.read().split() if line.isdigit()]
        notes = kept(tmp_path / "log", "note")[already:]

        assert [note["number"] for note in notes] == list(range(1, len(notes) + 1))
        assert len(notes) >= max(acknowledged, default=7)
    EvidenceLog(tmp_path / "log", key=KEY).close()

    assert verify(tmp_path / "log", KEY).findings == ()


def test_a_torn_last_line_is_healed_and_told(tmp_path: Path) -> None:
    """Half a record goes, and a record says so."""
    log = EvidenceLog(tmp_path, key=KEY)
    log.record("note", {"number": 1})
    log.close()
    with (tmp_path / "evidence-00000001.jsonl").open("ab") as file:
        file.write(b'{"body":{"n":3,"kind":"no')
    torn = verify(tmp_path, KEY)
    EvidenceLog(tmp_path, key=KEY).close()

    assert [str(one) for one in torn.findings] == [
        "evidence-00000001.jsonl:3: the last line is torn: 25 bytes of a record that was never finished"]
    assert kept(tmp_path, "healed")[0]["bytes"] == 25
    assert verify(tmp_path, KEY).findings == ()


def test_two_writers_do_not_mix(tmp_path: Path) -> None:
    """The second is refused, in this process and in another."""
    log = EvidenceLog(tmp_path, key=KEY)
    with pytest.raises(AuditError, match="another process writes this evidence log; give each worker a folder"):
        EvidenceLog(tmp_path, key=KEY)
    script = f"from ratelimit.audit import EvidenceLog; EvidenceLog({str(tmp_path)!r}, key={KEY!r})"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    log.close()

    assert "another process writes this evidence log" in done.stderr
    assert EvidenceLog(tmp_path, key=KEY).close()


FULL = """
import resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
from ratelimit.audit import EvidenceLog
log = EvidenceLog(sys.argv[1], key=b"the key of the tests, long enough", rotate=1 << 20)
log.record("note", {"number": 0})
assert log.flush()
resource.setrlimit(resource.RLIMIT_FSIZE, (2000, resource.RLIM_INFINITY))  # the disk is full
for number in range(1, 50):
    log.record("note", {"number": number, "text": "x" * 90})
print("full", log.flush(timeout=1.0), flush=True)
if sys.argv[2] == "space":
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    print("space", log.flush(timeout=20.0), flush=True)
print("closed", log.close(), log.lost, flush=True)
"""


@pytest.mark.parametrize("then", ["space", "no space"])
def test_a_full_disk_stops_nobody(then: str, tmp_path: Path) -> None:
    """What waits is written once there is space; if there never is, it is said how much is lost."""
    done = subprocess.run([sys.executable, "-c", FULL, str(tmp_path / "log"), then], capture_output=True, text=True,
                          check=False, timeout=60)
    numbers = [note["number"] for note in kept(tmp_path / "log", "note")]

    assert "full False" in done.stdout, done.stderr
    assert "cannot be written; requests go on, and it is tried again" in done.stderr
    if then == "space":
        assert "space True\nclosed True 0" in done.stdout
        assert "is written again" in done.stderr
        assert numbers == list(range(50))
    else:
        assert "closed False" in done.stdout
        assert "records of the evidence log" in done.stderr
        assert numbers[0] == 0
    assert verify(tmp_path / "log", KEY).findings == ()


async def test_the_loop_goes_on_while_the_disk_hangs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A write that takes for ever is the thread's to wait for."""
    log, hangs, goes_on = EvidenceLog(tmp_path, key=KEY), threading.Event(), threading.Event()
    write = os.write

    def hang(file: int, data: Any) -> int:
        hangs.set()
        goes_on.wait(20)
        return write(file, data)

    monkeypatch.setattr("os.write", hang)
    guarded = RateLimitMiddleware(app, ONE, on_decision=log)
    for _ in range(3):
        await drive(guarded, path="/v1/chat/completions", body=b'{"messages": [{"role": "user", "content": "hi"}]}')
    while not hangs.is_set():
        await asyncio.sleep(0.001)
    came = await drive(guarded, path="/v1/chat/completions", body=b"{}")
    flushed = log.flush(timeout=0.01)
    goes_on.set()

    assert came.status == 429
    assert not flushed
    assert log.close()
    assert len(kept(tmp_path)) == 3


def test_too_many_that_wait_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A flood that the disk cannot follow is bounded, and the log tells the loss."""
    monkeypatch.setattr("ratelimit.audit.writer.MOST_WAITING", 10)
    log, goes_on, write = EvidenceLog(tmp_path, key=KEY), threading.Event(), os.write

    def slow(file: int, data: Any) -> int:
        goes_on.wait(20)
        return write(file, data)

    monkeypatch.setattr("os.write", slow)
    for number in range(100):
        log.record("note", {"number": number})
    goes_on.set()
    log.flush()
    log.record("note", {"number": 100})
    log.close()
    lost = kept(tmp_path, "lost")

    assert sum(one["records"] for one in lost) + len(kept(tmp_path, "note")) == 101
    assert lost
    assert verify(tmp_path, KEY).findings == ()


@pytest.mark.parametrize(("options", "told"), [
    ({"key": b"short"}, "key: must have 16 bytes or more, got 5; draw one by secrets.token_hex"),
    ({"key": KEY, "rotate": 9}, "rotate: must be at least 4096 bytes, got 9"),
    ({"key": KEY, "every": 0}, "every: must be at least 1, got 0"),
])
def test_wrong_arguments_are_told(options: dict[str, Any], told: str, tmp_path: Path) -> None:
    """With the mend."""
    with pytest.raises(AuditError, match=told):
        EvidenceLog(tmp_path, **options)


def test_the_key_comes_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And is nowhere in the files, nor in what is printed."""
    monkeypatch.setenv("RATELIMIT_AUDIT_KEY", KEY.decode())
    log = EvidenceLog(tmp_path)
    log.record("note", {})
    log.close()

    assert KEY.decode() not in repr(log)
    assert KEY not in (tmp_path / "evidence-00000001.jsonl").read_bytes()
    assert verify(tmp_path, KEY).findings == ()


def test_a_campaign_is_all_there(tmp_path: Path, evidence: Callable[[Path], str]) -> None:
    """The cohort that was tightened is named by its accounts' records."""
    cohort = evidence(tmp_path)

    assert any(cohort in record["cohorts"] for record in kept(tmp_path))
    assert isinstance(Play, type)
