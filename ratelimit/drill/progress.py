"""How far a drill is, and how long it takes from there."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from ratelimit.clock import SystemClock

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress

#: Seconds between two lines of text, where there is no bar.
_EVERY = 10.0


class Progress:
    """Shows the share that is done on standard error: a bar, or a line now and then without ``rich`` or a terminal.

    Nothing is shown in the first two seconds, nor if *quiet*.
    """

    def __init__(self, *, quiet: bool) -> None:
        self._clock, self._quiet = SystemClock(), quiet
        self._began = self._said = self._clock.now()
        self._bar = None if quiet or not sys.stderr.isatty() else _bar()
        self._task = None if self._bar is None else self._bar.add_task("", total=1.0)

    @property
    def seconds(self) -> float:
        """Seconds since the beginning."""
        return self._clock.now() - self._began

    def show(self, doing: str, done: float) -> None:
        """Show what is *doing*, and that the share *done* of all of it is done, 0 to 1."""
        now = self._clock.now()
        if self._bar is not None and self._task is not None:
            if now - self._began >= 2.0:
                self._bar.start()
                self._bar.update(self._task, completed=done, description=doing)
        elif not self._quiet and now - self._said >= _EVERY:
            self._said = now
            left = (now - self._began) * (1 - done) / done if done > 0 else 0.0
            sys.stderr.write(f"{doing}: {done:.1%}, about {left / 60:.1f} minutes left\n")
            sys.stderr.flush()

    def close(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.stop()


def _bar() -> RichProgress | None:
    try:
        from rich import progress  # noqa: PLC0415 (an extra)
        from rich.console import Console  # noqa: PLC0415
    except ModuleNotFoundError:
        return None
    return progress.Progress(
        progress.TextColumn("{task.description}"), progress.BarColumn(), progress.TaskProgressColumn(),
        progress.TimeRemainingColumn(), console=Console(stderr=True), transient=True,
    )
