"""``ratelimit explain``: why one principal or cohort was tightened."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ratelimit.cli.arguments import add_reading

if TYPE_CHECKING:
    import argparse

    from ratelimit.cli.arguments import Commands


def add(commands: Commands) -> None:
    """Add the command."""
    explain = commands.add_parser(
        "explain",
        help="tell why one principal or one cohort was tightened",
        description="Reads a trace as replay does and tells, in order, what one principal or one cohort asked, what "
        "was refused, why, and what frees it: in words that can be sent to a customer. --internal tells operators "
        "signals, factors, evidence, thresholds and cohorts. Exit code 0: done; 1: the trace failed, or has no such "
        "id (the nearest are named); 2: wrong arguments; 130: stopped by Ctrl-C, with what came of it so far.",
    )
    explain.add_argument("trace", metavar="TRACE", help="the trace: plain, gzip or zstd; - for standard input")
    subject = explain.add_mutually_exclusive_group(required=True)
    subject.add_argument("--principal", metavar="ID", help="a principal, as the trace names it")
    subject.add_argument("--cohort", metavar="ID", help="a cohort, as decisions print it: shape:5e0bdd8d5bc6eb0d")
    explain.add_argument("--policy", metavar="MODULE:NAME",
                         help="a Policy, a sequence of them or a function that returns either (default: the default "
                         "policy)")
    explain.add_argument("--internal", action="store_true", help="tell how it is judged; not for customers")
    add_reading(explain)
    explain.add_argument("--json", action="store_true", help="print it as JSON")
    explain.add_argument("--quiet", action="store_true", help="show no progress")
    explain.set_defaults(command=_run)


def _run(chosen: argparse.Namespace) -> int:
    from ratelimit.explain.run import Options, run  # noqa: PLC0415 (only this command needs it)

    return run(Options(trace=chosen.trace, subject=chosen.principal or chosen.cohort, cohort=chosen.principal is None,
                       policy=chosen.policy, internal=chosen.internal, maps=tuple(chosen.maps), mapper=chosen.mapper,
                       clock=chosen.clock, max_bad=chosen.max_bad, json=chosen.json, quiet=chosen.quiet))
