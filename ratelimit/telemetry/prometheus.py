"""Decisions and the store's health as Prometheus metrics; needs the extra ``prometheus``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

from ratelimit.telemetry.counts import EVIDENCE, told

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prometheus_client.core import Metric

    from ratelimit.decision import Decision
    from ratelimit.request import Request
    from ratelimit.stores import Health, Store

_SIZES = ("1-9", "10-99", "100-999", "1000+")


class PrometheusMetrics:
    """Counts decisions: give it as ``on_decision``, and serve the registry as you serve your other metrics.

        metrics = PrometheusMetrics(store=store)
        app.add_middleware(RateLimitMiddleware, policy=policy, store=store, on_decision=metrics)

    registry  where the metrics are registered; one of these may be in a registry.
    store     whose health is told too, read when the metrics are asked for; ``None``: no store's.

    Metrics, with labels of a few values each and never an id:

        ratelimit_decisions_total{policy,mode,tier,outcome,cause}
                                        outcome: allowed, refused, exempt, would_refuse (an audit's)
        ratelimit_near_limit_total{policy}     allowed, and less than a tenth of a budget's quota left
        ratelimit_evidence{policy}      histogram of the most evidence (log10) that a decision saw
        ratelimit_delayed_seconds{policy}      histogram of how long requests were held back
        ratelimit_store_up, _principals, _cohorts, _waiting_writes, _tightened_cohorts{members}
        ratelimit_store_charges_total, _charge_failures_total, _charge_seconds_total
    """

    def __init__(self, *, registry: CollectorRegistry = REGISTRY, store: Store | None = None) -> None:
        self._store = store
        self._decisions = Counter(
            "ratelimit_decisions", "Requests decided.", ["policy", "mode", "tier", "outcome", "cause"],
            registry=registry)
        self._near = Counter("ratelimit_near_limit", "Requests allowed with little left.", ["policy"],
                             registry=registry)
        self._evidence = Histogram("ratelimit_evidence", "The most evidence a decision saw, log10.", ["policy"],
                                   buckets=EVIDENCE, registry=registry)
        self._delayed = Histogram("ratelimit_delayed_seconds", "How long requests were held back.", ["policy"],
                                  registry=registry)
        self._children: dict[tuple[str, ...], Counter] = {}  # to look labels up takes longer than to count
        self._courses: dict[str, Histogram] = {}
        if store is not None:
            registry.register(self)

    def __call__(self, decision: Decision, request: Request) -> None:  # noqa: ARG002 (a listener's)
        """Count *decision*."""
        one = told(decision)
        labels = one[:5]
        child = self._children.get(labels)
        if child is None:
            child = self._children[labels] = self._decisions.labels(*labels)
        child.inc()
        if one.near:
            self._near.labels(one.policy).inc()
        if one.evidence > 0.0:
            course = self._courses.get(one.policy)
            if course is None:
                course = self._courses[one.policy] = self._evidence.labels(one.policy)
            course.observe(one.evidence)
        if decision.delayed:
            self._delayed.labels(one.policy).observe(decision.delayed)

    def collect(self) -> Iterator[Metric]:
        """Yield the store's health: called by the registry."""
        ask = getattr(self._store, "health", None)
        if ask is None:
            return
        health: Health = ask()
        for name, text, value in (
            ("up", "Whether the store's server answers.", float(health.up)),
            ("principals", "Principals that this process keeps.", health.principals),
            ("cohorts", "Cohorts that this process keeps.", health.cohorts),
            ("waiting_writes", "Writes that wait for the server.", health.waiting),
        ):
            yield GaugeMetricFamily(f"ratelimit_store_{name}", text, value=value)
        tight = GaugeMetricFamily("ratelimit_store_tightened_cohorts", "Tightened cohorts by members.",
                                  labels=["members"])
        for size, many in zip(_SIZES, health.tight, strict=True):
            tight.add_metric([size], many)
        yield tight
        for name, text, value in (
            ("charges", "Charges asked of the server.", health.charges),
            ("charge_failures", "Charges that failed.", health.failures),
            ("charge_seconds", "Seconds for which charges waited.", health.seconds),
        ):
            yield CounterMetricFamily(f"ratelimit_store_{name}", text, value=value)
