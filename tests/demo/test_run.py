"""The whole demo, as a process."""

from __future__ import annotations

import os
import pty
import re
import signal
import socket
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

DEMO = [sys.executable, "-m", "ratelimit", "demo"]
PLAIN = os.environ | {"PYTHONUNBUFFERED": "1", "COLUMNS": "100"}


def _demo(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*DEMO, *arguments], capture_output=True, text=True, env=PLAIN, check=False, timeout=120
    )


def _shares(text: str) -> dict[str, tuple[int, int]]:
    """Return (harvested, of) by mount."""
    found = re.findall(r"Harvested by 20 accounts, (.+?): ([\d,]+) of ([\d,]+) prompts", text)
    return {mount: (int(some.replace(",", "")), int(of.replace(",", ""))) for mount, some, of in found}


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Children that hear SIGINT even if these tests run where it is ignored, as in a shell's background job."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_a_short_run_ends_well_and_prints_the_table() -> None:
    """Everybody is served by both mounts over real HTTP, and the table has a row for every group."""
    done = _demo("--seconds", "12", "--accounts", "20")  # a busy machine leaves out what takes twice that

    assert (done.returncode, done.stderr) == (0, "")
    assert all(re.search(rf"^ {re.escape(group)} +\d", done.stdout, re.MULTILINE) for group in (
        "chat people", "support bot", "batch job", "team", "writer (Anthropic)", "campaign"))
    fixed, behavioural = (_shares(done.stdout)[mount] for mount in ("fixed quota", "behavioural budgets"))
    assert fixed[1] == behavioural[1] > 400
    assert fixed[0] == fixed[1] >= behavioural[0]
    assert "Honest requests lost, fixed quota: 0 of" in done.stdout
    assert "Failed" not in done.stdout


@pytest.mark.usefixtures("interruptible")
def test_ctrl_c_stops_the_server_prints_the_table_and_exits_with_130() -> None:
    """In mid-run SIGINT ends everything cleanly: no traceback, no listener, the table of what happened so far."""
    with subprocess.Popen(
        [*DEMO, "--seconds", "10"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=PLAIN
    ) as process:
        assert process.stdout is not None
        first, running = process.stdout.readline(), process.stdout.readline()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)

    found = re.search(r"http://127\.0\.0\.1:(\d+)", first)
    assert found is not None
    assert "answered" in running
    assert (process.returncode, err) == (130, "")
    assert "Stopped. So far:" in out
    assert re.search(r"^ campaign +120 ", out, re.MULTILINE)
    assert "more were planned" in out
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", int(found.group(1))))


def test_a_taken_port_is_named_with_a_way_out() -> None:
    """A port that something listens on is refused in one sentence, exit code 2."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = str(listener.getsockname()[1])
        done = _demo("--port", port)

    assert done.returncode == 2
    assert done.stderr.startswith(f"ratelimit demo: port {port} on 127.0.0.1 cannot be used (")
    assert done.stderr.endswith("choose another, or leave --port out\n")


def test_in_a_terminal_the_tables_move() -> None:
    """With a terminal at the other end the view is drawn in place, and the end is the same."""
    ours, theirs = pty.openpty()
    terminal = PLAIN | {"TERM": "xterm-256color", "LINES": "50"}
    with subprocess.Popen(
        [*DEMO, "--seconds", "2", "--accounts", "20"], stdout=theirs, stderr=theirs, env=terminal
    ) as process:
        os.close(theirs)
        shown = b"".join(iter(lambda: _read(ours), b""))
    os.close(ours)

    assert process.returncode == 0
    assert shown.count(b"budget left") >= 4
    assert b"\x1b[?25l" in shown
    assert shown.count(b"\x1b[?25h") == shown.count(b"\x1b[?25l")
    assert b"Honest requests lost, behavioural budgets: 0 of" in shown


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 65_536)
    except OSError:  # Linux: the other end is closed
        return b""
