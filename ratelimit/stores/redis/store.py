"""The store of many processes and machines."""

from __future__ import annotations

import asyncio
import logging
import secrets
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from ratelimit.clock import Clock, SystemClock
from ratelimit.errors import StoreError, refuse_invalid
from ratelimit.stores.base import Adjustment
from ratelimit.stores.health import Health
from ratelimit.stores.redis import wire
from ratelimit.stores.redis.arguments import client_of, problems
from ratelimit.stores.redis.backlog import Backlog
from ratelimit.stores.redis.breaker import Breaker
from ratelimit.stores.redis.calls import Calls
from ratelimit.stores.redis.clock import ServerClock
from ratelimit.stores.redis.line import FAILURES, Line
from ratelimit.stores.redis.news import apply
from ratelimit.stores.redis.owed import Owed
from ratelimit.stores.redis.replica import Replica

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from redis.asyncio import Redis, RedisCluster

    from ratelimit.charges import Charges
    from ratelimit.sketches import Lexicon
    from ratelimit.stores.base import Charged, Fold

_log = logging.getLogger("ratelimit")

# Seconds for which writes are gathered before they go out together.
_GATHER = 0.01

# Entries of the log that are read at once.
_PAGE = 500


class RedisStore:
    """Keeps profiles and budgets in Redis 6.2 or later, or Valkey: one budget over all workers that share it.

    at          a URL, or a ``redis.asyncio`` client of your own (Sentinel, Cluster), which you close yourself and which
                must answer in bytes.
    secret      the key of every hash, 16 bytes or more; the same for all workers. Ids and words leave the process
                hashed with it, and nothing else does.
    prefix      what all keys begin with.
    ttl         how long an idle principal or cohort is kept; a tightened one twice as long, one of which nothing was
                learned until its budget has refilled. Longer than the policy's ``ladder.forgives_after``.
    timeout     how long a charge may take before the server counts as away.
    staleness   how old what this worker knows of the words and pasts of all may be; that is not asked for with each
                request, but followed in the background.
    remembered  learned requests that the log holds, from which a new worker gets to know words and pasts; 1 or more.
    backlog     learned requests and corrections kept while the server is away; then the oldest is dropped.
    principals, cohorts
                those that are kept in this process, to decide by itself while the server is away.
    clock       ``None``: the server's clock rules. Another travels with each call: for tests and replay.

    One awaited round trip a charge; calls that are ready in the same turn of the event loop share one. What is learned
    is written in the background.

    Raises: an ``ExceptionGroup`` of PolicyError with all that is wrong with the arguments.
    """

    def __init__(
        self,
        at: str | Redis | RedisCluster,
        *,
        secret: bytes,
        prefix: str = "ratelimit",
        ttl: timedelta = timedelta(days=14),
        timeout: timedelta = timedelta(milliseconds=100),
        staleness: timedelta = timedelta(milliseconds=500),
        remembered: int = 20_000,
        backlog: int = 10_000,
        principals: int = 20_000,
        cohorts: int = 10_000,
        clock: Clock | None = None,
    ) -> None:
        refuse_invalid("RedisStore", problems(at, secret, prefix, remembered, backlog, ttl=ttl, timeout=timeout,
                                              staleness=staleness))
        self.secret = secret
        self._at, self._timeout = at, timeout.total_seconds()
        self._given = clock is not None
        self._server_clock = ServerClock(clock or SystemClock())
        self.clock: Clock = clock or self._server_clock
        self._replica = Replica(principals=principals, cohorts=cohorts, ttl=ttl, clock=self.clock, secret=secret)
        self._staleness = staleness.total_seconds()
        self._calls = Calls(prefix, ttl=int(ttl.total_seconds() * 1000), given=self._given, remembered=remembered)
        self._backlog = Backlog(most=backlog, timeout=max(1.0, self._timeout))
        self._breaker = Breaker()
        self._asked, self._failures, self._seconds = 0, 0, 0.0
        self._granted = self._told = 0  # charges that were granted here alone, and how many of them the server knows of
        self._worker = secrets.token_bytes(8)
        self._owed = Owed(most=backlog)
        self._read_to, self._read_at = "0-0", -1e9
        self._loop: asyncio.AbstractEventLoop | None = None
        self._line: Line | None = None
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._timer: asyncio.TimerHandle | None = None

    def __repr__(self) -> str:
        state = "" if self._breaker.closed else ", away"
        return f"RedisStore({self._calls.prefix!r}{state}, backlog={len(self._backlog)})"

    @property
    def lexicon(self) -> Lexicon:
        """How common each word is: this worker's replica of what all learned."""
        return self._replica.lexicon

    async def charge(self, charges: Charges) -> Charged:
        """Charge everything, or nothing, atomically, and bring the profiles back.

        While the server is away, charges that fall back to ``local`` are made in this process, and handed in later.
        Raises: StoreError for others.
        """
        line = self._connected()
        time = asyncio.get_running_loop().time
        began = time()
        if not self._breaker.closed:
            self._probe(line)
            return await self._alone(charges, None)
        self._asked += 1
        if self._told < self._granted and charges.on_store_error == "local" and not await self._tells():
            self._failures += 1
            self._seconds += time() - began
            return await self._alone(charges, None)
        try:
            reply = await line.ask(self._calls.charge(charges), by=began + self._timeout)
        except FAILURES as error:
            self._failures += 1
            self._failed(error)
            return await self._alone(charges, error)
        finally:
            self._seconds += time() - began
        self._breaker.succeeded()
        return self._answered(charges, reply)

    def health(self) -> Health:
        """Say whether the server answers, how fast, and how much waits for it."""
        own = self._replica.health()
        return Health(up=self._breaker.closed, charges=self._asked, failures=self._failures, seconds=self._seconds,
                      waiting=len(self._backlog), principals=own.principals, cohorts=own.cohorts, tight=own.tight)

    def fold(self, fold: Fold) -> None:
        """Learn what was answered, soon: written in the background, and kept as far as there is room while away."""
        if not self._breaker.closed:
            self._replica.fold(fold)
        worker = b"" if self._breaker.closed else self._worker  # what was learned here is not learned from the log too
        self._later(self._calls.fold(fold, worker=worker))

    def adjust(self, adjustment: Adjustment) -> None:
        """Correct what was charged and give a slot back, soon; what is owed to one principal is added up meanwhile."""
        self._replica.adjust(adjustment)
        self._owed.add(adjustment)
        self._write()

    async def sync(self) -> None:
        """Write what is to be written, and read what others wrote: as if there were no staleness. For tests.

        Raises: one of redis's errors, or TimeoutError.
        """
        line = self._connected()
        while (task := self._tasks.get("write")) is not None and not task.done():
            await asyncio.wait([task])
        await self._hand_over(line)
        async with asyncio.timeout(max(1.0, self._timeout)):
            await self._read(line)

    async def aclose(self) -> None:
        """Write what is still to be written, for a second at most, and release the connections.

        Cancelled, it releases what it can all the same; called again, it goes on where it was cut off.
        """
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        line, self._loop = self._line, None  # from now on nothing is begun
        try:
            for task in self._tasks.values():
                task.cancel()
            await asyncio.gather(*self._tasks.values(), return_exceptions=True)
            self._tasks.clear()
            if line is not None:
                await line.aclose()
                async with asyncio.timeout(1.0):
                    if self._breaker.closed:
                        await self._hand_over(line)
        except FAILURES as error:
            _log.error("RedisStore: closed with %d writes undone: %r", len(self._backlog), error)
        finally:
            if line is not None and isinstance(self._at, str):
                await line.client.aclose()
        if self._line is line:
            self._line = None

    def _answered(self, charges: Charges, reply: bytes) -> Charged:
        answer = wire.spent_of(reply, charges) if charges.plain else wire.answer_of(reply, charges)
        if not self._given:
            self._server_clock.heard(answer.charged.now)
        self._bring_back(charges, answer.charged, known=answer.known)
        if charges.plain:  # of words and pasts nothing is asked
            return self._replica.adopt(charges, answer)
        time = asyncio.get_running_loop().time()
        if time - self._read_at >= self._staleness / 2:
            self._read_at = time
            self._start("read", self._read_soon())
        return self._replica.adopt(charges, answer)

    async def _alone(self, charges: Charges, error: BaseException | None) -> Charged:
        if charges.on_store_error != "local":
            raise StoreError("RedisStore: the server is away; it is asked again soon") from error
        charges = msgspec.structs.replace(charges, now=self.clock.now())
        charged = await self._replica.charge(charges)
        admission, units = charged.admission, charges.costs
        if admission.allowed:
            granted = msgspec.structs.replace(charges, cohorts=admission.pools)
            self._owed.grant(Adjustment(charges=granted, units=units, lease=0, now=charges.now))
            self._granted += 1
            self._write()
        elif error is not None and charges.lease:  # the server may have given a slot although it did not answer
            self.adjust(Adjustment(charges=charges, units=(0.0,) * len(units), lease=charges.lease, now=charges.now))
        # A refusal must not be given from memory once the server rules again.
        return msgspec.structs.replace(charged, admission=msgspec.structs.replace(admission, stands=None))

    def _bring_back(self, charges: Charges, charged: Charged, *, known: bool) -> None:
        """Give the server what it lost, by eviction or a restart, and this worker still knows."""
        terms, now = charges.terms, charged.now
        if not known:
            mine, room = self._replica.principal_of(charges.principal, now)
            if mine is not None and (mine.learned or mine.spent_until > now):
                self._later(self._calls.merge_principal(charges.principal, mine, room, terms))
        for ref, cohort in zip(charges.cohorts, charged.cohorts, strict=True):
            if cohort is None:
                kept, room = self._replica.cohort_of(ref.key, now)
                if kept is not None and kept.members:
                    self._later(self._calls.merge_cohort(ref, kept, room, terms))

    async def _tells(self) -> bool:
        """Let the server know what was granted here before it is asked for more; say whether it does, in time.

        Else it would give the same again, for as long as that takes to reach it.
        """
        self._start("write", self._drain())
        writing, batches = self._tasks["write"], self._backlog.batches
        await asyncio.wait([writing], timeout=self._timeout / 2)
        if not writing.done() and self._backlog.batches == batches:  # it is not that there is much to write
            self._failed(TimeoutError())
        return self._told >= self._granted

    async def _hand_over(self, line: Line) -> None:
        """Write all there is to write. Raises: one of FAILURES."""
        granted = self._granted
        self._hand_in()
        await self._backlog.drain(line)
        self._told = granted

    def _hand_in(self) -> None:
        """Turn what is owed into calls."""
        for owed in self._owed.take():
            mine, room = self._replica.principal_of(owed.charges.principal, owed.now)
            self._backlog.add(self._calls.adjust(owed, mine, room))

    def _later(self, wanted: Any) -> None:
        self._backlog.add(wanted)
        self._write()

    def _write(self) -> None:
        if self._breaker.closed and self._loop is not None and self._timer is None:
            self._timer = self._loop.call_later(_GATHER, self._write_now)

    def _write_now(self) -> None:
        self._timer = None
        self._start("write", self._drain())

    async def _drain(self) -> None:
        while self._line is not None and (self._owed or self._backlog):
            try:
                await self._hand_over(self._line)
            except FAILURES as error:
                self._failed(error)
                return

    async def _read_soon(self) -> None:
        if self._line is not None:
            try:
                async with asyncio.timeout(max(1.0, self._timeout)):
                    await self._read(self._line)
            except FAILURES as error:
                self._failed(error)

    async def _read(self, line: Line) -> None:
        """Follow the log to its end."""
        while True:
            since = self._read_to
            page = await line.client.xrange(self._calls.log, min=f"({since}", count=_PAGE)
            if self._read_to != since:  # another read these meanwhile
                continue
            for entry, fields in page:
                apply(fields[b"e"], fields[b"m"], self._replica, worker=self._worker)
                self._read_to = entry.decode()
            if len(page) < _PAGE:
                return
            await asyncio.sleep(0)  # requests go first

    def _probe(self, line: Line) -> None:
        if self._breaker.may_probe(asyncio.get_running_loop().time()):
            self._start("probe", self._ask_whether_back(line))

    async def _ask_whether_back(self, line: Line) -> None:
        try:
            async with asyncio.timeout(self._timeout):
                # A write: a replica that is no master yet must not pass.
                await line.client.set(self._calls.prefix + "probe", b"1", px=1000)
        except FAILURES as error:
            self._failed(error)
            return
        if self._breaker.succeeded():
            _log.warning("RedisStore: the server is back")
        self._write()

    def _failed(self, error: BaseException) -> None:
        if self._breaker.failed(asyncio.get_running_loop().time()):
            _log.error("RedisStore: the server is away (%s: %s); until it is back each policy's on_store_error rules",
                       type(error).__name__, error)

    def _connected(self) -> Line:
        """Return the line of the running event loop."""
        loop = asyncio.get_running_loop()
        if self._line is None or self._loop is not loop:
            self._tasks.clear()
            self._timer = None
            self._loop, self._line = loop, Line(client_of(self._at, self._timeout))
            # Drawn here and not when it is made: a process may fork in between.
            self._backlog.number_under(f"{self._calls.prefix}w:{secrets.token_hex(8)}")
        return self._line

    def _start(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        """Start *work* in the background, unless such work is under way."""
        running = self._tasks.get(name)
        if running is not None and not running.done():
            work.close()
            return
        self._tasks[name] = asyncio.get_running_loop().create_task(work)
