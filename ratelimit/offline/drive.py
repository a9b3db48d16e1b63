"""Coroutines, run from code that is not async."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, TypeVar

from ratelimit.stores import MemoryStore, Store

if TYPE_CHECKING:
    from collections.abc import Coroutine

T = TypeVar("T")


class AtOnce:
    """Runs coroutines that never wait, at the price of a function call."""

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Return what *coroutine* returns."""
        try:
            coroutine.send(None)
        except StopIteration as done:
            value: T = done.value
            return value
        coroutine.close()
        raise RuntimeError("a store that was said never to wait did")

    def close(self) -> None:
        """Do nothing."""


def driver(store: Store) -> AtOnce | asyncio.Runner:
    """Return what runs the coroutines of *store*: a memory store's need no event loop."""
    return AtOnce() if isinstance(store, MemoryStore) else asyncio.Runner()
