"""The readings of a trace: until no campaign is found any more, and one that the nulls are fitted to."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ratelimit.calibrate.crowds import Crowd, crowd_of
from ratelimit.calibrate.watching import Watching
from ratelimit.trace.faults import Faults
from ratelimit.trace.loop import read_through
from ratelimit.trace.mapping import reader
from ratelimit.trace.progress import Progress
from ratelimit.trace.reading import Replaying
from ratelimit.trace.source import Source

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import ExitStack

    from ratelimit.calibrate.run import Options
    from ratelimit.policy import Policy

#: Times that a trace is read at most to find campaigns, each time without whom the engine found before.
READINGS = 4


class Heard(NamedTuple):
    """What the readings came to.

    crowd      who counts, and all that were found.
    watching   the last reading's.
    replaying  what the last reading says of the trace.
    code       the exit code, 0 if all was read; *failures* are what stopped it.
    """

    crowd: Crowd
    watching: Watching
    replaying: Replaying
    code: int
    failures: list[Exception]


def heard(options: Options, policies: Sequence[Policy], closing: ExitStack) -> Heard:
    """Read the trace as often as it takes; what is opened for it is left to *closing*.

    What can be read only once, as standard input, is watched in both ways at the same time: then who is found does not
    count, but stays in the pasts that the others are held against.
    """
    found: frozenset[str] = frozenset()
    gone = 0
    for _ in range(READINGS):
        source, strict = Source(options.trace), Watching(policies, found)
        once = options.trace == "-" or not source.size
        sides = [strict, Watching(policies, fair=True)] if once else [strict]
        replaying, code, failures = _read(options, source, sides, closing)
        crowd = crowd_of(strict, options.alpha, gone)
        found, gone = found | crowd.found, gone + crowd.gone
        if code or once or not crowd.found:
            break
    last = sides[-1]
    if not code and not once:
        last = Watching(policies, found, fair=True)
        replaying, code, failures = _read(options, Source(options.trace), [last], closing)
    return Heard(crowd._replace(found=found, counted=crowd.fitted_to(last)), last, replaying, code, failures)


def _read(options: Options, source: Source, sides: Sequence[Watching], closing: ExitStack) -> (
        tuple[Replaying, int, list[Exception]]):
    closing.callback(source.close)
    for side in sides:
        closing.callback(side.close)
    read = reader(options.maps, options.mapper, options.clock)
    replaying = Replaying(sides, read, Faults(options.max_bad))
    code, failures = read_through(source, replaying, Progress(quiet=options.quiet))
    return replaying, code, failures
