"""Every public name, used as its documentation says. Never run: a type checker reads it."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from ratelimit import (
    DEFAULT_DIALECTS,
    MCP,
    TEI,
    TGI,
    VLLM,
    Adjustment,
    Affinity,
    AnthropicBatches,
    AnthropicMessages,
    APIKey,
    Bedrock,
    Budget,
    ByCreation,
    ByLink,
    ByOpening,
    ByShape,
    ByTemplate,
    Cause,
    Caution,
    ClientIP,
    Clock,
    Cohere,
    CohortRule,
    CohortSignal,
    Concurrency,
    Coverage,
    Decision,
    Dialect,
    DiscoveryError,
    EndUser,
    Everyone,
    FirstOf,
    Form,
    Gemini,
    Header,
    Intervention,
    InterventionError,
    Interventions,
    Ladder,
    LivePolicies,
    ManualClock,
    MemoryStore,
    Mistral,
    Mode,
    Ollama,
    OpenAIBatches,
    OpenAIChat,
    OpenAICompletions,
    OpenAIEmbeddings,
    OpenAIFiles,
    OpenAIMedia,
    OpenAIModerations,
    OpenAIRealtime,
    OpenAIResponses,
    Override,
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
    Tokens,
    Trust,
    Unreadable,
    Usage,
    Wander,
)
from ratelimit.stores.redis import RedisStore

if TYPE_CHECKING:
    from starlette.types import ASGIApp


log = logging.getLogger("api")


class Bare(Dialect):
    """A dialect of one's own: the least there is to write."""

    @property
    def name(self) -> str:
        """Its name."""
        return "bare"

    def claims(self, path: str) -> bool:
        """Its path."""
        return path == "/bare"

    def read(self, body: bytes) -> Reading:
        """Read a text."""
        return Reading(dialect=self.name, prompts=(Prompt(text=body.decode("utf-8", "replace")),))

    def read_form(self, form: Form) -> Reading:
        """Read a form."""
        return Reading(dialect=self.name, prompts=tuple(Prompt(text=text) for _, text in form.fields))

    def error(self, refusal: Refusal) -> tuple[str, bytes]:
        """Say it."""
        return "text/plain", refusal.message.encode()


def cost(request: Request) -> float:
    """Cost by what was read."""
    reading: Reading = request.reading
    problem: Unreadable | None = reading.problem
    prompts: tuple[Prompt, ...] = reading.prompts
    return 1.0 if problem else reading.count + sum(len(prompt.payload) / 1000 for prompt in prompts)


async def by_team(request: Request) -> Principal | None:
    """Identify by a header."""
    team = request.header("x-team")
    since = datetime(2026, 1, 1, tzinfo=UTC)
    return Principal(id=team, since=since, links={"network": "as64500"}, trust=0.5) if team else None


def tokens_of(usage: Usage) -> float:
    """Weigh a usage."""
    return Tokens(input_weight=0.5, cached_weight=0.1).counted(usage | Usage(input=1, cached=1))


def corrected(store: Store, adjustment: Adjustment) -> float:
    """Correct a charge."""
    store.adjust(adjustment)
    return sum(adjustment.units) + adjustment.lease + adjustment.now + adjustment.charges.now


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
    tokens = Tokens(bytes_per_token=3.5, output=300, most_output=8192, output_weight=tokens_of(Usage(output=4)))
    clock: Clock = ManualClock(0.0) if app is None else SystemClock()
    store: Store = MemoryStore(principals=10, cohorts=10, ttl=timedelta(days=20), clock=clock, secret=b"x" * 32)
    among_all = Everyone(caution=Caution(patience=2.0))
    rules: tuple[CohortRule, ...] = (
        ByShape(), ByTemplate(words=5), ByOpening(words=9), ByLink(kinds=("network",)),
        ByCreation(within=timedelta(minutes=10)), among_all,
    )
    crowd: tuple[CohortSignal, ...] = (Affinity(least=3),)
    own: tuple[PrincipalSignal, ...] = (Coverage(side="wide"), Wander(), Stamina(prompts=20))
    openai: tuple[Dialect, ...] = (
        OpenAIChat(), OpenAIResponses(), OpenAICompletions(), OpenAIEmbeddings(), OpenAIModerations(), OpenAIMedia(),
        OpenAIFiles(), OpenAIBatches(), OpenAIRealtime(),
    )
    others: tuple[Dialect, ...] = (
        AnthropicMessages(), AnthropicBatches(), Gemini(), Cohere(), Mistral(), Ollama(), Bedrock(), TGI(), TEI(),
        VLLM(), MCP(), Plain(),
    )
    dialects: tuple[Dialect, ...] = (Override(paths=("/ask",), dialect=Bare()), *openai, *others, *DEFAULT_DIALECTS)
    policy = Policy(
        name="chat",
        paths=("/v1/*",),
        when=lambda request: request.method == "POST",
        exempt=lambda request, principal: principal.verified and request.path == "/v1/models",
        budgets=(
            Budget(quota=600, window=timedelta(hours=1), burst=60, cost=cost),
            Budget(name="tokens", quota=600_000, window=timedelta(hours=1), cost=tokens),
        ),
        concurrency=Concurrency(most=8, slot=timedelta(minutes=10)),
        signals=own,
        cohort_signals=crowd,
        cohorts=rules,
        ladder=Ladder(soft=4.0),
        presumption=Presumption(young=1.0),
        trust=Trust(mature_after=timedelta(days=60)),
        mode="delay",
        on_store_error="closed",
        dialects=dialects,
    )
    identify: Resolver = FirstOf(EndUser(within=APIKey()), Header("x-key"), ClientIP(trusted_proxies=("10.0.0.0/8",)))
    try:
        return RateLimitMiddleware(app, policy=[policy], identify=identify, store=store, on_decision=noted)
    except* PolicyError as group:
        log.exception("%s", group.exceptions)
    except* (DiscoveryError, StoreError, RatelimitError) as group:
        log.exception("%s", group.exceptions)
    live = LivePolicies("my_limits:policy", check=lambda policy: log.info("%s", policy.version))
    live.on_signal()
    log.info("%s %s", live.reload(), live.generation)
    live.replace(policy)
    log.info("%s", RateLimitMiddleware(app, live))
    people = Interventions("interventions.jsonl", record=lambda kind, fields: log.info("%s %s", kind, fields))
    try:
        made: Intervention = people.add("block", "0" * 32, reason="abuse", by="me", lasts=timedelta(hours=2))
        log.info("%s %s %s", made.until, people.lift(made.subject, reason="a mistake", by="me"), list(people))
    except InterventionError as error:
        log.info("%s %s", error, RateLimitMiddleware(app, live, interventions=people))
    shared: Store = RedisStore("redis://127.0.0.1", secret=b"x" * 32, timeout=timedelta(milliseconds=50))
    return RateLimitMiddleware(app, policy, identify=by_team, store=shared)


def answered(dialect: Dialect) -> bytes:
    """Word a refusal."""
    refusal = Refusal(status=429, code="rate_limit_exceeded", title="Quota Exceeded", message="Spent.")
    heard = dialect.hear(b"{}") if dialect.hears else None
    said = dialect.event_error(refusal) if heard else dialect.stream_error(refusal)
    return dialect.at("/v1/chat/completions").error(refusal)[1] + said
