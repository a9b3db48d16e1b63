"""The plugin, in pytest processes of their own."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pathlib import Path

POLICIES = """
from datetime import timedelta
from ratelimit import Budget, Policy, Trust
few = (Budget(quota=6, window=timedelta(minutes=1), burst=3),)
good = Policy(budgets=few)
minting = Policy(budgets=few, trust=Trust(mature_after=timedelta(seconds=30)))
"""

USES = """
import pytest
from hypothesis import settings

def test_the_clock_stands_still(ratelimit_clock):
    began = ratelimit_clock.now()
    ratelimit_clock.advance(5)
    assert ratelimit_clock.now() == began + 5 > 1_700_000_000

@pytest.mark.asyncio
async def test_it_goes_with_asyncio(ratelimit_clock, ratelimit_profiles):
    settings.load_profile("ratelimit-quick")
    assert settings().max_examples == 20
    assert ratelimit_profiles == ("ratelimit-quick", "ratelimit-ci", "ratelimit-thorough")
"""


def pytest_in(folder: Path, *arguments: str) -> Any:
    """Run pytest in *folder*."""
    return subprocess.run([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments], cwd=folder,
                          capture_output=True, text=True, check=False, timeout=120)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Give a folder with policies in it."""
    (tmp_path / "limits.py").write_text(POLICIES)
    return tmp_path


def test_one_test_a_law(folder: Path) -> None:
    """Without any file of tests: a good policy passes all."""
    done = pytest_in(folder, "--ratelimit-policy", "limits:good", "--ratelimit-profile", "quick", "-vv")

    assert done.returncode == 0, done.stdout + done.stderr
    assert "limits:good[default]::split_proof PASSED" in done.stdout
    assert "12 passed" in done.stdout


def test_a_broken_law_is_told_in_words(folder: Path) -> None:
    """And no trace of the library's own."""
    done = pytest_in(folder, "--ratelimit-policy", "limits:minting", "--ratelimit-profile", "quick")

    assert done.returncode == 1
    assert "the policy breaks the law 'split_proof'" in done.stdout
    assert "from limits import minting as policy" in done.stdout
    assert "Traceback" not in done.stdout


def test_a_policy_that_is_not_there_is_a_usage_error(folder: Path) -> None:
    """With what is wrong, and the mend."""
    done = pytest_in(folder, "--ratelimit-policy", "limits:none")

    assert done.returncode == 4
    assert "--ratelimit-policy limits:none: limits has no none; it must be defined at the top" in done.stderr


def test_fixtures_and_profiles(folder: Path) -> None:
    """Under pytest-asyncio, with nothing asked for."""
    (folder / "test_uses.py").write_text(USES)
    done = pytest_in(folder)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 passed" in done.stdout


def test_nothing_heavy_is_imported_until_it_is_used(folder: Path) -> None:
    """Whoever does not test policies does not wait for Hypothesis."""
    (folder / "test_light.py").write_text(
        "import sys\n\ndef test_light():\n    assert 'ratelimit.testing' not in sys.modules\n")
    done = pytest_in(folder, "-p", "no:hypothesispytest", "-p", "no:schemathesis")

    assert done.returncode == 0, done.stdout + done.stderr
