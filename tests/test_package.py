"""The package: what it exports, how light it is to import, and that its papers agree."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import ratelimit

ROOT = Path(__file__).parent.parent

#: Whatever a user has not asked for.
HEAVY = (
    "redis", "hypothesis", "pytest", "plotly", "matplotlib", "uvicorn", "httpx", "rich", "openai", "anthropic",
    "brotli", "zstandard",
    "jinja2", "itsdangerous", "playwright", "prometheus_client",
    "opentelemetry", "google.genai", "cohere", "mistralai", "ollama", "botocore",
    "huggingface_hub", "mcp",
)


def test_the_public_names_are_sorted_and_there() -> None:
    """``__all__`` is sorted, each of its names is there and shown by ``dir``, and another is an error."""
    assert ratelimit.__all__ == sorted(ratelimit.__all__)
    assert set(ratelimit._LATER) == set(ratelimit.__all__) <= set(dir(ratelimit))
    assert all(getattr(ratelimit, name).__name__ == name for name in ratelimit.__all__ if name not in {
        "CohortRule", "DEFAULT_DIALECTS", "Mode", "Resolver"})
    assert ratelimit.OpenAIChat() in ratelimit.DEFAULT_DIALECTS
    with pytest.raises(AttributeError, match="module 'ratelimit' has no attribute 'Polcy'"):
        ratelimit.Polcy  # type: ignore[attr-defined]  # noqa: B018


def test_what_is_imported_is_what_is_used() -> None:
    """``import ratelimit`` loads nothing of it; a star takes all."""
    script = ("import sys, ratelimit; print([name for name in sys.modules if name.startswith('ratelimit.')], "
              "'numpy' in sys.modules); exec('from ratelimit import *'); print(Policy is ratelimit.policy.Policy)")
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT)

    assert done.stdout.splitlines() == ["[] False", "True"]


def test_the_typed_surface_uses_every_public_name() -> None:
    """``tests/typing/api.py``, which the type checker reads, imports each name of ``__all__`` and uses it."""
    tree = ast.parse((ROOT / "tests/typing/api.py").read_text())
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module == "ratelimit"
                for alias in node.names}
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}

    assert imported == set(ratelimit.__all__)
    assert imported <= used


def test_importing_the_package_is_light() -> None:
    """``import ratelimit`` brings in no store's driver, no test tool, no plotting and no web server."""
    script = f"import ratelimit, sys; print([name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT)

    assert done.stdout.strip() == "[]"


def test_the_changelog_is_that_of_this_version() -> None:
    """The newest version in the changelog is the package's."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    newest = re.search(r"^## \[?(\d+\.\d+\.\d+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)

    assert newest is not None
    assert newest[1] == project["version"]


def test_only_the_clock_reads_a_clock() -> None:
    """No file of the package but ``clock.py`` asks the machine for the time."""
    clocks = re.compile(r"\btime\.(time|monotonic|perf_counter)\(|datetime\.(now|utcnow)\(")
    found = [path.name for path in (ROOT / "ratelimit").rglob("*.py") if clocks.search(path.read_text())]

    assert found == ["clock.py"]


def test_the_testing_kit_has_every_name_that_it_says() -> None:
    """Also those that are imported when they are first used; ``__all__`` is sorted, and another name is an error."""
    import ratelimit.testing as kit  # noqa: PLC0415

    assert kit.__all__ == sorted(kit.__all__)
    assert all(getattr(kit, name) is not None for name in kit.__all__)
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        kit.nothing  # noqa: B018
