"""How much a principal adds to the refill of its cohorts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from ratelimit.errors import refuse_invalid

if TYPE_CHECKING:
    from ratelimit.principal import Principal


@dataclass(frozen=True, kw_only=True, slots=True)
class Trust:
    """Works trust out of age and verification: near nothing when new and unverified, so new accounts add no throughput.

        trust = verified share,                         if the principal is verified
                min(1, age / mature_after) ** 3,        if its age is known
                0,                                      otherwise

    The cube keeps a crowd of young accounts near nothing: 25,000 of them at five days add as much as 35 old ones.

    verified      the trust of a verified principal, 0 to 1.
    mature_after  the age from which an unverified principal has full trust; positive. Who is held by then stays so:
                  see ``Presumption.trusted``.
    trusted_at    the trust from which cohort evidence alone no longer tightens a principal, above 0 to 1.

    >>> from ratelimit.principal import Principal
    >>> Trust().of(Principal(id="a", since=0.0), now=45 * 86400.0)
    1.0
    >>> Trust().of(Principal(id="a"), now=0.0)
    0.0
    """

    verified: float = 1.0
    mature_after: timedelta = timedelta(days=45)
    trusted_at: float = 1.0

    def __post_init__(self) -> None:
        problems = []
        if not 0.0 <= self.verified <= 1.0:
            problems.append(f"verified: must lie between 0 and 1, got {self.verified!r}")
        if self.mature_after <= timedelta(0):
            problems.append(f"mature_after: must be a positive timedelta, got {self.mature_after!r}")
        if not 0.0 < self.trusted_at <= 1.0:
            problems.append(f"trusted_at: must lie above 0 and be at most 1, got {self.trusted_at!r}; to trust nobody, "
                            "give principals trust=0")
        refuse_invalid("Trust", problems)

    def of(self, principal: Principal, *, now: float) -> float:
        """Return the trust of *principal* at *now* (Unix seconds), 0 to 1. One from the future has none."""
        if principal.trust is not None:
            return principal.trust
        if principal.verified:
            return self.verified
        if (since := principal.since_at) is None:
            return 0.0
        return min(1.0, max(0.0, now - since) / self.mature_after.total_seconds()) ** 3
