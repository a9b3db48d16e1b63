"""The command as a process and at a terminal: what it prints, where it writes, how it stops."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest

from ratelimit.cli import main
from ratelimit.trace.interrupts import Interrupts

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

COMMAND = [sys.executable, "-m", "ratelimit", "replay"]


@pytest.fixture
def trace(tmp_path: Path, as_lines: Callable[..., bytes], harvest: list[dict[str, Any]]) -> Path:
    """Give a trace in which a harvest is tightened."""
    path = tmp_path / "trace.jsonl"
    path.write_bytes(as_lines(harvest))
    return path


def _replay(*arguments: str | Path, **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *map(str, arguments)], capture_output=True, text=True, check=False, timeout=60, **options
    )


def test_it_prints_who_was_tightened_and_why(trace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Shares, causes, the worst cohorts and the worst principals stand on standard output, the time on the other."""
    code = main(["replay", str(trace)])
    out, err = capsys.readouterr()

    assert code == 0
    assert "1,500 lines, 2025-10-09 08:53:20 UTC to 2025-10-09 10:08:17 UTC (0.1 days)" in out
    rows = [line.split() for line in out.splitlines()]
    assert ["requests", "1,500"] in rows
    assert ["principals", "40"] in rows
    assert any(row[:2] == ["by", "cohort"] for row in rows)
    assert any(float(row[0]) >= 4 for row in rows if len(row) == 4 and ":" in row[-1])
    tightened = [row for row in rows if row and row[-1].startswith("farm-")]
    assert len(tightened) == 10
    assert all(row[0] in {"soft", "hard"} and row[3].endswith("%") and row[4] != "-" for row in tightened)
    assert "person" not in out
    assert err.startswith("1,500 lines in ")


def test_the_summary_as_json_says_the_same(trace: Path) -> None:
    """``--json`` prints one object, with the counts of the table and nothing of the machine."""
    done = _replay(trace, "--json", "--quiet")
    summary = json.loads(done.stdout)
    (policy,) = summary["policies"]

    assert (done.returncode, done.stderr) == (0, "")
    assert (summary["lines"], summary["whole"], summary["bad_lines"]["count"]) == (1500, True, 0)
    assert (policy["policy"], policy["modes"], policy["requests"], policy["principals"]) == (
        "default", ["enforce"], 1500, 40)
    assert sum(policy["causes"].values()) >= policy["refused"] > 300
    assert policy["refused_share"] == policy["refused"] / 1500
    assert 10 <= policy["tightened"] <= 30
    assert policy["top_principals"][0]["causes"]
    assert policy["top_cohorts"][0]["members"] >= 20
    assert sum(row["refused"] for row in policy["top_cohorts"]) >= policy["causes"]["cohort"] > 0


def test_a_module_beside_where_one_stands_is_found(trace: Path, tmp_path: Path) -> None:
    """``--policy`` finds a module of the current folder, whichever way the command was begun."""
    (tmp_path / "my_policy.py").write_text("from ratelimit import Policy\nmine = Policy(name='mine')\n")
    begun = "import sys; sys.path.remove(''); from ratelimit.cli import main; sys.exit(main(sys.argv[1:]))"
    done = subprocess.run(
        [sys.executable, "-c", begun, "replay", str(trace), "--policy", "my_policy:mine", "--quiet"],
        cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert "mine: the tightened principals" in done.stdout


@pytest.mark.parametrize(("arguments", "complaint"), [
    ([], "the following arguments are required: TRACE"),
    (["t", "--max-bad", "2"], "--max-bad: must be a number from 0 to 1, got '2'"),
    (["t", "--max-bad", "few"], "--max-bad: must be a number from 0 to 1, got 'few'"),
])
def test_wrong_arguments_exit_with_2(
    arguments: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each complaint says which argument and what it must be."""
    with pytest.raises(SystemExit) as stopped:
        main(["replay", *arguments])

    assert stopped.value.code == 2
    assert complaint in capsys.readouterr().err


def test_the_trace_is_never_written_over(trace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """``-o`` with the trace's own name, by whatever path, is refused before anything is lost."""
    before, other = trace.read_bytes(), trace.parent / "link.jsonl"
    other.symlink_to(trace)

    assert main(["replay", str(trace), "-o", str(other)]) == 2
    assert "that is the trace; name another file" in capsys.readouterr().err
    assert trace.read_bytes() == before


@pytest.mark.parametrize(("arguments", "complaint"), [
    (["-o", "no/such/folder/x"], "-o no/such/folder/x: cannot be written (No such file or directory)"),
    (["-o", "-", "--json"], "--json and -o - cannot both have standard output"),
    (["-o", "-", "--policy", "ratelimit:Policy", "--policy", "two_policies:other"], "cannot go to one place"),
])
def test_an_output_that_cannot_be_is_named(
    arguments: list[str], complaint: str, trace: Path, capsys: pytest.CaptureFixture[str],
    module: Callable[[str, str], None],
) -> None:
    """Exit code 2 and one sentence."""
    module("two_policies", "from ratelimit import Policy\nother = Policy(name='other')\n")

    assert main(["replay", str(trace), *arguments]) == 2
    assert complaint in capsys.readouterr().err


def test_a_full_disk_stops_the_run(trace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 1 and a sentence with the file's name and the system's reason."""
    assert main(["replay", str(trace), "-o", "/dev/full", "--quiet"]) == 1
    assert capsys.readouterr().err == "ratelimit replay: /dev/full cannot be written (No space left on device)\n"


def test_a_reader_that_goes_away_ends_the_run_quietly(
    tmp_path: Path, as_lines: Callable[..., bytes], make_row: Callable[..., Any]
) -> None:
    """``| head`` is no reason for a traceback."""
    path = tmp_path / "trace.jsonl"
    path.write_bytes(as_lines([make_row(at=number * 60.0) for number in range(4000)]))
    with subprocess.Popen(
        [*COMMAND, str(path), "-o", "-", "--quiet"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        said = process.stderr.read()

        assert (process.wait(60), said) == (1, b"")


@pytest.mark.usefixtures("interruptible")
def test_ctrl_c_prints_what_came_of_it_so_far_and_exits_with_130(
    tmp_path: Path, as_lines: Callable[..., bytes], make_row: Callable[..., Any]
) -> None:
    """Stopped while it waits for more, every line that it took has its decision, whole, and counts in the summary."""
    output = tmp_path / "decisions.jsonl"
    rows = as_lines([make_row(at=number * 60.0) for number in range(4000)])
    with subprocess.Popen(
        [*COMMAND, "-", "-o", str(output), "--json", "--quiet"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as process:
        assert process.stdin is not None
        process.stdin.write(rows)  # a pipe holds far less: when this returns, most of it was taken
        process.stdin.flush()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    decisions = [json.loads(line) for line in output.read_bytes().splitlines()]
    summary = json.loads(out)

    assert process.returncode == 130
    assert err.endswith(b"ratelimit replay: stopped; this is what came of it so far\n")
    assert 0 < len(decisions) == summary["lines"] == summary["policies"][0]["requests"]
    assert summary["whole"] is False


@pytest.mark.usefixtures("interruptible")
def test_ctrl_c_waits_until_a_line_is_done() -> None:
    """It raises only while a read may wait for ever, and the second time; afterwards all is as before."""
    with Interrupts() as interrupts:
        signal.raise_signal(signal.SIGINT)
        asked = interrupts.asked
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    with Interrupts() as reading:
        reading.reading = True
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)

    assert asked
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_outside_the_main_thread_ctrl_c_is_left_alone() -> None:
    """A replay in a thread of a program of yours changes nothing about its signals."""
    before, seen = signal.getsignal(signal.SIGINT), []

    def enter() -> None:
        with Interrupts():
            seen.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()

    assert seen == [before]


def test_where_ctrl_c_is_ignored_it_stays_so() -> None:
    """A shell's background job is not made to listen."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with Interrupts() as interrupts:
            signal.raise_signal(signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, before)

    assert not interrupts.asked


def _at_a_terminal(command: list[str]) -> tuple[int, str]:
    """Run *command* with a terminal for its standard error, and return its exit code and what that showed."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=theirs) as process:
        os.close(theirs)
        shown = b""
        while True:
            try:
                shown += os.read(ours, 65536)
            except OSError:  # the other end is closed
                break
    os.close(ours)
    return process.wait(60), shown.decode()


def test_a_terminal_shows_a_bar(trace: Path) -> None:
    """With ``rich`` there is a bar that goes when it is done; with ``--quiet`` there is nothing."""
    code, shown = _at_a_terminal([*COMMAND, str(trace)])

    assert code == 0
    assert "━" in shown
    assert "1,500 lines in " in shown
    assert _at_a_terminal([*COMMAND, str(trace), "--quiet"]) == (0, "")


def test_a_terminal_without_rich_shows_lines(trace: Path) -> None:
    """Without ``rich`` a line every few seconds says how far it is, and nothing fails."""
    hidden = ("import sys; sys.modules['rich'] = None\n"
              "from ratelimit.trace import progress\n"
              "progress._EVERY = 0.0\n"
              f"from ratelimit.cli import main; sys.exit(main(['replay', {str(trace)!r}]))")
    code, shown = _at_a_terminal([sys.executable, "-c", hidden])

    assert code == 0
    assert "256 lines, " in shown
    assert "% done, about " in shown
    assert "━" not in shown


def test_what_a_trace_puts_into_names_cannot_command_the_terminal(
    replay: Callable[..., Any], as_lines: Callable[..., bytes], harvest: list[dict[str, Any]]
) -> None:
    """Escape sequences in an id are shown, not obeyed, and a long id is cut."""
    renamed = [one | {"principal": "\x1b[31m\u202e" + "x" * 100 + one["principal"]} for one in harvest]
    found = replay(as_lines(renamed))

    assert "\\x1b[31m\\u202exxx" in found.out
    assert "\x1b" not in found.out
    assert max(map(len, found.out.splitlines())) < 160


def test_of_many_causes_the_most_frequent_are_listed(
    replay: Callable[..., Any], as_lines: Callable[..., bytes], harvest: list[dict[str, Any]]
) -> None:
    """Two of a principal's causes, and how many more there are."""
    listed = replay(as_lines(harvest)).out.partition("the tightened principals")[2]

    assert re.search(r" \d+\.\d\d%  cohort:\w+ \d+, cohort:\w+ \d+, \d more  +farm-\d+\n", listed)


def test_an_output_of_few_letters_gets_them(
    tmp_path: Path, as_lines: Callable[..., bytes], harvest: list[dict[str, Any]]
) -> None:
    """Where standard output takes only ASCII, other letters are written as escapes."""
    path = tmp_path / "trace.jsonl"
    path.write_bytes(as_lines([one | {"principal": "č" + one["principal"]} for one in harvest]))
    done = _replay(path, "--quiet", env=os.environ | {"PYTHONIOENCODING": "ascii"})

    assert (done.returncode, done.stderr) == (0, "")
    assert "\\u010dfarm-" in done.stdout
