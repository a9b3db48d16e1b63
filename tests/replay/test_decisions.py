"""What is decided: what the middleware would have, in the trace's own time."""

from __future__ import annotations

import asyncio
import gzip
import json
import math
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from hypothesis import given
from hypothesis import strategies as st

from ratelimit.budget import Budget
from ratelimit.clock import ManualClock
from ratelimit.dialects import read_body
from ratelimit.engine import Engine
from ratelimit.identify import EndUser, resolve
from ratelimit.policy import Policy
from ratelimit.principal import Principal
from ratelimit.request import Request
from ratelimit.stores import Adjustment, MemoryStore
from ratelimit.trace.case import Case
from ratelimit.trace.deciding import SECRET
from ratelimit.trace.rows import read_row
from ratelimit.trace.side import Side

if TYPE_CHECKING:
    from collections.abc import Callable

    from ratelimit.charges import Charges
    from ratelimit.stores import Charged, Fold

PATH = "/v1/chat/completions"

words = st.lists(st.sampled_from(["alpha", "beta", "gamma", "delta", "epsilon", "zeta"]), max_size=6).map(" ".join)
bodies = st.one_of(
    words.map(lambda text: {"model": "m", "messages": [{"role": "user", "content": text}]}),
    st.tuples(words, st.sampled_from(["", "u1", "u2"])).map(
        lambda pair: {"messages": [{"role": "user", "content": pair[0]}], "user": pair[1]}
    ),
    words.map(lambda text: {"prompt": text}),
    st.sampled_from([{}, [], 5, {"messages": "none"}, {"messages": [{"role": "user", "content": [1, 2]}]}]),
)
rows = st.fixed_dictionaries(
    {"principal": st.sampled_from(["a", "b", "ć"]), "body": bodies,
     "path": st.sampled_from([PATH, "/v1/messages", "/x"]), "after": st.sampled_from([0.0, 0.5, 30.0, 5000.0])},
    optional={"since": st.sampled_from([None, 0, 1.7e9]), "verified": st.booleans(),
              "links": st.dictionaries(st.sampled_from(["network", "client"]), st.sampled_from(["x", "y"])),
              "status": st.sampled_from([200, 401, 403, 429, 500])},
)


def _timed(drawn: list[dict[str, Any]], start: float) -> list[dict[str, Any]]:
    now, timed = start, []
    for one in drawn:
        now += one["after"]
        timed.append({"at": now} | {key: value for key, value in one.items() if key != "after"})
    return timed


def _directly(trace: list[dict[str, Any]], policy: Policy, *, recalls: bool = True) -> list[dict[str, Any]]:
    """Decide a trace by the parts of the library, in the plainest way; without *recalls* every request anew."""
    clock = ManualClock()
    store = MemoryStore(clock=clock, secret=SECRET)
    engine = Engine([policy], secret=store.secret, lexicon=store.lexicon)

    async def decide(one: dict[str, Any]) -> dict[str, Any]:
        body = json.dumps(one["body"]).encode()
        request = Request(path=one["path"], reading=read_body(policy.dialect_for(one["path"]), body))
        key = Principal(id=one["principal"], since=one.get("since"), verified=one.get("verified", False),
                        links=one.get("links", {}))
        principal = await resolve(EndUser(within=lambda _: key), request)
        assert principal is not None
        clock.set(one["at"])
        again = engine.recall(policy, request, principal, now=clock.now()) if recalls else None
        if again is not None:
            decision, fold = again.seen(clock.now()), None
        else:
            plan = engine.plan(policy, request, principal, body=body, now=clock.now())
            decision, fold = engine.settle(plan, await store.charge(plan.charges))
            if not decision.refused and one.get("status") in {401, 403, 429, 500}:
                back = tuple(-cost for cost in plan.charges.costs)
                store.adjust(Adjustment(charges=plan.charges, units=back, lease=0, now=clock.now()))
        if fold is not None and one.get("status") not in {401, 403}:
            store.fold(fold)
        return {"at": one["at"], "principal": one["principal"], "allowed": not decision.refused,
                "tier": str(decision.tier), "evidence": decision.evidence, "cohorts": list(decision.cohorts),
                "reasons": [f"{reason.cause}: {reason.detail}" for reason in decision.reasons],
                "retry_after": decision.retry_after if math.isfinite(decision.retry_after) else None}

    async def all_of_them() -> list[dict[str, Any]]:
        return [await decide(one) for one in trace]

    return asyncio.run(all_of_them())


@given(st.lists(rows, max_size=40))
def test_a_replay_decides_as_engine_and_store_do(
    replay_in: Callable[..., Any], as_lines: Callable[..., bytes], drawn: list[dict[str, Any]]
) -> None:
    """Line N of the decisions is what the engine and a memory store say of line N of the trace."""
    trace = _timed(drawn, 1.76e9)

    assert replay_in(as_lines(trace)).decisions == _directly(trace, Policy())


def test_what_an_answer_came_to_is_charged(
    replay: Callable[..., Any], as_lines: Callable[..., bytes], make_row: Callable[..., Any],
    module: Callable[..., None],
) -> None:
    """A usage in the trace counts, and what failed does not: the budget holds as long as it did."""
    module("metered", "from datetime import timedelta\nfrom ratelimit import Budget, Policy, Tokens\n"
           "budget = Budget(quota=1, window=timedelta(days=99), burst=300, cost=Tokens(output=100))\n"
           "policy = Policy(budgets=(budget,))\n")
    spent = make_row(status=200, usage={"prompt_tokens": 10, "completion_tokens": 190})
    rows = [make_row(status=500), make_row(status=503), spent, make_row(status=429), make_row(usage="?"), make_row()]
    found = replay(as_lines(rows), policies=("metered:policy",))

    assert [line["allowed"] for line in found.decisions] == [True, True, True, False, False, False]


def test_a_harvest_is_decided_as_engine_and_store_do(
    replay: Callable[..., Any], as_lines: Callable[..., bytes], harvest: list[dict[str, Any]]
) -> None:
    """The same holds where evidence grows, cohorts are tightened and requests are refused; people lose nothing."""
    found = replay(as_lines(harvest))

    assert found.code == 0
    assert found.decisions == _directly(harvest, Policy())
    anew = _directly(harvest, Policy(), recalls=False)
    for field in ("allowed", "tier", "evidence"):
        assert [line[field] for line in found.decisions] == [line[field] for line in anew], field
    refused = [line["principal"] for line in found.decisions if not line["allowed"]]
    assert len(refused) > 300
    assert all(principal.startswith("farm") for principal in refused)


def test_however_a_trace_is_packed_it_is_decided_alike(
    replay: Callable[..., Any], as_lines: Callable[..., bytes], packed_by_zstd: Callable[[bytes], bytes],
    harvest: list[dict[str, Any]],
) -> None:
    """Plain, gzip and zstd, in one piece or several, come to the same decisions and the same summary."""
    trace = as_lines(harvest)
    half = len(trace) // 2
    plain = replay(trace)
    others = [gzip.compress(trace), gzip.compress(trace[:half]) + gzip.compress(trace[half:]), packed_by_zstd(trace),
              packed_by_zstd(trace[:half]) + packed_by_zstd(b"") + packed_by_zstd(trace[half:])]

    assert plain.code == 0
    assert all(replay(packed) == plain for packed in others)


def test_two_runs_come_to_the_same(
    replay: Callable[..., Any], as_lines: Callable[..., bytes], harvest: list[dict[str, Any]]
) -> None:
    """Nothing is drawn anew: not a hash, not a choice, not an order."""
    trace = as_lines(harvest)

    assert replay(trace, json=True) == replay(trace, json=True)


def test_the_mode_changes_nothing(
    replay: Callable[..., Any], as_lines: Callable[..., bytes], module: Callable[..., None],
    harvest: list[dict[str, Any]],
) -> None:
    """In audit and delay mode the decisions are those of enforcing, and the summary says so."""
    module("modes", "from ratelimit import Policy\naudit = Policy(mode='audit')\ndelay = Policy(mode='delay')\n")
    enforced, audited, delayed = (
        replay(as_lines(harvest), policies=policies) for policies in ((), ("modes:audit",), ("modes:delay",))
    )

    assert enforced.decisions == audited.decisions == delayed.decisions
    assert "default: its mode is audit; shown is what enforcing would do." in audited.err
    assert "mode" not in enforced.err


def test_nothing_is_learned_from_strangers(
    replay: Callable[..., Any], as_lines: Callable[..., bytes], make_row: Callable[..., Any],
    harvest: list[dict[str, Any]],
) -> None:
    """A harvest whose every request was answered 401 makes no evidence."""
    unknown = replay(as_lines([one | {"status": 401} for one in harvest]))

    assert {line["tier"] for line in unknown.decisions} == {"clear"}


def test_a_request_out_of_order_is_decided_at_the_latest_time(
    replay: Callable[..., Any], as_lines: Callable[..., bytes], make_row: Callable[..., Any]
) -> None:
    """The clock never steps back: what an earlier time would refill stays empty. It is counted, and the line named."""
    first = [make_row(1.76e9 + 10, text=f"word{number}") for number in range(60)]
    late = make_row(1.76e9 + 1, text="one more")
    found = replay(as_lines([*first, late, late]))

    assert [line["allowed"] for line in found.decisions] == [True] * 60 + [False] * 2
    assert found.decisions[-1]["at"] == 1.76e9 + 1
    assert "2 requests came behind a later one" in found.err
    assert "is that of line 60; the first of them is line 61" in found.err


def test_a_wait_without_end_is_null(
    replay: Callable[..., Any], as_lines: Callable[..., bytes], make_row: Callable[..., Any],
    module: Callable[..., None],
) -> None:
    """What can never be granted has no time to come back: JSON has no infinity."""
    module("dear", "from datetime import timedelta\nfrom ratelimit import Budget, Policy\n"
                   "policy = Policy(budgets=(Budget(quota=9, window=timedelta(hours=1), burst=1, cost=2),))\n")
    (line,) = replay(as_lines([make_row()]), policies=("dear:policy",)).decisions

    assert (line["allowed"], line["retry_after"]) == (False, None)
    assert line["reasons"][0].startswith("cost: ")


class Slow:
    """A store that awaits, as one behind a network does."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self._inner = MemoryStore(clock=self.clock, secret=SECRET)
        self.secret, self.lexicon = self._inner.secret, self._inner.lexicon
        self.closed = False

    async def charge(self, charges: Charges) -> Charged:
        """Charge a little later."""
        await asyncio.sleep(0)
        return await self._inner.charge(charges)

    def fold(self, fold: Fold) -> None:
        """Learn at once, in a running loop."""
        asyncio.get_running_loop()
        self._inner.fold(fold)

    async def aclose(self) -> None:
        """Close."""
        self.closed = True


def test_a_store_that_awaits_decides_the_same(as_lines: Callable[..., bytes], make_row: Callable[..., Any]) -> None:
    """The same rows come to the same tally by a store that awaits as by one that does not."""
    policy = Policy(budgets=(Budget(quota=3, window=timedelta(hours=1), burst=3),))
    sides, case = [Side("slow", (policy,), store=(store := Slow())), Side("memory", (policy,))], Case()
    for number in range(10):
        case.take(read_row(as_lines([make_row(1.76e9 + number, text=f"word{number}")])))
        for side in sides:
            side.decide(case)
    for side in sides:
        side.close()

    assert store.closed
    assert [(side.tally.requests, side.tally.refused, side.complaints.noted) for side in sides] == [(10, 7, {})] * 2
