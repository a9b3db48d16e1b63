"""Every public name, used as its documentation says. Never run: a type checker reads it."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from ratelimit import (
    Affinity,
    AnthropicMessages,
    APIKey,
    Budget,
    ByLink,
    ByShape,
    ByTemplate,
    Cause,
    ClientIP,
    Clock,
    CohortRule,
    CohortSignal,
    Coverage,
    Decision,
    Dialect,
    DiscoveryError,
    EndUser,
    FirstOf,
    Header,
    Ladder,
    ManualClock,
    MemoryStore,
    Mode,
    OpenAIChat,
    Plain,
    Policy,
    PolicyError,
    Presumption,
    Principal,
    PrincipalSignal,
    Prompt,
    RatelimitError,
    RateLimitMiddleware,
    Reading,
    Reason,
    Refusal,
    Remaining,
    Request,
    Resolver,
    Stamina,
    Store,
    StoreError,
    SystemClock,
    Tier,
    Trust,
    Unreadable,
    Wander,
)

if TYPE_CHECKING:
    from starlette.types import ASGIApp


log = logging.getLogger("api")


def cost(request: Request) -> float:
    """Cost by what was read."""
    reading: Reading = request.reading
    problem: Unreadable | None = reading.problem
    prompts: tuple[Prompt, ...] = reading.prompts
    return 1.0 if problem else sum(1.0 + len(prompt.text) / 1000 for prompt in prompts)


async def by_team(request: Request) -> Principal | None:
    """Identify by a header."""
    team = request.header("x-team")
    since = datetime(2026, 1, 1, tzinfo=UTC)
    return Principal(id=team, since=since, links={"network": "as64500"}, trust=0.5) if team else None


def noted(decision: Decision, request: Request) -> None:
    """Look at everything that a decision tells."""
    mode: Mode = decision.mode
    tier: Tier = decision.tier
    causes: list[Cause] = [reason.cause for reason in decision.reasons]
    rows: tuple[Remaining, ...] = decision.remaining
    reasons: tuple[Reason, ...] = decision.reasons
    log.info("%s", (mode, tier, causes, rows, reasons, request.path, decision.evidence, decision.cohorts))


def guard(app: ASGIApp) -> ASGIApp:
    """Put everything together."""
    clock: Clock = ManualClock(0.0) if app is None else SystemClock()
    store: Store = MemoryStore(principals=10, cohorts=10, ttl=timedelta(days=20), clock=clock, secret=b"x" * 32)
    rules: tuple[CohortRule, ...] = (ByShape(), ByTemplate(words=5), ByLink(kinds=("network",)))
    crowd: tuple[CohortSignal, ...] = (Affinity(least=3),)
    own: tuple[PrincipalSignal, ...] = (Coverage(side="wide"), Wander(), Stamina(prompts=20))
    dialects: tuple[Dialect, ...] = (OpenAIChat(), AnthropicMessages(), Plain())
    policy = Policy(
        name="chat",
        paths=("/v1/*",),
        when=lambda request: request.method == "POST",
        exempt=lambda request, principal: principal.verified and request.path == "/v1/models",
        budgets=(Budget(quota=600, window=timedelta(hours=1), burst=60, cost=cost),),
        signals=own,
        cohort_signals=crowd,
        cohorts=rules,
        ladder=Ladder(soft=4.0),
        presumption=Presumption(young=1.0),
        trust=Trust(mature_after=timedelta(days=60)),
        mode="delay",
        dialects=dialects,
    )
    identify: Resolver = FirstOf(EndUser(within=APIKey()), Header("x-key"), ClientIP(trusted_proxies=("10.0.0.0/8",)))
    try:
        return RateLimitMiddleware(app, policy=[policy], identify=identify, store=store, on_decision=noted)
    except* PolicyError as group:
        log.exception("%s", group.exceptions)
    except* (DiscoveryError, StoreError, RatelimitError) as group:
        log.exception("%s", group.exceptions)
    return RateLimitMiddleware(app, policy, identify=by_team)


def answered(dialect: Dialect) -> bytes:
    """Word a refusal."""
    refusal = Refusal(status=429, code="rate_limit_exceeded", title="Quota Exceeded", message="Spent.")
    return dialect.error(refusal)[1]
