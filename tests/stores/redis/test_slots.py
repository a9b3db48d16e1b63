"""Requests in flight and corrections, over several workers and while the server is away."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from ratelimit import Cause
from ratelimit.charges import BudgetTerms, Charges, Terms
from ratelimit.evidence import Ladder
from ratelimit.presumption import Presumption
from ratelimit.stores import Adjustment

if TYPE_CHECKING:
    from collections.abc import Callable

TERMS = Terms(
    budgets=(BudgetTerms(name="requests", quota=20, window=86_400.0, burst=20.0, refill=20 / 86_400.0),),
    ladder=Ladder(), presumption=Presumption(), signals=("alpha",), cohort_signals=("gamma",), longest=86_400.0,
    slots=2, slot_seconds=60.0,
)


def ask(clock: Any, lease: int, who: str = "ann", *, payer: str | None = None) -> Charges:
    """Return the charge of one request."""
    return Charges(principal=who.encode().ljust(16, b"_"), payer=payer and payer.encode().ljust(16, b"_"), cohorts=(),
                   costs=(1.0,), terms=TERMS, trusted=False, held_at=1.0, earlier=(), now=clock.now(), lease=lease)


def end(store: Any, charges: Charges, units: float = 0.0) -> None:
    """Give the slot of *charges* back, and *units*."""
    store.adjust(Adjustment(charges=charges, units=(units,), lease=charges.lease, now=store.clock.now()))


async def test_workers_share_slots(server: Any, stores: Callable[..., Any], clock: Any) -> None:
    """Two at once, whichever worker is asked; one given back anywhere is free, and late ones free themselves."""
    one, other = stores(server.url, clock), stores(server.url, clock)
    first, second = await one.charge(ask(clock, 1)), await other.charge(ask(clock, 2))
    third = (await one.charge(ask(clock, 3))).admission
    end(one, ask(clock, 1))
    await one.sync()
    fourth, fifth = await other.charge(ask(clock, 4)), await one.charge(ask(clock, 5))
    clock.advance(61.0)
    late = await one.charge(ask(clock, 6))

    assert [first.admission.slots_left, second.admission.slots_left] == [1, 0]
    assert [reason.cause for reason in third.reasons] == [Cause.CONCURRENCY]
    assert (fourth.admission.allowed, fifth.admission.allowed, late.admission.slots_left) == (True, False, 1)


async def test_a_payers_slots_are_all_its_own(server: Any, stores: Callable[..., Any], clock: Any) -> None:
    """All who spend from one payer have its slots together."""
    store = stores(server.url, clock)
    came = [await store.charge(ask(clock, n, f"p{n}", payer="key")) for n in (1, 2, 3)]
    end(store, ask(clock, 2, "p2", payer="key"))
    await store.sync()
    again = await store.charge(ask(clock, 4, "p4", payer="key"))

    assert [charged.admission.allowed for charged in came] == [True, True, False]
    assert [len(charged.admission.seated) for charged in came] == [2, 2, 0]
    assert again.admission.allowed


async def test_a_newcomer_that_gets_all_back_leaves_nothing(
    server: Any, stores: Callable[..., Any], clock: Any
) -> None:
    """Not in the server, and not in the worker, which would tell the server again."""
    store = stores(server.url, clock)
    await store.charge(ask(clock, 1))
    end(store, ask(clock, 1), -1.0)
    await store.sync()
    with server.client as client:
        kept = client.keys("*:p:*")

    assert kept == []
    assert store._replica.principal_of(ask(clock, 1).principal, clock.now())[0] is None


async def test_slots_taken_while_away_are_handed_in(
    start: Callable[..., Any], stores: Callable[..., Any], clock: Any
) -> None:
    """A worker counts by itself meanwhile, from what it knew; back again, the server knows what is still taken."""
    server = start()
    store, other = stores(server.url, clock), stores(server.url, clock)
    await store.charge(ask(clock, 1))
    server.kill()
    for _ in range(3):
        await store.charge(ask(clock, 0, "bob"))
    away = [(await store.charge(ask(clock, lease))).admission.allowed for lease in (2, 3)]
    end(store, ask(clock, 1))
    after = (await store.charge(ask(clock, 4))).admission.allowed
    end(store, ask(clock, 2))
    server.start()
    await store.sync()
    there = [(await other.charge(ask(clock, lease))).admission.allowed for lease in (5, 6)]

    assert (away, after, there) == ([True, False], True, [True, False])


async def test_what_a_payer_had_left_rules_while_away(
    start: Callable[..., Any], stores: Callable[..., Any], clock: Any
) -> None:
    """The worker knows how a payer's budget stood, and grants no more than what was left of it."""
    server = start()
    store = stores(server.url, clock)
    wide = msgspec.structs.replace(ask(clock, 0, payer="key"), costs=(17.0,))
    await store.charge(wide)
    server.kill()
    came = [(await store.charge(ask(clock, 0, f"p{n}", payer="key"))).admission.allowed for n in range(6)]

    assert came == [True] * 3 + [False] * 3


async def test_a_slot_given_without_an_answer_is_released(
    start: Callable[..., Any], stores: Callable[..., Any], clock: Any
) -> None:
    """A charge that timed out and was refused here is nobody's: should the server have granted it, it is given back."""
    server = start()
    store = stores(server.url, clock)
    spent = msgspec.structs.replace(ask(clock, 0), costs=(20.0,))
    await store.charge(spent)
    server.kill()
    refused = (await store.charge(ask(clock, 7))).admission

    assert not refused.allowed
    assert [row.back for row in store._owed.take()] == [[7]]
