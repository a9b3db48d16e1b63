"""Decisions as OpenTelemetry metrics, and on the present span; needs the extra ``opentelemetry``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opentelemetry import metrics, trace
from opentelemetry.metrics import CallbackOptions, MeterProvider, Observation

from ratelimit.telemetry.counts import told

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ratelimit.decision import Decision
    from ratelimit.request import Request
    from ratelimit.stores import Health, Store

_NAME = "ratelimit"

# Of the first five fields of what is told.
_LABELS = ("ratelimit.policy", "ratelimit.mode", "ratelimit.tier", "ratelimit.outcome", "ratelimit.cause")


class OpenTelemetry:
    """Counts decisions, and says on the span that is current what was decided: give it as ``on_decision``.

    meter_provider  whose meter is used; ``None``: the global one.
    store           whose health is told too; ``None``: no store's.

    Instruments: ``ratelimit.decisions`` (policy, mode, tier, outcome, cause), ``ratelimit.evidence`` (policy; log10),
    ``ratelimit.near_limit`` (policy), ``ratelimit.store.up``, ``.principals``, ``.charges``, ``.charge_failures``,
    ``.charge_seconds``. Span attributes: ``ratelimit.policy``, ``.version``, ``.tier``, ``.outcome``, ``.cause``,
    ``.retry_after`` (seconds, where a retry helps). No ids in either.
    """

    def __init__(self, *, meter_provider: MeterProvider | None = None, store: Store | None = None) -> None:
        meter = metrics.get_meter(_NAME, meter_provider=meter_provider)
        # Counted here and read when they are collected: adding to an instrument takes longer than all else together.
        self._decisions: dict[tuple[str, str, str, str, str], int] = {}
        self._near: dict[str, int] = {}
        meter.create_observable_counter("ratelimit.decisions", callbacks=[self._decided], unit="{request}",
                                        description="Requests decided.")
        meter.create_observable_counter("ratelimit.near_limit", callbacks=[self._nearly], unit="{request}",
                                        description="Requests allowed with little left.")
        self._evidence = meter.create_histogram("ratelimit.evidence", unit="{decade}",
                                                description="The most evidence a decision saw, log10.")
        if store is not None and hasattr(store, "health"):
            for name, counts in (("up", False), ("principals", False), ("charges", True), ("failures", True),
                                 ("seconds", True)):
                make = meter.create_observable_counter if counts else meter.create_observable_gauge
                called = {"failures": "charge_failures", "seconds": "charge_seconds"}.get(name, name)
                make(f"ratelimit.store.{called}", callbacks=[_reader(store, name)])

    def __call__(self, decision: Decision, request: Request) -> None:  # noqa: ARG002 (a listener's)
        """Count *decision*, and say it on the span."""
        one = told(decision)
        row = one[:5]
        self._decisions[row] = self._decisions.get(row, 0) + 1
        if one.near:
            self._near[one.policy] = self._near.get(one.policy, 0) + 1
        if one.evidence > 0.0:
            self._evidence.record(one.evidence, {"ratelimit.policy": one.policy})
        span = trace.get_current_span()
        if span.is_recording():
            span.set_attributes({"ratelimit.policy": one.policy, "ratelimit.version": decision.version,
                                 "ratelimit.tier": one.tier,
                                 "ratelimit.outcome": one.outcome, "ratelimit.cause": one.cause})
            if 0.0 < decision.retry_after < float("inf"):
                span.set_attribute("ratelimit.retry_after", decision.retry_after)

    def _decided(self, options: CallbackOptions) -> Iterable[Observation]:  # noqa: ARG002 (OpenTelemetry's)
        return [Observation(count, dict(zip(_LABELS, row, strict=True)))
                for row, count in list(self._decisions.items())]  # collected in another thread

    def _nearly(self, options: CallbackOptions) -> Iterable[Observation]:  # noqa: ARG002 (OpenTelemetry's)
        return [Observation(count, {"ratelimit.policy": name}) for name, count in list(self._near.items())]


class _reader:  # noqa: N801 (a function with a memory)
    """Reads one figure of a store's health when it is asked for."""

    def __init__(self, store: Store, name: str) -> None:
        self._store, self._name = store, name

    def __call__(self, options: CallbackOptions) -> Iterable[Observation]:  # noqa: ARG002 (OpenTelemetry's)
        health: Health = self._store.health()  # type: ignore[attr-defined]  # it was looked for
        return [Observation(float(getattr(health, self._name)))]
