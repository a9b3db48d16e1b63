"""What Lua makes of any account is what Python makes of it: admissions, adjustments and what is learned."""

from __future__ import annotations

import asyncio
import math
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ratelimit.charges import NO_ORDERS, BudgetTerms, Charges, Orders, Terms
from ratelimit.clock import ManualClock
from ratelimit.decision import Tier
from ratelimit.evidence import LN10, Ladder
from ratelimit.ledger import cohort_tier
from ratelimit.observation import CohortRef, Features
from ratelimit.presumption import Caution, Presumption
from ratelimit.profile import CohortProfile, PrincipalProfile, Standing
from ratelimit.sketches import NOWHERE, Fingerprint, Lens
from ratelimit.stores import Adjustment, CohortFold, Fold, MemoryStore
from ratelimit.stores.redis import RedisStore, wire

if TYPE_CHECKING:
    from ratelimit.charges import Admission
    from ratelimit.stores import Charged

NOW = 1_760_000_000.0
SECRET = b"0123456789abcdef"
MINE, PAYER = b"m" * 16, b"y" * 16
REFS = [
    CohortRef(kind, bytes([number]) * 16, presumed, Caution(patience=patience))
    for number, (kind, presumed, patience) in enumerate([
        ("shape", True, 0.0), ("template", False, 0.0), ("network", True, 1.0), ("all", False, 0.5),
    ])
]

# Mostly what stands close to a step, where one rule decides otherwise than another.
times = st.sampled_from([NOW, NOW, NOW, NOW - 0.5, NOW - 77.0, NOW - 5000.0, NOW - 3 * 86_400.0, NOW + 30.0,
                         NOW + 90_000.0])
units = st.one_of(st.sampled_from([0.0, 0.0, 1.0, 3.5, 4.0, 8.0]), st.floats(0, 12))
costs = st.one_of(st.sampled_from([0.5, 1.0]), units)
heavy = st.sampled_from([3.0, 4.0, 5.0, 7.0]).map(lambda log: log * LN10)
logs = st.one_of(heavy, heavy, st.floats(-7.0, 18.5))
quiet = st.one_of(st.just(0.0), st.just(0.0), st.just(0.0), logs)
standings = st.one_of(st.sampled_from([0.0, 0.8, 1.5, 2.5, 3.5, 3.5]).map(lambda log: log * LN10), st.floats(-6.9, 9.2))


@st.composite
def accounts(draw: st.DrawFn, account: Any, wealth: dict[str, Any]) -> Any:
    """Draw an account of a principal or a cohort."""
    account.levels = draw(st.fixed_dictionaries({}, optional={"fast": units, "slow": units}))
    account.at, account.active_at, account.spent_until = draw(times), draw(times), draw(times)
    account.wealth = draw(st.fixed_dictionaries({}, optional=wealth) | st.fixed_dictionaries(wealth))
    return account


@st.composite
def principals(draw: st.DrawFn) -> PrincipalProfile:
    """Draw a principal."""
    mine = draw(accounts(PrincipalProfile(NOW), {"alpha": quiet, "beta": quiet}))
    mine.at = draw(st.sampled_from([mine.at, NOW - 4000 * 86_400.0]))  # unanswered for so long, some are heard
    mine.held_at = draw(st.sampled_from([None, 0.3, 1.2]))
    mine.prior = draw(st.sampled_from([(0.0, 0.0), (1.0, 2.0), (3.0, 4.0)]))
    mine.pieces = tuple(draw(st.sets(st.integers(0, 5), max_size=2)))
    mine.slots = draw(st.none() | st.dictionaries(st.integers(1, 4), times, max_size=3))
    for ref in sorted(draw(st.sets(st.sampled_from(range(len(REFS))), min_size=2) | st.just(set()))):
        careful, typical, drawn = draw(standings), draw(standings), draw(st.integers(0, 3))
        if typical <= -LN10:  # who is cleared has given back what it drew
            drawn = 0
        mine.standings[REFS[ref].key] = Standing(REFS[ref], careful, typical, drawn)
    return mine  # type: ignore[no-any-return]


def most(known: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Draw from *known* mostly, else ``None``."""
    return st.one_of(known, known, known, st.none())


@st.composite
def crowds(draw: st.DrawFn) -> CohortProfile:
    """Draw a cohort."""
    cohort = draw(accounts(CohortProfile(NOW), {"gamma": logs}))
    cohort.members, cohort.trust = draw(st.integers(1, 50)), draw(st.sampled_from([-1e-17, 0.0, 0.3, 5.0]))
    cohort.guests, cohort.guests_at = draw(st.sampled_from([0.0, 3.0, 3999.5, 4000.0])), draw(times)
    cohort.tight, cohort.outspoken = draw(st.booleans()), draw(st.integers(0, 3))
    return cohort  # type: ignore[no-any-return]


TERMS = Terms(
    budgets=(BudgetTerms(name="fast", quota=10, window=100.0, burst=4.0, refill=0.1),
             BudgetTerms(name="slow", quota=40, window=1000.0, burst=8.0, refill=0.04)),
    ladder=Ladder(), presumption=Presumption(carried_by=2), signals=("alpha", "beta"), cohort_signals=("gamma",),
    longest=1000.0,
)
terms = st.builds(
    lambda **fields: msgspec.structs.replace(TERMS, **fields),
    ladder=st.sampled_from([Ladder(), Ladder(form="lifetime", fade=0.1, soft=2.0)]),
    presumption=st.sampled_from([Presumption(carried_by=2), Presumption(guests_at_once=3)]),
    cells=st.booleans(), slots=st.sampled_from([0, 1, 2, 3]), slot_seconds=st.just(60.0),
)
orders = st.one_of(st.just(NO_ORDERS), st.builds(
    Orders, st.sampled_from([Tier.CLEAR, Tier.SOFT, Tier.HARD]),
    st.sets(st.sampled_from([ref.key[:8].hex() for ref in REFS])).map(tuple)))
bets = st.lists(st.tuples(st.just("gamma"), st.floats(-6, 12), st.just(8.0)), max_size=2).map(tuple)
learned = st.tuples(bets, st.floats(-4, 4), st.floats(-4, 4), st.booleans()).map(lambda row: CohortFold(REFS[0], *row))


@settings(max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(mine=most(principals()), payer=most(principals()), pays=st.booleans(),
       cohorts=st.lists(most(crowds()), min_size=len(REFS), max_size=len(REFS)),
       named=st.sets(st.sampled_from(range(len(REFS))), min_size=1) | st.just(set()),
       costs=st.tuples(costs, costs), terms=terms, orders=orders,
       trusted=st.booleans(), aged=st.booleans(),
       earlier=st.sets(st.integers(0, 5), max_size=2), lease=st.sampled_from([0, 3, (1 << 63) - 1]),
       more=st.none() | st.tuples(st.floats(-12, 5), st.floats(-12, 5)),
       rows=st.lists(learned, min_size=len(REFS), max_size=len(REFS)), own=st.floats(-3, 9),
       waits=st.sampled_from([0.0, 0.5, 90.0, 90_000.0]))
def test_lua_does_what_python_does(
    mine: PrincipalProfile | None, payer: PrincipalProfile | None, pays: bool, cohorts: list[CohortProfile | None],
    named: set[int], costs: tuple[float, float], terms: Terms, orders: Orders,
    trusted: bool, aged: bool, earlier: set[int], lease: int, more: tuple[float, float] | None, rows: list[CohortFold],
    own: float,
    waits: float, server: Any,
) -> None:
    """Whatever accounts, charge and time: the same admissions and the same accounts, adjusted and learned."""
    play(server, mine=mine, payer=payer, pays=pays, cohorts=cohorts, named=named, costs=costs, terms=terms,
         orders=orders, trusted=trusted, aged=aged, earlier=earlier, lease=lease, more=more, rows=rows, own=own,
         waits=waits)


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(mine=most(principals()), payer=most(principals()), pays=st.booleans(),
       cohorts=st.lists(most(crowds()), min_size=len(REFS), max_size=len(REFS)),
       costs=st.tuples(costs, costs), terms=terms, orders=orders, lease=st.sampled_from([0, 3, (1 << 63) - 1]),
       more=st.none() | st.tuples(st.floats(-12, 5), st.floats(-12, 5)),
       waits=st.sampled_from([0.0, 0.5, 90.0, 90_000.0]))
def test_lua_does_what_python_does_for_budgets_alone(
    mine: PrincipalProfile | None, payer: PrincipalProfile | None, pays: bool, cohorts: list[CohortProfile | None],
    costs: tuple[float, float], terms: Terms, orders: Orders, lease: int, more: tuple[float, float] | None,
    waits: float, server: Any,
) -> None:
    """The same where no signal is watched, whatever was learned under another policy before."""
    play(server, mine=mine, payer=payer, pays=pays, cohorts=cohorts, named=set(), costs=costs,
         terms=msgspec.structs.replace(terms, signals=(), cohort_signals=()), orders=orders, trusted=False, aged=False,
         earlier=set(), lease=lease, more=more, rows=None, own=0.0, waits=waits)


def standing_accounts(evidence: float, spent: float) -> dict[str, Any]:
    """Return one who is held in a cohort of so much evidence (log10) and so many units *spent*, and a payer."""
    mine, cohort = PrincipalProfile(NOW), CohortProfile(NOW)
    mine.at = NOW - 4000 * 86_400.0
    mine.standings[REFS[0].key] = Standing(REFS[0], 0.0, 1.5 * LN10, 0)
    cohort.wealth, cohort.tight, cohort.members = {"gamma": evidence * LN10}, True, 2
    cohort.levels = {"fast": spent, "slow": spent}
    return {"mine": mine, "payer": PrincipalProfile(NOW), "pays": True, "cohorts": [cohort, None, None, None],
            "named": {0}, "costs": (1.0, 1.0), "trusted": False, "aged": False, "earlier": set(), "lease": 0,
            "more": (0.5, 0.5),
            "rows": [CohortFold(REFS[0], (), 0.1, 0.1, False)] * len(REFS), "own": 0.0, "waits": 90.0}


def test_who_is_heard_pays_from_its_own_budget_and_its_payers(server: Any) -> None:
    """Refused by a cohort alone, and not answered for years: answered, and the pool is not touched."""
    first = play(server, terms=TERMS, **standing_accounts(5.0, 8.0))

    assert (first.allowed, first.pools, first.heard_at < NOW) == (True, (), True)


def test_a_pool_that_is_not_let_go_drains_slowly_until_it_is_corrected(server: Any) -> None:
    """Tightened once, and its evidence in the tier watch: charged and corrected at the refill of the tier soft."""
    first = play(server, terms=TERMS, **standing_accounts(3.0, 0.0))

    assert first.pools == (REFS[0],)


def play(
    server: Any, *, mine: PrincipalProfile | None, payer: PrincipalProfile | None, pays: bool,
    cohorts: list[CohortProfile | None], named: set[int], costs: tuple[float, float], terms: Terms, trusted: bool,
    aged: bool, earlier: set[int], lease: int, more: tuple[float, float] | None, rows: list[CohortFold] | None,
    own: float, waits: float, orders: Orders = NO_ORDERS,
) -> Admission:
    """Charge, adjust and learn in both, compare all there is after each step, and return the first admission.

    Without *rows* nothing is learned.
    """
    clock = ManualClock(NOW)
    memory = MemoryStore(clock=clock, secret=SECRET)
    charges = Charges(
        principal=MINE, payer=PAYER if pays else None, cohorts=tuple(REFS[number] for number in sorted(named)),
        costs=costs, terms=terms, trusted=trusted, held_at=0.7, earlier=tuple(earlier), now=NOW, lease=lease,
        aged=aged, orders=orders,
    )
    with server.client as client:
        client.flushall()
        begin(memory, client, {MINE: mine, PAYER: payer}, cohorts, terms)

        async def compare() -> Admission:
            # Patient: on a busy machine it must not decide by itself.
            store = RedisStore(server.url, secret=SECRET, clock=clock, timeout=timedelta(seconds=10))

            async def charge(**changes: Any) -> Charged:
                asked = msgspec.structs.replace(charges, now=clock.now(), **changes)
                want, got = await memory.charge(asked), await store.charge(asked)
                same(want, got)
                return want

            first = (await charge()).admission
            await charge(lease=lease and lease - 1)
            clock.advance(waits)
            if first.allowed:
                back = tuple(-cost for cost in costs) if more is None else more
                narrowed = msgspec.structs.replace(charges, cohorts=first.pools)
                correction = Adjustment(charges=narrowed, units=back, lease=lease, now=clock.now())
                memory.adjust(correction)
                store.adjust(correction)
                await store.sync()
            alike(memory, client, clock.now())
            await charge()
            for _ in range(0 if rows is None else 2):
                asked = msgspec.structs.replace(charges, now=clock.now())
                fold = folded(asked, [row for number, row in enumerate(rows or ()) if number in named], own)
                memory.fold(fold)
                store.fold(fold)
                await store.sync()
                alike(memory, client, clock.now())
                clock.advance(waits)
            for ref in charges.cohorts:
                assert prompts_of(memory, ref, clock.now()) == prompts_of(store._replica, ref, clock.now())
            await charge()
            await store.aclose()
            return first

        return asyncio.run(compare())


def begin(
    memory: MemoryStore, client: Any, principals: dict[bytes, PrincipalProfile | None],
    cohorts: list[CohortProfile | None], terms: Terms,
) -> None:
    """Let the accounts stand in both."""
    for key, account in principals.items():
        if account is not None:
            blob, fields = wire.principal_fields(account, 1)
            client.hset(f"{{ratelimit}}:p:{key.hex()}", mapping=dict(zip(fields[::2], fields[1::2], strict=True)))
            client.hset(f"{{ratelimit}}:p:{key.hex()}", "a", blob)
            memory._principals.put(key, account, room=1, now=NOW)
    for ref, cohort in zip(REFS, cohorts, strict=True):
        if cohort is not None:
            tight = cohort.tight or cohort_tier(cohort, terms, NOW) >= Tier.SOFT
            room = 2 if tight else int(cohort.members > 1)
            client.set(f"{{ratelimit}}:c:{ref.key.hex()}", wire.cohort_blob(cohort, room))
            memory._cohorts.put(ref.key, cohort, room=room, now=NOW)
            if tight:
                client.zadd("{ratelimit}:tight", {ref.key.hex(): NOW})
                memory._tight.add(ref.key)


def folded(charges: Charges, rows: list[CohortFold], own: float) -> Fold:
    """Return what is learned of a request with one prompt."""
    rows = [msgspec.structs.replace(row, ref=ref) for ref, row in zip(charges.cohorts, rows, strict=True)]
    words = np.zeros(16, np.uint16)
    words[:2] = 7, 9
    seen = Features(
        ids=np.array([7, 9]), fingerprint=Fingerprint(words, 1.0), lens=Lens(), nearest_own=NOWHERE, public=False,
        sender=1, repeats=False, draw=1 << 30, tag=5, continues=False, bare=True, trusted=False, tight=False,
        now=charges.now,
    )
    return Fold(principal=charges.principal, digest=8, features=(seen,), moves=(("alpha", own, 8.0),),
                cohorts=tuple(rows), pieces=(3, 77), shares=(), payloads=(), trust=0.0 if charges.trusted else 0.25,
                tag=5, charges=charges, now=charges.now)


def alike(memory: MemoryStore, client: Any, now: float) -> None:
    """Demand that all accounts stand alike in memory and in the server."""
    for key in (MINE, PAYER):
        a, t, c, r = client.hmget(f"{{ratelimit}}:p:{key.hex()}", "a", "t", "c", "r")
        mine = memory._principals.get(key, now=now)
        assert (mine is None) == (a is None)
        if mine is not None:
            theirs, room = wire.profile_of(a, t, now=now)
            assert room == memory._principals.room_of(key)
            assert accounts_near(mine, theirs)
            assert (mine.held_at, mine.folds) == (theirs.held_at, theirs.folds)
            assert taken(mine, now) == taken(theirs, now)
            assert [*map(row_of, mine.standings.values())] == [*map(row_of, theirs.standings.values())]
            assert (mine.cells is None) == (c is None)
            assert mine.pace is None or mine.pace.began_at == msgspec.msgpack.decode(r)[2]
    for ref in REFS:
        blob, crowd = client.get(f"{{ratelimit}}:c:{ref.key.hex()}"), memory._cohorts.get(ref.key, now=now)
        assert (crowd is None) == (blob is None)
        if crowd is not None:
            pool, room = wire.cohort_of(blob)
            assert room == memory._cohorts.room_of(ref.key)
            assert accounts_near(crowd, pool)
            assert (crowd.members, crowd.outspoken, crowd.tight) == (pool.members, pool.outspoken, pool.tight)
            assert near(crowd.trust, pool.trust)
            assert near(crowd.guests, pool.guests)
            assert (client.zscore("{ratelimit}:tight", ref.key.hex()) is None) == (ref.key not in memory._tight)


def accounts_near(mine: Any, theirs: Any) -> bool:
    """Say whether two accounts differ by rounding at most."""
    return (
        mine.levels.keys() == theirs.levels.keys() and mine.wealth.keys() == theirs.wealth.keys()
        and all(near(level, theirs.levels[name]) for name, level in mine.levels.items())
        and all(near(wealth, theirs.wealth[name]) for name, wealth in mine.wealth.items())
        and near(mine.at, theirs.at) and near(mine.spent_until, theirs.spent_until)
        and near(mine.active_at, theirs.active_at)
    )


def taken(account: PrincipalProfile, now: float) -> dict[int, float]:
    """Return the slots that are taken."""
    return {lease: until for lease, until in (account.slots or {}).items() if until > now}


def prompts_of(store: MemoryStore, ref: CohortRef, now: float) -> int:
    """Return how many prompts taught the past of a cohort."""
    cohort = store._cohorts.get(ref.key, now=now)
    return 0 if cohort is None or cohort.past is None else len(cohort.past)


def row_of(standing: Standing) -> tuple[Any, ...]:
    """Return a standing, rounded."""
    return (standing.ref.key, standing.ref.presumed, standing.ref.caution.patience, round(standing.careful, 6),
            round(standing.typical, 6), standing.drawn)


def same(want: Charged, got: Charged) -> None:
    """Demand the same answer."""
    a, b = want.admission, got.admission
    assert (a.allowed, a.own_tier, a.tier, a.continues) == (b.allowed, b.own_tier, b.tier, b.continues)
    assert a.reasons == b.reasons
    assert near(a.retry_after, b.retry_after)
    assert near(a.heard_at, b.heard_at)
    assert all(near(x.units, y.units) and near(x.reset_after, y.reset_after)
               for x, y in zip(a.remaining, b.remaining, strict=True))
    for x, y in zip(a.seats, b.seats, strict=True):
        assert near(x.evidence, y.evidence)
        assert near(x.hears, y.hears)
        assert (x.tier, x.cleared, x.held, x.firm, x.guest, x.shown, x.counts) == (
            y.tier, y.cleared, y.held, y.firm, y.guest, y.shown, y.counts)
    assert [ref.key for ref in a.pools] == [ref.key for ref in b.pools]
    assert (a.slots_left, len(a.seated)) == (b.slots_left, len(b.seated))
    accounts = [(want.profile, got.profile), *zip(want.cohorts, got.cohorts, strict=True)]
    for mine, theirs in accounts:
        if mine is None or theirs is None:
            assert mine is theirs
        elif a.allowed:
            assert accounts_near(mine, theirs)


def near(a: float, b: float) -> bool:
    """Say whether two numbers differ by rounding at most."""
    return a == b or math.isclose(a, b, rel_tol=1e-9, abs_tol=1e-9)
