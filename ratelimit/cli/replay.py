"""``ratelimit replay``: decide recorded traffic again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ratelimit.cli.arguments import add_reading

if TYPE_CHECKING:
    import argparse

    from ratelimit.cli.arguments import Commands


def add(commands: Commands) -> None:
    """Add the command."""
    replay = commands.add_parser(
        "replay",
        help="decide recorded traffic again: who would be tightened, and why",
        description="Decides a recorded trace again, in its own time, by one policy or several side by side, and "
        "prints who would have been tightened, why, and what share of each. Whatever the mode of a policy, what is "
        "shown is what enforcing would do. A trace is JSON lines: at (Unix seconds), principal, path and body; "
        "since, verified, links, method, status, headers, user_agent and label if known. Bad lines are counted and "
        "skipped. Exit code 0: done; 1: the trace or the output failed; 2: wrong arguments; 3: a condition of "
        "--fail-if holds; 130: stopped by Ctrl-C, with what came of it so far.",
    )
    replay.add_argument("trace", metavar="TRACE", help="the trace: plain, gzip or zstd; - for standard input")
    replay.add_argument("--policy", action="append", default=[], metavar="MODULE:NAME",
                        help="a Policy, a sequence of them or a function that returns either; may be given several "
                        "times (default: the default policy)")
    replay.add_argument("-o", "--output", metavar="FILE",
                        help="write one decision a line, line N for line N; of several policies to FILE with each "
                        "policy's name before its ending; - for standard output, and the summary to standard error")
    add_reading(replay)
    replay.add_argument("--fail-if", action="append", default=[], metavar="CONDITION",
                        help="exit with 3 if this holds at the end: a name of the --json summary, a comparison and a "
                        "number or percentage, such as 'refused_share>0.02', 'tightened>=5' or 'hard>0'; with labels "
                        "in the trace (a field label, or --map label=PATH) also 'denied[chat]>0.1%%', "
                        "'tightened[chat]>0' and, where the label is honest, 'honest_denied>0.001'; repeatable")
    replay.add_argument("--report", metavar="FILE", help="write a page with pictures; needs the extra 'report'")
    replay.add_argument("--json", action="store_true", help="print the summary as JSON")
    replay.add_argument("--quiet", action="store_true", help="show no progress")
    replay.set_defaults(command=_run)


def _run(chosen: argparse.Namespace) -> int:
    from ratelimit.replay.run import Options, run  # noqa: PLC0415 (only this command needs it)

    return run(Options(trace=chosen.trace, policies=tuple(chosen.policy), output=chosen.output,
                       maps=tuple(chosen.maps), mapper=chosen.mapper, max_bad=chosen.max_bad, json=chosen.json,
                       quiet=chosen.quiet, clock=chosen.clock, fail_if=tuple(chosen.fail_if), report=chosen.report))
