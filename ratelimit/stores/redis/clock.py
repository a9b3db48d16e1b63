"""The server's clock, as far as its answers tell."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ratelimit.clock import Clock


class ServerClock:
    """The *own* clock, put right by what the server said last: so workers whose clocks differ agree."""

    __slots__ = ("_ahead", "_own")

    def __init__(self, own: Clock) -> None:
        self._own, self._ahead = own, 0.0

    def now(self) -> float:
        """Return Unix seconds."""
        return self._own.now() + self._ahead

    def heard(self, now: float) -> None:
        """Note that the server's clock said *now*."""
        self._ahead = now - self._own.now()

    def __repr__(self) -> str:
        return f"ServerClock({self._ahead:+.3f} s)"
