"""The replay, put together."""

from __future__ import annotations

import os
import sys
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import msgspec

from ratelimit.offline.interrupts import Interrupts
from ratelimit.offline.side import Side
from ratelimit.offline.sides import lineups
from ratelimit.offline.text import say
from ratelimit.replay.errors import OutputError, TooManyBadError, TraceError, UsageError
from ratelimit.replay.faults import Faults
from ratelimit.replay.mapping import reader
from ratelimit.replay.outputs import STANDARD, sinks
from ratelimit.replay.progress import Progress
from ratelimit.replay.replaying import Replaying
from ratelimit.replay.report import report, troubles
from ratelimit.replay.source import Source
from ratelimit.replay.summary import Summary, summary_of
from ratelimit.report.writing import PageError, check, write

#: Exit codes: the trace or the output failed; what was asked for cannot be done; stopped by Ctrl-C.
FAILED, WRONG, INTERRUPTED = 1, 2, 130

#: Lines between two looks at how far it is.
_LOOK = 256


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """What can be chosen.

    trace     the trace's path; ``-``: standard input.
    policies  what to decide by, each written ``module:name``; none: the default policy.
    output    where decisions are written; ``-``: standard output; ``None``: nowhere.
    maps      ``field=path``, each.
    mapper    a function from a line's dictionary to a row's, written ``module:name``.
    max_bad   the share of lines that may be bad, 0 to 1.
    json      whether the summary is printed as JSON.
    quiet     whether no progress is shown.
    report    where a page with pictures is written; ``None``: nowhere.
    """

    trace: str
    policies: tuple[str, ...] = ()
    output: str | None = None
    maps: tuple[str, ...] = ()
    mapper: str | None = None
    max_bad: float = 0.01
    json: bool = False
    quiet: bool = False
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
        return complain(error, WRONG)
    except BrokenPipeError:  # whoever read along has gone
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED


class _Run:
    """One replay; what it opens is closed by *closing*. Raises: UsageError."""

    def __init__(self, options: Options, closing: ExitStack) -> None:
        if options.json and options.output == STANDARD:
            raise UsageError("--json and -o - cannot both have standard output; name a file for the decisions")
        self._options = options
        if (here := str(Path.cwd())) not in sys.path:  # as with `python -m`: modules beside where one stands are found
            sys.path.insert(0, here)
        found = lineups(options.policies)
        read = reader(options.maps, options.mapper)
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
        progress = Progress(self._source.size, quiet=self._options.quiet)
        code, failures = self._decided(progress)
        for side in self._sides:
            try:
                side.close()
            except OutputError as error:
                code, failures = FAILED, [*failures, error]
        summary = summary_of(self._options.trace, self._replaying, whole=code == 0)
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
            complain(failure, code)
        return code

    def _decided(self, progress: Progress) -> tuple[int, list[Exception]]:
        """Decide the whole trace, or as far as it goes."""
        replaying = self._replaying
        try:
            with Interrupts() as interrupts:
                for line in self._source.lines(interrupts):
                    replaying.feed(line)
                    if not replaying.faults.lines % _LOOK:
                        progress.show(replaying.faults.lines, self._source.position)
                    if interrupts.asked:
                        return INTERRUPTED, []
                replaying.judge(at_end=True)
        except KeyboardInterrupt:
            return INTERRUPTED, []
        except (TraceError, TooManyBadError, OutputError) as error:
            return FAILED, [error]
        finally:
            progress.close()
        return 0, []

    def _tell(self, summary: Summary, seconds: float) -> None:
        for line in troubles(summary):
            say(line, sys.stderr)
        if not self._options.quiet:
            say(f"{summary.lines:,} lines in {seconds:.1f} s ({summary.lines / max(seconds, 1e-3):,.0f} a second)",
                sys.stderr)
        text = msgspec.json.format(msgspec.json.encode(summary)).decode() if self._options.json else report(summary)
        say(text.rstrip("\n"), sys.stderr if self._options.output == STANDARD else sys.stdout)


def complain(error: Exception, code: int) -> int:
    """Say what is wrong on standard error, and return *code*."""
    say(f"ratelimit replay: {error}", sys.stderr)
    return code
