"""Why one account stands where it does: told to its owner, and told to operators."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from ratelimit.cli import main
from ratelimit.explain.events import Event, folded

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

START = 1_760_000_000.0

#: What only operators are told.
INSIDE = ("affinity", "wander", "stamina", "coverage", "standing", "evidence", "threshold", "template:", "shape:",
          "log10", "hard", "soft", "cohort", "signal")


def _row(at: float, principal: str, text: str, **more: object) -> dict[str, Any]:
    return {"at": at, "principal": principal, "path": "/v1/chat/completions",
            "body": {"model": "m", "messages": [{"role": "user", "content": text}]}} | more


@pytest.fixture(scope="module")
def trace(writer: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give an hour of ten people and of a harvest over 30 accounts of a day, which ends tightened."""
    writes, rows = writer(7), []
    people = [writes.person() for _ in range(10)]
    for number in range(1500):
        at = START + 3 * number
        if number % 3:
            text = "Answer the following question in detail and explain every step. " + writes.harvest()
            rows.append(_row(at, f"farm-{(number - number // 3) * 7 % 30}", text, since=START - 86_400))
        else:
            rows.append(_row(at, f"person-{number // 3 % 10}", people[number // 3 % 10](), since=START - 9e7))
    path = tmp_path_factory.mktemp("explain") / "trace.jsonl"
    path.write_text("".join(json.dumps(one) + "\n" for one in rows), "utf-8")
    return path


@pytest.fixture
def explain(trace: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Give what explains by arguments: exit code, standard output, standard error."""

    def go(*arguments: str) -> tuple[int, str, str]:
        code = main(["explain", str(trace), "--quiet", *arguments])
        return code, *capsys.readouterr()

    return go


def test_a_customer_is_told_what_happened_and_nothing_of_how_it_is_judged(explain: Callable[..., Any]) -> None:
    """Who, when, how many, what was refused and why, what frees it; no name of a signal, cohort, number or tier."""
    code, out, err = explain("--principal", "farm-7")

    assert (code, err) == (0, "")
    assert out.startswith("The account farm-7 sent 34 requests, 2025-10-09 08:53 to 2025-10-09 10:07 UTC; ")
    assert "At the end it is slowed down: its budget refills slowly." in out
    assert "were refused as a budget shared with others who send very similar requests was spent." in out
    assert "unlike what this account asked before" in out
    assert "What frees it: " in out
    assert "From here on it is slowed down" in out
    assert not [word for word in INSIDE if word in out.lower()]


def test_the_json_for_customers_holds_no_more(explain: Callable[..., Any]) -> None:
    """Runs without moves, evidence and names of cohorts; their requests add up."""
    code, out, _ = explain("--principal", "farm-7", "--json")
    told = json.loads(out)

    assert code == 0
    assert sum(run["requests"] for run in told["story"]) == told["requests"] == 34
    assert sum(run["requests"] for run in told["story"] if run["kind"] == "refused") == told["refused"] > 5
    assert told["nearest"] is None
    assert all(run["moves"] == {} and run["evidence"] == {} for run in told["story"])
    assert {cause for run in told["story"] for cause in run["causes"]} == {"cohort"}


def test_an_operator_is_told_all(explain: Callable[..., Any]) -> None:
    """``--internal`` tells bets, evidence in numbers, thresholds and the nearest cohort."""
    code, out, _ = explain("--principal", "farm-7", "--internal")

    assert code == 0
    assert "standing@template:" in out
    assert "watch 2, soft 4, hard 6" in out
    assert "The cohort with the most evidence that it was seen in: template:" in out


def test_an_honest_account_is_told_that_nothing_was_refused(explain: Callable[..., Any]) -> None:
    """A person who comes back to its own subjects reads so."""
    code, out, _ = explain("--principal", "person-1")

    assert code == 0
    assert "; 0 of them were refused." in out
    assert "At the end it is in full use of its budget." in out
    assert "like what this account asked before" in out
    assert "What frees it" not in out


def test_a_cohort_is_told_as_decisions_print_it(explain: Callable[..., Any]) -> None:
    """All requests of its members in one story, and how many they were."""
    _, inside, _ = explain("--principal", "farm-7", "--internal", "--json")
    named = json.loads(inside)["nearest"]
    code, out, _ = explain("--cohort", named)

    assert code == 0
    assert out.startswith(f"The group {named} sent ")
    assert " of 30 accounts, " in out.partition("\n")[0]


@pytest.mark.parametrize(("option", "named", "near"), [
    ("--principal", "farm-77", "farm-7"), ("--cohort", "template:0000", "template:"),
])
def test_an_unknown_id_lists_the_nearest(option: str, named: str, near: str, explain: Callable[..., Any]) -> None:
    """Exit code 1 and a sentence with ids that do exist."""
    code, out, err = explain(option, named)

    assert (code, out) == (1, "")
    assert f"there is no {option[2:]} {named} in the trace" in err
    assert near in err.partition("the nearest are: ")[2]


def test_runs_of_like_events_are_folded_and_broken_by_a_pause() -> None:
    """One kind in a row is one run; another kind, or six hours without any, begins the next."""
    events = [Event(at=at, principal="a", kind=kind, tier="clear", moves=(("wander", 0.1),))
              for at, kind in ((0.0, "like"), (10.0, "like"), (20.0, "unlike"), (30_000.0, "unlike"))]
    runs = list(folded(events))

    assert [(run.kind, run.requests, run.first_at, run.last_at) for run in runs] == [
        ("like", 2, 0.0, 10.0), ("unlike", 1, 20.0, 20.0), ("unlike", 1, 30_000.0, 30_000.0)]
    assert runs[0].moves == {"wander": 0.2}


def test_one_of_both_must_be_said(capsys: pytest.CaptureFixture[str]) -> None:
    """A principal or a cohort, not both and not neither."""
    for arguments in ([], ["--principal", "a", "--cohort", "b"]):
        with pytest.raises(SystemExit) as stopped:
            main(["explain", "t", *arguments])
        assert stopped.value.code == 2
    assert "not allowed with argument" in capsys.readouterr().err
