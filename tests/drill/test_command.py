"""The command: what it prints, and the exit codes that a pipeline can use."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import textwrap
from typing import TYPE_CHECKING, Any

import pytest

import ratelimit.drill
from ratelimit.cli import main

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture(scope="module")
def hydra(drill: Callable[..., Any]) -> dict[str, Any]:
    """Give the outcome of the plain campaign."""
    done = drill("hydra", json=True, days=2.0)
    assert done.code == 0, done.err
    return json.loads(done.out)["outcomes"][0]


def test_the_plain_campaign_is_stopped_and_honest_people_are_not(hydra: dict[str, Any]) -> None:
    """It gets a small part of what it gets otherwise, its accounts burn, and the honest lose next to nothing."""
    assert hydra["harvested"] < 0.25
    assert hydra["burnt"] > 25
    assert hydra["honest_lost"] < 0.002
    assert hydra["cost_requests"] > 4
    assert set(hydra["honest"]) == {"chat", "support", "batch", "benchmark", "gateway", "seats", "class", "agents"}


def test_a_fixed_quota_that_hurts_alike_stops_nothing(hydra: dict[str, Any]) -> None:
    """The quota costs the honest no more than the policy, one request a day less costs more, and all is harvested."""
    assert hydra["fixed_lost"] <= hydra["honest_lost"]
    assert hydra["fixed"]["harvested"] == hydra["nothing"]["harvested"] == hydra["nothing"]["sent"]
    assert hydra["over_fixed_requests"] == pytest.approx(hydra["cost_requests"])


def test_the_same_seed_comes_to_the_same(drill: Callable[..., Any]) -> None:
    """Everything follows from the seed, and another seed comes to something else."""
    one, again, other = (drill("retry", json=True, seed=seed, days=0.5).out for seed in (4, 4, 5))

    assert one == again
    assert one != other


def test_an_adversary_of_twenty_lines_is_rehearsed(
    drill: Callable[..., Any], module: Callable[[str, str], None]
) -> None:
    """The example of the documentation runs as it stands there."""
    found = re.search(r"    class Patient.*?(?=\n\n``)", ratelimit.drill.__doc__ or "", re.DOTALL)
    assert found is not None
    module("mine", "from ratelimit.drill import Adversary, Ask\n\n" + textwrap.dedent(found[0]))
    done = drill("mine:Patient", json=True)

    assert done.code == 0, done.err
    assert json.loads(done.out)["outcomes"][0]["adversary"] == "patient"
    assert len(found[0].splitlines()) <= 20


def test_a_crowd_of_ones_own_is_among_the_honest(
    drill: Callable[..., Any], module: Callable[[str, str], None]
) -> None:
    """It has a row of its own."""
    module("mine", textwrap.dedent("""
        from ratelimit.drill import Ask, Crowd

        class Poets(Crowd):
            name, summary = "poets", "they ask once"

            def actors(self, stage):
                yield self.one(stage.account(), stage.person())

            def one(self, me, person):
                yield Ask(by=me, text=person.ask(), after=60.0)
    """))
    done = drill("hydra", json=True, days=0.1, crowds=("mine:Poets",))

    assert json.loads(done.out)["outcomes"][0]["honest"]["poets"] == {"requests": 1, "refused": 0}


def test_a_condition_that_holds_is_an_exit_code(drill: Callable[..., Any]) -> None:
    """3 if it holds of any adversary, with a sentence that names it; 0 if not."""
    held, not_held = (drill("hydra", days=0.2, fail_if=(text,)) for text in ("harvested > 0.05", "harvested>1"))

    assert (held.code, not_held.code) == (3, 0)
    assert "ratelimit drill: --fail-if harvested > 0.05: it is " in held.err
    assert " for hydra\n" in held.err


def test_a_pipe_is_told_how_long_it_takes(drill: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """A line every few seconds says what is rehearsed, how much is done and how long the rest takes."""
    monkeypatch.setattr("ratelimit.trace.progress._EVERY", 0.0)
    done = drill("hydra", days=0.5, quiet=False)

    assert re.search(r"^hydra, \d+\.\d% done, about [\d.]+ (seconds|minutes) left$", done.err, re.MULTILINE)
    assert done.err.splitlines()[-1].startswith("rehearsed in ")


@pytest.mark.parametrize(("names", "options", "said"), [
    (("nobody",), {}, "there is no adversary 'nobody'; built in are hydra"),
    (("hydra", "hydra"), {}, "two adversaries are called 'hydra'"),
    (("hydra",), {"fail_if": ("luck>1",)}, "the names are answered, burnt"),
    (("hydra",), {"fail_if": ("harvested>?",)}, "must be a name"),
    (("hydra",), {"policy": "no.module:here"}, "--policy no.module:here"),
    (("json:loads",), {}, "must be a class that inherits from ratelimit.drill.Adversary"),
    (("hydra",), {"report": "/no/folder/out.html"}, "there is no folder /no/folder"),
])
def test_what_cannot_be_done_is_said(
    drill: Callable[..., Any], names: tuple[str, ...], options: dict[str, Any], said: str
) -> None:
    """Exit code 2 and a sentence, before anything is rehearsed."""
    done = drill(*names, **options)

    assert done.code == 2
    assert said in done.err
    assert not done.out


def test_everything_that_is_built_in_is_listed(capsys: pytest.CaptureFixture[str]) -> None:
    """``--list`` names every adversary and every crowd."""
    assert main(["drill", "--list"]) == 0

    printed = capsys.readouterr().out
    assert all(name in printed for name in (*ratelimit.drill.ADVERSARIES, *ratelimit.drill.CROWDS))


def test_a_policy_of_ones_own_is_rehearsed(drill: Callable[..., Any], module: Callable[[str, str], None]) -> None:
    """A policy without signals stops nothing."""
    module("mine", "from ratelimit import Policy\nblind = Policy(name='blind', signals=(), cohort_signals=())\n")
    done = json.loads(drill("hydra", json=True, days=0.5, policy="mine:blind").out)

    assert done["policy"] == "blind"
    assert done["outcomes"][0]["answered"] == 1.0


def test_ctrl_c_leaves_what_came_of_it_so_far(tmp_path: Path) -> None:
    """Exit code 130, and a table of as much of the campaign as was rehearsed, compared with as much of the others."""
    script = ("import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); "
              "from ratelimit.cli import main; sys.exit(main(['drill', '--json', '--days', '300']))")
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               text=True, cwd=tmp_path, env={**os.environ, "PYTHONUNBUFFERED": "1"})
    try:
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(4.0)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30.0)
    finally:
        process.kill()
    drill = json.loads(out)

    assert process.returncode == 130
    assert "stopped; this is what came of it so far" in err
    assert not drill["whole"]
    assert drill["outcomes"][0]["nothing"]["sent"] > 0
