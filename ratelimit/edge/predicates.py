"""The operator's own conditions, asked with care."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ratelimit.edge.complaints import Complaints


def ask(
    predicate: Callable[..., object], *arguments: object, otherwise: bool, complaints: Complaints, complaint: str
) -> bool:
    """Return what *predicate* says of *arguments*; if it fails, make *complaint* and return what holds *otherwise*.

    An async one fails too: what it returns is a promise, and a promise is always true.
    """
    try:
        said = predicate(*arguments)
        if isinstance(said, Awaitable):
            if inspect.iscoroutine(said):
                said.close()
            raise TypeError(f"{predicate!r} must not be async")  # noqa: TRY301 (it ends as every failure of theirs does)
        return bool(said)
    except Exception as error:  # noqa: BLE001 (a user's function raises anything; it is logged whole)
        complaints.make(complaint, error)
        return otherwise
