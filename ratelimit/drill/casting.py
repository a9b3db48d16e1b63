"""Adversaries and crowds by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from ratelimit.discovery import find
from ratelimit.drill.acting import Adversary, Crowd
from ratelimit.drill.adversaries import ADVERSARIES
from ratelimit.drill.crowds import CROWDS
from ratelimit.errors import DiscoveryError
from ratelimit.trace.errors import UsageError
from ratelimit.trace.text import grid

if TYPE_CHECKING:
    from collections.abc import Sequence

T = TypeVar("T", Adversary, Crowd)


def adversaries(names: Sequence[str]) -> list[Adversary]:
    """Return the adversaries called *names*; all that are built in without any. Raises: UsageError."""
    problems = [f"there is no adversary {name!r}" for name in names if ":" not in name and name not in ADVERSARIES]
    if problems:
        raise UsageError(f"{'; '.join(problems)}; built in are {', '.join(ADVERSARIES)}; write module:name for "
                         "your own")
    found = [ADVERSARIES.get(name) or _own(name, Adversary) for name in names] or list(ADVERSARIES.values())
    called = [one.name for one in found]
    if len(set(called)) < len(called):
        raise UsageError(f"two adversaries are called {max(called, key=called.count)!r}; name each once")
    return found


def crowds(names: Sequence[str]) -> list[Crowd]:
    """Return the built-in crowds, and those of the user's called *names*. Raises: UsageError."""
    return [*CROWDS.values(), *(_own(name, Crowd) for name in names)]


def listed() -> str:
    """Return everything that is built in, as a table."""
    rows = [["adversary", ""], *([one.name, one.summary] for one in ADVERSARIES.values()), ["", ""],
            ["honest", ""], *([one.name, one.summary] for one in CROWDS.values())]
    return "\n".join(grid(rows, left=(0, 1)))


def _own(name: str, kind: type[T]) -> T:
    said = kind.__name__.lower()
    try:
        found = find(name, said=f"{said} {name}")
        made = found() if isinstance(found, type) else found
    except DiscoveryError as error:
        raise UsageError(str(error)) from error
    if not isinstance(made, kind) or not all(isinstance(getattr(made, one, None), str) for one in ("name", "summary")):
        raise UsageError(f"{said} {name}: must be a class that inherits from ratelimit.drill.{kind.__name__}, with a "
                         f"name and a summary, or one made of it; got {found!r}")
    return made
