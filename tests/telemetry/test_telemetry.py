"""What telemetry tells is read by its own readers, and holds no id."""

from __future__ import annotations

import json
import logging
import re
import sys
from dataclasses import replace
from datetime import timedelta
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

from ratelimit import (
    Budget,
    Cause,
    Decision,
    MemoryStore,
    Policy,
    RateLimitMiddleware,
    Reason,
    Remaining,
    Request,
    Tier,
)
from ratelimit.demo.serve import serving
from ratelimit.stores.redis import RedisStore
from ratelimit.telemetry import DecisionLog
from ratelimit.telemetry.opentelemetry import OpenTelemetry
from ratelimit.telemetry.prometheus import PrometheusMetrics
from ratelimit.testing import Play, drive

if TYPE_CHECKING:
    from types import ModuleType

ROOT = Path(__file__).parent.parent.parent
ONE = Policy(budgets=(Budget(quota=20, window=timedelta(hours=1), burst=2),))
CHAT: dict[str, Any] = {"path": "/v1/chat/completions", "body": b'{"messages": [{"role": "user", "content": "hi"}]}',
                        "headers": {"content-type": "application/json", "authorization": "Bearer sk-secret"}}


async def app(scope: Any, receive: Any, send: Any) -> None:
    """Answer."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"{}"})


def example() -> ModuleType:
    """Load the example."""
    spec = spec_from_file_location("telemetry_example", ROOT / "examples/telemetry.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def scraped(text: str) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """Return the samples of a scrape, as Prometheus's parser reads them."""
    return {(sample.name, tuple(sorted(sample.labels.items()))): sample.value
            for family in text_string_to_metric_families(text) for sample in family.samples}


async def test_a_scrape_over_a_socket_is_read_by_prometheuss_parser() -> None:
    """Of the example, served for real."""
    module = example()
    body = {"messages": [{"role": "user", "content": "a private question"}]}
    key = {"authorization": "Bearer sk-1"}
    async with serving(module.app) as url, httpx.AsyncClient(base_url=url, headers=key) as http:
        for _ in range(62):
            await http.post("/v1/chat/completions", json=body)
        text = (await http.get("/metrics/")).text
    samples = scraped(text)
    labels = {"policy": "default", "mode": "enforce", "tier": "clear"}

    def decisions(**more: str) -> float:
        return samples["ratelimit_decisions_total", tuple(sorted((labels | more).items()))]

    assert decisions(outcome="allowed", cause="none") == 60
    assert decisions(outcome="refused", cause="quota") == 2
    assert samples["ratelimit_store_up", ()] == 1
    assert samples["ratelimit_store_principals", ()] == 1
    assert samples["ratelimit_near_limit_total", (("policy", "default"),)] > 0
    assert "private" not in text
    assert "sk-1" not in text


async def test_the_dashboard_asks_for_metrics_that_there_are() -> None:
    """And for labels that they have."""
    registry = CollectorRegistry()
    metrics = PrometheusMetrics(registry=registry, store=MemoryStore())
    empty = (Remaining("requests", 9, 1.0, 0.0, 1.0),)
    metrics(Decision(allowed=True, delayed=0.5, evidence={"affinity": 3.0}, remaining=empty), Request())
    known: dict[str, set[str]] = {}
    for family in registry.collect():
        for sample in family.samples:
            known.setdefault(sample.name, set()).update(sample.labels)
    board = json.loads((ROOT / "examples/grafana/ratelimit.json").read_text())
    asked = [target["expr"] for panel in board["panels"] for target in panel["targets"]]

    assert len(asked) >= 12
    for expression in asked:
        names = set(re.findall(r"ratelimit_\w+", expression))
        assert names
        assert names <= set(known)
        for grouped in re.findall(r"by \(([\w, ]+)\)", expression):
            assert set(grouped.split(", ")) <= set().union(*(known[name] for name in names))


def test_labels_are_few_whatever_is_asked() -> None:
    """A thousand principals with names of their own make no label."""
    registry = CollectorRegistry()
    metrics = PrometheusMetrics(registry=registry)
    with Play(ONE) as play:
        for number in range(1000):
            metrics(play.ask(f"principal {number}", f"text {number}"), Request())
    series = [sample for family in registry.collect() for sample in family.samples]

    assert len(series) < 60
    assert not any("principal" in str(sample.labels.values()) for sample in series)


@pytest.mark.parametrize(("decision", "outcome", "cause"), [
    (Decision(allowed=True), "allowed", "none"),
    (Decision(allowed=True, exempt=True), "exempt", "none"),
    (Decision(allowed=True, refused=True, mode="audit", reasons=(Reason(cause=Cause.COHORT, name="shape", detail=""),)),
     "would_refuse", "cohort"),
    (Decision(allowed=False, refused=True, reasons=(Reason(cause=Cause.UNAVAILABLE, name="x", detail=""),)), "refused",
     "unavailable"),
])
def test_an_audit_is_told_apart(decision: Decision, outcome: str, cause: str) -> None:
    """What enforcement would have done stands beside what was done."""
    registry = CollectorRegistry()
    PrometheusMetrics(registry=registry)(decision, Request())
    (labels,) = [sample.labels for family in registry.collect() for sample in family.samples
                 if sample.name == "ratelimit_decisions_total"]

    assert (labels["outcome"], labels["cause"]) == (outcome, cause)


async def test_a_store_that_is_away_is_told() -> None:
    """Failures, time-outs and the breaker of a Redis that is not there."""
    store = RedisStore("redis://127.0.0.1:1", secret=b"0123456789abcdef", timeout=timedelta(milliseconds=50))
    registry = CollectorRegistry()
    PrometheusMetrics(registry=registry, store=store)
    guarded = RateLimitMiddleware(app, ONE, store=store)
    for _ in range(5):
        await drive(guarded, **CHAT)
    samples = {sample.name: sample.value for family in registry.collect() for sample in family.samples}
    await store.aclose()

    assert samples["ratelimit_store_up"] == 0
    assert samples["ratelimit_store_charge_failures_total"] >= 3
    assert samples["ratelimit_store_charges_total"] >= samples["ratelimit_store_charge_failures_total"]


def test_tightened_cohorts_are_counted_by_size() -> None:
    """One of three members."""
    with Play(Policy()) as play:
        for number in range(3):
            play.ask(f"p{number}", "Solve the task and write all steps: x")
        play.suspect_cohorts("p0", 6.0, kinds=("shape",), text="Solve the task and write all steps: x")
        health = play.store.health()  # type: ignore[attr-defined]  # a memory store has it

    assert health.tight == (1, 0, 0, 0)
    assert health.cohorts >= 1


async def test_opentelemetry_counts_and_marks_the_span() -> None:
    """By the SDK's own in-memory exporters."""
    reader, spans = InMemoryMetricReader(), InMemorySpanExporter()
    provider, tracers = MeterProvider([reader]), TracerProvider()
    tracers.add_span_processor(SimpleSpanProcessor(spans))
    store = MemoryStore()
    telemetry = OpenTelemetry(meter_provider=provider, store=store)
    guarded = RateLimitMiddleware(app, ONE, store=store, on_decision=telemetry)
    with tracers.get_tracer("test").start_as_current_span("request"):
        for _ in range(3):
            await drive(guarded, **CHAT)
    data = reader.get_metrics_data()
    assert data is not None
    found = {metric.name: [(dict(point.attributes or {}), point) for point in metric.data.data_points]
             for resource in data.resource_metrics for scope in resource.scope_metrics for metric in scope.metrics}
    counted = {attributes["ratelimit.outcome"]: point.value for attributes, point in found["ratelimit.decisions"]}
    marks = dict(spans.get_finished_spans()[0].attributes or {})
    provider.shutdown()

    assert counted == {"allowed": 2, "refused": 1}
    assert found["ratelimit.store.up"][0][1].value == 1
    assert marks["ratelimit.outcome"] == "refused"
    assert marks["ratelimit.version"] == ONE.version
    assert marks["ratelimit.retry_after"] > 0
    assert not any("sk-secret" in str(value) for value in marks.values())


async def test_the_log_is_json(caplog: pytest.LogCaptureFixture) -> None:
    """A line a refusal; every decision if it is asked for."""
    guarded = RateLimitMiddleware(app, ONE, on_decision=DecisionLog())
    everything = RateLimitMiddleware(app, ONE, on_decision=DecisionLog(logging.getLogger("all"), every=True))
    with caplog.at_level(logging.DEBUG):
        for _ in range(3):
            await drive(guarded, **CHAT)
            await drive(everything, **CHAT)
    told = [json.loads(record.getMessage()) for record in caplog.records if record.name == "ratelimit.decisions"]
    others = [record for record in caplog.records if record.name == "all"]

    assert [(one["outcome"], one["cause"], one["version"]) for one in told] == [("refused", "quota", ONE.version)]
    assert [record.levelname for record in others] == ["DEBUG", "DEBUG", "INFO"]
    assert others[0].ratelimit["principal"]
    assert "sk-secret" not in caplog.text


def test_what_was_decided_without_a_store_is_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    """Nothing could be decided: somebody should look."""
    lost = Decision(allowed=False, refused=True, reasons=(Reason(cause=Cause.UNAVAILABLE, name="x", detail=""),))
    with caplog.at_level(logging.INFO):
        DecisionLog()(lost, Request())
        DecisionLog()(Decision(allowed=True, tier=Tier.SOFT, retry_after=float("inf")), Request())

    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]
    assert replace(ONE, mode="audit").version != ONE.version
