"""A log that is not flooded by what goes wrong on every request."""

from __future__ import annotations

import asyncio
import logging

_log = logging.getLogger("ratelimit")

#: Seconds for which the same complaint is not made again.
QUIET = 60.0


class Complaints:
    """Logs each complaint with its traceback, once a minute, and how often it went unsaid."""

    def __init__(self) -> None:
        self._made: dict[str, tuple[float, int]] = {}

    def __repr__(self) -> str:
        return f"Complaints({', '.join(sorted(self._made))})"

    def make(self, complaint: str, error: BaseException) -> None:
        """Log *complaint*, a sentence of a fixed few, with the traceback of *error*."""
        now = asyncio.get_running_loop().time()
        at, unsaid = self._made.get(complaint, (-QUIET, 0))
        if now - at < QUIET:
            self._made[complaint] = (at, unsaid + 1)
            return
        self._made[complaint] = (now, 0)
        again = f" (and {unsaid} times more since that was last said)" if unsaid else ""
        _log.error("%s%s", complaint, again, exc_info=error)
