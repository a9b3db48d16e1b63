"""Conditions that fail a pipeline: a name, a comparison and a number, and nothing that is evaluated."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture(scope="module")
def labelled(harvest: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Give the harvest among people, labelled."""
    return [row | {"label": "honest" if row["principal"].startswith("person") else "farm"} for row in harvest]


@pytest.mark.parametrize(("said", "code"), [
    ("refused>100", 3), ("refused > 1e9", 0), ("refused_share>0.1", 3), ("denied_share <= 10%", 0), ("hard<0", 0),
    ("tightened>=10", 3), ("tightened_share>0.9", 0), ("honest_denied>0.001", 0), ("honest_tightened>0%", 0),
    ("denied[farm]>20%", 3), ("tightened[farm] < 1%", 0), ("principals==40", 3), ("principals!=40", 0),
    ("bad_share>0", 0), ("out_of_order>=0", 3),
])
def test_a_condition_that_holds_exits_with_3(
    said: str, code: int, labelled: list[dict[str, Any]], replay: Callable[..., Any], as_lines: Callable[..., bytes]
) -> None:
    """Exit code 3 with a sentence that says the figure; 0 and nothing where it does not hold."""
    found = replay(as_lines(labelled), fail_if=(said,))

    assert found.code == code
    assert (f"ratelimit replay: --fail-if {said}: it is " in found.err) is (code == 3)
    assert len(found.decisions) == 1500


def test_several_conditions_are_all_told(
    labelled: list[dict[str, Any]], replay: Callable[..., Any], as_lines: Callable[..., bytes]
) -> None:
    """One that holds is enough, and each that does has its sentence."""
    found = replay(as_lines(labelled), fail_if=("refused>1", "hard>1000", "tightened>1"))

    assert found.code == 3
    assert found.err.count("--fail-if") == 2
    assert "farm" in found.out


@pytest.mark.parametrize("said", ["", "refused", "refused>", "refused>few", "refused=>1", "nothing>1", "denied>1",
                                  "principals[farm]>1", "__import__('os')>1", "refused>1 or 1>0", "refused>1e"])
def test_a_condition_that_cannot_be_is_named(said: str, replay: Callable[..., Any]) -> None:
    """Exit code 2 before anything is read, with all the names that there are."""
    found = replay(b"", fail_if=(said,))

    assert (found.code, found.out) == (2, "")
    assert f"--fail-if {said}: must be a name, one of > >= < <= == !=, and a number" in found.err
    assert "denied[LABEL]" in found.err


def test_a_label_that_no_row_has_is_named(
    labelled: list[dict[str, Any]], replay: Callable[..., Any], as_lines: Callable[..., bytes]
) -> None:
    """A gate that could never close is no gate."""
    found = replay(as_lines(labelled), fail_if=("denied[chat]>0",))

    assert found.code == 2
    assert "no request has the label 'chat'; the labels of the trace are: farm, honest." in found.err


def test_labels_come_from_a_path_too(
    labelled: list[dict[str, Any]], replay: Callable[..., Any], as_lines: Callable[..., bytes]
) -> None:
    """``--map label=tier.name`` does for logs of another form."""
    rows = [{**row, "label": None, "plan": {"name": row["label"]}} for row in labelled]

    assert replay(as_lines(rows), maps=("label=plan.name",), fail_if=("denied[farm]>20%",)).code == 3
