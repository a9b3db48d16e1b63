"""``ratelimit audit``: evidence logs."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

    from ratelimit.cli.arguments import Commands


def add(commands: Commands) -> None:
    """Add the command."""
    audit = commands.add_parser(
        "audit",
        help="verify an evidence log, read it, and make a case of it",
        description="Reads what EvidenceLog wrote. The key is taken from RATELIMIT_AUDIT_KEY; without it every link is "
        "checked, and no seal. Exit code 0: done, and whole; 1: not whole, and each fault is named; 2: wrong "
        "arguments, or it cannot be read.",
    )
    verbs = audit.add_subparsers(title="verbs", metavar="verb", required=True)
    verify = verbs.add_parser("verify", help="check every link and seal of a log, or of a case file")
    verify.add_argument("path", metavar="PATH", help="the log's folder, or a case file")
    show = verbs.add_parser("show", help="print the records of a log, a line each")
    show.add_argument("path", metavar="FOLDER", help="the log's folder")
    show.add_argument("--since", type=float, metavar="AT", help="only from this time on, Unix seconds")
    show.add_argument("--until", type=float, metavar="AT", help="only up to this time, Unix seconds")
    case = verbs.add_parser("case", help="gather what a log holds about a cohort or principal, with proof")
    case.add_argument("path", metavar="FOLDER", help="the log's folder")
    case.add_argument("-o", dest="output", metavar="FILE",
                      help="write it there: a page if it ends in .html, else JSON (default: JSON to standard output)")
    for verb in (show, case):
        verb.add_argument("--principal", metavar="HASH", help="a principal, as decisions print it")
        verb.add_argument("--cohort", metavar="ID", help="a cohort, as decisions print it: shape:5e0bdd8d5bc6eb0d")
    for verb in (verify, show):
        verb.add_argument("--json", action="store_true", help="print it as JSON")
    for name, verb in (("verify", verify), ("show", show), ("case", case)):
        verb.set_defaults(command=_run, verb=name)


def _run(chosen: argparse.Namespace) -> int:
    from ratelimit.audit.run import Options, run  # noqa: PLC0415 (only this command needs it)

    given = {name: value for name, value in vars(chosen).items() if name not in {"command", "verb"}}
    return run(Options(command=chosen.verb, **given))
