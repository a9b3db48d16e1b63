"""The pytest plugin: laws collected as tests, a clock, Hypothesis profiles. Nothing heavy is imported until used."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ratelimit.clock import ManualClock
    from ratelimit.policy import Policy

_PROFILES = {"ratelimit-quick": 20, "ratelimit-ci": 100, "ratelimit-thorough": 2000}


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the plugin's options."""
    group = parser.getgroup("ratelimit", "laws of rate-limit policies")
    group.addoption("--ratelimit-policy", action="append", default=[], metavar="MODULE:NAME",
                    help="collect one test per law for this Policy, sequence of them, or function that returns either; "
                         "repeatable")
    group.addoption("--ratelimit-scenarios", action="append", default=[], metavar="FOLDER",
                    help="collect one test for each scenario in this folder, or for the folder that is one; repeatable")
    group.addoption("--ratelimit-profile", default="ci", choices=["quick", "ci", "thorough"],
                    help="on how many traces each law is tried (default: ci)")


def pytest_configure(config: pytest.Config) -> None:
    """Register Hypothesis's profiles, if it is in use."""
    if config.getoption("--ratelimit-policy"):
        _register()


def pytest_collection_modifyitems(session: pytest.Session, config: pytest.Config, items: list[pytest.Item]) -> None:
    """Add a test for each law and policy that was asked for."""
    for named in config.getoption("--ratelimit-policy"):
        items.extend(_laws_of(session, named, config.getoption("--ratelimit-profile")))
    for folder in config.getoption("--ratelimit-scenarios"):
        items.extend(_scenarios_in(session, Path(folder)))


@pytest.fixture
def ratelimit_clock() -> ManualClock:
    """Give a clock that stands still until it is moved: a ``ManualClock`` at a date of this century."""
    from ratelimit.clock import ManualClock  # noqa: PLC0415 (nothing is imported until it is used)
    from ratelimit.testing.play import START  # noqa: PLC0415

    return ManualClock(START)


@pytest.fixture(scope="session")
def ratelimit_profiles() -> tuple[str, ...]:
    """Register the Hypothesis profiles, and give their names: ``ratelimit-quick``, ``-ci`` and ``-thorough``."""
    _register()
    return tuple(_PROFILES)


def _register() -> None:
    from hypothesis import settings  # noqa: PLC0415

    for name, examples in _PROFILES.items():
        settings.register_profile(name, max_examples=examples, deadline=None, derandomize=name == "ratelimit-ci",
                                  print_blob=True)


def _laws_of(session: pytest.Session, named: str, profile: str) -> Iterator[pytest.Item]:
    from ratelimit.discovery import load  # noqa: PLC0415
    from ratelimit.errors import DiscoveryError  # noqa: PLC0415
    from ratelimit.testing import laws  # noqa: PLC0415
    from ratelimit.trace.loop import find_modules_here  # noqa: PLC0415

    find_modules_here()
    try:
        policies = load(named, said=f"--ratelimit-policy {named}")
    except DiscoveryError as error:
        raise pytest.UsageError(str(error)) from error
    for policy in policies:
        for law in laws.ALL:
            name = f"{named}[{policy.name}]::{law.name}"
            yield LawItem.from_parent(session, name=name, policy=policy, law=law.name, profile=profile)


def _scenarios_in(session: pytest.Session, folder: Path) -> Iterator[pytest.Item]:
    found = [folder] if (folder / "expect.toml").exists() else sorted(
        path.parent for path in folder.glob("*/expect.toml"))
    if not found:
        raise pytest.UsageError(f"--ratelimit-scenarios {folder}: holds none; `ratelimit scenario new` makes one")
    for path in found:
        yield ScenarioItem.from_parent(session, name=f"scenario::{path}", folder=path)


class ScenarioItem(pytest.Item):
    """One scenario."""

    def __init__(self, *, folder: Path, **given: object) -> None:
        super().__init__(**given)  # type: ignore[arg-type]  # pytest's own: name and parent
        self.folder = folder

    def runtest(self) -> None:
        """Run it."""
        from ratelimit.scenario import ScenarioError, run_scenario  # noqa: PLC0415

        try:
            outcome = run_scenario(self.folder)
        except ScenarioError as error:
            pytest.fail(str(error), pytrace=False)
        wrong = [str(check) for check in outcome.checks if not check.holds]
        if wrong:
            pytest.fail("\n".join([outcome.expect.about, *wrong]), pytrace=False)

    def reportinfo(self) -> tuple[str, None, str]:
        """Say where it stands."""
        return "ratelimit", None, self.name


class LawItem(pytest.Item):
    """One law, tried on one policy."""

    def __init__(self, *, policy: Policy, law: str, profile: str, **given: object) -> None:
        super().__init__(**given)  # type: ignore[arg-type]  # pytest's own: name and parent
        self.policy, self.law, self.profile = policy, law, profile

    def runtest(self) -> None:
        """Try it."""
        from ratelimit.testing import laws  # noqa: PLC0415

        getattr(laws, self.law)(self.policy, profile=self.profile)

    def repr_failure(  # type: ignore[override]  # narrower than pytest's own
        self, excinfo: pytest.ExceptionInfo[BaseException]
    ) -> str:
        """Return what the law says: where it was raised is of no interest."""
        from ratelimit.testing.broken import LawBrokenError  # noqa: PLC0415

        if isinstance(excinfo.value, LawBrokenError):
            return str(excinfo.value)
        return str(super().repr_failure(excinfo))

    def reportinfo(self) -> tuple[str, None, str]:
        """Say where it stands."""
        return "ratelimit", None, self.name
