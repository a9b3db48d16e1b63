"""What stops a command. None of these leaves the package: each becomes a sentence and an exit code."""

from __future__ import annotations

from ratelimit.errors import RatelimitError


class UsageError(RatelimitError):
    """What was asked for cannot be done: exit code 2."""


class TraceError(RatelimitError):
    """The trace cannot be read any further: exit code 1. What was decided until then stands."""


class OutputError(RatelimitError):
    """The decisions cannot be written any further: exit code 1."""


class BadLineError(RatelimitError):
    """One line of a trace is no request; the message says why. It is counted and left out."""


class TooManyBadError(RatelimitError):
    """More lines are bad than may be: exit code 1."""
