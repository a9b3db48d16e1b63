"""The store in Redis decides as the memory store does, whichever of several workers is asked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from ratelimit.stores import MemoryStore
from ratelimit.testing import StoreMismatchError, check_store

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.mark.parametrize("seed", range(6))
async def test_redis_decides_as_memory_does(seed: int, server: Any, stores: Callable[..., Any]) -> None:
    """Random traces, three workers in random turns, no staleness: every field of every decision is the same."""

    async def make(workers: int, clock: Any, secret: bytes) -> list[Any]:
        return [stores(server.url, clock, secret=secret) for _ in range(workers)]

    await check_store(make, seed=seed, steps=500, workers=3)


async def test_the_memory_store_passes_the_suite() -> None:
    """The suite compares the memory store with itself."""

    async def make(workers: int, clock: Any, secret: bytes) -> list[Any]:
        return [MemoryStore(clock=clock, secret=secret)] * workers

    await check_store(make)


async def test_the_suite_finds_a_store_that_forgets() -> None:
    """Two workers that do not share what they hold are found out."""

    async def make(workers: int, clock: Any, secret: bytes) -> list[Any]:
        return [MemoryStore(clock=clock, secret=secret) for _ in range(workers)]

    with pytest.raises(StoreMismatchError, match="step"):
        await check_store(make)
