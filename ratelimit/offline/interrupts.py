"""Ctrl-C that waits until a line is done."""

from __future__ import annotations

import signal
import threading
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from types import TracebackType


class Interrupts:
    """While entered, Ctrl-C only sets ``asked``, so that no decision and no written line is ever left half done.

    While *reading* is set, which may wait for ever on a pipe, and at the second time, it raises ``KeyboardInterrupt``
    as usual. Outside the main thread, which alone may say what a signal does, nothing is changed.
    """

    def __init__(self) -> None:
        self.asked = self.reading = False

    def __enter__(self) -> Self:
        self._before = signal.getsignal(signal.SIGINT)
        # Where nobody listens to Ctrl-C (a shell's background job), nobody is made to.
        self._ours = callable(self._before) and threading.current_thread() is threading.main_thread()
        if self._ours:
            signal.signal(signal.SIGINT, self._hear)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._ours:
            signal.signal(signal.SIGINT, self._before)

    def _hear(self, *_: object) -> None:
        again, self.asked = self.asked, True
        if again or self.reading:
            raise KeyboardInterrupt
