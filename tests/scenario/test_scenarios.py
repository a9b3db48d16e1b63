"""Scenarios hold as they are shipped, fail as their pages say, and complain in words of what is wrong with them."""

from __future__ import annotations

import gzip
import json
import re
import shutil
import subprocess
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ratelimit.scenario import ScenarioError, run_scenario

if TYPE_CHECKING:
    from collections.abc import Callable

FOLDER = Path(__file__).parent.parent.parent / "examples/scenarios"
NAMES = sorted(path.parent.name for path in FOLDER.glob("*/expect.toml"))


def maker() -> Any:
    """Load what makes the traces."""
    spec = spec_from_file_location("make_scenarios", FOLDER / "make.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def rows_of(folder: Path) -> list[dict[str, Any]]:
    """Return the rows of a scenario's trace."""
    packed = folder / "trace.jsonl.gz"
    data = gzip.decompress(packed.read_bytes()) if packed.exists() else (folder / "trace.jsonl").read_bytes()
    return [json.loads(line) for line in data.splitlines()]


@pytest.mark.parametrize("name", NAMES)
def test_each_holds(name: str) -> None:
    """As it is shipped."""
    outcome = run_scenario(FOLDER / name)

    assert [str(check) for check in outcome.checks if not check.holds] == []
    assert len(outcome.checks) >= 2


def test_traces_are_those_that_are_made() -> None:
    """From their seeds, and every folder has one."""
    make = maker()

    assert sorted(make.SCENARIOS) == NAMES
    for name in NAMES:
        assert rows_of(FOLDER / name) == [json.loads(line) for line in make.packed(make.SCENARIOS[name]()).splitlines()]


def policy(code: str) -> Callable[[Path], None]:
    """Return what puts other code in place of the scenario's policy."""
    return lambda folder: (folder / "policy.py").write_text(
        f"from datetime import timedelta\nfrom ratelimit import *\n{code}\n") and None


def replaced(old: str, new: str) -> Callable[[Path], None]:
    """Return what changes a few words of the scenario's policy."""
    def change(folder: Path) -> None:
        text = (folder / "policy.py").read_text()
        assert old in text
        (folder / "policy.py").write_text(text.replace(old, new))
    return change


def trace(change: Callable[[list[dict[str, Any]]], list[dict[str, Any]]]) -> Callable[[Path], None]:
    """Return what changes the rows of the trace."""
    def written(folder: Path) -> None:
        rows = change(rows_of(folder))
        (folder / "trace.jsonl.gz").unlink(missing_ok=True)
        (folder / "trace.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return written


def earlier(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Let the last row come ten seconds earlier."""
    return [*rows[:-1], {**rows[-1], "at": rows[-1]["at"] - 10}]


FAILS: dict[str, Callable[[Path], None]] = {
    "over-its-quota": replaced("burst=3", "burst=5"),
    "a-retry-costs-nothing": trace(earlier),
    "two-budgets": replaced("quota=8, window=timedelta(days=1), burst=8",
                            "quota=20, window=timedelta(days=1), burst=20"),
    "exempt-health-checks": replaced('lambda _, principal: principal.id == "monitor"', "None"),
    "two-policies": lambda folder: (folder / "policy.py").write_text(
        (folder / "policy.py").read_text() + "\npolicies = policies[::-1]\n") and None,
    "end-users-behind-one-key": policy(
        "policy = Policy(budgets=(Budget(quota=60, window=timedelta(hours=1), burst=3),))"),
    "coding-agents": policy("policy = Policy(budgets=(Budget(quota=60, window=timedelta(hours=1), burst=1),))"),
    "a-framed-customer": policy("policy = Policy(trust=Trust(verified=0.0))"),
    "a-newcomer-in-bad-company": policy(
        "policy = Policy(presumption=Presumption(guests_at_once=1, guests_per_day=1))"),
    "a-batch-job": policy("policy = Policy(budgets=(Budget(quota=20, window=timedelta(hours=1), burst=5),))"),
    "a-public-benchmark": policy("policy = Policy(budgets=(Budget(quota=2, window=timedelta(hours=1), burst=2),))"),
    "a-class-on-one-exercise": policy(
        "policy = Policy(cohort_signals=(Affinity(careful=(0.6,) * 8, typical=(0.7,) * 8, spread=1000, public=1.0, "
        "apart=0.0),))"),
    "forgiven-after-nine-days": policy("policy = Policy(ladder=Ladder(fade=0.1))"),
    "the-campaign-in-miniature": policy("policy = Policy(cohort_signals=())"),
}


@pytest.mark.parametrize("name", FAILS)
def test_each_fails_as_its_page_says(name: str, tmp_path: Path) -> None:
    """After the change that its page proposes."""
    folder = tmp_path / name
    shutil.copytree(FOLDER / name, folder)
    FAILS[name](folder)

    assert not run_scenario(folder).holds


def command(*arguments: str) -> Any:
    """Run ``ratelimit scenario``."""
    return subprocess.run([sys.executable, "-m", "ratelimit", "scenario", *arguments], capture_output=True, text=True,
                          check=False, timeout=120)


def test_the_commands(tmp_path: Path) -> None:
    """New, run and explain; then one expectation fails, and it is told which, and where."""
    folder = tmp_path / "mine"
    made, ran, explained = command("new", str(folder)), command("run", str(folder)), command("explain", str(folder))
    again = command("new", str(folder))
    (folder / "policy.py").write_text((folder / "policy.py").read_text().replace("burst=3", "burst=2"))
    failed, as_json = command("run", str(folder)), command("run", str(folder), "--json", "--quiet")

    assert (made.returncode, ran.returncode, explained.returncode, again.returncode) == (0, 0, 0, 2)
    assert ran.stdout.startswith(f"holds  {folder}: One key asks four times")
    assert "customer: 1 principals sent 4 requests" in explained.stdout
    assert "is there already, and not empty; name a new folder" in again.stderr
    assert failed.returncode == 1
    assert ("label customer: expected at most 25.0% refused, saw 50.0% (2 of 4) (first at line 3)") in failed.stdout
    assert [check["holds"] for check in json.loads(as_json.stdout)[0]["checks"]] == [False, True, True, True, True]


@pytest.mark.parametrize(("file", "text", "told"), [
    ("expect.toml", "about = 5\n[labels.a]\nrefused_most = 1\n[labels.b]\nrefused_at_most = 3.0\n",
     [r"at the top: Expected `str`, got `int`", r"labels.a: Object contains unknown field `refused_most`; known are",
      r"labels.b.refused_at_most: must lie between 0 and 1, got 3.0"]),
    ("expect.toml", "about = ", [r"expect.toml: is no TOML"]),
    ("expect.toml", 'about = "x"\n[[requests]]\nline = "four"\n', [r"requests\[0\]: Expected `int`, got `str`"]),
    ("policy.py", "policy = 5", [r"policy.py: policy: must be a Policy, a sequence of at least one"]),
    ("policy.py", "other = 5", [r"policy.py: has no 'policy'; name another by policy = in expect.toml"]),
    ("policy.py", "1 / 0", [r"policy.py: raised ZeroDivisionError"]),
    ("trace.jsonl", '{"at": 1}\n', [r"trace.jsonl:1: Object missing required field `principal`"]),
])
def test_what_is_wrong_is_told(file: str, text: str, told: list[str], tmp_path: Path) -> None:
    """All of it, with the place and the mend."""
    folder = tmp_path / "mine"
    command("new", str(folder))
    (folder / file).write_text(text)
    with pytest.raises(ScenarioError) as raised:
        run_scenario(folder)

    for one in told:
        assert re.search(one, str(raised.value)), str(raised.value)


def test_a_label_that_is_not_there_is_told(tmp_path: Path) -> None:
    """It holds of nobody, and that is no success."""
    folder = tmp_path / "mine"
    command("new", str(folder))
    (folder / "expect.toml").write_text('about = "x"\n[labels.nobody]\nrefused_at_most = 1.0\n[[requests]]\nline = 9\n')
    outcome = run_scenario(folder)

    assert [str(check) for check in outcome.checks] == [
        "label nobody: expected requests, saw none in the trace",
        "line 9: expected a request, saw none: the trace is shorter"]


def test_pytest_collects_them(tmp_path: Path) -> None:
    """A folder of them, each a test."""
    for name in ("one", "two"):
        command("new", str(tmp_path / name))
    (tmp_path / "two/policy.py").write_text((tmp_path / "two/policy.py").read_text().replace("burst=3", "burst=9"))
    done = subprocess.run([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--ratelimit-scenarios",
                           str(tmp_path)], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120)

    assert "1 failed, 1 passed" in done.stdout
    assert "line 4: expected refused, saw answered" in done.stdout


def test_each_has_a_page_and_a_row() -> None:
    """That a newcomer reads in a minute."""
    index = (FOLDER / "README.md").read_text()
    for name in NAMES:
        page = (FOLDER / name / "README.md").read_text()

        assert f"]({name}/README.md)" in index
        assert "To see it fail:" in page
        assert len(page.split()) < 200
