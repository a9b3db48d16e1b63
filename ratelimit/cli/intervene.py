"""``ratelimit intervene``: what people decide."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from ratelimit.cli.arguments import WRONG, number

if TYPE_CHECKING:
    import argparse

    from ratelimit.cli.arguments import Commands


def add(commands: Commands) -> None:
    """Add the command."""
    intervene = commands.add_parser(
        "intervene",
        help="block, exempt, pardon or hold one principal, or dissolve a cohort, for a while",
        description="Appends to what Interventions(AT) reads: every worker that shares it obeys within a second. "
        "Principals are the hashes, and cohorts the names, that decisions and logs show. Exit code 0: done; 2: it "
        "cannot be done.",
    )
    verbs = intervene.add_subparsers(title="verbs", metavar="verb", required=True)
    for name, said in (("block", "refuse every request"), ("exempt", "let all pass, uncharged and unobserved"),
                       ("pardon", "leave it its budget, whatever the evidence"),
                       ("hold", "tighten it, whatever the evidence"),
                       ("dissolve", "let the evidence against a cohort hold nobody"),
                       ("lift", "end what counts for it"),
                       ("list", "print what counts now, a line each")):
        verb = verbs.add_parser(name, help=said)
        verb.add_argument("--at", required=True, metavar="FILE|URL",
                          help="the file of the interventions, or the URL of the Redis server that holds them")
        verb.add_argument("--prefix", default="ratelimit", metavar="NAME",
                          help="in Redis, what keys begin with (default ratelimit)")
        if name != "list":
            verb.add_argument("subject", metavar="COHORT" if name == "dissolve" else "HASH",
                              help="as decisions show it: 32 hexadecimal digits, or of a cohort shape:5e0bdd8d5bc6eb0d")
            verb.add_argument("--reason", required=True, metavar="TEXT")
            verb.add_argument("--by", required=True, metavar="NAME", help="who says so")
        if name == "hold":
            verb.add_argument("--tier", choices=("soft", "hard"), default="soft", help="at the least (default soft)")
        if name not in {"list", "lift"}:
            verb.add_argument("--hours", type=number(float, 0.001, 24 * 366), default=24.0, metavar="N",
                              help="how long it counts (default 24)")
        verb.set_defaults(command=_run, verb=name)


def _run(chosen: argparse.Namespace) -> int:
    from datetime import timedelta  # noqa: PLC0415 (only this command needs any of these)

    import msgspec  # noqa: PLC0415

    from ratelimit.interventions import InterventionError, Interventions  # noqa: PLC0415

    try:
        interventions = Interventions(chosen.at, prefix=chosen.prefix)
        if chosen.verb == "list":
            told = list(interventions)
        elif chosen.verb == "lift":
            told = [interventions.lift(chosen.subject, reason=chosen.reason, by=chosen.by)]
        else:
            told = [interventions.add(chosen.verb, chosen.subject, reason=chosen.reason, by=chosen.by,
                                      tier=getattr(chosen, "tier", ""), lasts=timedelta(hours=chosen.hours))]
    except InterventionError as error:
        print(f"ratelimit intervene: {error}", file=sys.stderr)
        return WRONG
    for one in told:
        print(msgspec.json.encode(one).decode())
    return 0
