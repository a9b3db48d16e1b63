"""The replay, put together."""

from __future__ import annotations

import os
import sys
from contextlib import ExitStack
from dataclasses import dataclass

import msgspec

from ratelimit.replay.figures import NAMES, held
from ratelimit.replay.outputs import STANDARD, sinks
from ratelimit.replay.report import report, troubles
from ratelimit.replay.summary import Summary, summary_of
from ratelimit.report.writing import PageError, check, write
from ratelimit.trace.conditions import conditions
from ratelimit.trace.errors import OutputError, UsageError
from ratelimit.trace.faults import Faults
from ratelimit.trace.loop import FAILED, HOLDS, INTERRUPTED, WRONG, find_modules_here, read_through
from ratelimit.trace.mapping import reader
from ratelimit.trace.progress import Progress
from ratelimit.trace.reading import Replaying
from ratelimit.trace.side import Side
from ratelimit.trace.sides import lineups
from ratelimit.trace.source import Source
from ratelimit.trace.text import complain, say


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """What can be chosen.

    trace     the trace's path; ``-``: standard input.
    policies  what to decide by, each written ``module:name``; none: the default policy.
    output    where decisions are written; ``-``: standard output; ``None``: nowhere.
    maps      ``field=path``, each.
    mapper    a function from a line's dictionary to a row's, written ``module:name``.
    clock     what the trace's numbers for times count: one of ``CLOCKS``.
    max_bad   the share of lines that may be bad, 0 to 1.
    json      whether the summary is printed as JSON.
    quiet     whether no progress is shown.
    fail_if   conditions on the summary, each as ``conditions`` has it.
    report    where a page with pictures is written; ``None``: nowhere.
    """

    trace: str
    policies: tuple[str, ...] = ()
    output: str | None = None
    maps: tuple[str, ...] = ()
    mapper: str | None = None
    clock: str = "seconds"
    max_bad: float = 0.01
    json: bool = False
    quiet: bool = False
    fail_if: tuple[str, ...] = ()
    report: str | None = None


def run(options: Options) -> int:
    """Replay, print what came of it, and return the exit code: 0, or one of the above with a sentence to it.

    Whatever stops it, what was decided until then is printed, and what was written is whole lines.
    """
    try:
        if options.report is not None:
            check(options.report)
        with ExitStack() as closing:
            return _Run(options, closing).run()
    except (UsageError, PageError) as error:
        return complain("replay", error, WRONG)
    except BrokenPipeError:  # whoever read along has gone
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED


class _Run:
    """One replay; what it opens is closed by *closing*. Raises: UsageError."""

    def __init__(self, options: Options, closing: ExitStack) -> None:
        if options.json and options.output == STANDARD:
            raise UsageError("--json and -o - cannot both have standard output; name a file for the decisions")
        self._options = options
        self._conditions = conditions(options.fail_if, NAMES)
        find_modules_here()
        found = lineups(options.policies)
        read = reader(options.maps, options.mapper, options.clock)
        self._source = Source(options.trace)
        closing.callback(self._source.close)
        outputs = sinks(options.output, list(found), trace=options.trace, closing=closing)
        self._sides = [
            Side(label, policies, sink=sink)
            for (label, policies), sink in zip(found.items(), outputs, strict=True)
        ]
        self._replaying = Replaying(self._sides, read, Faults(options.max_bad))

    def run(self) -> int:
        """Decide, print and return the exit code."""
        progress = Progress(quiet=self._options.quiet)
        code, failures = read_through(self._source, self._replaying, progress)
        for side in self._sides:
            try:
                side.close()
            except OutputError as error:
                code, failures = FAILED, [*failures, error]
        summary = summary_of(self._options.trace, self._replaying, self._sides, whole=code == 0)
        self._tell(summary, progress.seconds)
        if self._options.report is not None:
            from ratelimit.replay.page import page_of  # noqa: PLC0415 (matplotlib is an extra)

            try:
                write(self._options.report, page_of(summary, self._sides))
            except PageError as error:
                code, failures = code or FAILED, [*failures, error]
        if code == INTERRUPTED:
            say("ratelimit replay: stopped; this is what came of it so far", sys.stderr)
        for failure in failures:
            complain("replay", failure, code)
        return self._judged(summary) if code == 0 else code

    def _judged(self, summary: Summary) -> int:
        """Return the exit code of a replay that went well, and say which conditions hold."""
        sentences = [sentence for condition in self._conditions for sentence in held(condition, summary)]
        for sentence in sentences:
            say(f"ratelimit replay: {sentence}", sys.stderr)
        return HOLDS if sentences else 0

    def _tell(self, summary: Summary, seconds: float) -> None:
        for line in troubles(summary):
            say(line, sys.stderr)
        if not self._options.quiet:
            say(f"{summary.lines:,} lines in {seconds:.1f} s ({summary.lines / max(seconds, 1e-3):,.0f} a second)",
                sys.stderr)
        text = msgspec.json.format(msgspec.json.encode(summary)).decode() if self._options.json else report(summary)
        say(text.rstrip("\n"), sys.stderr if self._options.output == STANDARD else sys.stdout)
