"""What was decided, and why."""

from __future__ import annotations

from enum import IntEnum, StrEnum
from typing import Literal

import msgspec

Mode = Literal["audit", "delay", "enforce"]


class Tier(IntEnum):
    """The evidence, quantised."""

    CLEAR = 0
    WATCH = 1
    SOFT = 2
    HARD = 3

    def __str__(self) -> str:
        return self.name.lower()


class Cause(StrEnum):
    """Why a request was refused, or would have been."""

    QUOTA = "quota"  # the budget is empty, and would be at its full refill too
    BEHAVIOUR = "behaviour"  # the budget is empty because the principal's own evidence tightened it
    COHORT = "cohort"  # the budget shared with a tightened cohort is empty
    COST = "cost"  # the request costs more than the burst: it can never be granted
    CONCURRENCY = "concurrency"  # as many requests are in flight as may be at once
    OPERATOR = "operator"  # somebody of the operator's blocks the principal
    UNREADABLE = "unreadable"  # the body cannot be read, and the policy refuses such bodies
    UNAVAILABLE = "unavailable"  # nothing could be decided: the store, or a function of yours, failed


class Reason(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One reason, for operators: what is disclosed to the caller is decided elsewhere.

    cause   what kind of reason.
    name    the budget, cohort kind or problem that it is about.
    detail  one plain sentence.
    """

    cause: Cause
    name: str
    detail: str


class Remaining(msgspec.Struct, frozen=True, gc=False):
    """What is left of one budget.

    budget       its name.
    quota        units per window, as configured: never the tightened figure.
    window       seconds.
    units        units that can be spent at once.
    reset_after  seconds until more can be spent than now.
    """

    budget: str
    quota: int
    window: float
    units: float
    reset_after: float


class Decision(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What was decided about one request.

    allowed      whether the request goes on: always true in audit mode.
    refused      what enforcement would have done: true where the budgets said no, whatever the mode did about it.
    tier         the tier that counted: the principal's own, or that of a cohort whose budget it must share.
    policy       the policy's name.
    version      the policy's version: see ``Policy.version``.
    mode         the policy's mode.
    principal    the principal's keyed hash in hexadecimal; empty for an exempted request.
    reasons      why it was refused or would have been; empty otherwise.
    remaining    what is left, a row a budget.
    retry_after  seconds until a retry can be granted: 0 if refused is false, infinite if never.
    slots        requests more that may be in flight at once; ``None``: any number.
    delayed      seconds for which the request was held back.
    evidence     log10 of the evidence against the principal itself, by signal.
    cohorts      the cohorts that it was seen in, as ``kind:hash``, with log10 of the evidence against each.
    exempt       whether the policy exempts it: nothing was charged or observed.
    """

    allowed: bool
    refused: bool = False
    tier: Tier = Tier.CLEAR
    policy: str = "default"
    mode: Mode = "enforce"
    principal: str = ""
    reasons: tuple[Reason, ...] = ()
    remaining: tuple[Remaining, ...] = ()
    retry_after: float = 0.0
    delayed: float = 0.0
    evidence: dict[str, float] = {}
    cohorts: dict[str, float] = {}
    exempt: bool = False
    slots: int | None = None
    version: str = ""

    @property
    def behavioural(self) -> bool:
        """Whether behaviour, and not volume alone, was a cause of the refusal."""
        for reason in self.reasons:  # noqa: SIM110 (a loop is three times as fast as any() here)
            if reason.cause is Cause.BEHAVIOUR or reason.cause is Cause.COHORT:
                return True
        return False
