"""The policy that the environment names is found, or the error says why not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ratelimit.discovery import VARIABLE, discover
from ratelimit.errors import DiscoveryError
from ratelimit.policy import Policy

if TYPE_CHECKING:
    from pathlib import Path

MODULE = """
from ratelimit.policy import Policy

one = Policy(name="one")
two = [one, Policy(name="two")]
none = []
number = 5
mixed = (one, 5)

class Settings:
    inner = one

def make():
    return two

def make_one():
    return one

def make_number():
    return 5

def needs(argument):
    return one

def fails():
    raise ConnectionError("no network")
"""


@pytest.fixture(autouse=True)
def modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put modules to be found on the path."""
    package = tmp_path / "discovered"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "settings.py").write_text(MODULE)
    (package / "broken.py").write_text("import a_module_that_is_not_there\n")
    (package / "failing.py").write_text("1 / 0\n")
    (package / "syntax.py").write_text("policy =\n")
    monkeypatch.syspath_prepend(tmp_path)


@pytest.mark.parametrize(("named", "names"), [
    ("settings:one", ["one"]),
    ("settings:two", ["one", "two"]),
    ("settings:make", ["one", "two"]),
    ("settings:make_one", ["one"]),
    ("settings:Settings.inner", ["one"]),
])
def test_a_named_policy_is_found(named: str, names: list[str]) -> None:
    """A policy, a sequence of them, or a function that returns either, wherever in the module it stands."""
    assert [policy.name for policy in discover({VARIABLE: f"discovered.{named}"})] == names


@pytest.mark.parametrize("environ", [{}, {VARIABLE: ""}, {VARIABLE: "  "}])
def test_nothing_named_is_the_default(environ: dict[str, str]) -> None:
    """Unset or empty, the default policy it is."""
    assert discover(environ) == (Policy(),)


@pytest.mark.parametrize(("named", "problem"), [
    ("discovered.settings", "must be written package.module:name"),
    (":one", "must be written package.module:name"),
    ("discovered.settings:", "must be written package.module:name"),
    ("undiscovered.settings:one", "there is no module undiscovered; put its folder on PYTHONPATH"),
    ("discovered.absent:one", "there is no module discovered.absent; put its folder on PYTHONPATH"),
    ("discovered.settings.deeper:one", "there is no module discovered.settings.deeper"),
    ("discovered.broken:one", "importing discovered.broken failed: No module named 'a_module_that_is_not_there'"),
    ("discovered.failing:one", "importing discovered.failing raised ZeroDivisionError"),
    ("discovered.syntax:one", "importing discovered.syntax raised SyntaxError"),
    (".settings:one", "importing .settings raised TypeError"),
    ("discovered.settings:absent", "discovered.settings has no absent"),
    ("discovered.settings:Settings.absent", "discovered.settings has no Settings.absent"),
    ("discovered.settings:number", "must be a Policy, a sequence of at least one"),
    ("discovered.settings:none", "must be a Policy, a sequence of at least one"),
    ("discovered.settings:mixed", "must be a Policy, a sequence of at least one"),
    ("discovered.settings:make_number", "must be a Policy, a sequence of at least one"),
    ("discovered.settings:needs", "calling it raised TypeError"),
    ("discovered.settings:fails", "calling it raised ConnectionError: no network"),
])
def test_what_cannot_be_found_is_explained(named: str, problem: str) -> None:
    """One error says which value of the variable, what is wrong with it, and the mend."""
    with pytest.raises(DiscoveryError) as raised:
        discover({VARIABLE: named})

    assert str(raised.value).startswith(f"RATELIMIT_POLICY={named}: ")
    assert problem in str(raised.value)
