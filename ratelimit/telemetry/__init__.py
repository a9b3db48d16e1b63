"""Telemetry: decisions and the store's health, for Prometheus, OpenTelemetry and logs.

``PrometheusMetrics`` is in ``ratelimit.telemetry.prometheus`` and ``OpenTelemetry`` in
``ratelimit.telemetry.opentelemetry``: each needs its extra. ``DecisionLog`` needs none.
"""

from ratelimit.telemetry.logs import DecisionLog

__all__ = ["DecisionLog"]
