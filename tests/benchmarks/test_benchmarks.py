"""The benchmarks run: no time is asserted."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).parent


def ran(script: str, *arguments: str) -> Any:
    """Run one."""
    return subprocess.run([sys.executable, str(FOLDER / script), *arguments], capture_output=True, text=True,
                          check=False, timeout=240)


@pytest.mark.parametrize("how", ["--refused", "--cold"])
def test_side_by_side(how: str, tmp_path: Path) -> None:
    """Every system has its figures, in the table and as JSON."""
    done = ran("side_by_side.py", "--rounds", "3", "--batch", "20", "--principals", "200", "--bodies", "200,9000", how,
               "--json", str(tmp_path / "figures.json"))
    figures = json.loads((tmp_path / "figures.json").read_text())

    assert done.returncode == 0, done.stderr
    assert set(figures) == {"200", "9000"}
    assert set(figures["200"]) >= {"limits, fixed window", "slowapi, headers", "ours, the default"}
    assert "ours, the default" in done.stdout


def test_growth(tmp_path: Path) -> None:
    """Every panel has its figures, as JSON and drawn; memory is that of a process of its own."""
    done = ran("growth.py", "--principals", "50,100", "--history", "2,3", "--cohort", "50,60", "--policies", "1,2",
               "--each", "1", "--rounds", "2", "--json", str(tmp_path / "figures.json"), "--plot",
               str(tmp_path / "figures.svg"))
    figures = json.loads((tmp_path / "figures.json").read_text())

    assert done.returncode == 0, done.stderr
    assert [len(rows) for rows in figures.values()] == [2, 2, 2, 2, 2]
    assert figures["memory"][1]["principals"] >= 100
    assert (tmp_path / "figures.svg").read_text().count('<g id="axes_') == 5


@pytest.mark.skipif(shutil.which("wrk") is None, reason="wrk is not installed")
def test_served() -> None:
    """A row for each system, over real sockets."""
    done = ran("served.py", "--rounds", "2", "--seconds", "1")

    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 6


def test_telemetry_cost() -> None:
    """It prints a row for each."""
    done = ran("telemetry_cost.py", "--rounds", "2")

    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 5
