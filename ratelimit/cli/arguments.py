"""What the commands have in common."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable

#: What commands are added to.
Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"  # noqa: SLF001 (it has no other name)

#: The name under which this is installed.
DISTRIBUTION = "behavioral-ratelimit"

#: The exit code for wrong arguments, as argparse has it.
WRONG = 2


def add_reading(command: argparse.ArgumentParser) -> None:
    """Add what says how a trace is to be read."""
    command.add_argument("--map", action="append", default=[], dest="maps", metavar="FIELD=PATH",
                         help="take a field from a dotted path into each line, such as --map "
                         "principal=request.api_key, --map links.network=ip; dates and times of RFC 3339 do for at "
                         "and since; repeatable")
    command.add_argument("--mapper", metavar="MODULE:FUNCTION",
                         help="a function from each line's dict to a row's, or to None to leave it out")
    command.add_argument("--max-bad", type=number(float, 0, 1), default=0.01, metavar="SHARE",
                         help="the share of bad lines, 0 to 1, beyond which to stop, judged from line 1000 on and at "
                         "the end (default 0.01)")
    command.add_argument("--clock", choices=("seconds", "milliseconds", "microseconds", "nanoseconds"),
                         default="seconds", help="what at and since count since 1970 where they are numbers (default "
                         "seconds)")


def complain(sentence: str) -> int:
    """Print *sentence* to standard error, and return the exit code for what cannot be done."""
    print(sentence, file=sys.stderr)
    return WRONG


def number(kind: Callable[[str], float], least: float, most: float) -> Callable[[str], float]:
    """Return what reads a number of *kind* from *least* to *most*."""
    def read(text: str) -> float:
        try:
            value = kind(text)
        except ValueError:
            value = least - 1
        if not least <= value <= most:  # not-a-number is refused as well
            raise argparse.ArgumentTypeError(f"must be a number from {least} to {most}, got {text!r}")
        return value

    return read
