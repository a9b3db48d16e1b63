"""The explanation, put together."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from dataclasses import dataclass
from difflib import get_close_matches

import msgspec

from ratelimit.explain.events import Event, Run, folded
from ratelimit.explain.observing import Observing
from ratelimit.explain.story import nearest_said, story
from ratelimit.trace.errors import UsageError
from ratelimit.trace.faults import Faults
from ratelimit.trace.loop import FAILED, INTERRUPTED, WRONG, find_modules_here, read_through
from ratelimit.trace.mapping import reader
from ratelimit.trace.progress import Progress
from ratelimit.trace.reading import Replaying
from ratelimit.trace.sides import lineups
from ratelimit.trace.source import Source
from ratelimit.trace.text import complain, say

#: Ids that are offered for one that is not there.
_OFFERED = 5


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """What can be chosen, beside what can be for a replay.

    subject   the id of a principal or a cohort.
    cohort    whether it is a cohort's.
    policy    what decides, written ``module:name``; ``None``: the default policy.
    internal  whether signals, factors, thresholds and evidence are told.
    """

    trace: str
    subject: str
    cohort: bool = False
    policy: str | None = None
    internal: bool = False
    maps: tuple[str, ...] = ()
    mapper: str | None = None
    clock: str = "seconds"
    max_bad: float = 0.01
    json: bool = False
    quiet: bool = False


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """What ``--json`` prints.

    refused_last  whether the last request was refused; *retry_after*: seconds after it until one can be answered.
    nearest       the cohort with the most evidence against it that the principal was seen in; internal.
    story         runs of like requests; without ``--internal`` no moves, no evidence, and causes without names.
    """

    subject: str
    cohort: bool
    whole: bool
    requests: int
    principals: int
    refused: int
    causes: dict[str, int]
    first_at: float
    last_at: float
    tier: str
    refused_last: bool
    retry_after: float | None
    dropped: int
    nearest: str | None
    story: list[Run]


def run(options: Options) -> int:
    """Explain, and return the exit code: 0, 1 for an id that is not there or a trace that fails, 2, or 130."""
    try:
        with ExitStack() as closing:
            return _run(options, closing)
    except UsageError as error:
        return complain("explain", error, WRONG)


def _run(options: Options, closing: ExitStack) -> int:
    find_modules_here()
    policies = next(iter(lineups((options.policy,) if options.policy else ()).values()))
    read = reader(options.maps, options.mapper, options.clock)
    source = Source(options.trace)
    closing.callback(source.close)
    observing = Observing(policies, options.subject, cohort=options.cohort)
    closing.callback(observing.close)
    replaying = Replaying([observing], read, Faults(options.max_bad))
    code, failures = read_through(source, replaying, Progress(quiet=options.quiet))
    for number, reason in replaying.faults.named:
        say(f"line {number:,} is bad and was skipped: {reason}", sys.stderr)
    for failure in failures:
        complain("explain", failure, code)
    if code == INTERRUPTED:
        say("ratelimit explain: stopped; this is what came of it so far", sys.stderr)
    if not observing.events:
        near = get_close_matches(options.subject, list(observing.ids), n=_OFFERED, cutoff=0.3)
        kind = "cohort" if options.cohort else "principal"
        say(f"ratelimit explain: {nearest_said(kind, options.subject, near, len(observing.ids))}", sys.stderr)
        return code or FAILED
    told = _told(observing, internal=options.internal, whole=code == 0)
    if options.json:
        say(msgspec.json.format(msgspec.json.encode(told)).decode(), sys.stdout)
    else:
        for line in story(told, ladder=policies[0].ladder, internal=options.internal):
            say(line, sys.stdout)
    return code


def _told(observing: Observing, *, internal: bool, whole: bool) -> Explanation:
    events = observing.events
    last, refused = events[-1], [event for event in events if event.kind == "refused"]
    runs = list(folded(events if internal else map(_outside, events)))
    causes: dict[str, int] = {}
    for event in refused:
        for cause in event.causes if internal else _outside(event).causes:
            causes[cause] = causes.get(cause, 0) + 1
    most: dict[str, float] = {}
    for event in events:
        for name, value in event.evidence.items():
            if ":" in name:
                most[name] = max(most.get(name, 0.0), value)
    return Explanation(
        subject=observing.subject, cohort=observing.cohort, whole=whole, requests=len(events) + observing.dropped,
        principals=len({event.principal for event in events}), refused=len(refused), causes=causes,
        first_at=events[0].at, last_at=last.at, tier=last.tier if internal else _slow(last.tier),
        refused_last=last.kind == "refused", retry_after=last.retry_after if last.kind == "refused" else None,
        dropped=observing.dropped, nearest=max(most, key=lambda name: most[name]) if internal and most else None,
        story=runs,
    )


def _outside(event: Event) -> Event:
    """Return *event* without what would help an attacker: no signal, number, cohort, nor the tier's exact step."""
    causes = tuple(dict.fromkeys(cause.partition(":")[0] for cause in event.causes))
    return msgspec.structs.replace(event, causes=causes, moves=(), evidence={}, tier=_slow(event.tier))


def _slow(tier: str) -> str:
    return "soft" if tier in {"soft", "hard"} else "clear"
