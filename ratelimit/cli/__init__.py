"""The command ``ratelimit``: one file a command."""

from __future__ import annotations

import argparse
import sys
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

from ratelimit.cli import audit, calibrate, console, demo, drill, explain, intervene, replay, scenario
from ratelimit.cli.arguments import DISTRIBUTION, WRONG

if TYPE_CHECKING:
    from collections.abc import Sequence

#: The exit code for Ctrl-C, as shells have it.
_INTERRUPTED = 130

#: The commands, in the order in which they are shown.
_COMMANDS = (demo, replay, calibrate, explain, drill, audit, scenario, intervene, console)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line *arguments* (default: the process's own) and return the exit code.

    0: done. 2: the arguments are wrong, or an extra is not installed. 130: stopped by Ctrl-C.
    """
    parser = _parser()
    chosen = parser.parse_args(arguments)
    if chosen.command is None:
        parser.print_help(sys.stderr)
        return WRONG
    try:
        code: int = chosen.command(chosen)
    except KeyboardInterrupt:
        return _INTERRUPTED
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="ratelimit", description="Behavioural budgets for ASGI applications.")
    parser.add_argument("--version", action="version", version=f"%(prog)s {_version()}")
    parser.set_defaults(command=None)
    commands = parser.add_subparsers(title="commands", metavar="command")
    for command in _COMMANDS:
        command.add(commands)
    return parser


def _version() -> str:
    try:
        return version(DISTRIBUTION)
    except PackageNotFoundError:
        return "(not installed)"
