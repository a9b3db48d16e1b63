"""Reading a whole trace, or as far as it goes."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ratelimit.trace.errors import OutputError, TooManyBadError, TraceError
from ratelimit.trace.interrupts import Interrupts

if TYPE_CHECKING:
    from ratelimit.trace.progress import Progress
    from ratelimit.trace.reading import Replaying
    from ratelimit.trace.source import Source

#: Exit codes: the trace or the output failed; what was asked for cannot be done; a condition of the caller's holds;
#: stopped by Ctrl-C.
FAILED, WRONG, HOLDS, INTERRUPTED = 1, 2, 3, 130

#: Lines between two looks at how far it is.
_LOOK = 256


def read_through(source: Source, replaying: Replaying, progress: Progress) -> tuple[int, list[Exception]]:
    """Feed the lines of *source* to *replaying*, and return an exit code, 0 if all were read, with what stopped it."""
    try:
        with Interrupts() as interrupts:
            for line in source.lines(interrupts):
                replaying.feed(line)
                if not replaying.faults.lines % _LOOK:
                    progress.show(f"{replaying.faults.lines:,} lines", source.share)
                if interrupts.asked:
                    return INTERRUPTED, []
            replaying.judge(at_end=True)
    except KeyboardInterrupt:
        return INTERRUPTED, []
    except (TraceError, TooManyBadError, OutputError) as error:
        return FAILED, [error]
    finally:
        progress.close()
    return 0, []


def find_modules_here() -> None:
    """Let modules beside where one stands be found, as with ``python -m``."""
    if (here := str(Path.cwd())) not in sys.path:
        sys.path.insert(0, here)
