"""What every kind of telemetry tells: the same names and the same few labels."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ratelimit.decision import Cause, Tier

if TYPE_CHECKING:
    from ratelimit.decision import Decision

#: Upper edges of the histogram of evidence, log10.
EVIDENCE = (0.5, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0)

#: A principal that has less than this share of its smallest budget left is near its limit.
NEAR = 0.1

_NONE = "none"
_TIERS = tuple(map(str, Tier))


class Told(NamedTuple):
    """What is told of one decision. Every field is one of a few: no id, and nothing that a caller can choose.

    policy, mode, tier
              the decision's.
    outcome   ``allowed``, ``refused``, ``exempt``, or ``would_refuse``: refused if the policy did not only audit.
    cause     why, by the weightiest; ``none`` if it was not refused.
    evidence  the most, log10, against the principal or any of its cohorts.
    near      whether it was allowed, and little is left.
    """

    policy: str
    mode: str
    tier: str
    outcome: str
    cause: str
    evidence: float
    near: bool


def told(decision: Decision) -> Told:
    """Return what is told of *decision*."""
    if decision.exempt:
        outcome = "exempt"
    elif decision.refused:
        outcome = "would_refuse" if decision.allowed else "refused"
    else:
        outcome = "allowed"
    cause, near, evidence = _NONE, False, 0.0
    if decision.reasons:
        causes = {reason.cause for reason in decision.reasons}
        cause = next((one.value for one in Cause if one in causes), _NONE)
    if outcome == "allowed":
        for row in decision.remaining:
            near = near or row.units < NEAR * row.quota
    for found in (decision.evidence, decision.cohorts):
        if found:
            evidence = max(evidence, *found.values())
    return Told(decision.policy, decision.mode, _TIERS[decision.tier], outcome, cause, evidence, near)
