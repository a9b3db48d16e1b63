"""The progress bar."""

from __future__ import annotations

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn


class Bar:
    """A bar on standard error over *size* bytes; without a size (0) only lines are counted. Gone once closed."""

    def __init__(self, size: int) -> None:
        lines = TextColumn("{task.fields[lines]:>12,} lines")
        shown = (BarColumn(), TaskProgressColumn(), lines, TimeRemainingColumn()) if size else (SpinnerColumn(), lines)
        self._progress = Progress(*shown, console=Console(stderr=True), transient=True)
        self._task = self._progress.add_task("", total=size or None, lines=0)
        self._progress.start()

    def show(self, lines: int, position: int) -> None:
        """Show that *lines* were decided and *position* bytes read."""
        self._progress.update(self._task, completed=position, lines=lines)

    def close(self) -> None:
        """Take it away."""
        self._progress.stop()
