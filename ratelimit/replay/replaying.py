"""One reading of a trace, line by line, for all sides."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ratelimit.replay.case import Case
from ratelimit.replay.errors import BadLineError, TooManyBadError
from ratelimit.replay.faults import JUDGED_FROM
from ratelimit.replay.source import LONGEST_LINE

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ratelimit.offline.side import Side
    from ratelimit.replay.faults import Faults
    from ratelimit.replay.rows import Row


class Replaying:
    """Feeds lines to *sides*, each in its own time, and counts what is wrong with them.

    read    makes a row of a line; ``None`` for one that is to be left out; raises BadLineError.
    faults  counts the lines and the bad ones.

    first_at, last_at  the earliest and the latest time so far, Unix seconds; ``None`` before the first row.
    out_of_order       rows behind the latest time: decided at that.
    latest_line        the number of the line that has it.
    """

    def __init__(self, sides: Sequence[Side], read: Callable[[bytes], Row | None], faults: Faults) -> None:
        self.sides, self.faults = tuple(sides), faults
        self.first_at: float | None = None
        self.last_at: float | None = None
        self.out_of_order = self.latest_line = 0
        self._read, self._case = read, Case()

    def feed(self, line: bytes | None) -> None:
        """Decide the next *line*, ``None`` for one that is too long. Raises: TooManyBadError, OutputError."""
        faults = self.faults
        faults.lines += 1
        try:
            row = self._row(line)
        except BadLineError as error:
            faults.add(str(error))
            self._skip(f"unreadable line: {error}")
            self.judge(at_end=False)
            return
        if row is None:
            faults.left_out += 1
            self._skip("left out by the mapper")
        else:
            for side in self.sides:
                side.decide(self._case)
        if faults.lines == JUDGED_FROM:
            self.judge(at_end=False)

    def judge(self, *, at_end: bool) -> None:
        """Raise TooManyBadError if more lines are bad than may be; before the end, a first thousand is let pass."""
        faults = self.faults
        if faults.too_many(at_end=at_end):
            raise TooManyBadError(f"{faults.bad:,} of {faults.lines:,} lines are bad, more than --max-bad "
                                  f"{faults.most:g} allows; mend the trace, map it by --map or --mapper, or allow more")

    def _row(self, line: bytes | None) -> Row | None:
        if line is None:
            raise BadLineError(f"is longer than {LONGEST_LINE:,} bytes")
        row = self._read(line)
        if row is not None:
            self._case.take(row)
            self._time(row.at)
        return row

    def _time(self, at: float) -> None:
        if self.first_at is None or self.last_at is None:
            self.first_at = self.last_at = at
            self.latest_line = self.faults.lines
        elif at >= self.last_at:
            self.last_at = at
            self.latest_line = self.faults.lines
        else:
            self.out_of_order += 1
            self.first_at = min(self.first_at, at)

    def _skip(self, why: str) -> None:
        for side in self.sides:
            side.skip(why)
