"""``ratelimit demo``: watch a harvest lose its budget."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ratelimit.cli.arguments import DISTRIBUTION, complain, number

if TYPE_CHECKING:
    import argparse

    from ratelimit.cli.arguments import Commands


def add(commands: Commands) -> None:
    """Add the command."""
    demo = commands.add_parser(
        "demo",
        help="watch a harvest lose its budget while honest people keep theirs",
        description="Starts a real server with a toy model and sends it, over HTTP, honest traffic and a campaign "
        "spread over many accounts: once behind a fixed quota, once behind behavioural budgets. Needs the extra "
        "'demo'. Ctrl-C stops it, prints what came of it so far and exits with 130.",
    )
    demo.add_argument("--seconds", type=number(float, 1, 3600), default=50.0, metavar="S",
                      help="how long the load takes, 1 to 3600 (default 50); a slow machine may take twice that")
    demo.add_argument("--accounts", type=number(int, 1, 100_000), default=120, metavar="N",
                      help="accounts of the campaign, 1 to 100000 (default 120)")
    demo.add_argument("--seed", type=int, default=1, metavar="N", help="what is asked follows from it (default 1)")
    demo.add_argument("--port", type=number(int, 0, 65_535), default=0, metavar="P",
                      help="port on 127.0.0.1 (default 0: any that is free)")
    demo.set_defaults(command=_run)


def _run(chosen: argparse.Namespace) -> int:
    try:
        from ratelimit.demo.run import Options, run  # noqa: PLC0415 (only this command needs the extra)
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing not in {"httpx", "rich", "uvicorn"}:
            raise
        return complain(f"ratelimit demo needs {missing}: pip install '{DISTRIBUTION}[demo]'")
    options = Options(seconds=chosen.seconds, accounts=chosen.accounts, seed=chosen.seed, port=chosen.port)
    try:
        return run(options)
    except OSError as error:
        return complain(f"ratelimit demo: port {chosen.port} on 127.0.0.1 cannot be used ({error.strerror}); choose "
                         "another, or leave --port out")
