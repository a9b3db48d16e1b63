"""Bad lines are counted, named by number with the reason, and skipped; too many stop the replay."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ratelimit.trace.zstd import is_zstd

if TYPE_CHECKING:
    from collections.abc import Callable

GOOD = (b'{"at":1760000000,"principal":"a","path":"/v1/chat/completions",'
        b'"body":{"messages":[{"role":"user","content":"hi"}]}}')

junk = st.one_of(
    st.binary(max_size=80),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
        max_leaves=6,
    ).map(lambda value: json.dumps(value).encode()),
    st.dictionaries(
        st.sampled_from(["at", "principal", "path", "body", "since", "verified", "links", "status", "headers"]),
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.just({}) | st.just([[]]),
    ).map(lambda value: (json.dumps({"at": 1.0, "principal": "p", "path": "/", "body": {}} | value)).encode()),
    st.integers(0, len(GOOD)).map(lambda end: GOOD[:end]),
    st.tuples(st.integers(0, len(GOOD) - 1), st.binary(min_size=1, max_size=3)).map(
        lambda cut: GOOD[: cut[0]] + cut[1] + GOOD[cut[0] + 1 :]
    ),
)
traces = st.one_of(
    st.lists(junk, max_size=12).map(b"\n".join),
    st.binary(max_size=200),
    st.binary(max_size=50).map(b"\x1f\x8b\x08".__add__),
    st.binary(max_size=50).map(b"(\xb5/\xfd".__add__),
)


def _is_plain(lines: list[bytes]) -> bool:
    """Say whether a trace of these lines does not begin as packed data does."""
    return not lines or not (lines[0].startswith(b"\x1f\x8b") or is_zstd((lines[0] + b"\n")[:4]))


@given(traces)
def test_any_bytes_are_a_trace(replay_in: Callable[..., Any], trace: bytes) -> None:
    """Whatever the bytes, nothing is raised: the exit code is 0, or 1 with a sentence why."""
    found = replay_in(trace)

    assert found.code in {0, 1}
    assert found.code == 0 or found.err.splitlines()[-1].startswith("ratelimit replay: ")
    assert found.out


@given(st.lists(st.one_of(st.just(GOOD), junk.filter(lambda line: b"\n" not in line)), max_size=12).filter(_is_plain))
def test_line_n_of_the_decisions_answers_line_n_of_the_trace(replay_in: Callable[..., Any], lines: list[bytes]) -> None:
    """There is a decision for every line, and good lines are decided as if the bad ones were not there."""
    found = replay_in(b"".join(line + b"\n" for line in lines), max_bad=1.0)

    assert found.code == 0
    assert len(found.decisions) == len(lines)
    skipped = [line for line in found.decisions if line["at"] is None]
    assert all(line["allowed"] and line["tier"] == "clear" and line["principal"] is None for line in skipped)
    assert all(line["reasons"][0].startswith("unreadable line: ") for line in skipped)
    assert found.err.count("\n  line ") == min(10, len(skipped))


def _changed(**changes: object) -> bytes:
    return json.dumps(json.loads(GOOD) | changes).encode()


def _without(field: str) -> bytes:
    return json.dumps({name: value for name, value in json.loads(GOOD).items() if name != field}).encode()


@pytest.mark.parametrize(("line", "reason"), [
    (b"", "is empty"),
    (b"not json", "JSON is malformed"),
    (GOOD[:40], "Input data was truncated"),
    (b"[" + GOOD + b",", "Expected `object`, got `array`"),
    (b"\xff\xfe{}", "JSON is malformed"),
    (GOOD.replace(b'"a"', b'"\xff"'), "is not UTF-8"),
    (GOOD.replace(b'"a"', b'"\\ud800"'), "principal, links: must be text, got lone surrogates"),
    (GOOD[: GOOD.index(b'{"messages"')] + b"[" * 100_000, "nests too deeply"),
    (_without("at"), "Object missing required field `at`"),
    (_without("principal"), "Object missing required field `principal`"),
    (_without("path"), "Object missing required field `path`"),
    (_without("body"), "Object missing required field `body`"),
    (_changed(at="2025-10-09T08:53:20Z"), "Expected `float`, got `str` - at `$.at`"),
    (_changed(at=None), "Expected `float`, got `null` - at `$.at`"),
    (_changed(at=-1), "at: must be Unix seconds, got -1.0"),
    (_changed(at=float("nan")), "at: must be Unix seconds, got nan"),
    (_changed(principal=5), "Expected `str`, got `int` - at `$.principal`"),
    (_changed(principal=""), "principal: must not be empty"),
    (_changed(verified="yes"), "Expected `bool | null`, got `str` - at `$.verified`"),
    (_changed(links=["x"]), "Expected `object | null`, got `array` - at `$.links`"),
    (_changed(links={"network": 5}), "Expected `str | null`, got `int` - at `$.links[...]`"),
    (_changed(since=1_700_000_000_000), "since: 1700000000000 is in milliseconds, and must"),
    (_changed(status="200"), "Expected `int | null`, got `str` - at `$.status`"),
])
def test_a_bad_line_is_named_with_the_reason(line: bytes, reason: str, replay: Callable[..., Any]) -> None:
    """Its number and what is wrong with it stand on standard error and in the decision that answers it."""
    found = replay(GOOD + b"\n" + line + b"\n" + GOOD + b"\n", max_bad=0.5)

    assert found.code == 0
    assert "1 of 3 lines are bad (33.33%) and were skipped:\n  line 2: " + reason in found.err
    assert found.decisions[1]["reasons"][0].startswith(f"unreadable line: {reason}")
    assert [line["allowed"] for line in found.decisions] == [True] * 3


def test_milliseconds_are_detected_with_the_mend(replay: Callable[..., Any]) -> None:
    """A trace in milliseconds stops with what is wrong and what to do about it."""
    found = replay(GOOD.replace(b"1760000000", b"1760000000123") + b"\n")

    assert found.code == 1
    assert ("line 1: at: 1760000000123 is in milliseconds, and must be in seconds; say --clock milliseconds, or "
            "divide by a function for --mapper") in found.err
    assert found.err.endswith("ratelimit replay: 1 of 1 lines are bad, more than --max-bad 0.01 allows; mend the "
                              "trace, map it by --map or --mapper, or allow more\n")


def test_a_torn_last_line_is_skipped(replay: Callable[..., Any]) -> None:
    """What a gateway was just writing is one bad line."""
    found = replay((GOOD + b"\n") * 200 + GOOD[:-5])

    assert found.code == 0
    assert "line 201: Input data was truncated" in found.err
    assert len(found.decisions) == 201


def test_a_last_line_needs_no_end(replay: Callable[..., Any]) -> None:
    """A whole line without a line feed is a line."""
    assert replay(GOOD + b"\r\n" + GOOD).decisions[1]["principal"] == "a"


def test_a_byte_order_mark_is_no_part_of_the_first_line(replay: Callable[..., Any]) -> None:
    """Files from Windows are read."""
    assert replay(b"\xef\xbb\xbf" + GOOD).code == 0


@pytest.mark.parametrize(
    "body",
    [b'{"prompt":"\\ud800 alone","n":1}', b'{"prompt":"hi","temperature":NaN}', b'"\\ud800 alone"', b'"\xff hi"'],
)
def test_a_body_that_only_python_reads_is_decided(body: bytes, replay: Callable[..., Any]) -> None:
    """Lone surrogates and NaN in a body are the dialect's to judge, as in front of the application."""
    lines = [b'{"at":1,"principal":"%c","path":"/x","body":%b}' % (who, body) for who in b"abc"]
    line = replay(b"\n".join(lines)).decisions[-1]

    assert line["principal"] == "c"
    assert any(cohort.startswith("shape:") for cohort in line["cohorts"])


def test_ten_are_named_and_the_others_counted_by_reason(replay: Callable[..., Any]) -> None:
    """What would fill screens is one line a reason, its figures left out."""
    lines = [f"{'x' * number}" for number in range(1, 13)] + ['{"at":0}'] * 3
    found = replay("\n".join(lines).encode() + b"\n" + GOOD, max_bad=1.0)

    assert found.err.count("\n  line ") == 10
    assert "and 5 more:\n" in found.err
    assert "3 x Object missing required field `principal`" in found.err
    assert "2 x JSON is malformed: invalid character (byte N)" in found.err


@pytest.mark.parametrize(
    ("bad", "most", "stops_at"), [(9, 0.01, None), (11, 0.01, 1000), (1, 0.0, 1000), (900, 0.9, None)]
)
def test_too_many_bad_lines_stop_the_run_at_the_thousandth(
    bad: int, most: float, stops_at: int | None, replay: Callable[..., Any]
) -> None:
    """The share is judged from line 1000 on; what was written until then is whole, and the summary is printed."""
    found = replay(b"{}\n" * bad + (GOOD + b"\n") * (1200 - bad), max_bad=most)

    assert found.code == (0 if stops_at is None else 1)
    assert len(found.decisions) == (stops_at or 1200)
    assert f"{found.decisions and len(found.decisions):,} lines, " in found.out


def test_what_goes_bad_later_stops_the_run_then(replay: Callable[..., Any]) -> None:
    """A format that changes in the middle stops the run when its share is too large."""
    found = replay((GOOD + b"\n") * 2000 + b"{}\n" * 2000)

    assert found.code == 1
    assert len(found.decisions) == 2021
    assert "21 of 2,021 lines are bad, more than --max-bad 0.01 allows" in found.err


def test_an_empty_trace_decides_nothing(replay: Callable[..., Any]) -> None:
    """That is no failure: logs are rotated at quiet hours too."""
    found = replay(b"")

    assert (found.code, found.out, found.err, found.decisions) == (0, "No request was decided.\n", "", [])


def test_reasons_are_bounded(replay: Callable[..., Any]) -> None:
    """A trace of lines that are all bad in their own way fills neither screen nor memory."""
    lines = b"".join(b'{"at":1,"principal":"a","path":"/","body":1,"headers":{"h":[{"%s":' % (b"k" * n) + b"\n"
                     for n in range(1, 300))
    letters = b"".join(b'{"at":0,"principal":"p","path":"/","body":0,"method":%d,"status":"%s"}\n' % (n, b"x" * 1000)
                       for n in range(200))
    found = replay(lines + letters, max_bad=1.0)

    assert found.code == 0
    assert len(found.err.splitlines()) < 70
    assert max(map(len, found.err.splitlines())) < 400
