"""What is kept of those that had to go, so that eviction never loosens."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ratelimit.profile import Account, Left, PrincipalProfile

if TYPE_CHECKING:
    from numpy.typing import NDArray

_SLOTS = 1 << 16

# Less evidence than a decade (natural log) is forgotten: it never made a tier.
_LEAST = 2.3


class Residue:
    """Remembers of evicted records, in a table of 65,536 slots, until when their budgets are spent and their evidence.

    A newcomer starts with what its slot holds. If it is the one that was evicted, nothing was forgotten; if it is
    another whose keyed hash falls into the same slot, it starts a little tight, never loose. What is not
    remembered is in which cohorts it was held (it is held again as soon as it sends into one), and evidence of less
    than a decade: remembered, it would fall on strangers. 2.5 MiB, made when the first record goes.
    """

    __slots__ = ("_active_at", "_careful", "_spent_until", "_typical", "_wealth")

    def __init__(self) -> None:
        self._spent_until: NDArray[np.float64] | None = None
        self._wealth = self._active_at = self._careful = self._typical = np.zeros(0)

    def keep(self, key: bytes, account: Account) -> None:
        """Remember of *key* until when its budgets are spent, and the most evidence that any signal holds."""
        if self._spent_until is None:
            self._spent_until, self._wealth, self._active_at = (np.zeros(_SLOTS) for _ in range(3))
            self._careful, self._typical = np.zeros(_SLOTS), np.zeros(_SLOTS)
        slot, wealth = _slot(key), max(account.wealth.values(), default=0.0)
        self._spent_until[slot] = max(self._spent_until[slot], account.spent_until)
        if wealth >= _LEAST:
            self._wealth[slot] = max(self._wealth[slot], wealth)
            self._active_at[slot] = max(self._active_at[slot], account.active_at)
        if isinstance(account, PrincipalProfile):
            careful, typical = account.highest()
            self._careful[slot] = max(self._careful[slot], careful)
            self._typical[slot] = max(self._typical[slot], typical)

    def of(self, key: bytes) -> Left:
        """Return what is left in the slot of *key*; zeros if nobody of that slot went."""
        if self._spent_until is None:
            return Left(0.0, 0.0, 0.0, 0.0, 0.0)
        slot, tables = _slot(key), (self._spent_until, self._wealth, self._active_at, self._careful, self._typical)
        return Left(*(float(table[slot]) for table in tables))


def _slot(key: bytes) -> int:
    # Keys are keyed hashes: any two bytes of them are as good as random, and nobody outside can aim at a slot.
    return int.from_bytes(key[:2], "little")
