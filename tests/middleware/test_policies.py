"""Which policy governs a request, and which requests none does."""

from __future__ import annotations

import json
import logging
import zlib
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ratelimit.edge.scope import route_path
from ratelimit.middleware import RateLimitMiddleware
from ratelimit.policy import Policy
from ratelimit.testing import drive

Make = Callable[..., Any]


@pytest.mark.parametrize(("method", "path", "name"), [
    ("POST", "/v1/chat/completions", "chat"),
    ("POST", "/v1/embeddings", "rest"),
    ("PUT", "/v1/chat/completions", None),
    ("GET", "/v1/chat/completions", None),
    ("POST", "/health", None),
])
async def test_the_first_that_governs_counts(
    method: str, path: str, name: str | None, guard: Make, recorder: Make, policy: Make
) -> None:
    """By method and path, in order; a request that none governs leaves no decision and no header."""
    policies = [policy(name="chat", paths=("*/chat/*",)), policy(name="rest", paths=("/v1/*",))]
    guarded = guard(recorder(), policies)
    came = await guarded(method=method, path=path)

    assert [decision.policy for decision in guarded.decisions] == ([name] if name else [])
    assert ("ratelimit" in came.state) == (name is not None)
    assert (came.header("ratelimit") is not None) == (name is not None)


@given(bound=st.integers(1, 40), body=st.binary(max_size=60))
async def test_ungoverned_requests_are_not_read(bound: int, body: bytes, recorder: Make, guard: Make) -> None:
    """Where no policy governs, the very receive and send of the server go to the application."""
    seen: list[Any] = []

    async def app(*asgi: Any) -> None:
        seen.append(asgi[1:])
        await recorder()(*asgi)

    async def tapped(scope: Any, receive: Any, send: Any) -> None:
        await RateLimitMiddleware(app, Policy(paths=("/v1/*",), body_bytes=bound))(scope, receive, send)
        assert seen == [(receive, send)]

    await drive(tapped, path="/other", body=body)


@pytest.mark.parametrize(("root", "path", "seen"), [
    ("", "/v1/x", "/v1/x"),
    ("/api", "/api/v1/x", "/v1/x"),
    ("/api/", "/api/v1/x", "/v1/x"),
    ("/api", "/v1/x", "/v1/x"),
    ("/api", "/api", "/"),
    ("/api", "/apiv1/x", "/apiv1/x"),
    ("/", "/v1/x", "/v1/x"),
])
async def test_the_mount_is_taken_off(root: str, path: str, seen: str, guard: Make, recorder: Make) -> None:
    """Whether the server puts root_path into path or leaves it out, policies see the application's own path."""
    paths: list[str] = []

    def listen(decision: Any, request: Any) -> None:
        paths.append(request.path)

    await guard(recorder(), on_decision=listen)(path=path, root_path=root)

    assert route_path({"path": path, "root_path": root}) == seen
    assert paths == [seen]


async def test_when_sees_the_prompt_and_decides(guard: Make, recorder: Make, policy: Make, chat: Make) -> None:
    """A condition may look into what was read; where it says no, the next policy is asked, and else none governs."""
    long = policy(name="long", when=lambda request: len(request.reading.prompts[0].text) > 10)
    never = policy(name="never", when=lambda request: False)
    guarded = guard(app := recorder(), (long, never))
    short = await guarded(body=chat("short"))
    await guarded(body=chat("a rather long prompt"))

    assert [decision.policy for decision in guarded.decisions] == ["long"]
    assert "ratelimit" not in short.state
    assert json.loads(app.received[0]["body"])["messages"][0]["content"] == "short"


async def test_each_policy_reads_by_its_own_bound(guard: Make, recorder: Make, policy: Make, chat: Make) -> None:
    """The body is read once, as far as the largest bound among those that may govern; each counts by its own."""
    strict = policy(name="strict", body_bytes=10, when=lambda request: request.reading.problem is None)
    wide = policy(name="wide", body_bytes=1000, unreadable="refuse")
    guarded = guard(recorder(), (strict, wide))
    came = await guarded(body=chat("hello"))

    assert (came.status, guarded.decision.policy) == (200, "wide")


def broken(*_: Any) -> bool:
    """Fail, as a condition may."""
    raise ZeroDivisionError


async def promise(*_: Any) -> bool:
    """Be async, as a condition must not."""
    return False


@pytest.mark.parametrize("broken", [broken, promise])
async def test_a_when_that_fails_governs(
    broken: Any, guard: Make, recorder: Make, policy: Make, caplog: pytest.LogCaptureFixture
) -> None:
    """An exception in a condition is logged, once a minute, and is no way past the policy; nor is a promise."""
    guarded = guard(recorder(), policy(when=broken))
    with caplog.at_level(logging.ERROR, logger="ratelimit"):
        statuses = [(await guarded()).status for _ in range(3)]

    assert statuses == [200, 429, 429]
    assert [record.getMessage() for record in caplog.records] == [
        "Policy('default').when failed; the policy governs the request"
    ]
    assert caplog.records[0].exc_info is not None


async def test_an_exempted_request_costs_nothing(guard: Make, recorder: Make, policy: Make) -> None:
    """It is let through uncharged and unobserved, without headers, and its decision says so."""
    exempt = policy(exempt=lambda request, principal: principal.id.startswith("ip:"))
    guarded = guard(recorder(), exempt)
    came = [await guarded() for _ in range(3)]

    assert [exchange.status for exchange in came] == [200] * 3
    assert all(decision.exempt and decision.allowed and not decision.principal for decision in guarded.decisions)
    assert came[0].header("ratelimit") is None


@pytest.mark.parametrize("broken", [broken, promise])
async def test_an_exempt_that_fails_exempts_nobody(
    broken: Any, guard: Make, recorder: Make, policy: Make, caplog: pytest.LogCaptureFixture
) -> None:
    """An exception in an exemption is logged, and the request is charged; a promise to exempt is one too."""
    guarded = guard(recorder(), policy(exempt=broken))
    statuses = [(await guarded()).status for _ in range(2)]

    assert statuses == [200, 429]
    assert "exempt failed" in caplog.text


@pytest.mark.parametrize(("sent", "status", "code"), [
    ({"body": b"{"}, 400, "bad_json"),
    ({"body": b'{"messages": 5}'}, 400, "wrong_type"),
    ({"body": b'{"messages": []}'}, 400, "no_prompt"),
    ({"body": b""}, 400, "no_prompt"),
    ({"body": b"\xff\xff"}, 400, "not_text"),
    ({"body": b"\x1f\x8b", "headers": {"content-encoding": "gzip"}}, 415, "compressed"),
    ({"body": b"\x1f\x9d", "headers": {"content-encoding": "compress"}}, 415, "compressed"),
    ({"body": zlib.compress(b"[" * 2000), "headers": {"content-encoding": "deflate"}}, 413, "too_large"),
    ({"body": b"\x1f\x8b", "headers": {"x-body-compressed": "zstd"}}, 415, "compressed"),
    ({"body": b"--x", "headers": {"content-type": "multipart/form-data; boundary=x"}}, 415, "multipart"),
    ({"body": b"x" * 2000}, 413, "too_large"),
])
async def test_an_unreadable_body_meets_its_rule(
    sent: dict[str, Any], status: int, code: str, guard: Make, recorder: Make, policy: Make
) -> None:
    """Refused: the status that fits, free of charge. Charged: let through and paid. Passed: let through for nothing."""
    for rule, statuses, units in (("refuse", [status] * 2, []), ("charge", [200, 429], [0]), ("pass", [200] * 2, [])):
        guarded = guard(recorder(), policy(unreadable=rule, body_bytes=1000))
        came = [await guarded(**sent) for _ in range(2)]

        assert [exchange.status for exchange in came] == statuses
        assert [row.units for row in guarded.decisions[0].remaining] == units
        assert guarded.decisions[0].exempt is (rule == "pass")
        if rule == "refuse":
            assert json.loads(came[0].body)["error"]["code"] == code
            assert guarded.decision.reasons[0].name == code.replace("_", "-")
            assert guarded.decision.principal


async def test_an_audit_refuses_no_body(guard: Make, recorder: Make, policy: Make) -> None:
    """Under audit an unreadable body goes on, and the decision says that it would have been refused."""
    guarded = guard(recorder(), policy(unreadable="refuse", mode="audit"))
    came = await guarded(body=b"{")

    assert came.status == 200
    assert (guarded.decision.allowed, guarded.decision.refused) == (True, True)
