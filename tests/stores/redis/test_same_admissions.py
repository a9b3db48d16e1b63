"""What Lua admits of any account is what Python admits."""

from __future__ import annotations

import asyncio
import math
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ratelimit.charges import BudgetTerms, Charges, Terms
from ratelimit.clock import ManualClock
from ratelimit.decision import Tier
from ratelimit.evidence import LN10, Ladder
from ratelimit.ledger import cohort_tier
from ratelimit.observation import NO_CAUTION, CohortRef
from ratelimit.presumption import Caution, Presumption
from ratelimit.profile import CohortProfile, PrincipalProfile, Standing
from ratelimit.stores import Adjustment, MemoryStore
from ratelimit.stores.redis import RedisStore, wire

if TYPE_CHECKING:
    from ratelimit.stores import Charged

NOW = 1_760_000_000.0
SECRET = b"0123456789abcdef"
REFS = [CohortRef(kind, bytes([number]) * 16, presumed, caution) for number, (kind, presumed, caution) in enumerate([
    ("shape", True, NO_CAUTION), ("template", False, NO_CAUTION), ("everyone", True, Caution(patience=1.0)),
])]

times = st.sampled_from([NOW, NOW - 0.5, NOW - 77.0, NOW - 5000.0, NOW - 3 * 86_400.0, NOW + 30.0, NOW + 90_000.0])
units = st.one_of(st.sampled_from([0.0, 1.0, 4.0, 8.0]), st.floats(0, 12))
#: Standings, many of them about the steps from which a member is held or its bets count.
wealths = st.one_of(st.sampled_from([step * LN10 for step in (0.2, 0.5, 0.9, 1.1, 1.4, 1.9, 2.1, 2.6, 3.1)]),
                    st.floats(-4.6, 6.9))
logs = st.one_of(st.sampled_from([4.0 * LN10, 5.0 * LN10, 7.0 * LN10, 0.0]), st.floats(-7.0, 18.5))


@st.composite
def accounts(draw: st.DrawFn, account: Any, signals: tuple[str, ...]) -> Any:
    """Draw an account of a principal or a cohort."""
    account.levels = draw(st.fixed_dictionaries({}, optional={"fast": units, "slow": units}))
    account.at, account.active_at, account.spent_until = draw(times), draw(times), draw(times)
    account.wealth = draw(st.fixed_dictionaries({}, optional=dict.fromkeys(signals, logs)))
    return account


@st.composite
def principals(draw: st.DrawFn) -> PrincipalProfile:
    """Draw a principal."""
    mine = draw(accounts(PrincipalProfile(NOW), ("alpha", "beta")))
    untils = st.sampled_from([NOW - 1, NOW + 0.5, NOW + 60])
    mine.slots = draw(st.none() | st.dictionaries(st.integers(1, 2**64 - 1), untils, max_size=3))
    mine.held_at = draw(st.sampled_from([None, 0.3, 1.2]))
    mine.prior = draw(st.sampled_from([(0.0, 0.0), (1.0, 2.0)]))
    mine.pieces = dict.fromkeys(draw(st.sets(st.integers(0, 5))))
    for ref in draw(st.sets(st.sampled_from(range(3)))):
        careful, typical = draw(wealths), draw(wealths)
        mine.standings[REFS[ref].key] = Standing(REFS[ref], careful, typical, draw(st.integers(0, 3)))
    return mine  # type: ignore[no-any-return]


@st.composite
def crowds(draw: st.DrawFn) -> CohortProfile:
    """Draw a cohort."""
    cohort = draw(accounts(CohortProfile(NOW), ("gamma",)))
    cohort.members, cohort.trust = draw(st.integers(1, 50)), draw(st.sampled_from([-1e-17, 0.0, 0.3, 5.0]))
    cohort.tight, cohort.outspoken = draw(st.booleans()), draw(st.sampled_from([0, 4, 5, 40]))
    cohort.guests, cohort.guests_at = draw(st.sampled_from([0.0, 3.0, 3999.5, 4000.0])), draw(times)
    return cohort  # type: ignore[no-any-return]


terms = st.builds(
    lambda **fields: Terms(**fields),  # noqa: PLW0108 (its annotations cannot be resolved here)
    budgets=st.just((BudgetTerms(name="fast", quota=10, window=100.0, burst=4.0, refill=0.1),
                     BudgetTerms(name="slow", quota=40, window=1000.0, burst=8.0, refill=0.04))),
    ladder=st.sampled_from([Ladder(), Ladder(form="lifetime", fade=0.1, soft=2.0)]),
    presumption=st.sampled_from([Presumption(), Presumption(guests_at_once=3)]),
    signals=st.just(("alpha", "beta")), cohort_signals=st.just(("gamma",)), longest=st.just(1000.0),
    slots=st.sampled_from([0, 1, 3]), slot_seconds=st.just(600.0),
)


@settings(max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(mine=st.none() | principals(), payer=st.none() | principals(), cohorts=st.lists(st.none() | crowds(), min_size=3,
       max_size=3), named=st.sampled_from([{0, 1, 2}, {2}, {0}, {1, 2}, set()]), costs=st.tuples(units, units),
       terms=terms, trusted=st.booleans(), earlier=st.sets(st.integers(0, 5), max_size=2), more=st.floats(-5, 5),
       lease=st.sampled_from([0, 7, 2**64 - 1]))
def test_lua_admits_what_python_admits(
    mine: PrincipalProfile | None, payer: PrincipalProfile | None, cohorts: list[CohortProfile | None],
    named: set[int], costs: tuple[float, float], terms: Terms, trusted: bool, earlier: set[int], more: float,
    lease: int, server: Any,
) -> None:
    """Whatever accounts, charge and time: the same admission twice in a row, and the same levels after a correction."""
    memory = MemoryStore(clock=ManualClock(NOW), secret=SECRET)
    charges = Charges(
        principal=b"m" * 16, payer=None if payer is None else b"y" * 16,
        cohorts=tuple(REFS[number] for number in sorted(named)), costs=costs, terms=terms, trusted=trusted,
        held_at=0.7, earlier=tuple(earlier), now=NOW, lease=lease,
    )
    with server.client as client:
        client.flushall()
        for key, account in ((b"m" * 16, mine), (b"y" * 16, payer)):
            if account is not None:
                blob, fields = wire.principal_fields(account, 1)
                client.hset(f"{{ratelimit}}:p:{key.hex()}", mapping=dict(zip(fields[::2], fields[1::2], strict=True)))
                client.hset(f"{{ratelimit}}:p:{key.hex()}", "a", blob)
                memory._principals.put(key, account, room=1, now=NOW)
        for ref, cohort in zip(REFS, cohorts, strict=True):
            if cohort is not None:
                tight = memory_tier(cohort, terms) >= Tier.SOFT
                client.set(f"{{ratelimit}}:c:{ref.key.hex()}", wire.cohort_blob(cohort, 2 if tight else 1))
                memory._cohorts.put(ref.key, cohort, room=2 if tight else 1, now=NOW)
                if tight:
                    client.zadd("{ratelimit}:tight", {ref.key.hex(): NOW})
                    memory._tight.add(ref.key)

    async def compare() -> None:
        # Patient: on a busy machine it must not decide by itself.
        store = RedisStore(server.url, secret=SECRET, clock=ManualClock(NOW), timeout=timedelta(seconds=10))
        for _ in range(2):
            charged = await memory.charge(charges)
            same(charged, await store.charge(charges))
        of = msgspec.structs.replace(charges, cohorts=charged.admission.pools)
        correction = Adjustment(charges=of, units=(more, more), lease=lease, now=NOW)
        memory.adjust(correction)
        store.adjust(correction)
        await store.sync()
        same(await memory.charge(charges), await store.charge(charges))
        await store.aclose()

    asyncio.run(compare())


def memory_tier(cohort: CohortProfile, terms: Terms) -> Tier:
    """Return a cohort's tier, as the memory store has it."""
    return cohort_tier(cohort, terms, NOW)


def same(want: Charged, got: Charged) -> None:
    """Demand the same answer."""
    a, b = want.admission, got.admission
    assert (a.allowed, a.own_tier, a.tier, a.continues) == (b.allowed, b.own_tier, b.tier, b.continues)
    assert a.reasons == b.reasons
    assert a.slots_left == b.slots_left
    assert [ref.key for ref in a.pools] == [ref.key for ref in b.pools]
    assert near(a.retry_after, b.retry_after)
    assert near(a.heard_at, b.heard_at)
    assert all(near(x.units, y.units) and near(x.reset_after, y.reset_after)
               for x, y in zip(a.remaining, b.remaining, strict=True))
    for x, y in zip(a.seats, b.seats, strict=True):
        assert near(x.evidence, y.evidence)
        assert near(x.hears, y.hears)
        assert (x.tier, x.cleared, x.held, x.firm, x.guest, x.shown, x.counts) == (
            y.tier, y.cleared, y.held, y.firm, y.guest, y.shown, y.counts)
    accounts = [(want.profile, got.profile), *zip(want.cohorts, got.cohorts, strict=True)]
    for mine, theirs in accounts:
        if mine is None or theirs is None:
            assert mine is theirs
        elif a.allowed:
            assert mine.wealth.keys() == theirs.wealth.keys()
            assert all(near(level, theirs.levels[name]) for name, level in mine.levels.items())
            assert near(mine.spent_until, theirs.spent_until)


def near(a: float, b: float) -> bool:
    """Say whether two numbers differ by rounding at most."""
    return a == b or math.isclose(a, b, rel_tol=1e-9, abs_tol=1e-9)
