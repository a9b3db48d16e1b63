"""Every public name of the evidence log, the console and telemetry, as documented. Never run: types are checked."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from ratelimit import MemoryStore, RateLimitMiddleware
from ratelimit.audit import AuditError, Case, EvidenceLog, Finding, Verified, case_of, records, verify, verify_case
from ratelimit.console import Console, ConsoleError, Person, Publisher, SharedWatch, Tokens, Watch
from ratelimit.telemetry import DecisionLog
from ratelimit.telemetry.opentelemetry import OpenTelemetry
from ratelimit.telemetry.prometheus import PrometheusMetrics

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from ratelimit.stores import Health

_log = logging.getLogger("api")


def operated(app: ASGIApp, folder: Path) -> RateLimitMiddleware:
    """Watch, log, and verify."""
    store = MemoryStore()
    health: Health = store.health()
    log = EvidenceLog(folder, key=b"x" * 32, rotate=1 << 20, every=100)
    log.record("note", {"principals": health.principals})
    try:
        found: Verified = verify(folder, b"x" * 32)
        faults: tuple[Finding, ...] = found.findings
        case: Case = case_of(folder, "shape:0123456789abcdef", b"x" * 32)
        _log.info("%s %s %s %s", faults, case.summary, verify_case(Path("case.json")), next(records(folder)))
    except AuditError as error:
        _log.info("%s %s", error, log.flush(timeout=1.0))
    watch = Watch(principals=1000, cohorts=100)
    shared: Watch = SharedWatch("redis://127.0.0.1", prefix="p")
    shared.catch_up()
    _log.info("%s", Publisher("redis://127.0.0.1").dropped)
    try:
        console = Console(lambda request: Person(request.user.name, operator=True), watch=watch, store=store)
        console = Console(Tokens(operators={"ada": "x" * 43}), watch=watch, secret=b"x" * 32, every=2.0)
    except ConsoleError as error:
        _log.info("%s", error)
    else:
        app = console
    return RateLimitMiddleware(app, store=store, on_decision=[
        watch, log, DecisionLog(every=True), PrometheusMetrics(store=store), OpenTelemetry(store=store)])
