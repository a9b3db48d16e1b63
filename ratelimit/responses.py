"""Refusals, worded: what a caller is told, in the caller's own dialect or as problem details (RFC 9457).

Problem types are those of draft-ietf-httpapi-ratelimit-headers; ``abnormal-usage-detected`` is said only where
behaviour was the cause. Only ``disclose="full"`` puts the reasons into words.
"""

from __future__ import annotations

import math
from http import HTTPStatus
from typing import TYPE_CHECKING

import msgspec

from ratelimit.decision import Cause, Decision, Reason
from ratelimit.dialects import Plain, Refusal
from ratelimit.headers import Header, policy_field, remaining_field, retry_headers, seconds, violated, wait_of
from ratelimit.prompt import Unreadable

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from ratelimit.dialects import Dialect
    from ratelimit.policy import Policy

_PROBLEM = Plain()
_TYPES = "https://iana.org/assignments/http-problem-types#"

_MADE: dict[int, tuple[Policy, bytes]] = {}
_MOST_MADE = 256

#: What a reason is called whose operator refuses everything; one that only slows a refill has the budget's name.
BLOCK = "block"

#: Seconds after which to try again when nothing could be decided.
OUTAGE_WAIT = 5.0

_UNREADABLE_STATUS = {
    Unreadable.TOO_LARGE: 413,
    Unreadable.COMPRESSED: 415,
    Unreadable.MULTIPART: 415,
}  # any other: 400


class Reply(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A whole response: what is sent instead of the application's."""

    status: int
    headers: tuple[Header, ...]
    body: bytes


def refusal_reply(decision: Decision, policy: Policy, dialect: Dialect, accept: str, call: str = "") -> Reply:
    """Return the 429 for a *decision* whose budgets said no."""
    wait, behavioural, refusing = wait_of(decision), decision.behavioural, violated(decision)
    headers = [*retry_headers(wait, behavioural=behavioural), *budget_headers(decision, policy, refusing)]
    refusal = _refusal(decision, policy, wait, refusing, behavioural=behavioural)
    return reply(refusal, dialect, accept, headers, call)


def unreadable_reply(reason: Reason, dialect: Dialect, accept: str, call: str = "") -> Reply:
    """Return the 400, 413 or 415 for a body that the policy refuses to accept unread; *reason* names the problem."""
    status = _UNREADABLE_STATUS.get(Unreadable(reason.name), 400)
    message = f"{reason.detail[:1].upper()}{reason.detail[1:]}."
    return reply(_plain_refusal(status, reason.name.replace("-", "_"), message), dialect, accept, call=call)


def slow_reply(dialect: Dialect, accept: str) -> Reply:
    """Return the 408 for a body that did not arrive in time."""
    message = "The request body did not arrive in time. Send it again."
    return reply(_plain_refusal(408, "request_timeout", message), dialect, accept)


def outage_reply(dialect: Dialect, accept: str, call: str = "") -> Reply:
    """Return the 503 for when nothing could be decided."""
    refusal = Refusal(
        status=503,
        code="temporary_reduced_capacity",
        title="Temporary Reduced Capacity",
        message=f"Requests cannot be admitted just now. Try again in {seconds(OUTAGE_WAIT)} seconds.",
        type=f"{_TYPES}temporary-reduced-capacity",
        retry_after=OUTAGE_WAIT,
    )
    return reply(refusal, dialect, accept, retry_headers(OUTAGE_WAIT), call)


def reply(
    refusal: Refusal, dialect: Dialect, accept: str, headers: Iterable[Header] = (), call: str = ""
) -> Reply:
    """Return *refusal* in words: problem details if *accept* prefers them, else as *dialect* says it.

    call  the id that the answer must repeat, as JSON: ``Reading.call``.
    """
    if call:
        refusal = msgspec.structs.replace(refusal, call=call)
    speaker = _PROBLEM if prefers_problem(accept) else dialect
    media_type, body = speaker.error(refusal)
    return Reply(
        status=refusal.status,
        headers=(
            (b"content-type", media_type.encode("ascii")),
            (b"content-length", b"%d" % len(body)),
            (b"cache-control", b"no-store"),
            *headers,
            *speaker.headers(refusal),
        ),
        body=body,
    )


def budget_headers(decision: Decision, policy: Policy, refusing: Collection[str] | None = None) -> list[Header]:
    """Return ``RateLimit-Policy`` and ``RateLimit``, as far as *policy* discloses them; none if nothing was charged.

    *refusing*: the budgets that refused, if they are known.
    """
    if policy.disclose == "none" or not decision.remaining:
        return []
    return [
        (b"ratelimit-policy", _configured(policy)),
        (b"ratelimit", remaining_field(decision, policy.disclose, refusing)),
    ]


def _configured(policy: Policy) -> bytes:
    """Return the ``RateLimit-Policy`` of *policy*, made once: by identity, as comparing policies costs more."""
    known = _MADE.get(id(policy))
    if known is None or known[0] is not policy:
        if len(_MADE) >= _MOST_MADE:
            _MADE.clear()
        known = _MADE[id(policy)] = policy, policy_field(policy.budgets, policy.concurrency)
    return known[1]


def prefers_problem(accept: str) -> bool:
    """Say whether an Accept header asks for problem details by name, and no less than for JSON.

    >>> prefers_problem("application/problem+json, application/json")
    True
    >>> prefers_problem("application/problem+json;q=0.5, */*"), prefers_problem("*/*"), prefers_problem("")
    (False, False, False)
    """
    accept = accept.lower()
    if "problem+json" not in accept:  # nearly all
        return False
    weights = dict(map(_weighed, accept.split(",")))
    asked = weights.get("application/problem+json", 0.0)
    ranges = ("application/json", "application/*", "*/*")  # the most specific counts: RFC 9110, section 12.5.1
    return asked > 0.0 and asked >= next((weights[name] for name in ranges if name in weights), 0.0)


def _weighed(item: str) -> tuple[str, float]:
    name, *parameters = (part.strip() for part in item.split(";"))
    for parameter in parameters:
        key, _, value = parameter.partition("=")
        if key.strip() == "q":
            return name, _weight(value)
    return name, 1.0


def _weight(value: str) -> float:
    try:
        weight = float(value)
    except ValueError:
        return 0.0
    return weight if 0.0 <= weight <= 1.0 else 0.0  # not a weight, nor is nan


def _refusal(
    decision: Decision, policy: Policy, wait: float, refusing: tuple[str, ...], *, behavioural: bool
) -> Refusal:
    return Refusal(
        status=429,
        code="abnormal_usage_detected" if behavioural else "rate_limit_exceeded",
        title="Abnormal Usage Detected" if behavioural else "Quota Exceeded",
        message=" ".join([*_message(decision, wait, behavioural=behavioural), *_disclosed(decision, policy)]),
        type=_TYPES + ("abnormal-usage-detected" if behavioural else "quota-exceeded"),
        violated=refusing,
        retry_after=wait,
    )


def _message(decision: Decision, wait: float, *, behavioural: bool) -> Iterable[str]:
    causes = {reason.cause for reason in decision.reasons}
    if Cause.COST in causes:
        return ["This request costs more than its budget can ever hold at once. Send less in one request."]
    said = "Usage like this is limited for now." if behavioural else _said(decision, causes)
    return [said, f"Try again in {_spoken(seconds(wait))}."] if math.isfinite(wait) else [said]


def _said(decision: Decision, causes: set[Cause]) -> str:
    if any(reason.cause is Cause.OPERATOR and reason.name == BLOCK for reason in decision.reasons):
        return "Access is suspended."
    if causes == {Cause.CONCURRENCY}:
        return "Too many requests are in flight at once."
    return "The budget for requests is spent."


def _disclosed(decision: Decision, policy: Policy) -> Iterable[str]:
    return [reason.detail for reason in decision.reasons] if policy.disclose == "full" else ()


def _spoken(count: int) -> str:
    return "1 second" if count == 1 else f"{count} seconds"


def _plain_refusal(status: int, code: str, message: str) -> Refusal:
    return Refusal(status=status, code=code, title=HTTPStatus(status).phrase, message=message)
