"""A policy, played in simulated time: requests, time that passes, and evidence that is put there by hand."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Self, TypeAlias

from ratelimit.clock import Clock, ManualClock
from ratelimit.engine import Engine
from ratelimit.evidence import LN10
from ratelimit.principal import Principal
from ratelimit.prompt import Prompt, Reading
from ratelimit.request import Request
from ratelimit.stores import CohortFold, Fold, MemoryStore, Store
from ratelimit.trace.drive import driver

if TYPE_CHECKING:
    from types import TracebackType

    from ratelimit.decision import Decision
    from ratelimit.engine import Plan
    from ratelimit.observation import CohortRef
    from ratelimit.policy import Policy

#: Makes an empty store that follows a clock and hashes with a secret.
MakeStore: TypeAlias = Callable[[Clock, bytes], Store]

#: When plays begin, Unix seconds.
START = 1_760_000_000.0

#: The key of every hash in a play, so that one play always comes to one result.
SECRET = b"a secret of the plays' own"

_PATH = "/v1/chat/completions"


class Play:
    """One *policy* and one store, a clock that is moved by hand, and no ASGI.

    store  makes the store; ``None``: a ``MemoryStore``. Stores that wait (Redis) are waited for.

    Every request is answered, and learned, unless it is refused. The decisions so far are in ``decisions``.

    >>> from datetime import timedelta
    >>> from ratelimit import Budget, Policy
    >>> play = Play(Policy(budgets=(Budget(quota=1, window=timedelta(minutes=1), burst=1),)))
    >>> play.ask("ann").allowed, play.ask("ann").allowed
    (True, False)
    >>> play.wait(60)
    >>> play.ask("ann").allowed
    True
    """

    def __init__(self, policy: Policy, store: MakeStore | None = None) -> None:
        self.policy = policy
        self.clock = ManualClock(START)
        self.store: Store = memory(self.clock, SECRET) if store is None else store(self.clock, SECRET)
        self.decisions: list[Decision] = []
        self._engine = Engine([policy], secret=self.store.secret, lexicon=self.store.lexicon)
        self._driver = driver(self.store)
        self._numbers = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def ask(self, who: Principal | str, text: str = "Hello", *, system: str = "") -> Decision:
        """Decide one request of *who* that asks *text*, and learn it unless it is refused."""
        request, body = _request(text, system)
        principal = _principal(who)
        decision = self._recalled(request, principal)
        if decision is None:
            plan = self._engine.plan(self.policy, request, principal, body=body, now=self.clock.now())
            charged = self._driver.run(self.store.charge(plan.charges))
            decision, fold = self._engine.settle(plan, charged)
            if fold is not None and not decision.refused:
                self.store.fold(fold)
                self._sync()
        self.decisions.append(decision)
        return decision

    def wait(self, time: float | timedelta) -> None:
        """Let *time* (seconds) pass."""
        self.clock.advance(time.total_seconds() if isinstance(time, timedelta) else time)

    def suspect(self, who: Principal | str, decades: float) -> None:
        """Let the bets of all signals on *who* come out so that its evidence moves by *decades*."""
        moves = tuple((signal.name, decades * LN10, signal.ceiling) for signal in self.policy.signals)
        self._fold(self._plan(who, "", ""), moves=moves, cohorts=())

    def suspect_cohorts(
        self, who: Principal | str, decades: float, *, kinds: tuple[str, ...] = (), text: str = "Hello",
        system: str = "", own: float = 0.0,
    ) -> tuple[str, ...]:
        """Let the bets on *who* move the evidence of the cohorts that a request of it is seen in by *decades*.

        kinds  only those of these kinds; empty: all.
        own    by how many decades the standing of *who* in them moves, at both prices.

        Returns what decisions call them. A cohort is seen from the second principal on that brings it: what this one
        does as if another had been there before.
        """
        twin = Principal(id=f"another {self._numbers}", links=_principal(who).links, since=_principal(who).since)
        self._fold(self._plan(twin, text, system), moves=(), cohorts=())
        self._fold(self._plan(who, text, system), moves=(), cohorts=())
        plan = self._plan(who, text, system)
        chosen = [ref for ref in plan.charges.cohorts if not kinds or ref.kind in kinds]
        moves = tuple((signal.name, decades * LN10, signal.ceiling) for signal in self.policy.cohort_signals)
        self._fold(plan, moves=(), cohorts=tuple(_bets(ref, moves, own) for ref in chosen))
        return tuple(ref.label for ref in chosen)

    def cohorts_of(self, who: Principal | str, *, text: str = "Hello", system: str = "") -> tuple[str, ...]:
        """Return the cohorts that a request of *who* would be seen in now, as decisions call them."""
        return tuple(ref.label for ref in self._plan(who, text, system).charges.cohorts)

    def close(self) -> None:
        """Release the store."""
        self._driver.run(self.store.aclose())
        self._driver.close()

    def _plan(self, who: Principal | str, text: str, system: str) -> Plan:
        request, body = _request(text, system)
        return self._engine.plan(self.policy, request, _principal(who), body=body, now=self.clock.now())

    def _recalled(self, request: Request, principal: Principal) -> Decision | None:
        now = self.clock.now()
        found = self._engine.recall(self.policy, request, principal, now=now)
        return None if found is None else found.seen(now)

    def _fold(
        self, plan: Plan, *, moves: tuple[tuple[str, float, float], ...], cohorts: tuple[CohortFold, ...]
    ) -> None:
        self._numbers += 1
        charges = plan.charges
        self.store.fold(Fold(
            principal=charges.principal, digest=self._numbers, features=(), moves=moves, cohorts=cohorts, pieces=(),
            shares=plan.shares, payloads=(), trust=0.0 if charges.trusted else plan.trust,
            tag=int.from_bytes(charges.principal[:8], "little"), charges=charges, now=self.clock.now(),
        ))
        self._sync()

    def _sync(self) -> None:
        sync = getattr(self.store, "sync", None)
        if sync is not None:
            self._driver.run(sync())


def memory(clock: Clock, secret: bytes) -> MemoryStore:
    """Return an empty ``MemoryStore`` of the usual size."""
    return MemoryStore(clock=clock, secret=secret)


def _principal(who: Principal | str) -> Principal:
    return Principal(id=who) if isinstance(who, str) else who


def _request(text: str, system: str) -> tuple[Request, bytes]:
    reading = Reading(dialect="plain", prompts=(Prompt(text=text, system=system),))
    return Request(path=_PATH, reading=reading), f"{system}\x1f{text}".encode("utf-8", "surrogatepass")


def _bets(ref: CohortRef, moves: tuple[tuple[str, float, float], ...], own: float) -> CohortFold:
    return CohortFold(ref, moves, own * LN10, own * LN10, guest=False)
