"""Text for terminals: tables, names that strangers gave, and what goes wrong."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import TextIO

LONGEST = 60  # characters of a name that a stranger gave


def printable(text: str, most: int = LONGEST) -> str:
    r"""Return *text* as it can be printed on a terminal whatever a trace put into it, in *most* characters.

    >>> printable("a\x1b[31m")
    'a\\x1b[31m'
    """
    shown = "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text[: most + 1])
    return shown if len(shown) <= most else f"{shown[: most - 1]}…"


def grid(rows: Sequence[Sequence[str]], *, left: Sequence[int]) -> Iterator[str]:
    """Yield *rows* in columns, those of the numbers *left* set to the left, figures to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [cell.ljust(width) if index in left else cell.rjust(width)
                 for index, (cell, width) in enumerate(zip(row, widths, strict=True))]
        yield ("  " + "  ".join(cells)).rstrip()


def lasting(seconds: float) -> str:
    """Return how long *seconds* are, as people say it.

    >>> lasting(100.0), lasting(9000.0)
    ('100 seconds', '2.5 hours')
    """
    for unit, name in ((86_400.0, "days"), (3600.0, "hours"), (60.0, "minutes")):
        if seconds >= 2 * unit:
            return f"{seconds / unit:,.1f} {name}"
    return f"{seconds:,.3g} seconds"


def say(text: str, stream: TextIO) -> None:
    """Write *text* and a line feed in whatever encoding *stream* has."""
    encoding = stream.encoding or "utf-8"
    stream.write(text.encode(encoding, "backslashreplace").decode(encoding) + "\n")
    stream.flush()


def complain(command: str, error: Exception, code: int) -> int:
    """Say on standard error what is wrong with *command*, and return *code*."""
    say(f"ratelimit {command}: {error}", sys.stderr)
    return code
