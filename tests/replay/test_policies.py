"""Which policy decides a row: as in front of the application."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

POLICIES = """
from datetime import timedelta
from ratelimit import Budget, Policy

few = (Budget(quota=2, window=timedelta(hours=1), burst=2),)
one = (Budget(quota=1, window=timedelta(hours=1), burst=1),)

def fails(request, principal=None):
    raise LookupError("no table")

async def waits(request):
    return True

by_path = Policy(name="chat", paths=("*/chat/completions",), budgets=few)
by_method = Policy(methods=("PUT",), budgets=few)
when_model = Policy(when=lambda request: "big" in request.reading.prompts[0].parameters, budgets=few)
when_agent = Policy(when=lambda request: (request.header("user-agent") or "").startswith("bot"), budgets=few)
when_fails = Policy(when=fails, budgets=few)
when_waits = Policy(when=waits, budgets=few)
exempt = Policy(exempt=lambda request, principal: principal.verified, budgets=few)
exempt_fails = Policy(exempt=fails, budgets=few)
charges = Policy(budgets=few)
refuses = Policy(unreadable="refuse", budgets=few)
passes = Policy(unreadable="pass", budgets=few)
short = Policy(unreadable="refuse", body_bytes=20)
two = [Policy(name="first", paths=("/a",), budgets=one), Policy(name="second", budgets=few)]
strict = Policy(name="strict", budgets=one)
loose = Policy(name="loose", budgets=few)
strict_too = Policy(name="strict", budgets=few)
make = lambda: strict

class Breaks:
    presumed = True
    def of(self, request, principal):
        raise ZeroDivisionError("oh")

breaks = Policy(cohorts=(Breaks(),))
"""


@pytest.fixture(autouse=True)
def policies(module: Callable[[str, str], None]) -> None:
    """Put a module of policies on the path."""
    module("some_policies", POLICIES)


def _allowed(found: Any) -> list[bool]:
    assert (found.code, found.err) == (0, "")
    return [line["allowed"] for line in found.decisions]


@pytest.mark.parametrize(("policy", "changes", "allowed"), [
    ("by_path", {}, 2),
    ("by_path", {"path": "/v1/messages"}, 4),
    ("by_method", {}, 4),
    ("by_method", {"method": "put"}, 2),
    ("when_model", {}, 4),
    ("when_model", {"body": {"model": "big", "messages": [{"role": "user", "content": "hi"}]}}, 2),
    ("when_agent", {}, 4),
    ("when_agent", {"user_agent": "bot/1"}, 2),
    ("when_agent", {"headers": {"User-Agent": "bot/1"}}, 2),
    ("when_agent", {"headers": [["user-agent", "bot/1"]], "user_agent": "other"}, 2),
    ("when_agent", {"headers": {"User-Agent": ["bot/1", "bot/2"]}}, 2),
    ("exempt", {}, 2),
    ("exempt", {"verified": True}, 4),
    ("charges", {"body": {}}, 2),
    ("refuses", {"body": {}}, 0),
    ("refuses", {"body": None}, 0),
    ("refuses", {"body": '{"prompt": "hi"}', "path": "/x"}, 2),
    ("passes", {"body": {}}, 4),
    ("short", {}, 0),
    ("make", {}, 1),
    ("two", {}, 2),
    ("two", {"path": "/a"}, 1),
])
def test_a_policy_decides_what_it_governs(
    policy: str, changes: dict[str, Any], allowed: int, replay: Callable[..., Any], as_lines: Callable[..., bytes],
    make_row: Callable[..., Any],
) -> None:
    """Of four requests at one time those are granted that fit the budget, and all where nothing governs or exempts."""
    trace = [make_row(1.76e9, text=f"word{number}") | changes for number in range(4)]
    found = replay(as_lines(trace), policies=(f"some_policies:{policy}",))

    assert _allowed(found) == [True] * allowed + [False] * (4 - allowed)
    assert {line["tier"] for line in found.decisions} == {"clear"}


def test_an_end_user_spends_what_its_key_has(
    replay: Callable[..., Any], as_lines: Callable[..., bytes], make_row: Callable[..., Any]
) -> None:
    """Names in bodies split principals but not the key's budget, and the decision names the row's principal."""
    trace = [make_row(1.76e9, body={"messages": [{"role": "user", "content": "hi"}], "user": f"u{number}"})
             for number in range(4)]
    found = replay(as_lines(trace), policies=("some_policies:charges",))

    assert _allowed(found) == [True, True, False, False]
    assert {line["principal"] for line in found.decisions} == {"key-1"}
    assert any(cohort.startswith("key:") for cohort in found.decisions[-1]["cohorts"])


@pytest.mark.parametrize(("policy", "complaint"), [
    ("when_fails", "Policy('default').when failed; the policy governs the request (4 times); the first: LookupError"),
    ("when_waits", "Policy('default').when failed; the policy governs the request (4 times); the first: TypeError"),
    ("exempt_fails", "Policy('default').exempt failed; the request is not exempted (4 times); the first: LookupError"),
])
def test_a_condition_that_fails_exempts_nobody_and_is_told_once(
    policy: str, complaint: str, replay: Callable[..., Any], as_lines: Callable[..., bytes],
    make_row: Callable[..., Any],
) -> None:
    """The policy governs and charges as in the middleware, and the end of the run says how often it failed and why."""
    found = replay(as_lines([make_row(text=f"word{number}") for number in range(4)]),
                   policies=(f"some_policies:{policy}",))

    assert [line["allowed"] for line in found.decisions] == [True, True, False, False]
    assert complaint in found.err
    assert "Traceback" not in found.err


def test_what_cannot_be_decided_counts_as_refused(
    replay: Callable[..., Any], as_lines: Callable[..., bytes], make_row: Callable[..., Any]
) -> None:
    """Where a cohort rule raises the middleware answers 503: here it is refused, and told."""
    found = replay(as_lines([make_row()]), policies=("some_policies:breaks",))

    assert found.decisions[0]["allowed"] is False
    assert found.decisions[0]["reasons"][0].startswith("unavailable: ")
    assert "could not be decided, and counts as refused (1 times); the first: ZeroDivisionError: oh" in found.err


def test_several_policies_are_decided_side_by_side(
    replay: Callable[..., Any], as_lines: Callable[..., bytes], make_row: Callable[..., Any], tmp_path: Path
) -> None:
    """One reading, a file a policy named after it, a column a policy, and each decision as if it were alone."""
    trace = as_lines([make_row(text=f"word{number}") for number in range(4)])
    alone = {name: replay(trace, policies=(f"some_policies:{name}",)).decisions for name in ("strict", "loose")}
    (tmp_path / "decisions.jsonl").unlink()
    found = replay(trace, policies=("some_policies:strict", "some_policies:loose"))
    written = {name: (tmp_path / f"decisions.{name}.jsonl").read_text().splitlines() for name in alone}

    assert found.decisions == []
    assert {name: [json.loads(line) for line in lines] for name, lines in written.items()} == alone
    assert next(line.split() for line in found.out.splitlines() if "refused" in line) == [
        "refused", "3", "(75.00%)", "2", "(50.00%)"]


def test_policies_of_one_name_are_called_as_they_were_named(
    replay: Callable[..., Any], as_lines: Callable[..., bytes], make_row: Callable[..., Any], tmp_path: Path
) -> None:
    """Where two policies have one name, files and columns are called by what stands behind the colon."""
    replay(as_lines([make_row()]), policies=("some_policies:strict", "some_policies:strict_too"))

    assert sorted(path.name for path in tmp_path.glob("decisions*")) == [
        "decisions.strict.jsonl", "decisions.strict_too.jsonl"]


@pytest.mark.parametrize(("policies", "complaint"), [
    (("nowhere:policy",), "--policy nowhere:policy: there is no module nowhere; put its folder on PYTHONPATH"),
    (("some_policies",), "--policy some_policies: must be written package.module:name"),
    (("some_policies:none",), "some_policies has no none"),
    (("some_policies:few",), "must be a Policy, a sequence of at least one"),
    (("some_policies:strict", "some_policies:strict"), "several are called 'strict'; give each a name of its own"),
    (("broken_policies:policy",), "Policy('default').mode: must be one of audit, delay, enforce, got 'hope'"),
    (("same_names:both",), "several are called 'default'"),
])
def test_a_policy_that_cannot_be_had_is_named(
    policies: tuple[str, ...], complaint: str, replay: Callable[..., Any], module: Callable[[str, str], None]
) -> None:
    """Exit code 2 and one sentence, before anything is read or written."""
    module("broken_policies", "from ratelimit import Policy\npolicy = Policy(mode='hope')\n")
    module("same_names", "from ratelimit import Policy\nboth = [Policy(), Policy()]\n")
    found = replay(b"", policies=policies)

    assert (found.code, found.out, found.decisions) == (2, "", [])
    assert found.err.startswith("ratelimit replay: --policy")
    assert complaint in found.err
