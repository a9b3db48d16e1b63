"""Other logs are mapped by paths into them or by a function."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

BODY = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
LOG = {"ts": 1_760_000_000.5, "request": {"api_key": "k1", "ip": "192.0.2.1", "body": BODY, "hops": ["a", "b"]},
       "url.path": "/v1/chat/completions", "account": {"id": 17, "created": "2025-10-01T00:00:00Z"}, "status": 200}
# The same from somebody else: what two share makes a cohort, and the third line shows it.
ANOTHER = LOG | {"request": LOG["request"] | {"api_key": "k2", "hops": ["c", "d"]},  # type: ignore[operator]
                 "account": {"id": 17, "created": "2025-10-01T00:00:00Z"}}
LOGS = [LOG, ANOTHER, LOG]
MAPS = ("at=ts", "principal=request.api_key", "path=url.path", "body=request.body", "links.network=request.ip")


@pytest.fixture
def plain(replay: Callable[..., Any], as_lines: Callable[..., bytes]) -> list[dict[str, Any]]:
    """Give the decisions about the same requests in the format itself."""
    row = {"at": LOG["ts"], "path": LOG["url.path"], "body": BODY, "links": {"network": "192.0.2.1"}}
    rows = [row | {"principal": principal} for principal in ("k1", "k2", "k1")]
    decisions: list[dict[str, Any]] = replay(as_lines(rows)).decisions
    kinds = {cohort.partition(":")[0] for cohort in decisions[2]["cohorts"]}
    assert kinds == {"everyone", "shape", "template", "network"}
    return decisions


def test_paths_make_the_row(
    plain: list[dict[str, Any]], replay: Callable[..., Any], as_lines: Callable[..., bytes]
) -> None:
    """Fields come from dotted paths; a key with a dot in it is found too."""
    found = replay(as_lines(LOGS), maps=MAPS)

    assert (found.code, found.err) == (0, "")
    assert found.decisions == plain


def test_a_function_makes_the_row(
    plain: list[dict[str, Any]], replay: Callable[..., Any], as_lines: Callable[..., bytes],
    module: Callable[[str, str], None],
) -> None:
    """A function from the line's dictionary to the row's does what paths do."""
    module("mappers", "def row(log):\n"
                      "    request = log['request']\n"
                      "    return {'at': log['ts'], 'principal': request['api_key'], 'path': log['url.path'],\n"
                      "            'body': request['body'], 'links': {'network': request['ip']}}\n")

    assert replay(as_lines(LOGS), mapper="mappers:row").decisions == plain


@pytest.mark.parametrize(("maps", "principal", "kinds"), [
    (("principal=account.id",), "17", set()),
    (("principal=request.hops.1",), "b", {"everyone", "shape", "template"}),
    (("principal=request.api_key", "links.account=account.id"), "k1", {"everyone", "shape", "template", "account"}),
    (("principal=request.api_key", "since=account.created"), "k1", {"everyone", "shape", "template"}),
    (("principal=request.api_key", "since=account.nothing"), "k1", {"everyone", "shape", "template"}),
    (("principal=request.api_key", "headers.user-agent=request.ip"), "k1", {"everyone", "shape", "template"}),
])
def test_what_other_logs_write_otherwise_is_understood(
    maps: tuple[str, ...], principal: str, kinds: set[str], replay: Callable[..., Any],
    as_lines: Callable[..., bytes],
) -> None:
    """Ids that are numbers, items of lists, dates of RFC 3339, and optional fields that some lines lack."""
    maps = ("at=ts", "path=url.path", "body=request.body", *maps)
    line = replay(as_lines(LOGS), maps=maps).decisions[-1]

    assert line["principal"] == principal
    assert {cohort.partition(":")[0] for cohort in line["cohorts"]} == kinds


@pytest.mark.parametrize("time", [1_760_000_000.5, "1760000000.5", "2025-10-09T08:53:20.5Z",
                                  "2025-10-09T10:53:20.5+02:00"])
def test_a_time_is_a_number_or_text(
    time: object, plain: list[dict[str, Any]], replay: Callable[..., Any], as_lines: Callable[..., bytes]
) -> None:
    """Unix seconds as a number or as text, or a date and time with its zone."""
    assert replay(as_lines([log | {"ts": time} for log in LOGS]), maps=MAPS).decisions == plain


def test_fields_of_no_map_come_from_where_the_format_has_them(
    replay: Callable[..., Any], as_lines: Callable[..., bytes], make_row: Callable[..., Any]
) -> None:
    """One path changes one field, and a link is added to those that are there."""
    row = make_row(links={"network": "n"}, tenant="t1")
    rows = [row, row | {"principal": "another"}, row]
    line = replay(as_lines(rows), maps=("links.tenant=tenant",)).decisions[-1]

    kinds = {cohort.partition(":")[0] for cohort in line["cohorts"]}
    assert kinds == {"everyone", "shape", "template", "network", "tenant"}


def test_a_body_logged_as_text_is_the_text(
    plain: list[dict[str, Any]], replay: Callable[..., Any], as_lines: Callable[..., bytes]
) -> None:
    """Many gateways write the body as a string: what is decided is the same."""
    logs = [log | {"request": log["request"] | {"body": json.dumps(BODY)}} for log in LOGS]  # type: ignore[operator]

    assert replay(as_lines(logs), maps=MAPS).decisions == plain


def test_a_line_that_only_python_reads_is_mapped(replay: Callable[..., Any]) -> None:
    """Lone surrogates in a body do not make a mapped line bad."""
    line = b'{"who":"a","at":1,"path":"/x","in":{"body":{"prompt":"\\ud800 hi"}}}'
    found = replay(line, maps=("principal=who", "body=in.body"))

    assert (found.code, found.decisions[0]["principal"]) == (0, "a")


@pytest.mark.parametrize(("said", "reason"), [
    ("at=time", "at: the line has no time, where --map looks for it"),
    ("at=request.ts.seconds", "at: the line has no request.ts.seconds"),
    ("at=request.hops.7", "at: the line has no request.hops.7"),
    ("at=url.path", "at: must be Unix seconds, or a date and time as RFC 3339 has it"),
    ("at=naive", "at: the date and time has no time zone"),
    ("principal=request.hops", "Expected `str`, got `array` - at `$.principal`"),
    ("since=request.api_key", "since: must be Unix seconds, or a date"),
])
def test_a_line_that_a_path_does_not_fit_is_bad(
    said: str, reason: str, replay: Callable[..., Any], as_lines: Callable[..., bytes]
) -> None:
    """It is counted and named as any bad line."""
    found = replay(as_lines([LOG | {"naive": "2025-10-09T08:53:20"}]), maps=(*MAPS, said))

    assert found.code == 1
    assert f"line 1: {reason}" in found.err


@pytest.mark.parametrize("said", ["", "at", "at=", "=x", "when=ts", "at.x=ts", "links.=x", "principal.id=x"])
def test_a_map_that_cannot_be_is_named(said: str, replay: Callable[..., Any]) -> None:
    """Exit code 2, what was said and what may be said."""
    found = replay(b"", maps=(said,))

    assert (found.code, found.out) == (2, "")
    assert f"--map {said}: must be field=path with a field of at, principal, path, body" in found.err


MAPPERS = """
def none(log): return None
def every_other(log): return None if log["at"] % 2 else log
def fails(log): return log["nothing"]
def a_list(log): return [log]
def strange(log): return log | {"body": {1, 2}}
def surrogate(log): return log | {"principal": "\\ud800"}
def short(log): return {"at": 1.0}
def of_bytes(log): return log | {"body": b'{"prompt": "hi"}'}
def in_milliseconds(log): return log | {"at": log["at"] / 1000}
number = 5
"""


@pytest.fixture
def mappers(module: Callable[[str, str], None]) -> None:
    """Put a module of mappers on the path."""
    module("mappers", MAPPERS)


@pytest.mark.usefixtures("mappers")
def test_what_the_mapper_leaves_out_is_no_bad_line(
    replay: Callable[..., Any], as_lines: Callable[..., bytes], make_row: Callable[..., Any]
) -> None:
    """It is counted apart, and line N still answers line N."""
    found = replay(as_lines([make_row(at=number) for number in range(4)]), mapper="mappers:every_other")

    assert found.code == 0
    assert [line["at"] for line in found.decisions] == [0, None, 2, None]
    assert found.decisions[1]["reasons"] == ["left out by the mapper"]
    assert "2 lines were left out by the mapper." in found.err


@pytest.mark.usefixtures("mappers")
@pytest.mark.parametrize(("mapper", "reason"), [
    ("fails", "the mapper raised KeyError: 'nothing'"),
    ("a_list", "the mapper must return a dict or None, got a list"),
    ("strange", "body: cannot be written as JSON"),
    ("surrogate", "principal, links: must be text, got lone surrogates"),
    ("short", "Object missing required field `principal`"),
])
def test_a_line_at_which_the_mapper_fails_is_bad(
    mapper: str, reason: str, replay: Callable[..., Any], as_lines: Callable[..., bytes],
    make_row: Callable[..., Any],
) -> None:
    """It is counted and named as any bad line."""
    found = replay(as_lines([make_row()]), mapper=f"mappers:{mapper}")

    assert found.code == 1
    assert f"line 1: {reason}" in found.err


@pytest.mark.usefixtures("mappers")
@pytest.mark.parametrize(("line", "reason"), [(b"[1]", "Expected `object`, got `array`"), (b"{", "truncated"),
                                              (b"null", "Expected `object`, got `null`")])
def test_a_line_that_is_no_object_never_reaches_the_mapper(
    line: bytes, reason: str, replay: Callable[..., Any]
) -> None:
    """The mapper is given dictionaries."""
    assert reason in replay(line, mapper="mappers:none").err


@pytest.mark.usefixtures("mappers")
def test_a_mapper_mends_milliseconds_and_bodies_of_bytes(
    replay: Callable[..., Any], as_lines: Callable[..., bytes], make_row: Callable[..., Any]
) -> None:
    """What the complaint about milliseconds advises works, and a body may be given as bytes."""
    (divided,) = replay(as_lines([make_row(at=1_760_000_000_500)]), mapper="mappers:in_milliseconds").decisions
    rows = [make_row(path="/x", principal=principal) for principal in "aba"]
    packed = replay(as_lines(rows), mapper="mappers:of_bytes").decisions[-1]

    assert divided["at"] == 1_760_000_000.5
    assert packed["cohorts"] != []


@pytest.mark.usefixtures("mappers")
@pytest.mark.parametrize(("options", "complaint"), [
    ({"mapper": "mappers:number"}, "--mapper mappers:number: must be a function from a dict to a dict or None, got 5"),
    ({"mapper": "mappers:missing"}, "--mapper mappers:missing: mappers has no missing"),
    ({"mapper": "no_such_module:f"}, "--mapper no_such_module:f: there is no module no_such_module"),
    ({"mapper": "mappers:none", "maps": ("at=ts",)}, "--map and --mapper cannot be had together"),
])
def test_a_mapper_that_cannot_be_had_is_named(
    options: dict[str, Any], complaint: str, replay: Callable[..., Any]
) -> None:
    """Exit code 2 and one sentence."""
    found = replay(b"", **options)

    assert (found.code, found.out) == (2, "")
    assert complaint in found.err
