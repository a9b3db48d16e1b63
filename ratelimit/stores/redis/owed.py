"""Corrections that the server is still to be told, added up for each principal."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ratelimit.charges import Charges
    from ratelimit.stores.base import Adjustment

#: Leases that are kept to be released, for each principal; those that are not end by themselves.
_MOST_LEASES = 1000


class Sum(msgspec.Struct, kw_only=True):
    """What one principal is owed or owes.

    charges  the last of the charges that were corrected.
    units    one a budget, for the principal and its payer.
    pools    the same for each cohort, by its key.
    back     leases to be released.
    taken    until when leases are taken that were granted here.
    now      the last adjustment, Unix seconds.
    alone    whether anything of it was granted here, while the server was away.
    """

    charges: Charges
    units: list[float]
    pools: dict[bytes, list[float]] = {}
    back: list[int] = []
    taken: dict[int, float] = {}
    now: float
    alone: bool = False

    def add(self, adjustment: Adjustment) -> None:
        """Add one."""
        units, self.charges, self.now = adjustment.units, adjustment.charges, adjustment.now
        _add(self.units, units)
        if any(units):
            for ref in adjustment.charges.cohorts:
                _add(self.pools.setdefault(ref.key, [0.0] * len(units)), units)
        if adjustment.lease and self.taken.pop(adjustment.lease, None) is None:
            self.back.append(adjustment.lease)
            del self.back[:-_MOST_LEASES]


class Owed:
    """At most *most* sums; then the oldest is dropped."""

    def __init__(self, *, most: int) -> None:
        self._most = most
        self._sums: dict[tuple[bytes, bytes | None, int], Sum] = {}

    def __len__(self) -> int:
        return len(self._sums)

    def add(self, adjustment: Adjustment) -> None:
        """Add one that follows from a charge that the server granted, or this process."""
        self._sum_of(adjustment.charges, adjustment.now).add(adjustment)

    def grant(self, adjustment: Adjustment) -> None:
        """Add what was granted here: the units, and the lease of the charge as taken."""
        charges = adjustment.charges
        row = self._sum_of(charges, adjustment.now)
        row.add(adjustment)
        row.alone = True
        if charges.lease and charges.terms.slots:
            row.taken[charges.lease] = adjustment.now + charges.terms.slot_seconds

    def take(self) -> Iterator[Sum]:
        """Yield all, oldest first, and keep none."""
        sums, self._sums = self._sums, {}
        yield from sums.values()

    def _sum_of(self, charges: Charges, now: float) -> Sum:
        of = (charges.principal, charges.payer, id(charges.terms))  # the sum holds the terms, so the id stays theirs
        row = self._sums.pop(of, None)
        if row is None:
            row = Sum(charges=charges, units=[0.0] * len(charges.costs), now=now)
            if len(self._sums) >= self._most:
                del self._sums[next(iter(self._sums))]
        self._sums[of] = row
        return row


def _add(to: list[float], units: tuple[float, ...]) -> None:
    for place, more in enumerate(units):
        to[place] += more
