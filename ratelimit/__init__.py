"""ASGI middleware that keeps per-principal behavioural budgets.

Honest principals keep their whole budget. A harvest of the model loses it as one body, however many accounts carry it.

    app.add_middleware(RateLimitMiddleware, policy=Policy())

What is named here is imported when it is first used: ``import ratelimit`` by itself costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ratelimit.budget import Budget, Concurrency
    from ratelimit.clock import Clock, ManualClock, SystemClock
    from ratelimit.cohort import ByCreation, ByLink, ByOpening, ByShape, ByTemplate, CohortRule, Everyone
    from ratelimit.decision import Cause, Decision, Mode, Reason, Remaining, Tier
    from ratelimit.dialects import (
        DEFAULT_DIALECTS,
        MCP,
        TEI,
        TGI,
        VLLM,
        AnthropicBatches,
        AnthropicMessages,
        Bedrock,
        Cohere,
        Dialect,
        Form,
        Gemini,
        Mistral,
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
        Refusal,
    )
    from ratelimit.errors import DiscoveryError, PolicyError, RatelimitError, StoreError
    from ratelimit.evidence import Ladder
    from ratelimit.identify import APIKey, ClientIP, EndUser, FirstOf, Header, Resolver
    from ratelimit.interventions import Intervention, InterventionError, Interventions
    from ratelimit.live import LivePolicies
    from ratelimit.middleware import RateLimitMiddleware
    from ratelimit.policy import Policy
    from ratelimit.presumption import Caution, Presumption
    from ratelimit.principal import Principal
    from ratelimit.prompt import Prompt, Reading, Unreadable
    from ratelimit.request import Request
    from ratelimit.signals import Affinity, CohortSignal, Coverage, PrincipalSignal, Stamina, Wander
    from ratelimit.stores import Adjustment, MemoryStore, Store
    from ratelimit.tokens import Tokens, Usage
    from ratelimit.trust import Trust

__all__ = [  # noqa: RUF022 (in the plain order that a test holds it to)
    "APIKey",
    "Adjustment",
    "Affinity",
    "AnthropicBatches",
    "AnthropicMessages",
    "Bedrock",
    "Budget",
    "ByCreation",
    "ByLink",
    "ByOpening",
    "ByShape",
    "ByTemplate",
    "Cause",
    "Caution",
    "ClientIP",
    "Clock",
    "Cohere",
    "CohortRule",
    "CohortSignal",
    "Concurrency",
    "Coverage",
    "DEFAULT_DIALECTS",
    "Decision",
    "Dialect",
    "DiscoveryError",
    "EndUser",
    "Everyone",
    "FirstOf",
    "Form",
    "Gemini",
    "Header",
    "Intervention",
    "InterventionError",
    "Interventions",
    "Ladder",
    "LivePolicies",
    "MCP",
    "ManualClock",
    "MemoryStore",
    "Mistral",
    "Mode",
    "Ollama",
    "OpenAIBatches",
    "OpenAIChat",
    "OpenAICompletions",
    "OpenAIEmbeddings",
    "OpenAIFiles",
    "OpenAIMedia",
    "OpenAIModerations",
    "OpenAIRealtime",
    "OpenAIResponses",
    "Override",
    "Plain",
    "Policy",
    "PolicyError",
    "Presumption",
    "Principal",
    "PrincipalSignal",
    "Prompt",
    "RateLimitMiddleware",
    "RatelimitError",
    "Reading",
    "Reason",
    "Refusal",
    "Remaining",
    "Request",
    "Resolver",
    "Stamina",
    "Store",
    "StoreError",
    "SystemClock",
    "TEI",
    "TGI",
    "Tier",
    "Tokens",
    "Trust",
    "Unreadable",
    "Usage",
    "VLLM",
    "Wander",
]

#: Where each of these is, by module.
_MODULES = {
    "budget": "Budget Concurrency",
    "clock": "Clock ManualClock SystemClock",
    "cohort": "ByCreation ByLink ByOpening ByShape ByTemplate CohortRule Everyone",
    "decision": "Cause Decision Mode Reason Remaining Tier",
    "dialects": (
        "AnthropicBatches AnthropicMessages Bedrock Cohere DEFAULT_DIALECTS Dialect Form Gemini MCP Mistral "
        "Ollama OpenAIBatches OpenAIChat OpenAICompletions OpenAIEmbeddings OpenAIFiles OpenAIMedia "
        "OpenAIModerations OpenAIRealtime OpenAIResponses Override Plain Refusal TEI TGI VLLM"
    ),
    "errors": "DiscoveryError PolicyError RatelimitError StoreError",
    "evidence": "Ladder",
    "identify": "APIKey ClientIP EndUser FirstOf Header Resolver",
    "interventions": "Intervention InterventionError Interventions",
    "live": "LivePolicies",
    "middleware": "RateLimitMiddleware",
    "policy": "Policy",
    "presumption": "Caution Presumption",
    "principal": "Principal",
    "prompt": "Prompt Reading Unreadable",
    "request": "Request",
    "signals": "Affinity CohortSignal Coverage PrincipalSignal Stamina Wander",
    "stores": "Adjustment MemoryStore Store",
    "tokens": "Tokens Usage",
    "trust": "Trust",
}
_LATER = {name: module for module, names in _MODULES.items() for name in names.split()}

if not TYPE_CHECKING:  # or a type checker would believe that any name is here

    def __getattr__(name: str) -> object:
        """Return what is imported when it is first used (PEP 562)."""
        if name not in _LATER:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        found = globals()[name] = getattr(import_module(f"{__name__}.{_LATER[name]}"), name)
        return found


def __dir__() -> list[str]:
    """Return all names, those that were not used yet among them."""
    return sorted({*globals(), *__all__})
