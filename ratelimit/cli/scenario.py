"""``ratelimit scenario``: policies held against traffic and what is expected."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

    from ratelimit.cli.arguments import Commands


def add(commands: Commands) -> None:
    """Add the command."""
    scenario = commands.add_parser(
        "scenario",
        help="hold a policy against recorded or made-up traffic and what is expected of it",
        description="A scenario is a folder with policy.py, trace.jsonl (or .gz, .zst) and expect.toml. Exit code 0: "
        "all is as expected; 1: something is not, and it is told what; 2: wrong arguments, or one cannot be run.",
    )
    verbs = scenario.add_subparsers(title="verbs", metavar="verb", required=True)
    run = verbs.add_parser("run", help="decide the trace of each folder, and check what is expected")
    run.add_argument("folders", nargs="+", metavar="FOLDER")
    run.add_argument("--json", action="store_true", help="print what came of it as JSON")
    run.add_argument("--quiet", action="store_true", help="show no progress")
    new = verbs.add_parser("new", help="write a small scenario to begin with")
    explain = verbs.add_parser("explain", help="tell what happens in a scenario, and why each expectation holds or not")
    for verb in (new, explain):
        verb.add_argument("folders", nargs=1, metavar="FOLDER")
    for name, verb in (("run", run), ("new", new), ("explain", explain)):
        verb.set_defaults(command=_run, verb=name)


def _run(chosen: argparse.Namespace) -> int:
    from ratelimit.scenario.run import Options, run  # noqa: PLC0415 (only this command needs it)

    return run(Options(command=chosen.verb, folders=tuple(chosen.folders), json=getattr(chosen, "json", False),
                       quiet=getattr(chosen, "quiet", False)))
