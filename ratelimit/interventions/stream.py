"""Interventions of many machines: a stream in the Redis server that they share."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from ratelimit.interventions.values import LONGEST, InterventionError
from ratelimit.stream import Stream

if TYPE_CHECKING:
    from collections.abc import Iterable

_log = logging.getLogger("ratelimit")

# Seconds for which whoever begins waits for what was ordered before.
_PATIENCE = 2.0


class StreamJournal:
    """The stream ``{prefix}:interventions`` of the server at *url*. Entries older than any can last are trimmed."""

    every = 0.1

    def __init__(self, url: str, *, prefix: str = "ratelimit") -> None:
        self._stream = Stream(url, f"{{{prefix}}}:interventions")
        self._begins = True

    def __repr__(self) -> str:
        return self._stream.key

    def append(self, line: bytes) -> None:
        """Append *line*, for good."""
        try:
            self._stream.append(line, seconds=int(LONGEST.total_seconds()))
        except self._stream.failures as error:
            raise InterventionError(f"{self._stream.key}: cannot be written ({error}); it may not count") from error

    def news(self) -> tuple[bool, Iterable[bytes]]:
        """Return what was appended since the last call; the first waits for it, 2 s at most."""
        wait, self._begins = _PATIENCE if self._begins else 0.0, False
        return False, list(self._stream.news(wait=wait))
