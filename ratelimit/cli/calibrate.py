"""``ratelimit calibrate``: fit the nulls."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ratelimit.cli.arguments import add_reading, number

if TYPE_CHECKING:
    import argparse

    from ratelimit.cli.arguments import Commands


def add(commands: Commands) -> None:
    """Add the command."""
    calibrate = commands.add_parser(
        "calibrate",
        help="fit the nulls of the signals to your own traffic",
        description="Reads a trace as replay does, fits the nulls of the signals to it, principal by principal and "
        "robust to a minority of campaigns inside it, and prints the policy as Python to paste: with the share of "
        "honest principals that it leaves outside and how sure that is. Whom the engine finds is left out, and the "
        "trace read again without, and a last time to fit (standard input is read once). Exit code 0: done; 1: the "
        "trace failed; 2: wrong arguments; 3: too little traffic, with what would be enough; 130: stopped by Ctrl-C, "
        "with what came of it so far.",
    )
    calibrate.add_argument("trace", metavar="TRACE", help="the trace: plain, gzip or zstd; - for standard input")
    calibrate.add_argument("--policy", metavar="MODULE:NAME",
                           help="the Policy whose signals are fitted, or a function that returns one (default: the "
                           "default policy)")
    calibrate.add_argument("--alpha", type=number(float, 0.0001, 0.2), default=0.01, metavar="SHARE",
                           help="the share of honest principals, 0.0001 to 0.2, that may be tightened (default 0.01)")
    add_reading(calibrate)
    calibrate.add_argument("--json", action="store_true", help="print all of it as JSON, the program too")
    calibrate.add_argument("--quiet", action="store_true", help="show no progress")
    calibrate.set_defaults(command=_run)


def _run(chosen: argparse.Namespace) -> int:
    from ratelimit.calibrate.run import Options, run  # noqa: PLC0415 (only this command needs it)

    return run(Options(trace=chosen.trace, policy=chosen.policy, alpha=chosen.alpha, maps=tuple(chosen.maps),
                       mapper=chosen.mapper, clock=chosen.clock, max_bad=chosen.max_bad, json=chosen.json,
                       quiet=chosen.quiet))
