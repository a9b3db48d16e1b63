"""Answers that are cut in the middle: what the server did and could not say is neither done twice nor given twice."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from ratelimit.charges import BudgetTerms, Charges, Terms
from ratelimit.evidence import Ladder
from ratelimit.observation import Features
from ratelimit.presumption import Presumption
from ratelimit.sketches import NOWHERE, Fingerprint, Lens
from ratelimit.stores import Adjustment, Fold
from ratelimit.stores.redis import wire
from ratelimit.stores.redis.line import FAILURES

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

TERMS = Terms(
    budgets=(BudgetTerms(name="requests", quota=20, window=86_400.0, burst=20.0, refill=20 / 86_400.0),),
    ladder=Ladder(), presumption=Presumption(), signals=("alpha",), cohort_signals=("gamma",), longest=86_400.0,
)
ANN = b"ann".ljust(16, b"_")


class Proxy:
    """Stands before a server; cuts connections, when told, within the next answer or before each call of a script."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._lets, self.deaf = -1, False
        self.cuts = 0
        self._passing: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Listen."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.url = f"redis://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    def cut(self, *, after: int) -> None:
        """Let so many bytes of the next answer through, and no more."""
        self._lets = after

    async def aclose(self) -> None:
        """Stop listening, and end what passes."""
        self._server.close()
        for task in self._passing:
            task.cancel()
        await asyncio.gather(*self._passing, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._passing.add(task)
        there, back = await asyncio.open_connection("127.0.0.1", self._port)
        asks = asyncio.ensure_future(self._ask(reader, back))
        try:
            while said := await there.read(1 << 16):
                if self._lets >= 0:
                    writer.write(said[:self._lets])
                    await writer.drain()
                    self._lets, self.cuts = -1, self.cuts + 1
                    break
                writer.write(said)
        except OSError:
            pass
        finally:
            asks.cancel()
            back.close()
            writer.close()
            self._passing.discard(task)

    async def _ask(self, reader: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        while asked := await reader.read(1 << 16):
            if self.deaf and b"EVAL" in asked:
                self.cuts += 1
                break
            back.write(asked)
        back.close()


@pytest.fixture
async def proxy(server: Any) -> AsyncIterator[Proxy]:
    """Give a proxy of the shared server."""
    proxy = Proxy(server.port)
    await proxy.start()
    yield proxy
    await proxy.aclose()


def ask(clock: Any, who: bytes = ANN) -> Charges:
    """Return the charge of one request."""
    return Charges(principal=who, payer=None, cohorts=(), costs=(1.0,), terms=TERMS, trusted=False, held_at=1.0,
                   earlier=(), now=clock.now())


def learned(charges: Charges, number: int) -> Fold:
    """Return what is learned of one request."""
    words = np.zeros(16, np.uint16)
    words[:2] = number, 9
    seen = Features(
        ids=np.array([7, number]), fingerprint=Fingerprint(words, 1.0), lens=Lens(), nearest_own=NOWHERE, public=False,
        sender=1, repeats=False, draw=1 << 30, tag=5, continues=False, bare=True, trusted=False, tight=False,
        now=charges.now,
    )
    return Fold(principal=charges.principal, digest=number, features=(seen,), moves=(("alpha", 0.5, 8.0),), cohorts=(),
                pieces=(number,), shares=(), payloads=(), trust=0.25, tag=5, charges=charges, now=charges.now)


async def written(store: Any) -> None:
    """Write what is to be written, however often it takes."""
    async with asyncio.timeout(20):
        while store._owed or store._backlog:
            with suppress(*FAILURES):
                await store.sync()


@pytest.mark.parametrize("after", [0, 1, 3, 40])
async def test_what_was_learned_counts_once(
    after: int, proxy: Proxy, server: Any, stores: Callable[..., Any], clock: Any
) -> None:
    """Learned requests and refunds whose answers were cut are sent again and found done; another worker's count."""
    store, other = stores(proxy.url, clock), stores(server.url, clock)
    charges = ask(clock)
    for _ in range(12):
        await store.charge(charges)
    await store.sync()
    for number in range(20):
        store.fold(learned(charges, number))
    store.adjust(Adjustment(charges=charges, units=(-5.0,), lease=0, now=clock.now()))
    proxy.cut(after=after)
    await written(store)
    for number in range(3):
        other.fold(learned(charges, number))
    await other.sync()
    with server.client as client:
        account, log = client.hget(store._calls.principal(ANN), "a"), client.xlen(store._calls.log)
    mine, _ = wire.profile_of(account, None, now=clock.now())

    assert proxy.cuts == 1
    assert (mine.folds, log) == (23, 23)
    assert mine.wealth["alpha"] == pytest.approx(11.5)
    assert mine.levels["requests"] == pytest.approx(7.0)


@pytest.mark.parametrize("after", [0, 1, 60])
async def test_a_charge_whose_answer_is_cut_is_not_given_twice(
    after: int, proxy: Proxy, stores: Callable[..., Any]
) -> None:
    """It is decided here by what is known, handed in, and in all no more is granted than there is."""
    store = stores(proxy.url)
    loop, many, slowest = asyncio.get_running_loop(), 0, 0.0
    for number in range(40):
        if number % 8 == 3:
            proxy.cut(after=after)
        began = loop.time()
        many += (await store.charge(ask(store.clock))).admission.allowed
        slowest = max(slowest, loop.time() - began)
        await written(store)

    assert proxy.cuts >= 3
    assert slowest < 0.5
    assert 15 <= many <= 20


async def test_what_was_granted_alone_is_told_before_more_is_asked(proxy: Proxy, stores: Callable[..., Any]) -> None:
    """What never reached the server this worker decides; back again, the server gives no more than the rest."""
    store, other = stores(proxy.url), b"somebody else".ljust(16, b"_")
    await store.charge(ask(store.clock, other))
    await store.sync()

    async def granted() -> int:
        came = await asyncio.gather(*(store.charge(ask(store.clock)) for _ in range(16)))
        return sum(charged.admission.allowed for charged in came)

    proxy.deaf = True
    alone = await granted()
    async with asyncio.timeout(20):
        while proxy.cuts < 2:  # nor does it hear what was granted meanwhile
            await asyncio.sleep(0)
        proxy.deaf = False
        while not store._breaker.closed:
            await store.charge(ask(store.clock, other))
            await asyncio.sleep(0)
    after = await granted()

    assert (alone, after) == (16, 4)
