"""What belongs to every request, however it came: whether a policy governs it, who is told, what is learned."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ratelimit.edge.predicates import ask
from ratelimit.outcome import UNAUTHENTICATED

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ratelimit.decision import Decision
    from ratelimit.edge.complaints import Complaints
    from ratelimit.policy import Policy
    from ratelimit.request import Request
    from ratelimit.stores import Fold, Store


class Desk:
    """Asks and tells the operator's functions and the *store*; whatever these raise is logged, and changes nothing."""

    def __init__(
        self, store: Store, listeners: Sequence[Callable[[Decision, Request], object]], complaints: Complaints
    ) -> None:
        self._store, self._listeners, self._complaints = store, tuple(listeners), complaints

    def agrees(self, policy: Policy, request: Request) -> bool:
        """Say whether *policy*, which covers the path, governs *request*."""
        return policy.when is None or ask(
            policy.when, request, otherwise=True, complaints=self._complaints,
            complaint=f"Policy({policy.name!r}).when failed; the policy governs the request",
        )

    def announce(self, decision: Decision, request: Request) -> None:
        """Tell the operator of *decision*."""
        for listener in self._listeners:
            try:
                listener(decision, request)
            except Exception as error:  # noqa: BLE001 (a user's function raises anything; it is logged whole)
                self._complaints.make("on_decision failed; the request goes its way", error)

    def learn(self, fold: Fold | None, status: int) -> None:
        """Learn *fold* from a request that is answered by *status*, unless nobody knows who asked."""
        if fold is None or status in UNAUTHENTICATED:
            return
        try:
            self._store.fold(fold)
        except Exception as error:  # noqa: BLE001 (a store of a user's raises anything; it is logged whole)
            self._complaints.make("the store failed to learn a request", error)
