"""An ear for the other end while its request is held back."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Self

from ratelimit.edge.visit import GONE

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from types import TracebackType

    from starlette.types import Message, Receive


class Listener:
    """Hears the next message of *receive*, so that a wait ends when the other end hangs up.

    An async context: when it is left, no task of its own is left behind.

    heard  the message, once it came: it is for the listener's owner to pass it on. One at most.
    """

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self.heard: Message | None = None

    async def __aenter__(self) -> Self:
        self._ear = asyncio.ensure_future(self._listen())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await _ended(self._ear)

    async def wait(self, turn: Coroutine[object, object, None], *, within: float) -> bool:
        """Wait for *turn*; return whether it came *within* seconds and before the other end hung up."""
        waiting = asyncio.ensure_future(turn)
        try:
            await asyncio.wait({waiting, self._ear}, timeout=within, return_when=asyncio.FIRST_COMPLETED)
            if self._ear.done():
                self._ear.result()  # raises what receive raised
            return waiting.done() and not self.gone
        finally:
            await _ended(waiting)

    @property
    def gone(self) -> bool:
        """Whether the other end hung up."""
        return self.heard is not None and self.heard["type"] in GONE

    async def _listen(self) -> None:
        self.heard = await self._receive()
        if self.heard["type"] not in GONE:
            await asyncio.Event().wait()  # more of the body: the application's, so no more of it is taken


async def _ended(task: asyncio.Future[None]) -> None:
    task.cancel()
    await asyncio.wait({task})
