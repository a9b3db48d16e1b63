"""A coroutine that is begun before anybody waits for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Coroutine, Generator

T = TypeVar("T")


class Begun(Generic[T]):
    """Takes *coroutine* as far as it comes without waiting. If it has not ended by then, await it, once, at once.

    It is made, and awaited, in one step of one task: what the coroutine waits for belongs to that task. It may be
    awaited within another context of timeout or cancellation than the one in which it was made.

    ended   whether it came to its end.
    result  what it returned, if it did.

    What the coroutine raises before it waits is raised at once.
    """

    __slots__ = ("_coroutine", "_waits_for", "ended", "result")

    result: T

    def __init__(self, coroutine: Coroutine[Any, Any, T]) -> None:
        self._coroutine = coroutine
        self._waits_for: Any = None
        self.ended = False
        try:
            self._waits_for = coroutine.send(None)
        except StopIteration as end:
            self.ended, self.result = True, end.value

    def __await__(self) -> Generator[Any, Any, T]:
        """Go on from where it waits, as ``await coroutine`` would (PEP 380, "formal semantics")."""
        while not self.ended:
            try:
                try:
                    sent = yield self._waits_for
                except GeneratorExit:
                    self._coroutine.close()
                    raise
                except BaseException as error:  # noqa: BLE001 (a cancellation most of all: it is the coroutine's to bear)
                    self._waits_for = self._coroutine.throw(error)
                else:
                    self._waits_for = self._coroutine.send(sent)
            except StopIteration as end:
                self.ended, self.result = True, end.value
        return self.result
