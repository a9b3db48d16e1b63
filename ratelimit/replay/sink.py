"""Decisions, written as JSON lines."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import msgspec

from ratelimit.trace.errors import OutputError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import BinaryIO

    from ratelimit.decision import Decision, Reason

_BUFFER = 1 << 18
_TIERS = ("clear", "watch", "soft", "hard")

#: Principals whose last reasons are kept in words.
_MOST_TOLD = 1 << 14


class Line(msgspec.Struct, gc=False):
    """One line of the output.

    at           when the request came, Unix seconds; ``None`` for a line that was not decided, and so is *principal*.
    principal    the row's, in clear.
    allowed      whether the request goes on where the policy enforces.
    tier         clear, watch, soft or hard.
    evidence     log10 of the evidence against the principal itself, by signal.
    cohorts      the cohorts that it was seen in, as ``kind:hash``.
    reasons      why it was refused, as ``cause: sentence``.
    retry_after  seconds until a retry can be granted; infinite, if never, is written as ``null``.
    """

    at: float | None
    principal: str | None
    allowed: bool = True
    tier: str = "clear"
    evidence: dict[str, float] = {}
    cohorts: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()
    retry_after: float = 0.0


class Sink:
    """Writes lines to *file*, whole ones and many at a time. Raises: OutputError.

    name    what errors call it.
    closes  whether the file is closed at the end; standard output is not ours to close.
    """

    def __init__(self, file: BinaryIO, name: str, *, closes: bool = True) -> None:
        self._file, self._name, self._closes = file, name, closes
        self._encode = msgspec.json.Encoder().encode_into
        self._buffer = bytearray()
        self._closed = False
        self._told: dict[str, tuple[Sequence[Reason], tuple[str, ...]]] = {}

    def put(self, at: float, principal: str, decision: Decision) -> None:
        """Write what was decided about a request."""
        self._put(Line(at, principal, not decision.refused, _TIERS[decision.tier], decision.evidence,
                       tuple(decision.cohorts), self._told_of(principal, decision), decision.retry_after))

    def _told_of(self, principal: str, decision: Decision) -> tuple[str, ...]:
        """Return the reasons in words; those of a refusal that is given again are known."""
        if not decision.reasons:
            return ()
        known = self._told.get(principal)
        if known is not None and known[0] is decision.reasons:
            return known[1]
        told = tuple([f"{reason.cause}: {reason.detail}" for reason in decision.reasons])
        if len(self._told) >= _MOST_TOLD:
            self._told.clear()
        self._told[principal] = decision.reasons, told
        return told

    def skip(self, why: str) -> None:
        """Write the line that answers one which was not decided, so that line N still answers line N."""
        self._put(Line(None, None, reasons=(why,)))

    def close(self) -> None:
        """Write what is left, and no more; a second time changes nothing."""
        if self._closed:
            return
        self._closed = True
        try:
            self._flush()
        finally:
            if self._closes:
                with suppress(OSError):  # what it would say was said by the flush
                    self._file.close()

    def _put(self, line: Line) -> None:
        self._encode(line, self._buffer, -1)
        self._buffer += b"\n"
        if len(self._buffer) >= _BUFFER:
            self._flush()

    def _flush(self) -> None:
        lines, self._buffer = self._buffer, bytearray()
        try:
            self._file.write(lines)
            self._file.flush()
        except BrokenPipeError:
            raise
        except OSError as error:
            raise OutputError(f"{self._name} cannot be written ({error.strerror})") from error
