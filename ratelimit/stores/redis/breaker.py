"""When to leave a server alone, and when to ask it again."""

from __future__ import annotations


class Breaker:
    """Opens after *most* failures in a row; then one probe at a time asks, after *rest* seconds.

    Each that fails doubles the rest, up to *longest* seconds.
    >>> breaker = Breaker(most=2, rest=0.5, longest=4.0)
    >>> breaker.failed(10.0), breaker.failed(10.0), breaker.closed
    (False, True, False)
    >>> breaker.may_probe(10.4), breaker.may_probe(10.5), breaker.may_probe(10.5)
    (False, True, False)
    >>> breaker.succeeded(), breaker.closed
    (True, True)
    """

    __slots__ = ("_failures", "_longest", "_most", "_probe_at", "_rest", "_wait", "closed")

    def __init__(self, *, most: int = 3, rest: float = 0.25, longest: float = 4.0) -> None:
        self._most, self._rest, self._longest = most, rest, longest
        self._failures, self._probe_at, self._wait = 0, 0.0, rest
        self.closed = True

    def failed(self, now: float) -> bool:
        """Note a failure at *now*, seconds of any clock; return whether it opens."""
        self._failures += 1
        if self._failures < self._most:
            return False
        opens, self.closed = self.closed, False
        self._wait = self._rest if opens else min(self._longest, self._wait * 2)
        self._probe_at = now + self._wait
        return opens

    def succeeded(self) -> bool:
        """Note an answer; return whether it closes."""
        closes, self.closed, self._failures = not self.closed, True, 0
        return closes

    def may_probe(self, now: float) -> bool:
        """Say whether to ask the server once more; whoever is told so must say how it went."""
        if self.closed or now < self._probe_at:
            return False
        self._probe_at = now + self._longest
        return True
