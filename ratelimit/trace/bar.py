"""The progress bar."""

from __future__ import annotations

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn


class Bar:
    """A bar on standard error with the time left; it only moves where the share is not known. Gone once closed."""

    def __init__(self) -> None:
        shown = BarColumn(), TaskProgressColumn(), TextColumn("{task.description}", markup=False), TimeRemainingColumn()
        self._progress = Progress(*shown, console=Console(stderr=True), transient=True)
        self._task = self._progress.add_task("", total=None)
        self._progress.start()

    def show(self, doing: str, done: float | None) -> None:
        """Show what is *doing*, and the share *done* of all of it, 0 to 1; ``None``: not known."""
        if done is None:
            self._progress.update(self._task, description=doing)
        else:
            self._progress.update(self._task, description=doing, total=1.0, completed=done)

    def close(self) -> None:
        """Take it away."""
        self._progress.stop()
