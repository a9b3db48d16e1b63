"""``ratelimit console``: the console of all workers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ratelimit.cli.arguments import number

if TYPE_CHECKING:
    import argparse

    from ratelimit.cli.arguments import Commands


def add(commands: Commands) -> None:
    """Add the command."""
    console = commands.add_parser(
        "console",
        help="serve the console of all workers that share a Redis server",
        description="Serves the console by itself: it shows what every worker decides that has "
        "on_decision=Publisher(URL), and what its operators do counts in every worker that has "
        "interventions=Interventions(URL). Tokens come from the environment: RATELIMIT_CONSOLE_OPERATOR and "
        "RATELIMIT_CONSOLE_READER. Put TLS in front of it. Exit code 0: stopped; 2: it cannot be started.",
    )
    console.add_argument("--store", required=True, metavar="URL", help="the Redis server, such as redis://127.0.0.1")
    console.add_argument("--prefix", default="ratelimit", metavar="NAME",
                         help="what keys begin with (default ratelimit)")
    console.add_argument("--policy", metavar="MODULE:NAME", help="the policies in force, to be shown (default: the "
                         "default policy)")
    console.add_argument("--host", default="127.0.0.1", help="the address to listen at (default 127.0.0.1)")
    console.add_argument("--port", type=number(int, 1, 65_535), default=8100, metavar="P", help="default 8100")
    console.set_defaults(command=_run)


def _run(chosen: argparse.Namespace) -> int:
    from ratelimit.console.run import Options, run  # noqa: PLC0415 (only this command needs it)

    return run(Options(store=chosen.store, prefix=chosen.prefix, policy=chosen.policy, host=chosen.host,
                       port=chosen.port))
