"""Policies that change while they are in force: at a signal, when their file changes, or by hand."""

from __future__ import annotations

import asyncio
import importlib
import logging
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Thread
from typing import TypeAlias

from ratelimit.discovery import load
from ratelimit.errors import refuse_invalid
from ratelimit.policy import Policy

_log = logging.getLogger("ratelimit")

#: Raises if a policy must not come into force: ``ratelimit.testing.check_policy``, for one.
Check: TypeAlias = Callable[[Policy], object]


class LivePolicies:
    """What ``package.module:name`` stands for, now: give it to the middleware in place of a policy.

        policies = LivePolicies("my_limits:policy")
        app.add_middleware(RateLimitMiddleware, policy=policies)
        policies.on_signal()          # kill -HUP reloads my_limits.py

    named  as in ``RATELIMIT_POLICY``: a ``Policy``, a sequence of them, or a function that returns either.
    check  called with each policy before it comes into force; if it raises, that is logged, and the old one stays.

    A request finishes under the policy that it began with, and so does a websocket. Nobody's budget or evidence is
    reset: these are kept under the policy's name, and the numbers of the policy travel with each charge.

    current     the policies in force.
    generation  how often they have changed.

    Raises: DiscoveryError, and what *check* raises, when it is made.
    """

    def __init__(self, named: str, *, check: Check | None = None) -> None:
        self._named, self._check = named, check
        self.generation = 0
        self.current = self._checked(load(named, said=named))

    def __repr__(self) -> str:
        return f"LivePolicies({self._named!r}, versions=({', '.join(policy.version for policy in self.current)}))"

    def reload(self) -> bool:
        """Import the module anew, and put what it says in force; say whether it is. What fails is logged, whole."""
        module = self._named.partition(":")[0]
        try:
            importlib.invalidate_caches()
            if module in sys.modules:
                importlib.reload(sys.modules[module])
            found = self._checked(load(self._named, said=self._named))
        except Exception:  # noqa: BLE001 (a module of a user's raises anything, and so does a check; it is logged whole)
            _log.exception("%s: the policies stay as they are, as the new ones failed", self._named)
            return False
        self._put(found)
        return True

    def replace(self, policies: Policy | Sequence[Policy]) -> None:
        """Put *policies* in force. Raises: an ExceptionGroup of PolicyError, or what *check* raises; then none is."""
        chosen = (policies,) if isinstance(policies, Policy) else tuple(policies)
        self._put(self._checked(chosen))

    def on_signal(self, number: int = signal.SIGHUP) -> None:
        """Reload whenever the process gets a signal; call it in the main thread. What handled it before is replaced."""
        signal.signal(number, lambda *_: Thread(target=self.reload, daemon=True).start())  # a check may take seconds

    async def watch(self, *, every: float = 1.0) -> None:
        """Reload whenever the module's file has changed, looked at *every* so many seconds, until it is cancelled."""
        seen = self._stamp()
        while True:
            await asyncio.sleep(every)
            now = self._stamp()
            if now != seen:
                seen = now
                await asyncio.to_thread(self.reload)  # a check may take seconds

    def _stamp(self) -> tuple[int, int]:
        """Return what changes when the module's file does."""
        file = getattr(sys.modules.get(self._named.partition(":")[0]), "__file__", None)
        try:
            told = Path(file or "").stat()
        except OSError:  # it is being written
            return (0, 0)
        return told.st_mtime_ns, told.st_size

    def _checked(self, policies: tuple[Policy, ...]) -> tuple[Policy, ...]:
        names = [policy.name for policy in policies if isinstance(policy, Policy)]
        refuse_invalid("LivePolicies", [
            *(f"must be a Policy, got {one!r}" for one in policies if not isinstance(one, Policy)),
            *(f"two are called {name!r}; give each a name of its own" for name in sorted({
                name for name in names if names.count(name) > 1})),
            *([] if policies else ["there is none"]),
        ])
        if self._check is not None:
            for policy in policies:
                self._check(policy)
        return policies

    def _put(self, policies: tuple[Policy, ...]) -> None:
        before = self.current
        self.current = policies
        self.generation += 1
        _log.info("policies are now %s, and were %s", *(", ".join(
            f"{policy.name}={policy.version}" for policy in some) for some in (policies, before)))


