"""The page on testing does what it says."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ratelimit.testing import LawBrokenError, laws

FOLDER = Path(__file__).parent.parent.parent / "examples/testing"
PAGE = (FOLDER / "README.md").read_text("utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
PYTHON = [code for language, code in BLOCKS if language == "python"]
(TOLD,) = [text for language, text in BLOCKS if language == "text"]


def ran(*command: str) -> Any:
    """Run a command in the folder of the page."""
    return subprocess.run(command, cwd=FOLDER, capture_output=True, text=True, check=False, timeout=240,
                          env=os.environ | {"PYTHONPATH": str(FOLDER), "PYTHONDONTWRITEBYTECODE": "1"})


@pytest.mark.parametrize("code", PYTHON, ids=range(1, len(PYTHON) + 1))
def test_each_block_runs_as_it_stands(code: str) -> None:
    """To its end."""
    done = ran(sys.executable, "-c", code)

    assert (done.returncode, done.stderr) == (0, "")


def test_its_tests_pass() -> None:
    """All that it proposes."""
    done = ran(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", os.devnull, "--rootdir", ".")

    assert done.returncode == 0, done.stdout
    assert "6 passed" in done.stdout


def test_what_is_broken_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """Word for word."""
    monkeypatch.syspath_prepend(FOLDER)
    import my_limits  # noqa: PLC0415 (found beside the page)

    with pytest.raises(LawBrokenError) as raised:
        laws.split_proof(my_limits.hurried)
    sys.modules.pop("my_limits")

    assert str(raised.value).rstrip() == TOLD.rstrip()


def test_every_law_is_in_its_table() -> None:
    """In the words that begin its own."""
    rows = re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE)

    assert sorted(rows) == sorted(law.name for law in laws.ALL)
