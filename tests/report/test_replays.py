"""The page of a replay: its strangers are the trace's own."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import html5lib
import pytest

from ratelimit.cli import main

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

START = 1_760_000_000.0
TEMPLATE = "Answer the following question in detail and explain every step. "


@pytest.fixture
def trace(writer: Callable[..., Any], tmp_path: Path) -> Path:
    """Give a harvest over accounts that call themselves what they like."""
    writes, rows = writer(7), []
    for number in range(700):
        body = {"messages": [{"role": "user", "content": TEMPLATE + writes.harvest()}]}
        rows.append({"at": START + 5 * number, "principal": f"<script>$x_{number % 30}$</script>\"'\x07&",
                     "since": START - 86_400, "path": "/v1/chat/completions", "body": body})
    path = tmp_path / "trace.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


def test_a_replay_is_a_page_whatever_its_principals_are_called(
    trace: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Tiers, cohorts and refusals are shown; the names of the trace are text and nothing else."""
    path = tmp_path / "out.html"
    code = main(["replay", str(trace), "--quiet", "--report", str(path)])
    tree = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False).parse(path.read_text("utf-8"))
    cells = ["".join(one.itertext()) for one in tree.iter("th")]
    tiers = next(one for one in tree.iter("table") if "watch" in "".join(one.itertext()))
    counts = [int("".join(cell.itertext()).replace(",", "")) for cell in tiers.iter("td")]

    assert code == 0, capsys.readouterr().err
    assert len(list(tree.iter("{http://www.w3.org/2000/svg}svg"))) == 3
    assert any(cell.startswith("<script>$x_") for cell in cells)
    assert not list(tree.iter("script"))
    assert sum(counts) == 700  # each request met one tier


def test_a_page_that_cannot_be_written_is_said_before_the_replay(
    trace: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A folder that is not there is exit code 2; an empty trace still is a page."""
    code = main(["replay", str(trace), "--quiet", "--report", str(tmp_path / "none" / "out.html")])
    said = capsys.readouterr()
    trace.write_text("")
    empty = main(["replay", str(trace), "--quiet", "--report", str(tmp_path / "out.html")])

    assert (code, empty) == (2, 0)
    assert "there is no folder" in said.err
    assert not said.out
    html5lib.HTMLParser(strict=True).parse((tmp_path / "out.html").read_text("utf-8"))
