"""Decisions as structured log records: one JSON object a line, for whatever reads your logs."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import msgspec

from ratelimit.decision import Tier
from ratelimit.telemetry.counts import told

if TYPE_CHECKING:
    from ratelimit.decision import Decision
    from ratelimit.request import Request

_encode = msgspec.json.Encoder().encode


class DecisionLog:
    """Logs decisions: give it as ``on_decision``.

    logger  where to; default: the logger ``ratelimit.decisions``.
    every   whether all are logged, at the level DEBUG where nothing is amiss; else only those that were refused, would
            have been, or met a tier of soft or more: at INFO, and WARNING where nothing could be decided.

    The message is one JSON object: policy, version, mode, tier, outcome, cause, evidence, retry_after, and the
    principal's keyed hash, by which the lines of one principal are found. The same is in the record's ``ratelimit``.
    """

    def __init__(self, logger: logging.Logger | None = None, *, every: bool = False) -> None:
        self._logger, self._every = logger or logging.getLogger("ratelimit.decisions"), every

    def __call__(self, decision: Decision, request: Request) -> None:
        """Log *decision*."""
        amiss = decision.refused or decision.tier >= Tier.SOFT
        if not amiss and not self._every:
            return
        one = told(decision)
        level = logging.DEBUG if not amiss else logging.WARNING if one.cause == "unavailable" else logging.INFO
        if not self._logger.isEnabledFor(level):
            return
        fields = {
            "policy": one.policy, "version": decision.version, "mode": one.mode, "tier": one.tier,
            "outcome": one.outcome, "cause": one.cause, "evidence": round(one.evidence, 3),
            "retry_after": round(decision.retry_after, 3) if decision.retry_after < float("inf") else None,
            "principal": decision.principal, "dialect": request.reading.dialect,
        }
        self._logger.log(level, "%s", _encode(fields).decode(), extra={"ratelimit": fields})
