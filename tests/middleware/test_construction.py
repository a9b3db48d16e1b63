"""What is wrong with the arguments is said at once, all of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ratelimit.errors import DiscoveryError, PolicyError
from ratelimit.middleware import RateLimitMiddleware
from ratelimit.policy import Policy
from ratelimit.testing import ProtocolChecker, drive

Make = Callable[..., Any]


def wrong(**arguments: Any) -> list[str]:
    """Construct with *arguments*, and return what is wrong with them."""
    with pytest.raises(ExceptionGroup) as raised:
        RateLimitMiddleware(**{"app": print, **arguments})
    assert all(isinstance(problem, PolicyError) for problem in raised.value.exceptions)
    return [str(problem) for problem in raised.value.exceptions]


def test_everything_wrong_is_said_at_once() -> None:
    """One group holds a problem for each argument, with the mend."""
    problems = wrong(app=None, policy=[Policy(), 5, Policy()], identify="me", store=5, on_decision="log")

    assert problems == [
        "RateLimitMiddleware.app: must be an ASGI application, got None",
        "RateLimitMiddleware.policy[1]: must be a Policy, got 5",
        "RateLimitMiddleware.policy[2]: another is called 'default'; give each a name of its own",
        "RateLimitMiddleware.identify: must be callable or None, got 'me'",
        "RateLimitMiddleware.on_decision: must be callable, a sequence of such, or None, got 'log'",
        ("RateLimitMiddleware.store: must be a Store or None, got 5, which has no charge, fold, adjust, secret, clock, "
        "lexicon"),
    ]


def test_an_async_listener_would_never_be_heard() -> None:
    """on_decision is called, not awaited, so an async one is refused."""

    async def listen(decision: Any, request: Any) -> None:
        """Never run."""

    assert ["must not be async" in problem for problem in wrong(on_decision=listen)] == [True]
    assert wrong(on_decision=[print, listen, 5])[1:] == [
        "RateLimitMiddleware.on_decision[2]: must be callable, got 5",
    ]


@pytest.mark.parametrize(("policy", "problem"), [
    ((), "must not be empty; leave it out for the default"),
    ("default", "must be a Policy, a sequence of them or None, got 'default'"),
    (5, "must be a Policy, a sequence of them or None, got 5"),
    (Policy, "must be a Policy, a sequence of them or None, got <class"),
])
def test_a_wrong_policy_is_named(policy: Any, problem: str) -> None:
    """Nothing, text and classes are no policies."""
    assert [problem in told for told in wrong(policy=policy)] == [True]


async def test_nothing_but_the_application_is_needed(
    recorder: Make, chat: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """RateLimitMiddleware(app) alone guards with the default policy, however the host passes the application."""
    monkeypatch.delenv("RATELIMIT_POLICY", raising=False)
    for middleware in (RateLimitMiddleware(recorder()), RateLimitMiddleware(app=recorder())):
        came = await drive(ProtocolChecker(middleware), body=chat("hello"))

        assert came.status == 200
        assert came.state["ratelimit"].policy == "default"
        assert "default" in repr(middleware)


async def test_the_environment_names_the_policy(
    recorder: Make, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    """A host that constructs the class itself gets what RATELIMIT_POLICY names, and an error if that cannot be had."""
    (tmp_path / "named_by_environment.py").write_text(
        "from ratelimit.policy import Policy\nguard = Policy(name='named', mode='audit')\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("RATELIMIT_POLICY", "named_by_environment:guard")
    came = await drive(RateLimitMiddleware(recorder()))

    assert came.state["ratelimit"].policy == "named"
    monkeypatch.setenv("RATELIMIT_POLICY", "named_by_environment:absent")
    with pytest.raises(DiscoveryError, match="has no absent"):
        RateLimitMiddleware(recorder())
    assert RateLimitMiddleware(recorder(), Policy(name="given")).__repr__().count("given") == 1
