"""What went wrong in functions and stores of the user's, counted and told once, at the end."""

from __future__ import annotations

from ratelimit.edge.complaints import Complaints


class Noted(Complaints):
    """Keeps complaints in place of logging them: a replay makes in a second those of a day.

    noted  by complaint: how often, and the first error in words.
    """

    def __init__(self) -> None:
        super().__init__()
        self.noted: dict[str, tuple[int, str]] = {}

    def make(self, complaint: str, error: BaseException) -> None:
        """Note *complaint*, a sentence of a fixed few, and the first *error* behind it."""
        count, first = self.noted.get(complaint, (0, f"{type(error).__name__}: {error}"))
        self.noted[complaint] = (count + 1, first)
