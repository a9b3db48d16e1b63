"""Every error that the library raises on purpose.

    RatelimitError
     +-- PolicyError (also a ValueError)    a value of yours cannot work; raised in an ExceptionGroup, all at once
     +-- DiscoveryError                     RATELIMIT_POLICY names something that cannot be loaded
     +-- ResolverError (also a TypeError)   a resolver of yours returned something that is no principal
     +-- StoreError                         a store could not answer

Bad *traffic* never raises: a body that cannot be read meets the policy's ``unreadable`` rule.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


class RatelimitError(Exception):
    """The root of the tree: ``except RatelimitError`` catches all of ours."""


class PolicyError(RatelimitError, ValueError):
    """One thing that is wrong with a value, as ``Where.field: what, got what; the mend``."""


class DiscoveryError(RatelimitError):
    """The policy named by the environment could not be found or is no policy."""


class ResolverError(RatelimitError, TypeError):
    """A resolver returned something that is neither a ``Principal`` nor ``None``."""


class StoreError(RatelimitError):
    """A store could not charge or fold."""


def refuse_invalid(what: str, problems: Sequence[str]) -> None:
    """Raise every problem of *what* at once, as an ``ExceptionGroup`` of ``PolicyError``; do nothing if there is none.

    >>> refuse_invalid("Budget", [])
    """
    if problems:
        raise ExceptionGroup(f"invalid {what}", [PolicyError(f"{what}.{problem}") for problem in problems])
