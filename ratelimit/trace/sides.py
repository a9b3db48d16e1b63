"""The policies of a command line, one list a ``--policy``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ratelimit.discovery import load
from ratelimit.errors import DiscoveryError
from ratelimit.policy import Policy
from ratelimit.trace.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence


def lineups(named: Sequence[str]) -> dict[str, tuple[Policy, ...]]:
    """Return the policies that each of *named*, written ``module:name``, stands for, by what to call them.

    They are called as the policy is, or the policies joined by ``+``; where two would be called alike, by what stands
    behind the colon. Without any there is the default policy. Raises: UsageError.
    """
    if not named:
        return {Policy().name: (Policy(),)}
    found = [(name, _loaded(name)) for name in named]
    labels = ["+".join(policy.name for policy in policies) for _, policies in found]
    if len(set(labels)) < len(labels):
        labels = [name.partition(":")[2] for name in named]
    if len(set(labels)) < len(labels):
        raise UsageError(f"--policy: several are called {max(labels, key=labels.count)!r}; give each a name of its "
                         "own, as in Policy(name='strict')")
    return dict(zip(labels, (policies for _, policies in found), strict=True))


def _loaded(name: str) -> tuple[Policy, ...]:
    said = f"--policy {name}"
    try:
        policies = load(name, said=said)
    except DiscoveryError as error:
        raise UsageError("\n  ".join([str(error), *_inner(error.__cause__)])) from error
    names = [policy.name for policy in policies]
    if len(set(names)) < len(names):
        raise UsageError(f"{said}: several are called {max(names, key=names.count)!r}; give each a name of its own")
    return policies


def _inner(error: BaseException | None) -> list[str]:
    """Return all that is wrong with a policy that could not be made: it comes as a group."""
    return [str(one) for one in error.exceptions] if isinstance(error, BaseExceptionGroup) else []
