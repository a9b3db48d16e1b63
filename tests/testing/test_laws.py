"""Every law is seen to break, by a policy or a store that looks plausible, and to hold for what is shipped."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ratelimit import Policy
from ratelimit.testing import Ask, LawBrokenError, Suspect, check_policy, laws
from ratelimit.testing.steps import requests_in

if TYPE_CHECKING:
    from collections.abc import Callable

sys.path.insert(0, str(Path(__file__).parent))

import wrong_policies as wrong

WRONG: list[tuple[str, Policy, dict[str, Any]]] = [
    ("steady", wrong.floorless, {}),
    ("steady", wrong.compounding, {}),
    ("forgiving", wrong.unforgiving, {}),
    ("forgiving", wrong.too_slow_to_forgive, {}),
    ("split_proof", wrong.minting, {}),
    ("never_looser", wrong.FEW, {"store": wrong.forgetful}),
    ("monotone", wrong.loosening, {}),
    ("frame_proof", wrong.framed, {}),
    ("isolated", wrong.FEW, {"store": lambda clock, secret: wrong.Mixing(clock=clock, secret=secret)}),
    ("bounded", wrong.seldom, {"store": lambda clock, secret: wrong.Generous(clock=clock, secret=secret)}),
    ("replay", wrong.FEW, {"store": lambda clock, secret: wrong.Moody(clock=clock, secret=secret)}),
    ("retry_idempotent", wrong.surcharged, {}),
    ("honest_promise", wrong.greedy, {}),
    ("pass_through", wrong.FEW, {"guard": wrong.Merging}),
]


def named(case: Any) -> str | None:
    """Return a short name for a case's part."""
    return next((name for name, value in vars(wrong).items() if value is case and isinstance(case, Policy)), None)


@pytest.mark.parametrize(("law", "policy", "options"), WRONG, ids=named)
def test_each_law_is_broken_by_something(law: str, policy: Policy, options: dict[str, Any]) -> None:
    """By its name, in words, with a trace of at most ten requests."""
    with pytest.raises(LawBrokenError) as raised:
        getattr(laws, law)(policy, **options)

    assert raised.value.law == law
    assert requests_in(list(raised.value.steps)) <= 10
    assert f"breaks the law {law!r}: {getattr(laws, law).says}" in str(raised.value)


def test_every_law_is_among_those() -> None:
    """None is left out that was never seen to break."""
    assert {law for law, *_ in WRONG} == {law.name for law in laws.ALL}


@pytest.mark.parametrize("name", ["floorless", "compounding", "unforgiving", "minting", "loosening", "framed"])
def test_the_program_shows_it_again(name: str, tmp_path: Path) -> None:
    """What is printed is a program that runs by itself, and fails for the same reason."""
    with pytest.raises(LawBrokenError) as raised:
        check_policy(getattr(wrong, name), profile="quick")
    script = tmp_path / "again.py"
    script.write_text(raised.value.program)
    done = subprocess.run([sys.executable, script], env={"PYTHONPATH": str(Path(__file__).parent)}, capture_output=True,
                          text=True, check=False, timeout=60)

    assert done.returncode == 1
    assert raised.value.what in done.stderr


def test_the_program_names_the_store_too(tmp_path: Path) -> None:
    """Where that is what breaks the law."""
    with pytest.raises(LawBrokenError) as raised:
        laws.never_looser(wrong.FEW, store=wrong.forgetful)

    assert "from wrong_policies import forgetful as store\n" in raised.value.program
    assert raised.value.program.endswith("], store=store)\n")


def test_a_policy_that_stands_in_no_module_is_written_out(tmp_path: Path) -> None:
    """By its fields, as far as they are not the usual ones."""
    from dataclasses import replace  # noqa: PLC0415
    from datetime import timedelta  # noqa: PLC0415

    from ratelimit import Trust  # noqa: PLC0415

    with pytest.raises(LawBrokenError) as raised:
        laws.split_proof(replace(wrong.FEW, trust=Trust(mature_after=timedelta(seconds=20))))
    script = tmp_path / "again.py"
    script.write_text(raised.value.program)
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=False, timeout=60)

    assert "policy = Policy(budgets=" in raised.value.program
    assert raised.value.what in done.stderr


def test_several_broken_laws_are_all_named() -> None:
    """The first is told whole, the others by name."""
    with pytest.raises(LawBrokenError) as raised:
        check_policy(wrong.unforgiving, store=wrong.forgetful, profile="quick")

    assert {raised.value.law, *raised.value.also} >= {"forgiving", "never_looser"}
    assert "It breaks as well: " in str(raised.value)


def test_the_default_policy_keeps_every_law() -> None:
    """As it is shipped, under the profile ci."""
    check_policy(Policy())


@pytest.mark.parametrize("law", [law for law in laws.ALL if law.name != "honest_promise"], ids=lambda law: law.name)
def test_a_small_policy_keeps_every_law(law: Any) -> None:
    """What makes the wrong ones break is what is wrong with them."""
    law(wrong.FEW)


def test_a_trace_of_ones_own_is_tried() -> None:
    """Without Hypothesis: steps as values."""
    laws.forgiving.on(wrong.FEW, [Suspect("ann", 8.0), Ask("ann", times=3)])
    with pytest.raises(LawBrokenError, match="its next request meets the tier hard"):
        laws.forgiving.on(wrong.unforgiving, [Suspect("ann", 8.0)])


@pytest.mark.parametrize("tried", [check_policy, laws.bounded, laws.pass_through, laws.honest_promise])
def test_an_unknown_profile_is_named(tried: Callable[..., None]) -> None:
    """With those that there are."""
    with pytest.raises(ValueError, match="profile: must be one of quick, ci, thorough, got 'slow'"):
        tried(Policy(), profile="slow")
