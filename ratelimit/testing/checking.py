"""All laws at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ratelimit.testing import laws
from ratelimit.testing.broken import LawBrokenError
from ratelimit.testing.laws.law import Law

if TYPE_CHECKING:
    from ratelimit.policy import Policy
    from ratelimit.testing.play import MakeStore


def check_policy(policy: Policy, *, store: MakeStore | None = None, profile: str = "ci") -> None:
    """Try every law of ``ratelimit.testing.laws`` on *policy*.

    store    makes the store that budgets and evidence live in, from a clock and a secret; ``None``: a ``MemoryStore``.
    profile  ``quick``, ``ci`` or ``thorough``: see ``Law``. Under the default policy ``ci`` takes some twenty seconds.

    Raises: LawBrokenError, which names the law that broke, says what happened, and has the smallest trace as a program;
    ``also`` names what else broke. ValueError for an unknown profile.
    """
    broken: list[LawBrokenError] = []
    for law in laws.ALL:
        try:
            if isinstance(law, Law):
                law(policy, store=store, profile=profile)
            else:
                law(policy, profile=profile)
        except LawBrokenError as error:
            broken.append(error)
    if broken:
        first, *others = broken
        first.also = tuple(error.law for error in others)
        raise first
