"""What one request was charged, until it is known what became of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import msgspec

from ratelimit.outcome import ALL_BACK, Outcome, correction
from ratelimit.stores import Adjustment

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ratelimit.charges import Charges
    from ratelimit.observation import CohortRef
    from ratelimit.stores import Store
    from ratelimit.tokens import Tokens, Usage


class Complains(Protocol):
    """Whoever is told what went wrong."""

    def make(self, complaint: str, error: BaseException) -> None:
        """Note *complaint* and *error*."""
        ...


class Bill:
    """One granted charge. It is closed once, whatever happens: then what is owed or due goes to the store.

    meters   the ``Tokens`` by which each budget counts, ``None`` for one that counts no tokens; empty if none does.
    watched  whether it has to be known when the response ends, and what it reports.
    """

    __slots__ = ("_charges", "_complaints", "_open", "_pools", "_store", "meters", "watched")

    def __init__(
        self, charges: Charges, pools: tuple[CohortRef, ...], meters: Sequence[Tokens | None], store: Store,
        complaints: Complains,
    ) -> None:
        self.meters = meters
        self._charges, self._pools, self._store, self._complaints = charges, pools, store, complaints
        self._open, self.watched = True, bool(meters) or charges.lease != 0

    @property
    def seated(self) -> bool:
        """Whether it has a slot to give back."""
        return self._charges.lease != 0

    def close(self, outcome: Outcome, usage: Usage | None = None) -> None:
        """Settle what is owed or due after *outcome*, with what the response reported; do nothing the second time."""
        if not self._open:
            return
        self._open = False
        charges, meters = self._charges, self.meters
        if not meters and not charges.lease and outcome not in ALL_BACK:
            return
        units = correction(outcome, charges.costs, meters or (None,) * len(charges.costs), usage)
        if not charges.lease and not any(units):
            return
        if charges.cohorts != self._pools:
            charges = msgspec.structs.replace(charges, cohorts=self._pools)
        adjust(self._store, self._complaints, charges, units)


def adjust(store: Store, complaints: Complains, charges: Charges, units: tuple[float, ...]) -> None:
    """Tell *store* what is to be added to what *charges* wrote, and to give its slot back; never raises."""
    try:
        now = store.clock.now()
        store.adjust(Adjustment(charges=charges, units=units, lease=charges.lease, now=now))
    except Exception as error:  # noqa: BLE001 (a store of a user's raises anything; it is logged whole)
        complaints.make("the store failed to correct a charge", error)
