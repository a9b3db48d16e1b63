"""What a drill came to, as values: what ``--json`` prints, and what the tables and the page are made of."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import msgspec

from ratelimit.decision import Tier
from ratelimit.drill.guards import Quota
from ratelimit.trace.conditions import Names

if TYPE_CHECKING:
    from array import array
    from collections.abc import Mapping

    from ratelimit.drill.ledger import Ledger
    from ratelimit.trace.tally import Tally

#: Cohorts that are listed.
_TOP = 12

_MOST_PER_DAY = 1 << 20


class Tried(msgspec.Struct, frozen=True, kw_only=True):
    """What one defence let an adversary have.

    sent, answered  requests.
    wanted          distinct payloads asked for.
    harvested       distinct payloads got.
    accounts        accounts that it used.
    requests_each, accounts_each
                    requests sent, and accounts used, per distinct payload got; infinite (``null``) without any.
    harvest         payloads got anew, in stretches of equal length.
    """

    sent: int
    answered: int
    wanted: int
    harvested: int
    accounts: int
    requests_each: float
    accounts_each: float
    harvest: list[int]


class Lost(msgspec.Struct, frozen=True, kw_only=True):
    """What honest people of one kind lost: requests, and how many of them were refused."""

    requests: int
    refused: int


class Body(msgspec.Struct, frozen=True, kw_only=True):
    """A cohort with evidence against it.

    evidence     the most of it, log10.
    own, strange bets on its members that came out for their own past, and for that of strangers.
    """

    cohort: str
    evidence: float
    members: int
    refused: int
    own: int
    strange: int


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What came of one adversary.

    policy, nothing, fixed
                 under the policy, without a defence, and under a fixed quota that hurts the honest equally.
    per_day      that quota, requests a day for each account: the smallest that costs the honest no more.
    fixed_lost   the share of honest requests that it refuses.
    burnt        accounts that were tightened, and refused for it.
    answered     the share of its requests that the policy answered.
    harvested    distinct payloads got, as a share of those it gets without a defence.
    cost_requests, cost_accounts
                 how many times as many requests, and accounts, a distinct payload costs as without a defence.
    over_fixed_requests, over_fixed_accounts
                 the same against the fixed quota.
    honest_lost  the share of honest requests that the policy refused.
    honest       by kind.
    tiers, honest_tiers
                 requests by tier (clear, watch, soft, hard), in stretches of equal length.
    cohorts      those with the most evidence.
    whole        whether it was rehearsed to the end.
    """

    adversary: str
    summary: str
    days: float
    policy: Tried
    nothing: Tried
    fixed: Tried
    per_day: int
    fixed_lost: float
    burnt: int
    answered: float
    harvested: float
    cost_requests: float
    cost_accounts: float
    over_fixed_requests: float
    over_fixed_accounts: float
    honest_lost: float
    honest: dict[str, Lost]
    tiers: list[list[int]]
    honest_tiers: list[list[int]]
    cohorts: list[Body]
    whole: bool


#: What ``--fail-if`` knows.
FIGURES = Names(plain=frozenset({"answered", "harvested", "honest_lost", "burnt", "cost_requests", "cost_accounts",
                                 "over_fixed_requests", "over_fixed_accounts"}),
                example="'harvested>5%' or 'honest_lost>0.001'")


class Drill(msgspec.Struct, frozen=True, kw_only=True):
    """A whole drill."""

    policy: str
    seed: int
    days: float
    accounts: int
    whole: bool
    outcomes: list[Outcome]


def tried(ledger: Ledger) -> Tried:
    """Return what *ledger* came to."""
    accounts = len(ledger.accounts)
    return Tried(
        sent=ledger.sent, answered=ledger.answered, wanted=ledger.wanted, harvested=ledger.harvested,
        accounts=accounts, requests_each=_ratio(ledger.sent, ledger.harvested),
        accounts_each=_ratio(accounts, ledger.harvested), harvest=ledger.harvest,
    )


def outcome(
    *, adversary: str, summary: str, days: float, policy: Ledger, nothing: Ledger, fixed: Ledger, tally: Tally,
    per_day: int, whole: bool,
) -> Outcome:
    """Put together what the three rehearsals of one adversary came to."""
    under, free, quota = tried(policy), tried(nothing), tried(fixed)
    return Outcome(
        adversary=adversary, summary=summary, days=days, policy=under, nothing=free, fixed=quota, per_day=per_day,
        fixed_lost=lost_by(policy.arrivals, per_day), burnt=_burnt(policy.accounts, tally),
        answered=_share(under.answered, under.sent), harvested=_share(under.harvested, free.harvested),
        cost_requests=_times(under.requests_each, free.requests_each),
        cost_accounts=_times(under.accounts_each, free.accounts_each),
        over_fixed_requests=_times(under.requests_each, quota.requests_each),
        over_fixed_accounts=_times(under.accounts_each, quota.accounts_each),
        honest_lost=_share(policy.honest_refused, policy.honest_requests),
        honest={kind: Lost(requests=row[0], refused=row[1]) for kind, row in sorted(policy.honest.items())},
        tiers=policy.tiers[False], honest_tiers=policy.tiers[True],
        cohorts=[
            Body(cohort=str(pool.ref), evidence=pool.evidence, members=pool.members, refused=pool.refused,
                 own=pool.own, strange=pool.strange)
            for pool in tally.top_cohorts(_TOP)
        ],
        whole=whole,
    )


def lost_by(arrivals: Mapping[str, array[float]], per_day: int) -> float:
    """Return the share of *arrivals* that a fixed quota of *per_day* requests a day refuses."""
    quota = Quota(per_day)
    asked = sum(map(len, arrivals.values()))
    refused = sum(quota.charge(account, at) > 0 for account, moments in arrivals.items() for at in moments)
    return _share(refused, asked)


def equal_quota(arrivals: Mapping[str, array[float]], most_lost: float) -> int:
    """Return the smallest quota (requests a day and account) that refuses at most the share *most_lost* of *arrivals*.

    The same arrivals are decided again at each step of a bisection.
    """
    least, most = 0, 1
    while most < _MOST_PER_DAY and lost_by(arrivals, most) > most_lost:
        least, most = most, most * 2
    while most - least > 1:
        middle = (least + most) // 2
        least, most = (least, middle) if lost_by(arrivals, middle) <= most_lost else (middle, most)
    return most


def _burnt(accounts: set[str], tally: Tally) -> int:
    found = [seen for name in accounts if (seen := tally.principals.get(name)) is not None]
    return sum(seen.refused > 0 and seen.worst >= Tier.SOFT for seen in found)


def _share(part: float, whole: float) -> float:
    return part / whole if whole else 0.0


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else math.inf


def _times(one: float, other: float) -> float:
    return one / other if 0 < other < math.inf else math.inf
