"""Rehearsals of honest crowds and campaigns, one a seed: what statistical laws and assertions count."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from ratelimit.decision import Tier
from ratelimit.drill.crowds import CROWDS
from ratelimit.drill.guards import DAY, Behaviour
from ratelimit.drill.language import Language
from ratelimit.drill.ledger import Ledger
from ratelimit.drill.rehearsal import rehearse
from ratelimit.drill.stage import START, Stage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ratelimit.drill.acting import Adversary, Answer, Crowd
    from ratelimit.drill.scene import Scene
    from ratelimit.policy import Policy


class Size(msgspec.Struct, frozen=True, kw_only=True):
    """How large a rehearsal is: a campaign of so many *accounts*, for so many *days*."""

    accounts: int = 60
    days: float = 5.0


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """What one rehearsal came to.

    sent, answered  requests of the campaign.
    harvested       distinct payloads that it got, as a share of those that it asked for; 0 without any.
    tightened_at    how many requests it had sent when the first was met by a tier of soft or more; ``None``: never.
    lost            the share of honest requests that were refused.
    people          honest principals, of whom so many were ever *tightened*.
    first           one of these, as the drill calls it.
    """

    sent: int
    answered: int
    harvested: float
    tightened_at: int | None
    lost: float
    people: int
    tightened: int
    first: str | None


class _Watched(Behaviour):
    """Decides, and remembers when the campaign was first tightened, and who of the honest ever was."""

    def __init__(self, policy: Policy) -> None:
        super().__init__(policy.name, (policy,))
        self.sent, self.tightened_at = 0, -1
        self.people: dict[str, bool] = {}

    def decide(self, scene: Scene) -> Answer:
        answer = super().decide(scene)
        tight = scene.tier >= Tier.SOFT
        if scene.ask.by.honest:
            self.people[scene.name] = self.people.get(scene.name, False) or tight
            return answer
        self.sent += 1
        if tight and self.tightened_at < 0:
            self.tightened_at = self.sent
        return answer


def rehearsed(
    policy: Policy, *, seed: int, campaign: Adversary | None = None, crowds: Sequence[Crowd] | None = None,
    size: Size | None = None,
) -> Run:
    """Rehearse *campaign* among *crowds* (``None``: all that are built in) against *policy*, all from one *seed*."""
    size, language = size or Size(), Language(seed)
    guard, seconds = _Watched(policy), size.days * DAY
    ledger = Ledger(START, seconds)

    def stage(name: str, *, honest: bool) -> Stage:
        return Stage(name, seed=seed, language=language, accounts=size.accounts, days=size.days, honest=honest)

    chosen = list(CROWDS.values()) if crowds is None else list(crowds)
    casts: list[tuple[Adversary | Crowd, Stage]] = [(crowd, stage(crowd.name, honest=True)) for crowd in chosen]
    if campaign is not None:
        casts.append((campaign, stage(campaign.name, honest=False)))
    rehearse(casts, guard, ledger, start=START, seconds=seconds)
    tight = sorted(name for name, was in guard.people.items() if was)
    return Run(
        sent=ledger.sent, answered=ledger.answered, harvested=ledger.harvested / max(1, ledger.wanted),
        tightened_at=None if guard.tightened_at < 0 else guard.tightened_at,
        lost=ledger.honest_refused / max(1, ledger.honest_requests), people=len(guard.people), tightened=len(tight),
        first=tight[0] if tight else None,
    )
