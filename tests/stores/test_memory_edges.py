"""The memory store at the edges of its arguments, and what it says of itself."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from ratelimit import MemoryStore
from ratelimit.clock import ManualClock, SystemClock
from ratelimit.profile import CohortProfile, PrincipalProfile

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.mark.parametrize(("make", "good", "bad", "says"), [
    (lambda many: MemoryStore(principals=many), 1, 0, "principals: must be at least 1, got 0"),
    (lambda many: MemoryStore(principals=many), 2, -1, "principals: must be at least 1, got -1"),
    (lambda many: MemoryStore(cohorts=many), 1, 0, "cohorts: must be at least 1, got 0"),
    (lambda many: MemoryStore(cohorts=many), 2, -1, "cohorts: must be at least 1, got -1"),
    (lambda ttl: MemoryStore(ttl=ttl), timedelta(microseconds=1), timedelta(0), "ttl: must be a positive timedelta"),
    (lambda ttl: MemoryStore(ttl=ttl), timedelta(hours=1), timedelta(-1), "ttl: must be a positive timedelta"),
    (lambda key: MemoryStore(secret=key), b"k" * 16, b"k" * 15, "secret: must have 16 bytes or more, got 15"),
    (lambda key: MemoryStore(secret=key), b"k" * 17, b"", "secret: must have 16 bytes or more, got 0"),
])
def test_edges_of_its_arguments(make: Callable[[Any], Any], good: Any, bad: Any, says: str) -> None:
    """The last that does, and the first that does not; what is wrong is told in words, all of it at once."""
    assert make(good) is not None
    with pytest.raises(ExceptionGroup) as caught:
        make(bad)
    assert [str(one) for one in caught.value.exceptions if says in str(one)]


def test_all_that_is_wrong_is_told_at_once() -> None:
    """And nothing may be given by its place."""
    with pytest.raises(ExceptionGroup) as caught:
        MemoryStore(principals=0, cohorts=0, ttl=timedelta(0), secret=b"")
    assert len(caught.value.exceptions) == 4
    with pytest.raises(TypeError):
        MemoryStore(10)  # type: ignore[misc]  # it is what is tried


def test_what_it_is_by_default() -> None:
    """Room, time to live, the system's clock, and a secret that is drawn anew."""
    store = MemoryStore()

    assert (store._principals._most, store._cohorts._most) == (100_000, 50_000)
    assert (store._principals._ttl, store._cohorts._ttl) == (14 * 86_400.0, 14 * 86_400.0)
    assert isinstance(store.clock, SystemClock)
    assert len(store.secret) == 32
    assert store.secret != MemoryStore().secret
    assert repr(store) == "MemoryStore(principals=0, cohorts=0)"


def test_what_it_is_given() -> None:
    """It keeps, each where it belongs."""
    clock = ManualClock(5.0)
    store = MemoryStore(principals=7, cohorts=3, ttl=timedelta(minutes=2), clock=clock, secret=b"k" * 16)

    assert (store._principals._most, store._cohorts._most, store._cohorts._ttl) == (7, 3, 120.0)
    assert store.clock is clock
    assert store.secret == b"k" * 16


@pytest.mark.parametrize(("members", "where"), [
    (0, 0), (1, 0), (9, 0), (10, 1), (99, 1), (100, 2), (999, 2), (1000, 3), (9999, 3), (10_000, 3), (10**6, 3),
])
def test_health_counts_tightened_cohorts_by_their_size(members: int, where: int) -> None:
    """Below ten, hundred, thousand, and more; one that is gone counts nowhere."""
    store = MemoryStore()
    cohort = CohortProfile(0.0)
    cohort.members = members
    store._cohorts.put(b"c" * 16, cohort, room=2, now=0.0)
    store._principals.put(b"p" * 16, PrincipalProfile(0.0), room=0, now=0.0)
    store._tight = {b"c" * 16, b"gone"}
    health = store.health()

    assert health.tight == tuple(int(at == where) for at in range(4))
    assert (health.principals, health.cohorts) == (1, 1)
    assert repr(store) == "MemoryStore(principals=1, cohorts=1)"
