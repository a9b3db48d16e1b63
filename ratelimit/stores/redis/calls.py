"""The calls that one store makes: its keys, the terms written once, and each verb's arguments."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ratelimit.stores.redis import wire
from ratelimit.stores.redis.line import call
from ratelimit.stores.redis.news import news_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from ratelimit.charges import Charges, Terms
    from ratelimit.observation import CohortRef
    from ratelimit.profile import CohortProfile, PrincipalProfile
    from ratelimit.stores.base import Fold
    from ratelimit.stores.redis.line import Call
    from ratelimit.stores.redis.owed import Sum


class Calls:
    """Makes the calls of a store whose keys begin with *prefix*.

    ttl         how long an idle account is kept, milliseconds.
    given       whether times travel with each call; else the server's clock rules.
    remembered  learned requests that the log holds.

    tight, log  the keys of the set of tightened cohorts and of the log.
    """

    def __init__(self, prefix: str, *, ttl: int, given: bool, remembered: int) -> None:
        # One slot in a cluster: what is charged together has to lie together.
        self.prefix = f"{{{prefix}}}:"
        self.tight, self.log = self.prefix + "tight", self.prefix + "log"
        self._ttl, self._given, self._remembered = ttl, given, remembered
        self._terms = _Written(wire.terms_of)
        self._plain_terms = _Written(wire.plain_terms_of)

    def principal(self, key: bytes) -> str:
        """Return where a principal is kept."""
        return f"{self.prefix}p:{key.hex()}"

    def cohort(self, key: bytes) -> str:
        """Return where a cohort is kept."""
        return f"{self.prefix}c:{key.hex()}"

    def charge(self, charges: Charges) -> Call:
        """Return the call that makes *charges*."""
        keys = [self.principal(charges.principal)]
        payers = [] if charges.payer is None else [self.principal(charges.payer)]
        now, terms = charges.now if self._given else False, charges.terms
        if charges.plain:
            return call("spend", keys + payers, self._plain_terms.of(terms),
                        wire.spend_of(charges, now=now, ttl=self._ttl))
        keys += [self.tight, *payers, *[self.cohort(ref.key) for ref in charges.cohorts]]
        return call("charge", keys, self._terms.of(terms), wire.charge_of(charges, now=now, ttl=self._ttl),
                    self.cohort(b""))

    def fold(self, fold: Fold, *, worker: bytes) -> Call:
        """Return the call by which *fold* is learned, and logged as from *worker*."""
        keys = [self.principal(fold.principal), self.tight, self.log]
        keys += [self.cohort(row.ref.key) for row in fold.cohorts]
        return call("fold", keys, self._terms.of(fold.charges.terms), wire.fold_of(fold, ttl=self._ttl),
                    news_of(fold, worker), self._remembered)

    def adjust(self, owed: Sum, mine: PrincipalProfile | None, room: int) -> Call:
        """Return the call that hands in what is *owed*; *mine* in its *room* is what is known here of the principal."""
        charges = owed.charges
        accounts = dict.fromkeys(filter(None, (charges.principal, charges.payer)))
        known: list[bytes | str] = []
        if owed.alone and mine is not None:
            account, fields = wire.principal_fields(mine, room)
            known = [account, *fields]
        keys = [*map(self.principal, accounts), *map(self.cohort, owed.pools)]
        told = wire.adjustment_of(
            owed.units, [*owed.pools.values()], back=owed.back, taken=owed.taken, principals=len(accounts),
            least=int(charges.orders.least), alone=owed.alone, now=owed.now if self._given else False, ttl=self._ttl,
        )
        return call("adjust", keys, self._terms.of(charges.terms), told, *known)

    def merge_principal(self, key: bytes, mine: PrincipalProfile, room: int, terms: Terms) -> Call:
        """Return the call that brings back a principal that the server lost."""
        account, fields = wire.principal_fields(mine, room)
        return call("merge", [self.principal(key)], self._terms.of(terms), account, self._ttl, *fields)

    def merge_cohort(self, ref: CohortRef, kept: CohortProfile, room: int, terms: Terms) -> Call:
        """Return the call that brings back a cohort that the server lost."""
        return call("merge", [self.cohort(ref.key), self.tight], self._terms.of(terms), wire.cohort_blob(kept, room),
                    self._ttl)


class _Written:
    """Writes each terms once: there are as many as policies."""

    __slots__ = ("_made", "_write")

    def __init__(self, write: Callable[[Terms], bytes]) -> None:
        self._write = write
        self._made: dict[int, tuple[Terms, bytes]] = {}

    def of(self, terms: Terms) -> bytes:
        """Return *terms* as they travel."""
        found = self._made.get(id(terms))
        if found is None or found[0] is not terms:
            found = self._made[id(terms)] = terms, self._write(terms)
        return found[1]
