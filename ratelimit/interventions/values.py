"""One intervention, and what is wrong with it."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING, Literal, TypeAlias, get_args

import msgspec

from ratelimit.decision import Tier
from ratelimit.errors import RatelimitError

if TYPE_CHECKING:
    from collections.abc import Iterator

Kind: TypeAlias = Literal["block", "exempt", "pardon", "hold", "dissolve"]
KINDS: tuple[Kind, ...] = get_args(Kind)

#: The longest that one may last: nobody remembers why for longer.
LONGEST = timedelta(days=366)

#: The tiers at which somebody can be held: those that tighten.
TIERS = (str(Tier.SOFT), str(Tier.HARD))

_PRINCIPAL = re.compile(r"[0-9a-f]{32}")
_COHORT = re.compile(r"[a-z][a-z0-9_.-]{0,63}:[0-9a-f]{16}")


class InterventionError(RatelimitError):
    """An intervention that cannot be made or read: what, where, and the mend."""


class Intervention(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One intervention, or the end of one.

    kind       ``block`` refuses every request of a principal; ``exempt`` lets all pass, uncharged and unobserved;
               ``pardon`` leaves it its budget and asks for nothing else: whatever evidence there is does not count, and
               fades meanwhile; ``hold`` tightens it to *tier* at least, whatever the evidence. ``dissolve`` takes a
               cohort out of the judgement: its evidence holds nobody, and nothing is learned of it meanwhile. ``lift``
               ends what there is.
    subject    a principal's keyed hash in hexadecimal, or a cohort as ``kind:hash``: as decisions and logs have them.
    reason     why; *by*: who says so. Neither is told to the caller.
    at, until  from when to when it counts, Unix seconds.
    tier       of ``hold``: "soft" or "hard"; else empty.
    """

    kind: Literal["block", "exempt", "pardon", "hold", "dissolve", "lift"]
    subject: str
    reason: str
    by: str
    at: float
    until: float
    tier: str = ""


def problems(one: Intervention) -> Iterator[str]:
    """Yield what is wrong with an intervention that somebody wants to make."""
    if one.kind not in (*KINDS, "lift"):
        yield f"kind: must be one of {', '.join(KINDS)}, got {one.kind!r}"
    yield from _subject(one)
    if one.kind == "hold" and one.tier not in TIERS:
        yield f"tier: must be {' or '.join(TIERS)}, got {one.tier!r}"
    if one.kind != "hold" and one.tier:
        yield f"tier: only hold has one, got {one.tier!r}"
    lasts = timedelta(seconds=one.until - one.at)
    if one.kind != "lift" and not timedelta(0) < lasts <= LONGEST:
        yield f"lasts: must be positive and at most {LONGEST.days} days, got {lasts!r}; to end one use lift()"
    for field in ("reason", "by"):
        said = getattr(one, field)
        if not said.strip():
            yield f"{field}: must not be empty"
        if len(said) > 500:
            yield f"{field}: must have 500 characters at most, got {len(said)}"


def _subject(one: Intervention) -> Iterator[str]:
    if one.kind == "dissolve":
        if not _COHORT.fullmatch(one.subject):
            yield f"subject: must be a cohort as decisions show it, such as shape:5e0bdd8d5bc6eb0d, got {one.subject!r}"
    elif one.kind != "lift" and not _PRINCIPAL.fullmatch(one.subject):
        yield f"subject: must be the 32 hexadecimal digits that decisions show, got {one.subject!r}"
