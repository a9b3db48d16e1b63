"""What travels: charges and folds as MessagePack that Lua reads, and what Lua answers as profiles."""

from __future__ import annotations

import struct
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from ratelimit.admission import NO_SLOT, OPEN, SLOT_WAIT, UNHEARD, reason_of, remaining_of
from ratelimit.charges import Admission, Seat
from ratelimit.decision import Cause, Tier
from ratelimit.gcra import Grant
from ratelimit.ledger import MOST_TRUST
from ratelimit.observation import NO_CAUTION, CohortRef
from ratelimit.presumption import Caution
from ratelimit.profile import RECENT_BODIES, RECENT_PIECES, STANDINGS, CohortProfile, PrincipalProfile, Standing
from ratelimit.stores.base import Charged
from ratelimit.stores.redis import sketches

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ratelimit.charges import Charges, Terms
    from ratelimit.stores.base import Fold

_encode = msgspec.msgpack.Encoder().encode
_CAUSES = (Cause.QUOTA, Cause.BEHAVIOUR, Cause.COHORT, Cause.CONCURRENCY, Cause.OPERATOR)

#: How long a principal of which nothing was learned is kept after its budget has refilled, seconds.
_AFTER = 60.0

Numbers = dict[str, float] | list[float]  # Lua writes an empty map as an empty list


class _Seat(msgspec.Struct, array_like=True, gc=False):
    evidence: float
    tier: int
    cleared: bool
    held: bool
    firm: bool
    guest: bool
    shown: int
    hears: float
    counts: bool


class _Answer(msgspec.Struct, array_like=True, gc=False):
    allowed: bool
    own_tier: int
    tier: int
    continues: bool
    seats: list[_Seat | bool]
    reasons: list[tuple[int, int, str, float]]
    grants: list[tuple[bool, float, float]]
    retry_after: float
    heard_at: float
    now: float
    known: bool
    pools: list[str]
    slots_left: int | bool


class _Principal(msgspec.Struct, array_like=True, gc=False):
    levels: Numbers
    at: float
    spent_until: float
    wealth: Numbers
    active_at: float
    held_at: float | bool
    folds: int
    careful: float
    typical: float
    room: int
    slots: dict[str, float] | list[float]


class _Cohort(msgspec.Struct, array_like=True, gc=False):
    levels: Numbers
    at: float
    spent_until: float
    wealth: Numbers
    active_at: float
    members: int
    trust: float
    guests: float
    guests_at: float
    room: int
    outspoken: int
    tight: bool


_answer = msgspec.msgpack.Decoder(_Answer).decode
_principal = msgspec.msgpack.Decoder(_Principal).decode
_cohort = msgspec.msgpack.Decoder(_Cohort).decode
_standings = msgspec.msgpack.Decoder(list[tuple[str, str, bool, float, float, int, float]]).decode


def plain_terms_of(terms: Terms) -> bytes:
    """Return what of *terms* is about budgets, as the map of numbers that scripts call T."""
    return _encode(_plain_fields(terms))


def _plain_fields(terms: Terms) -> dict[str, object]:
    ladder = terms.ladder
    drains = max(max(budget.window, budget.burst / budget.refill) for budget in terms.budgets)
    return {
        "budgets": [(budget.name, budget.burst, budget.refill) for budget in terms.budgets], "longest": terms.longest,
        "soft_refill": ladder.soft_refill, "hard_refill": ladder.hard_refill, "tight_burst": ladder.tight_burst,
        "most_trust": MOST_TRUST, "drains": int(drains * 1000),
        "passing": int((max(drains, terms.slot_seconds) + _AFTER) * 1000),
        "slots": terms.slots, "slot_seconds": terms.slot_seconds, "slot_wait": SLOT_WAIT,
    }


def terms_of(terms: Terms) -> bytes:
    """Return *terms* as the map of numbers that scripts call T."""
    ladder, presumption = terms.ladder, terms.presumption
    fields = _plain_fields(terms)
    fields |= {field: getattr(ladder, field) for field in ("watch", "soft", "hard", "ceiling", "fade")}
    fields |= {field: getattr(presumption, field) for field in
               ("cleared", "young", "settled", "continuing", "trusted", "outspoken", "carried_by", "floor",
                "guests_per_day", "guests_at_once")}
    return _encode(fields | {
        "grace": ladder.grace.total_seconds(), "cusum": ladder.form == "cusum",
        "standing_ceiling": presumption.ceiling, "hearing": presumption.hearing.total_seconds(),
        "signals": terms.signals, "cohort_signals": terms.cohort_signals, "cells": terms.cells,
    })


def spend_of(charges: Charges, *, now: float | bool, ttl: int) -> bytes:
    """Return *charges* that ask budgets alone as their script reads them; the others as in ``charge_of``."""
    lease = _lease(charges.lease) if charges.lease else False
    return _encode((now, charges.costs, ttl, lease, int(charges.orders.least)))


def charge_of(charges: Charges, *, now: float | bool, ttl: int) -> bytes:
    """Return *charges* as the script reads them; *now*: ``False`` for the server's; *ttl* in milliseconds."""
    return _encode({
        "now": now, "costs": charges.costs, "ttl": ttl, "payer": charges.payer is not None,
        "cohorts": [(ref.key.hex(), ref.kind, ref.presumed, ref.caution.patience) for ref in charges.cohorts],
        "lease": _lease(charges.lease) if charges.lease else False,
        "trusted": charges.trusted, "aged": charges.aged,
        "least": int(charges.orders.least), "without": dict.fromkeys(charges.orders.without, True),
        "held_at": charges.held_at, "earlier": sketches.raw(_eights(charges.earlier)),
    })


def fold_of(fold: Fold, *, ttl: int) -> bytes:
    """Return *fold* as the script reads it."""
    return _encode({
        "now": fold.now, "ttl": ttl, "moves": fold.moves, "digest": sketches.raw(_eights([fold.digest])),
        "pieces": sketches.raw(_eights(fold.pieces)), "held_at": fold.charges.held_at, "trust": fold.trust,
        "rows": [sketches.row(features, cells=fold.charges.terms.cells) for features in fold.features],
        "cohorts": [(row.ref.key.hex(), row.ref.kind, row.ref.presumed, row.moves, row.careful, row.typical, row.guest,
                     row.ref.caution.patience)
                    for row in fold.cohorts],
        "bodies": RECENT_BODIES, "most_pieces": RECENT_PIECES, "most_standings": STANDINGS, **sketches.SIZES,
    })


class Answer(NamedTuple):
    """What the server answered to a charge.

    known  whether it knew the principal.
    rooms  the principal's, and the cohorts'.
    payer  the payer's account, without its standings and sketches, and its room; ``None`` if there is none.
    """

    charged: Charged
    known: bool
    rooms: tuple[int, ...]
    payer: tuple[PrincipalProfile, int] | None


def spent_of(reply: bytes, charges: Charges) -> Answer:
    """Return what *reply* says of charges that asked budgets alone; the profile has an account, and no more."""
    head, a, *rest = _parts(reply, 2 if charges.payer is None else 3)
    answer = _answer(head or b"")
    profile, room = profile_of(a, None, now=answer.now)
    payer = profile_of(rest[0], None, now=answer.now) if rest else None
    admission = _admission(answer, charges, profile, None if payer is None else payer[0])
    charged = Charged(admission=admission, profile=profile, cohorts=(), now=answer.now)
    return Answer(charged, answer.known, (room,), payer)


def _parts(reply: bytes, many: int) -> list[bytes | None]:
    """Return the strings, ``None`` for one that is not there, that the scripts made one of."""
    parts: list[bytes | None] = []
    at = 4 * many
    for size in struct.unpack_from(f"<{many}I", reply):
        parts.append(reply[at : at + size - 1] if size else None)
        at += size - 1 if size else 0
    return parts


def answer_of(reply: bytes, charges: Charges) -> Answer:
    """Return what *reply* says."""
    head, y, a, t, p, b, w, f, c, r, *blobs = _parts(reply, 10 + len(charges.cohorts))
    answer = _answer(head or b"")
    profile, room = profile_of(a, t, now=answer.now)
    profile.pieces = tuple(_numbers(p))
    profile.bodies = tuple(_numbers(b))
    if w is not None and r is not None:
        sketches.unpack(profile, w, f, c, r)
    payer = None if y is None else profile_of(y, None, now=answer.now)
    cohorts = [(None, 0) if blob is None else cohort_of(blob) for blob in blobs]
    admission = _admission(answer, charges, profile, None if payer is None else payer[0])
    charged = Charged(admission=admission, profile=profile, cohorts=tuple([cohort for cohort, _ in cohorts]),
                      now=answer.now)
    return Answer(charged, answer.known, (room, *[kept for _, kept in cohorts]), payer)


def adjustment_of(
    units: Sequence[float], pools: Sequence[Sequence[float]], *, back: Iterable[int], taken: dict[int, float],
    principals: int, least: int, alone: bool, now: float | bool, ttl: int,
) -> bytes:
    """Return what is to be added to so many *principals* and to each of the *pools*, as the script reads it.

    back   leases to be released.
    taken  until when leases are taken.
    least  the tier that the first is held at, at the least.
    alone  whether what is added was granted by the caller.
    """
    return _encode({
        "units": units, "moves": any(units), "pools": pools, "back": [_lease(lease) for lease in back],
        "taken": [(_lease(lease), until) for lease, until in taken.items()], "principals": principals,
        "least": least, "alone": alone,
        "now": now, "ttl": ttl,
    })


def profile_of(a: bytes | None, t: bytes | None, *, now: float) -> tuple[PrincipalProfile, int]:
    """Return a principal's account and standings, and its room."""
    profile = PrincipalProfile(now)
    if a is None:
        return profile, 0
    kept = _principal(a)
    profile.levels, profile.wealth = dict(kept.levels), dict(kept.wealth)  # type: ignore[arg-type]  # an empty list
    profile.at, profile.spent_until, profile.active_at = kept.at, kept.spent_until, kept.active_at
    profile.held_at = None if kept.held_at is False else float(kept.held_at)
    profile.folds, profile.prior = kept.folds, (kept.careful, kept.typical)
    if isinstance(kept.slots, dict) and kept.slots:
        profile.slots = {int(lease, 16): until for lease, until in kept.slots.items()}
    if t is not None:
        for name, kind, presumed, careful, typical, drawn, patience in _standings(t):
            ref = _ref(name, kind, presumed, patience)
            profile.standings[ref.key] = Standing(ref, careful, typical, drawn)
    return profile, kept.room


def cohort_of(blob: bytes) -> tuple[CohortProfile, int]:
    """Return a cohort's account, without its past, and its room."""
    kept = _cohort(blob)
    cohort = CohortProfile(kept.at)
    cohort.levels, cohort.wealth = dict(kept.levels), dict(kept.wealth)  # type: ignore[arg-type]  # an empty list
    cohort.spent_until, cohort.active_at = kept.spent_until, kept.active_at
    cohort.members, cohort.trust, cohort.guests, cohort.guests_at = (
        kept.members, kept.trust, kept.guests, kept.guests_at)
    cohort.outspoken, cohort.tight = kept.outspoken, kept.tight
    return cohort, kept.room


def principal_fields(profile: PrincipalProfile, room: int) -> tuple[bytes, list[bytes | str]]:
    """Return a principal's account as it is kept, and the names and values of its other fields."""
    account = _encode((profile.levels, profile.at, profile.spent_until, profile.wealth, profile.active_at,
                       False if profile.held_at is None else profile.held_at, profile.folds, *profile.prior, room,
                       {_lease(lease): until for lease, until in (profile.slots or {}).items()}))
    rows = [(name.hex(), row.ref.kind, row.ref.presumed, row.careful, row.typical, row.drawn,
             row.ref.caution.patience)
            for name, row in profile.standings.items()]
    fields = {"t": _encode(rows), "p": _eights(profile.pieces), "b": _eights(profile.bodies), **sketches.pack(profile)}
    return account, [part for field in fields.items() for part in field]


def cohort_blob(cohort: CohortProfile, room: int) -> bytes:
    """Return a cohort's account as it is kept."""
    return _encode((cohort.levels, cohort.at, cohort.spent_until, cohort.wealth, cohort.active_at, cohort.members,
                    cohort.trust, cohort.guests, cohort.guests_at, room, cohort.outspoken, cohort.tight))


def _admission(
    answer: _Answer, charges: Charges, mine: PrincipalProfile, payer: PrincipalProfile | None
) -> Admission:
    terms = charges.terms
    grants = [Grant(allowed, level, left, 0.0) for allowed, level, left in answer.grants]
    refs = {ref.key: ref for ref in (*[row.ref for row in mine.standings.values()], *charges.cohorts)}
    seated = answer.allowed and answer.slots_left is not False
    return Admission(
        allowed=answer.allowed,
        own_tier=Tier(answer.own_tier),
        tier=Tier(answer.tier),
        continues=answer.continues,
        seats=tuple([
            Seat(seat.evidence, Tier(seat.tier), seat.cleared, seat.held, seat.firm, seat.guest, Tier(seat.shown),
                 seat.hears, seat.counts) if isinstance(seat, _Seat) else UNHEARD if ref.caution.patience else OPEN
            for ref, seat in zip(charges.cohorts, answer.seats, strict=True)
        ]),
        reasons=tuple([NO_SLOT if _CAUSES[cause] is Cause.CONCURRENCY else
                       reason_of(terms.budgets[number], wait, _CAUSES[cause], kind)
                       for number, cause, kind, wait in answer.reasons]),
        remaining=remaining_of(grants, charges, terms.ladder.share(Tier(answer.own_tier)), allowed=answer.allowed),
        retry_after=answer.retry_after,
        writes=(),
        heard_at=answer.heard_at,
        stands=None,  # what it hangs on is in the server, where other workers change it
        pools=tuple([refs[bytes.fromhex(name)] for name in answer.pools]),
        seated=tuple(filter(None, (mine, payer))) if seated else (),
        slots_left=None if answer.slots_left is False else int(answer.slots_left),
    )


@lru_cache(maxsize=1 << 14)
def _ref(name: str, kind: str, presumed: bool, patience: float) -> CohortRef:
    # Of the caution a store needs no more; the engine's own refs have all of it.
    return CohortRef(kind, bytes.fromhex(name), presumed, Caution(patience=patience) if patience else NO_CAUTION)


def _lease(lease: int) -> str:
    return f"{lease:016x}"  # the server's Lua counts by doubles


def _eights(numbers: Iterable[int]) -> bytes:
    return b"".join([number.to_bytes(8, "little") for number in numbers])


def _numbers(eights: bytes | None) -> Iterable[int]:
    return memoryview(eights).cast("Q") if eights else ()
