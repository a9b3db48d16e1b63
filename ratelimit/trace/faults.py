"""What was wrong with a trace, counted."""

from __future__ import annotations

import re

#: Lines that are named one by one.
NAMED = 10

#: Lines after which the share of bad ones is judged for the first time.
JUDGED_FROM = 1000

_MOST_KINDS = 50
_LONGEST = 300
_DIGITS = re.compile(r"\d+(\.\d+)?")


class Faults:
    """Counts the lines of a trace, and what is wrong with some; bounded, whatever the trace holds.

    most      the share of lines that may be bad, 0 to 1.
    lines     how many lines there were.
    bad       how many could not be read.
    left_out  how many the mapper left out.
    named     the first of the bad lines: number and reason.
    reasons   how many more there were, by reason without its figures.
    """

    def __init__(self, most: float) -> None:
        self.most = most
        self.lines = self.bad = self.left_out = 0
        self.named: list[tuple[int, str]] = []
        self.reasons: dict[str, int] = {}

    def add(self, reason: str) -> None:
        """Count the present line as bad, for *reason*."""
        self.bad += 1
        reason = reason if len(reason) <= _LONGEST else f"{reason[:_LONGEST]} ..."
        if len(self.named) < NAMED:
            self.named.append((self.lines, reason))
            return
        kind = _DIGITS.sub("N", reason)
        if kind not in self.reasons and len(self.reasons) >= _MOST_KINDS:
            kind = "other reasons"
        self.reasons[kind] = self.reasons.get(kind, 0) + 1

    @property
    def share(self) -> float:
        """The share of bad lines so far."""
        return self.bad / self.lines if self.lines else 0.0

    def too_many(self, *, at_end: bool = False) -> bool:
        """Say whether there are more bad lines than may be."""
        return self.share > self.most and (at_end or self.lines >= JUDGED_FROM)
