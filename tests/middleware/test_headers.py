"""Headers tell the truth, rounded as far as the policy wants, in strict structured fields."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import timedelta
from typing import Any, get_args

from hypothesis import given
from hypothesis import strategies as st

from ratelimit.budget import Budget
from ratelimit.decision import Cause, Decision, Reason, Remaining, Tier
from ratelimit.headers import policy_field, remaining_field, retry_headers, violated, wait_of
from ratelimit.policy import Disclosure, Policy
from ratelimit.responses import budget_headers

Fields = Callable[[str], list[tuple[str, dict[str, int]]]]

names = st.text("abcXYZ019-_.", min_size=1, max_size=8)
waits = st.floats(1e-9, 1e11)
rows = st.builds(
    Remaining,
    budget=names,
    quota=st.integers(1, 10**20),
    window=st.floats(1e-3, 1e9),
    units=st.floats(0, 1e18),
    reset_after=st.floats(0, math.inf),
)
remaining = st.lists(rows, max_size=4, unique_by=lambda row: row.budget).map(tuple)


def refused(rows: tuple[Remaining, ...], wait: float, *reasons: tuple[Cause, str], **fields: Any) -> Decision:
    """Return a refusal for *reasons*."""
    told = tuple(Reason(cause=cause, name=name, detail="secret") for cause, name in reasons)
    return Decision(allowed=False, refused=True, remaining=rows, retry_after=wait, reasons=told, **fields)


@given(rows=remaining, wait=waits, disclose=st.sampled_from(["coarse", "full"]), refuse=st.booleans())
def test_every_field_is_a_structured_field(
    rows: tuple[Remaining, ...], wait: float, disclose: Any, refuse: bool, fields: Fields
) -> None:
    """Whatever was decided, RateLimit is a list of the budgets by name, each with an r, and maybe a t above 0."""
    decision = refused(rows, wait, (Cause.QUOTA, "abc")) if refuse else Decision(allowed=True, remaining=rows)
    field = remaining_field(decision, disclose).decode("ascii")

    members = fields(field) if field else []
    assert [name for name, _ in members] == [row.budget for row in rows]
    assert all(set(told) <= {"r", "t"} and told["r"] >= 0 and told.get("t", 1) > 0 for _, told in members)


@given(given=st.lists(st.tuples(names, st.integers(1, 10**18), st.integers(1, 10**9)), min_size=1, max_size=4))
def test_the_policy_field_tells_what_is_configured(given: list[tuple[str, int, int]], fields: Fields) -> None:
    """RateLimit-Policy names every budget with its quota and its window in whole seconds."""
    budgets = [Budget(name=name, quota=quota, window=timedelta(seconds=window)) for name, quota, window in given]
    told = fields(policy_field(budgets).decode("ascii"))

    assert told == [(name, {"q": min(quota, 10**15 - 1), "w": window}) for name, quota, window in given]


@given(row=rows)
def test_coarse_tells_less_than_full_and_never_more_than_there_is(row: Remaining, fields: Fields) -> None:
    """Coarse r is a power of two, or 0, at most what is left and more than half of it; and it names no time."""
    decision = Decision(allowed=True, remaining=(row,))
    coarse = fields(remaining_field(decision, "coarse").decode("ascii"))[0][1]
    full = fields(remaining_field(decision, "full").decode("ascii"))[0][1]

    assert set(coarse) == {"r"}
    assert full["r"] == min(math.floor(row.units + 1e-9), 10**15 - 1)
    assert coarse["r"] <= full["r"] <= max(2 * coarse["r"] - 1, 0)
    assert coarse["r"].bit_count() <= 1


@given(row=rows, tier=st.sampled_from(Tier), evidence=st.dictionaries(names, st.floats(0, 9), max_size=2))
def test_no_header_depends_on_the_tier(row: Remaining, tier: Tier, evidence: dict[str, float]) -> None:
    """Where the levels are the same, the headers are, whatever the evidence and the tier."""
    plain = Decision(allowed=True, remaining=(row,))
    watched = Decision(allowed=True, remaining=(row,), tier=tier, evidence=evidence, cohorts={"shape:00": 5.0})

    for disclose in get_args(Disclosure):
        policy = Policy(disclose=disclose)
        assert budget_headers(plain, policy) == budget_headers(watched, policy)


@given(wait=waits, principal=st.text(max_size=8))
def test_nobody_is_told_to_come_back_too_early(wait: float, principal: str, fields: Fields) -> None:
    """Retry-After, retry-after-ms and t all name the true time or a little later, always the same to one principal."""
    row = Remaining(budget="a", quota=1, window=1.0, units=0.0, reset_after=wait)
    decision = refused((row,), wait, (Cause.QUOTA, "a"), principal=principal)
    headers = dict(retry_headers(wait_of(decision)))
    seconds, milliseconds = int(headers[b"retry-after"]), int(headers[b"retry-after-ms"])
    told = fields(remaining_field(decision, "coarse").decode())[0][1]

    assert wait <= seconds <= wait + min(0.1 * wait, 30) + 1
    assert wait * 1000 <= milliseconds <= 1000 * (wait + min(0.1 * wait, 30)) + 1
    assert told == {"r": 0, "t": seconds}
    assert wait_of(decision) == wait_of(refused((), wait, principal=principal))


def test_principals_do_not_come_back_together() -> None:
    """The same wait is told to different principals with different jitter."""
    told = {wait_of(Decision(allowed=False, retry_after=10.0, principal=f"{number:x}")) for number in range(100)}

    assert len(told) == 100
    assert max(told) - min(told) > 0.9


def test_only_short_waits_of_honest_looks_are_worth_a_retry() -> None:
    """x-should-retry is false for waits above a minute, for behaviour and for what is never granted, else absent."""
    assert b"x-should-retry" not in dict(retry_headers(60.0))
    assert dict(retry_headers(60.1))[b"x-should-retry"] == b"false"
    assert dict(retry_headers(1.0, behavioural=True))[b"x-should-retry"] == b"false"
    assert list(retry_headers(math.inf)) == [(b"x-should-retry", b"false")]


def test_a_refusal_names_the_budget_that_refused() -> None:
    """Of several budgets the empty one has nothing left until the retry; the other tells what it has."""
    rows = tuple(
        Remaining(budget=name, quota=9, window=60.0, units=units, reset_after=7.0)
        for name, units in (("a", 0.5), ("b", 6.0))
    )
    decision = refused(rows, 12.0, (Cause.QUOTA, "a"))

    assert violated(decision) == ("a",)
    assert remaining_field(decision, "full") == b'"a";r=0;t=12, "b";r=6;t=7'
    assert remaining_field(decision, "coarse") == b'"a";r=0;t=12, "b";r=4'


def test_a_cohort_is_not_named() -> None:
    """A refusal for a cohort's sake names the caller's budgets, and looks as if they were empty."""
    row = Remaining(budget="a", quota=9, window=60.0, units=6.0, reset_after=7.0)
    decision = refused((row,), 12.0, (Cause.COHORT, "payment"))

    assert violated(decision) == ("a",)
    assert remaining_field(decision, "full") == b'"a";r=0;t=12'


def test_what_can_never_be_granted_names_no_time() -> None:
    """A request that costs more than the burst leaves the budget as it is, and no time would help."""
    row = Remaining(budget="a", quota=9, window=60.0, units=6.0, reset_after=7.0)
    decision = refused((row,), math.inf, (Cause.COST, "a"))

    assert violated(decision) == ("a",)
    assert remaining_field(decision, "coarse") == b'"a";r=4'


def test_disclosing_nothing_sends_nothing() -> None:
    """With disclose="none" there is no RateLimit and no RateLimit-Policy; nor where nothing was charged."""
    row = Remaining(budget="a", quota=9, window=60.0, units=6.0, reset_after=7.0)

    assert budget_headers(Decision(allowed=True, remaining=(row,)), Policy(disclose="none")) == []
    assert budget_headers(Decision(allowed=True), Policy(disclose="full")) == []
