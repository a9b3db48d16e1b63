"""Hypothesis strategies of what a rate limit meets: principals, prompts, bodies, requests and policies.

They shrink towards what a person can read: short words, few pieces, nothing unusual.
"""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

from ratelimit.budget import Budget
from ratelimit.cohort import ByCreation, ByLink, ByOpening, ByShape, ByTemplate, Everyone
from ratelimit.evidence import Ladder
from ratelimit.policy import Policy
from ratelimit.principal import Principal
from ratelimit.prompt import Prompt
from ratelimit.signals import Affinity, Coverage, PrincipalSignal, Stamina, Wander
from ratelimit.testing.play import START
from ratelimit.trust import Trust

if TYPE_CHECKING:
    from collections.abc import Callable

_DAY = 86_400.0

#: What people ask about, and which side of it.
SUBJECTS = ("bread", "law", "stars", "loans", "verbs", "bees", "rust", "jazz", "tides", "chess", "maps", "glass")
ASPECTS = ("history", "price", "rules", "risks", "names", "tools", "origin", "future", "parts", "colour")


def principals(*, verified: bool | None = None) -> st.SearchStrategy[Principal]:
    """Draw principals of a few names, ages and links."""
    return st.builds(
        Principal,
        id=st.sampled_from(["ann", "bob", "cyd", "dan"]),
        links=st.dictionaries(st.sampled_from(["network", "payment", "client"]), st.sampled_from("12"), max_size=3),
        since=st.none() | st.sampled_from([START, START - _DAY, START - 20 * _DAY, START - 400 * _DAY]),
        verified=st.booleans() if verified is None else st.just(verified),
    )


def texts() -> st.SearchStrategy[str]:
    """Draw what people type: questions, text in any script, and nothing but space."""
    asked = st.builds("What about the {} of {}?".format, st.sampled_from(ASPECTS), st.sampled_from(SUBJECTS))
    return asked | st.text(max_size=40)


def prompts() -> st.SearchStrategy[Prompt]:
    """Draw prompts as the core sees them."""
    return st.builds(Prompt, text=texts().filter(str.strip), system=st.sampled_from(["", "Be brief."]),
                     earlier=st.lists(texts().filter(str.strip), max_size=2).map(tuple))


def _chat(text: str) -> Any:
    return {"model": "m", "messages": [{"role": "user", "content": text}]}


def _rpc(text: str) -> Any:
    call = {"name": "ask", "arguments": {"question": text}}
    return {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": call}


#: By dialect: a path that it claims, and what makes a body of a text.
BODIES: dict[str, tuple[str, Callable[[str], Any]]] = {
    "openai-chat": ("/v1/chat/completions", _chat),
    "openai-responses": ("/v1/responses", lambda text: {"model": "m", "input": text}),
    "openai-completions": ("/v1/completions", lambda text: {"model": "m", "prompt": text}),
    "openai-embeddings": ("/v1/embeddings", lambda text: {"model": "m", "input": [text]}),
    "openai-moderations": ("/v1/moderations", lambda text: {"input": text}),
    "anthropic-messages": ("/v1/messages", lambda text: {**_chat(text), "max_tokens": 9}),
    "gemini": ("/v1beta/models/m:generateContent", lambda text: {"contents": [{"parts": [{"text": text}]}]}),
    "cohere": ("/v2/chat", _chat),
    "ollama": ("/api/chat", _chat),
    "bedrock": ("/model/m/converse", lambda text: {"messages": [{"role": "user", "content": [{"text": text}]}]}),
    "tgi": ("/generate", lambda text: {"inputs": text}),
    "tei": ("/embed", lambda text: {"inputs": text}),
    "mcp": ("/mcp", _rpc),
    "plain": ("/ask", lambda text: {"question": text}),
}


def bodies(dialect: str | None = None) -> st.SearchStrategy[tuple[str, bytes, str]]:
    """Draw (path, body, text): a body of one *dialect* (a key of ``BODIES``; ``None``: of any) that asks the text."""
    names = st.sampled_from(sorted(BODIES)) if dialect is None else st.just(dialect)
    asked = st.builds("What about the {} of {}?".format, st.sampled_from(ASPECTS), st.sampled_from(SUBJECTS))
    return st.builds(_body, names, asked)


def _body(dialect: str, text: str) -> tuple[str, bytes, str]:
    path, make = BODIES[dialect]
    return path, json.dumps(make(text)).encode(), text


def cuts(body: bytes) -> st.SearchStrategy[list[bytes]]:
    """Draw *body* in pieces, cut anywhere, empty ones among them."""
    places = st.lists(st.integers(0, len(body)), max_size=4).map(sorted)
    return places.map(lambda at: [body[one:other] for one, other in zip([0, *at], [*at, len(body)], strict=True)])


@st.composite
def requests(draw: st.DrawFn, dialect: str | None = None) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Draw (scope, messages): an ASGI request with a body of one *dialect*, cut anywhere."""
    path, body, _ = draw(bodies(dialect))
    key = draw(st.sampled_from([b"sk-ann", b"sk-bob"]))
    pieces = draw(cuts(body))
    scope: dict[str, Any] = {
        "type": "http", "asgi": {"version": "3.0", "spec_version": "2.4"}, "http_version": "1.1", "method": "POST",
        "scheme": "http", "path": path, "raw_path": path.encode(), "query_string": b"", "root_path": "",
        "headers": [(b"host", b"x"), (b"content-type", b"application/json"), (b"authorization", b"Bearer " + key)],
        "client": ("127.0.0.1", 1024), "server": ("127.0.0.1", 80),
    }
    return scope, [
        {"type": "http.request", "body": piece, "more_body": number < len(pieces)}
        for number, piece in enumerate(pieces, 1)
    ]


def policies() -> st.SearchStrategy[Policy]:
    """Draw policies that are sound: any of the budgets, signals, cohorts, ladders and modes that there are."""
    windows = st.sampled_from([timedelta(seconds=10), timedelta(minutes=1), timedelta(hours=1)])
    budget = st.builds(lambda quota, window, burst: Budget(quota=quota, window=window, burst=burst),
                       st.integers(1, 600), windows, st.integers(1, 60))
    offered: list[PrincipalSignal] = [Wander(), Stamina(), Coverage(side="wide")]
    signals = st.lists(st.sampled_from(offered), max_size=3, unique_by=lambda one: one.name)
    rules = st.lists(st.sampled_from([ByShape(), ByTemplate(), ByOpening(), ByLink(), ByCreation(), Everyone()]),
                     max_size=6, unique_by=lambda one: type(one).__name__)
    return st.builds(
        Policy,
        budgets=budget.map(lambda one: (one,)),
        signals=signals.map(tuple),
        cohort_signals=st.sampled_from([(), (Affinity(),)]),
        cohorts=rules.map(tuple),
        ladder=st.builds(Ladder, soft=st.sampled_from([3.0, 4.0]), fade=st.sampled_from([0.5, 1.0, 3.0]),
                         form=st.sampled_from(["cusum", "lifetime"])),
        trust=st.builds(Trust, mature_after=st.sampled_from([timedelta(days=10), timedelta(days=45)])),
        mode=st.sampled_from(["audit", "delay", "enforce"]),
        disclose=st.sampled_from(["none", "coarse", "full"]),
    )
