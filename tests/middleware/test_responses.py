"""Refusals are worded in the caller's dialect, or as problem details, and tell no more than they should."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ratelimit.decision import Cause, Decision, Reason, Remaining
from ratelimit.dialects import MCP, AnthropicMessages, OpenAIChat, Plain
from ratelimit.policy import Policy
from ratelimit.prompt import Unreadable
from ratelimit.responses import (
    Reply,
    outage_reply,
    prefers_problem,
    refusal_reply,
    slow_reply,
    unreadable_reply,
)

ROW = Remaining(budget="requests", quota=600, window=3600.0, units=0.0, reset_after=5.0)
PROBLEM = "application/problem+json"
dialects = st.sampled_from([OpenAIChat(), AnthropicMessages(), Plain()])


def refusal(cause: Cause, name: str = "requests", wait: float = 5.0) -> Decision:
    """Return a refusal."""
    reason = Reason(cause=cause, name=name, detail="SECRET detail.")
    return Decision(
        allowed=False, refused=True, reasons=(reason,), remaining=(ROW,), retry_after=wait, principal="ab",
        evidence={"SECRET": 7.0}, cohorts={"SECRET:00": 5.0},
    )


def problem(reply: Reply) -> dict[str, Any]:
    """Return problem details, which must be those."""
    assert dict(reply.headers)[b"content-type"] == PROBLEM.encode()
    told: dict[str, Any] = json.loads(reply.body)
    assert told["status"] == reply.status
    return told


@given(
    cause=st.sampled_from([Cause.QUOTA, Cause.BEHAVIOUR, Cause.COHORT, Cause.COST]),
    wait=st.floats(1e-6, 1e300) | st.just(math.inf),
    dialect=dialects,
    disclose=st.sampled_from(["none", "coarse"]),
    accept=st.sampled_from(["", PROBLEM]),
)
def test_no_reason_leaves_unless_all_is_disclosed(
    cause: Cause, wait: float, dialect: Any, disclose: Any, accept: str
) -> None:
    """Neither a detail, nor a signal, nor a cohort is in headers or body; the body is as long as its header says."""
    reply = refusal_reply(refusal(cause, "SECRET", wait), Policy(disclose=disclose), dialect, accept)
    headers = dict(reply.headers)

    assert b"SECRET" not in reply.body + b"".join(name + value for name, value in reply.headers)
    assert headers[b"content-length"] == b"%d" % len(reply.body)
    assert headers[b"cache-control"] == b"no-store"
    assert (b"retry-after" in headers) == math.isfinite(wait)


def test_full_disclosure_says_why() -> None:
    """With disclose="full" the reason stands in the message."""
    reply = refusal_reply(refusal(Cause.BEHAVIOUR), Policy(disclose="full"), OpenAIChat(), "")

    assert "SECRET detail." in json.loads(reply.body)["error"]["message"]


@pytest.mark.parametrize(("cause", "kind", "code"), [
    (Cause.QUOTA, "quota-exceeded", "rate_limit_exceeded"),
    (Cause.COST, "quota-exceeded", "rate_limit_exceeded"),
    (Cause.BEHAVIOUR, "abnormal-usage-detected", "abnormal_usage_detected"),
    (Cause.COHORT, "abnormal-usage-detected", "abnormal_usage_detected"),
])
def test_abnormal_usage_is_said_only_of_behaviour(cause: Cause, kind: str, code: str) -> None:
    """The problem type and the code follow the cause; the violated policies are the budgets."""
    told = problem(refusal_reply(refusal(cause), Policy(), OpenAIChat(), PROBLEM))

    assert told["type"] == f"https://iana.org/assignments/http-problem-types#{kind}"
    assert told["violated-policies"] == ["requests"]
    assert told["status"] == 429
    assert told["code"] == code


def test_the_message_says_what_to_do() -> None:
    """When to come back, or that no waiting helps; the seconds are those of Retry-After."""
    soon = refusal_reply(refusal(Cause.QUOTA, wait=0.2), Policy(), Plain(), "")
    later = refusal_reply(refusal(Cause.QUOTA, wait=100.0), Policy(), Plain(), "")
    never = refusal_reply(refusal(Cause.COST, wait=math.inf), Policy(), Plain(), "")

    assert problem(soon)["detail"] == "The budget for requests is spent. Try again in 1 second."
    assert f"Try again in {dict(later.headers)[b'retry-after'].decode()} seconds." in problem(later)["detail"]
    assert "Send less in one request." in problem(never)["detail"]


def test_each_dialect_is_answered_in_kind() -> None:
    """OpenAI's error object, Anthropic's, and problem details for the rest."""
    openai, anthropic, plain = (
        refusal_reply(refusal(Cause.QUOTA), Policy(), dialect, "application/json")
        for dialect in (OpenAIChat(), AnthropicMessages(), Plain())
    )

    assert json.loads(openai.body)["error"]["code"] == "rate_limit_exceeded"
    assert json.loads(anthropic.body)["error"]["type"] == "rate_limit_error"
    assert problem(plain)["title"] == "Quota Exceeded"


@pytest.mark.parametrize("kind", Unreadable)
def test_every_unreadable_body_has_a_status(kind: Unreadable) -> None:
    """413 for the too large, 415 for what is encoded, 400 for what is broken; the code is the problem's name."""
    reason = Reason(cause=Cause.UNREADABLE, name=kind.value, detail="the body is so; mend it")
    reply = unreadable_reply(reason, Plain(), "")
    told = problem(reply)

    expected = {"too-large": 413, "compressed": 415, "multipart": 415}
    assert reply.status == expected.get(kind.value, 400)
    assert told["code"] == kind.value.replace("-", "_")
    assert told["detail"] == "The body is so; mend it."
    assert b"retry-after" not in dict(reply.headers)


def test_a_slow_body_is_a_timeout() -> None:
    """408, without a time: the caller may try at once."""
    reply = slow_reply(OpenAIChat(), "")

    assert (reply.status, json.loads(reply.body)["error"]["code"]) == (408, "request_timeout")


def test_an_outage_is_reduced_capacity() -> None:
    """503, with the draft's problem type and a time to come back."""
    reply = outage_reply(Plain(), "")

    assert problem(reply)["type"].endswith("#temporary-reduced-capacity")
    assert dict(reply.headers)[b"retry-after"] == b"5"


@pytest.mark.parametrize(("accept", "prefers"), [
    ("", False),
    ("*/*", False),
    ("application/*", False),
    ("application/json", False),
    ("text/event-stream", False),
    (PROBLEM, True),
    ("Application/Problem+JSON", True),
    (f"{PROBLEM}, application/json", True),
    (f"application/json;q=0.5, {PROBLEM}", True),
    (f"application/json, {PROBLEM};q=0.9", False),
    (f"{PROBLEM};q=0.9, */*;q=0.1", True),
    (f"{PROBLEM};q=0.1, */*;q=0.9", False),
    (f"{PROBLEM};q=0.5, application/json;q=0.1, */*", True),
    (f"{PROBLEM};q=0", False),
    (f"{PROBLEM};q=0, */*", False),
    (f"{PROBLEM}; charset=utf-8 ; q=1.0", True),
    (f"{PROBLEM};q=nan", False),
    (f"{PROBLEM};q=high", False),
    (f"{PROBLEM};q=7", False),
])
def test_accept_is_weighed(accept: str, prefers: bool) -> None:
    """Problem details come if they are asked for by name, no less than JSON is, by the more specific range."""
    assert prefers_problem(accept) is prefers


@given(accept=st.text(max_size=60))
def test_no_accept_header_breaks_it(accept: str) -> None:
    """Any text is an Accept header that asks for something or nothing."""
    assert prefers_problem(accept) in {True, False}


@pytest.mark.parametrize("call", ["7", '"a"', "[1,2]"])
def test_an_answer_has_the_id_of_the_call(call: str) -> None:
    """Of whatever kind the refusal is, JSON-RPC gets the id that it asked with."""
    reason = Reason(cause=Cause.UNREADABLE, name=Unreadable.TOO_LARGE, detail="too long")
    replies = [refusal_reply(refusal(Cause.QUOTA), Policy(), MCP(), "", call),
               unreadable_reply(reason, MCP(), "", call), outage_reply(MCP(), "", call)]

    for reply in replies:
        told = json.loads(reply.body)
        ids = [one["id"] for one in told] if isinstance(told, list) else told["id"]
        assert ids == json.loads(call)
