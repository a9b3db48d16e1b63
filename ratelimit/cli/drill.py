"""``ratelimit drill``: rehearse campaigns."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ratelimit.cli.arguments import number

if TYPE_CHECKING:
    import argparse

    from ratelimit.cli.arguments import Commands


def add(commands: Commands) -> None:
    """Add the command."""
    drill = commands.add_parser(
        "drill",
        help="rehearse campaigns against a policy, among honest people, in simulated time",
        description="Rehearses campaigns that see their refusals and adapt, among honest people of every kind, against "
        "a policy, in simulated time: the real engine decides, nothing is sent anywhere, and all text is synthetic. "
        "Prints what each adversary got, what that cost it against no defence and against a fixed quota that hurts "
        "honest people equally, and what honest people lost. Exit code 0: done; 1: the page cannot be written; 2: "
        "wrong arguments; 3: a condition of --fail-if holds; 130: stopped by Ctrl-C, with what came of it so far.",
    )
    drill.add_argument("names", nargs="*", metavar="NAME",
                       help="adversaries: built in (see --list) or module:name (default: all that are built in)")
    drill.add_argument("--list", action="store_true", help="print the built-in adversaries and honest crowds")
    drill.add_argument("--policy", metavar="MODULE:NAME",
                       help="a Policy, a sequence of them or a function that returns either (default: the default "
                       "policy)")
    drill.add_argument("--crowd", action="append", default=[], dest="crowds", metavar="MODULE:NAME",
                       help="an honest crowd of your own, beside the built-in ones; repeatable")
    drill.add_argument("--seed", type=int, default=1, metavar="N", help="everything follows from it (default 1)")
    drill.add_argument("--days", type=number(float, 0.01, 365), default=15.0, metavar="D",
                       help="how long a campaign takes, 0.01 to 365 (default 15)")
    drill.add_argument("--accounts", type=number(int, 1, 1_000_000), default=60, metavar="N",
                       help="accounts that it begins with, 1 to 1000000 (default 60)")
    drill.add_argument("--full", action="store_true",
                       help="the alleged campaign's size: 25000 accounts, 45 days, 28.8 million requests")
    drill.add_argument("--fail-if", action="append", default=[], metavar="CONDITION",
                       help="exit with 3 if this holds of any adversary: a figure of the --json outcome, a comparison "
                       "and a number or percentage, such as 'harvested>5%%' or 'honest_lost>0.001'; repeatable")
    drill.add_argument("--report", metavar="FILE", help="write a page with pictures; needs the extra 'report'")
    drill.add_argument("--json", action="store_true", help="print the outcome as JSON")
    drill.add_argument("--quiet", action="store_true", help="show no progress")
    drill.set_defaults(command=_run)


def _run(chosen: argparse.Namespace) -> int:
    from ratelimit.drill.run import Options, run  # noqa: PLC0415 (only this command needs it)

    return run(Options(names=tuple(chosen.names), policy=chosen.policy, crowds=tuple(chosen.crowds), seed=chosen.seed,
                       days=chosen.days, accounts=chosen.accounts, full=chosen.full, fail_if=tuple(chosen.fail_if),
                       report=chosen.report, json=chosen.json, list=chosen.list, quiet=chosen.quiet))
