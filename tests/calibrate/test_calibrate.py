"""Nulls of one's own traffic: what they promise, what a campaign inside cannot do to them, and when there are none."""

from __future__ import annotations

import contextlib
import io
import json
import subprocess
import sys
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from ratelimit.calibrate.crowds import crowd_of
from ratelimit.calibrate.promise import enough, interval
from ratelimit.calibrate.recording import CLEAR, CLOSE, STRANGE, STRONG, Recorder, packed, unpacked
from ratelimit.calibrate.shrink import crowd, quantile, tail
from ratelimit.calibrate.watching import Watched, Watching
from ratelimit.cli import main
from ratelimit.policy import Policy
from ratelimit.replay.run import Options as ReplayOptions
from ratelimit.replay.run import run as replay
from ratelimit.signals import Affinity
from ratelimit.signals.affinity import factors

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def test_the_program_is_the_policy_that_was_fitted(fitted: Any) -> None:
    """What is printed runs as it stands, and its policy has the nulls that the JSON tells."""
    found = fitted
    namespace: dict[str, Any] = {}
    exec(found.made["program"], namespace)  # noqa: S102 (what we printed ourselves)
    (affinity,) = namespace["policy"].cohort_signals

    assert found.code == 0
    assert list(affinity.careful) == found.made["nulls"]["affinity"]["careful"]
    assert affinity.careful != Affinity().careful
    assert list(affinity.careful) == sorted(affinity.careful)
    assert all(careful < typical for careful, typical in zip(affinity.careful, affinity.typical, strict=True))


def test_the_promise_holds_for_people_it_was_not_fitted_to(
    people: Callable[..., Any], fitted: Any, write: Callable[..., Path], tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Of other people of the same kind no more than alpha are tightened by the policy that was printed."""
    made, other = fitted.made, write(people(seed=6))
    (tmp_path / "calibrated_policy.py").write_text(made["program"], "utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        code = replay(ReplayOptions(trace=str(other), policies=("calibrated_policy:policy",), quiet=True,
                                    fail_if=("tightened_share > 5%",)))
    sys.modules.pop("calibrated_policy")

    assert code == 0
    assert made["outside"] / made["tried"] <= 0.05
    assert made["low"] <= made["outside"] / made["tried"] <= made["high"]


@pytest.mark.parametrize(("requests", "accounts"), [(600, 6), (66, 33)])
def test_a_campaign_inside_does_not_drag_the_nulls(
    requests: int, accounts: int, people: Callable[..., Any], harvest: Callable[..., Any],
    calibrate: Callable[..., Any], fitted: Any,
) -> None:
    """They stay within 10 %: a large harvest is found and left out, and 2 % of all requests weigh little unfound."""
    without, among = fitted.made, calibrate([*people(), *harvest(requests, accounts)]).made

    assert among["principals"] == without["principals"] + accounts
    assert among["found"] == (accounts if requests == 600 else 0)
    assert without["found"] == 0
    for field in ("careful", "typical"):
        pairs = zip(without["nulls"]["affinity"][field], among["nulls"]["affinity"][field], strict=True)
        assert all(abs(mine / theirs - 1) <= 0.10 for mine, theirs in pairs)


def test_too_little_traffic_is_refused_with_what_would_do(
    people: Callable[..., Any], calibrate: Callable[..., Any]
) -> None:
    """No policy, exit code 3, and what would be enough: more traffic, or another alpha."""
    found = calibrate(people(), alpha=0.01)

    assert found.code == 3
    assert found.made["program"] is None
    assert found.made["nulls"] == {}
    assert "of 80 principals 80 asked enough to be judged" in found.err
    assert "takes 299" in found.err
    assert "some 3.7 times as much traffic, or --alpha 0.05, for which 59 do" in found.err


def test_nobody_is_too_few(calibrate: Callable[..., Any]) -> None:
    """An empty trace is refused in the same words."""
    found = calibrate([])

    assert found.code == 3
    assert "of 0 principals 0 asked enough to be judged" in found.err


def test_the_policy_of_ones_own_is_kept_but_for_its_nulls(
    people: Callable[..., Any], calibrate: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A policy that no text could write down, with a signal of the user's own, keeps all that was not fitted."""
    (tmp_path / "own_policy.py").write_text(
        "from ratelimit import Policy, Wander\n"
        "class Own:\n    name, ceiling = 'own', 1.0\n    def score(self, features, own): return 0.0\n"
        "def make(): return Policy(name='mine', when=lambda request: True, signals=(Own(), Wander()))\n", "utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    found = calibrate(people(), policy="own_policy:make")
    namespace: dict[str, Any] = {}
    exec(found.made["program"], namespace)  # noqa: S102 (what we printed ourselves)
    policy = namespace["policy"]
    sys.modules.pop("own_policy")

    assert (policy.name, [signal.name for signal in policy.signals]) == ("mine", ["own", "wander"])
    assert policy.when is not None
    assert list(policy.cohort_signals[0].careful) == found.made["nulls"]["affinity"]["careful"]


def test_recording_changes_no_bet() -> None:
    """Whatever affinity's bet, the recorder tells its outcome by its price, and gives the same bet back."""
    recording = Recorder().policy(Policy()).cohort_signals[0]

    assert recording.name == "affinity"
    assert recording.ceiling == Affinity().ceiling
    for outcome in (STRONG, CLEAR, CLOSE, STRANGE):
        assert unpacked(packed(5, 33, outcome)) == (5, 33, outcome)


def test_the_interval_is_exact() -> None:
    """The edges of Clopper and Pearson, as tables have them, and none found says what the rule of three does."""
    low, high = interval(5, 100)

    assert (round(low, 4), round(high, 4)) == (0.0164, 0.1128)
    assert interval(0, 0) == (0.0, 1.0)
    assert interval(4, 4)[1] == 1.0
    assert (1 - 0.01) ** enough(0.01) <= 0.05 < (1 - 0.01) ** (enough(0.01) - 1)


def test_a_crowd_that_is_alike_weighs_more() -> None:
    """Where rates differ by no more than chance the crowd is believed, where they differ much each principal is."""
    bets = np.full(50, 20.0)
    alike, unlike = np.full(50, 10.0), np.repeat([1.0, 19.0], 25)

    assert crowd(alike, bets, np.ones(50))[1] > 20 * crowd(unlike, bets, np.ones(50))[1]
    assert quantile(np.array([[0.1], [0.9]]), np.array([1.0, 99.0]), 0.5) > 0.5
    assert factors(8, 64, 0.28)[3] > 0


@pytest.mark.parametrize("share", [0.001, 0.01, 0.05, 0.2, 0.8, 0.95, 0.999])
def test_a_tail_is_the_quantile_of_what_is_logit_normal(share: float) -> None:
    """On either side, whatever its middle and its spread."""
    heights = np.array([NormalDist(-1.0, 0.7).inv_cdf((at + 0.5) / 20_000) for at in range(20_000)])
    values, weights = 1 / (1 + np.exp(-heights))[:, None], np.ones(20_000)

    assert tail(values, weights, share) == pytest.approx(quantile(values, weights, share), rel=0.01)


@pytest.mark.parametrize("share", [0.01, 0.99])
def test_a_tail_hardly_moves_with_a_minority_at_the_edge(share: float) -> None:
    """Where as many as the share itself are put at the edge, the quantile is theirs, and the tail the crowd's."""
    heights = np.random.default_rng(3).normal(0.0, 1.0, 1000)
    crowd_alone = 1 / (1 + np.exp(-heights))[:, None]
    edge = np.full((20, 1), 0.001 if share < 0.5 else 0.999)
    mixed = np.vstack([crowd_alone, edge])
    moved = tail(mixed, np.ones(1020), share), tail(crowd_alone, np.ones(1000), share)
    dragged = quantile(mixed, np.ones(1020), share), quantile(crowd_alone, np.ones(1000), share)
    odds = [abs(np.log(one / (1 - one)) - np.log(other / (1 - other))) for one, other in (moved, dragged)]

    assert odds[0] < 0.15
    assert odds[1] > 2.0


def test_the_command_prints_only_the_program(
    people: Callable[..., Any], write: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    """Without ``--json`` standard output is what can be sent into a file: comments that say how sure, and Python."""
    code = main(["calibrate", str(write(people())), "--alpha", "0.05", "--quiet"])
    out, err = capsys.readouterr()

    assert (code, err) == (0, "")
    assert "# alpha: of honest principals at most 0.05 are to be tightened for what they do themselves." in out
    assert "Clopper-Pearson" in out
    assert "# Not fitted: wander" in out
    compile(out, "policy.py", "exec")


def test_standard_input_is_read_once(people: Callable[..., Any], fitted: Any, write: Callable[..., Path]) -> None:
    """A file that is redirected to it, or a pipe, gives the nulls that the file gives, if nobody is left out."""
    named, trace = fitted.made, write(people())
    command = [sys.executable, "-m", "ratelimit", "calibrate", "-", "--alpha", "0.05", "--json", "--quiet"]
    with trace.open("rb") as given:
        redirected = subprocess.run(command, stdin=given, capture_output=True, check=True, timeout=60)
    piped = subprocess.run(command, input=trace.read_bytes(), capture_output=True, check=True, timeout=60)

    assert json.loads(redirected.stdout)["nulls"] == named["nulls"]
    assert json.loads(piped.stdout) == json.loads(redirected.stdout)


def test_who_was_dragged_along_counts() -> None:
    """Of a tightened cohort that presumes innocence only those are found whose own bets won 1 / alpha there."""
    watching = Watching([Policy()])
    for number, spoke in enumerate((1.4, 1.2, 0.0)):
        watched = watching.principals[bytes([number])] = Watched(str(number))
        watched.requests, watched.tied, watched.spoke = 20, {b"shape": True}, {b"shape": spoke}
    for number in range(3, 60):
        watching.principals[bytes([number])] = Watched(str(number))
    watching.evidence[b"shape"] = 4.5
    watching.presuming.add(b"shape")
    found = crowd_of(watching, 0.05)
    watching.presuming.clear()

    assert found.found == {"0"}
    assert [(one.watched.id, one.share) for one in found.counted] == [("1", 0.5), ("2", 0.5)]
    assert crowd_of(watching, 0.05).found == {"0", "1", "2"}
    watching.close()
