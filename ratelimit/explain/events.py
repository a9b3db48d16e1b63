"""What happened to the subject of an explanation, an event a request, and runs of like ones folded."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

#: Seconds without a like event that end a run.
_PAUSE = 6 * 3600.0

#: Natural logs by which evidence must move to be called moved.
_MOVED = 0.005


class Event(msgspec.Struct, kw_only=True, gc=False):
    """One request.

    at         Unix seconds.
    principal  who sent it.
    kind       ``unlike`` (what it asked raised evidence), ``like`` (it lowered it), ``even`` (it was looked at and
               moved nothing), or ``refused``.
    tier       the tier that counted: clear, watch, soft or hard.
    causes     why it was refused.
    retry_after
               seconds until more can be granted, if it was refused; infinite if never.
    moves      (signal, log10 of the factor) of each bet, those within a cohort as ``signal@cohort``.
    evidence   log10 of the evidence after it, by signal, and of each cohort before it.
    """

    at: float
    principal: str
    kind: str
    tier: str
    causes: tuple[str, ...] = ()
    retry_after: float = 0.0
    moves: tuple[tuple[str, float], ...] = ()
    evidence: dict[str, float] = {}


class Run(msgspec.Struct, kw_only=True):
    """Like events in a row: from the first to the last, how many, of how many principals."""

    kind: str
    tier: str
    causes: tuple[str, ...]
    first_at: float
    last_at: float
    requests: int
    principals: int
    moves: dict[str, float]
    evidence: dict[str, float]


def kind_of(moved: float, *, refused: bool) -> str:
    """Return the kind of an event whose bets *moved* evidence by so much, a natural log.

    >>> kind_of(0.4, refused=False), kind_of(0.0, refused=True)
    ('unlike', 'refused')
    """
    if refused:
        return "refused"
    return "unlike" if moved > _MOVED else "like" if moved < -_MOVED else "even"


def folded(events: Iterable[Event]) -> Iterator[Run]:
    """Yield runs of *events* of one kind, tier and cause, none with a pause of more than six hours in it."""
    run: Run | None = None
    who: set[str] = set()
    for event in events:
        alike = run is not None and (run.kind, run.tier, run.causes) == (event.kind, event.tier, event.causes)
        if run is None or not alike or event.at - run.last_at > _PAUSE:
            if run is not None:
                yield run
            who = set()
            run = Run(kind=event.kind, tier=event.tier, causes=event.causes, first_at=event.at, last_at=event.at,
                      requests=0, principals=0, moves={}, evidence={})
        who.add(event.principal)
        run.last_at, run.principals, run.evidence = event.at, len(who), event.evidence
        run.requests += 1
        for name, factor in event.moves:
            run.moves[name] = round(run.moves.get(name, 0.0) + factor, 3)
    if run is not None:
        yield run
