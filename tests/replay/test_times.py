"""Times that are not as they should be: another clock's, out of order, with gaps; and a crowd of one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.mark.parametrize(("clock", "ticks"), [("milliseconds", 10**3), ("microseconds", 10**6), ("nanoseconds", 10**9)])
def test_a_clock_of_finer_ticks_is_named_and_read(
    clock: str, ticks: int, replay: Callable[..., Any], as_lines: Callable[..., bytes], make_row: Callable[..., Any]
) -> None:
    """Unread it is called by its name with the mend, and the mend works, by paths and by functions too."""
    rows = [make_row(at=(1_760_000_000 + number) * ticks, since=1_700_000_000 * ticks) for number in range(3)]
    as_it_is, mended = replay(as_lines(rows)), replay(as_lines(rows), clock=clock)
    mapped = replay(as_lines([row | {"t": row["at"]} for row in rows]), maps=("at=t",), clock=clock)

    assert as_it_is.code == 1
    assert f"is in {clock}, and must be in seconds; say --clock {clock}" in as_it_is.err
    assert [round(line["at"], 3) for line in mended.decisions] == [1.76e9, 1.76e9 + 1, 1.76e9 + 2]
    assert mapped.decisions == mended.decisions


def test_dates_stay_dates_whatever_the_clock(
    replay: Callable[..., Any], as_lines: Callable[..., bytes], make_row: Callable[..., Any]
) -> None:
    """A date of RFC 3339 counts no ticks."""
    found = replay(as_lines([make_row() | {"t": "2025-10-09T08:53:20Z"}]), maps=("at=t",), clock="milliseconds")

    assert round(found.decisions[0]["at"]) == 1_760_000_000


@pytest.mark.parametrize(("behind", "sort"), [(30.0, False), (4000.0, True)])
def test_disorder_is_told_by_line_and_size(
    behind: float, sort: bool, replay: Callable[..., Any], as_lines: Callable[..., bytes],
    make_row: Callable[..., Any],
) -> None:
    """A little, as of several workers' logs, is borne; much asks for sorting."""
    rows = [make_row(at=1.76e9), make_row(at=1.76e9 + 5000), make_row(at=1.76e9 + 5000 - behind)]
    found = replay(as_lines(rows))

    assert found.code == 0
    assert "the first of them is line 3, and they are behind by " in found.err
    assert ("sort the trace by at" in found.err) is sort


def test_a_gap_is_told_with_the_line_that_ends_it(
    replay: Callable[..., Any], as_lines: Callable[..., bytes], make_row: Callable[..., Any]
) -> None:
    """Days without a request are no failure, and not passed over in silence."""
    rows = [make_row(at=1.76e9), make_row(at=1.76e9 + 10), make_row(at=1.76e9 + 3 * 86_400)]

    assert "There is no request for 3.0 days before line 3: evidence fades" in replay(as_lines(rows)).err
    assert "There is no request" not in replay(as_lines(rows[:2])).err


def test_a_crowd_of_one_is_told(
    replay: Callable[..., Any], as_lines: Callable[..., bytes], make_row: Callable[..., Any]
) -> None:
    """Whoever maps the gateway's own key onto every row is told so."""
    rows = [make_row(at=1.76e9 + number) for number in range(120)]
    two = [*rows, make_row(at=1.76e9 + 200, principal="another")]

    assert "There is one principal in the trace" in replay(as_lines(rows)).err
    assert "There is one principal" not in replay(as_lines(two)).err


def test_dialects_may_be_mixed(
    replay: Callable[..., Any], as_lines: Callable[..., bytes], make_row: Callable[..., Any]
) -> None:
    """Each row is read in the dialect of its path, and an unknown path as plain JSON."""
    bodies = {"/v1/messages": {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "hi there"}]},
              "/v1/chat/completions": {"messages": [{"role": "user", "content": "hi there"}]},
              "/v1beta/models/g:generateContent": {"contents": [{"role": "user", "parts": [{"text": "hi there"}]}]},
              "/ask": {"question": "hi there"}}
    rows = [make_row(at=1.76e9 + number, principal=f"p{number % 3}", path=path, body=body)
            for number, (path, body) in enumerate([*bodies.items()] * 6)]
    found = replay(as_lines(rows))

    assert (found.code, len(found.decisions)) == (0, 24)
    assert "unreadable" not in found.out
    assert all(line["cohorts"] for line in found.decisions[-4:])
