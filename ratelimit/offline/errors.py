"""What stops a command before it begins."""

from __future__ import annotations

from ratelimit.errors import RatelimitError


class UsageError(RatelimitError):
    """What was asked for cannot be done: exit code 2."""
