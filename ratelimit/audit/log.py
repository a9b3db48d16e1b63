"""The evidence log, as the middleware's listener."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ratelimit.audit.files import AuditError
from ratelimit.audit.writer import Writer
from ratelimit.clock import Clock, SystemClock
from ratelimit.decision import Tier

if TYPE_CHECKING:
    from ratelimit.decision import Decision
    from ratelimit.request import Request

#: The environment variable that holds the key.
VARIABLE = "RATELIMIT_AUDIT_KEY"

#: Principals whose last tier is remembered.
_MOST = 1 << 16


class EvidenceLog:
    """Keeps what was decided where it matters, so that it can be proved later: give it as ``on_decision``.

        log = EvidenceLog("/var/lib/ratelimit/evidence")        # the key: RATELIMIT_AUDIT_KEY
        app.add_middleware(RateLimitMiddleware, policy=policy, on_decision=log)

    Recorded are: each refusal, and each change of the tier that a principal meets, with the evidence against it and its
    cohorts; how many requests were decided otherwise, by policy and tier, in a record every so many decisions; and what
    is handed to ``record``. Ids are the keyed hashes that decisions show. No text of any prompt is ever written.

    folder  one writer at a time: give each worker its own.
    key     seals the records, 16 bytes or more; ``None``: what the environment variable RATELIMIT_AUDIT_KEY holds.
            Whoever has it can make records: keep it where the log is not.
    rotate  bytes after which a new file begins.
    every   decisions after which those that were not recorded one by one are counted in a record; 1 or more.
    clock   dates the records.

    A thread writes; the event loop never waits. What ``flush`` or ``close`` acknowledges is on disk. While the disk is
    full requests go on, and what is lost is counted, logged and recorded.

    Raises: AuditError.
    """

    def __init__(
        self, folder: str | Path, *, key: bytes | None = None, rotate: int = 64 << 20, every: int = 1000,
        clock: Clock | None = None,
    ) -> None:
        secret = key if key is not None else os.environ.get(VARIABLE, "").encode()
        problems = []
        if len(secret) < 16:
            problems.append(f"key: must have 16 bytes or more, got {len(secret)}; draw one by secrets.token_hex() and "
                            f"put it into {VARIABLE}")
        if rotate < 4096:
            problems.append(f"rotate: must be at least 4096 bytes, got {rotate!r}")
        if every < 1:
            problems.append(f"every: must be at least 1, got {every!r}")
        if problems:
            raise AuditError(f"EvidenceLog({str(folder)!r}): {'; '.join(problems)}")
        self._clock, self._every = clock or SystemClock(), every
        self._writer = Writer(Path(folder), secret, rotate=rotate, clock=self._clock)
        self._tiers: dict[str, Tier] = {}
        self._counts: Counter[tuple[str, str, Tier, str]] = Counter()
        self._counted = 0
        self._folder = folder

    def __repr__(self) -> str:
        return f"EvidenceLog({str(self._folder)!r})"

    def __call__(self, decision: Decision, request: Request) -> None:
        """Record *decision*, or count it."""
        tier, who = decision.tier, decision.principal
        before = self._tiers.get(who, Tier.CLEAR) if self._tiers else Tier.CLEAR
        if decision.refused or tier is not before:
            if len(self._tiers) >= _MOST:
                self._tiers.clear()
            if tier:
                self._tiers[who] = tier
            else:
                self._tiers.pop(who, None)
            self.record("decision", _told(decision, request, before))
            return
        self._counts[decision.policy, decision.version, tier, decision.mode] += 1
        self._counted += 1
        if self._counted >= self._every:
            self._count()

    def record(self, kind: str, fields: dict[str, Any]) -> None:
        """Record *fields*, which JSON can hold, as *kind*: an intervention, a change of policy, a note."""
        self._writer.put({"kind": kind, "at": self._clock.now(), **fields})

    def flush(self, *, timeout: float = 10.0) -> bool:
        """Count what is not counted yet, and wait until all is on disk; say whether it is, within *timeout* seconds."""
        self._count()
        return self._writer.flush(timeout)

    def close(self, *, timeout: float = 10.0) -> bool:
        """Write what is left, and release the folder; say whether all of it is on disk, within *timeout* seconds."""
        self._count()
        return self._writer.close(timeout)

    @property
    def lost(self) -> int:
        """Records that could not be kept so far, and that the log does not tell yet."""
        return self._writer.lost

    def _count(self) -> None:
        for (policy, version, tier, mode), many in self._counts.items():
            self.record("counts", {"policy": policy, "version": version, "tier": str(tier), "mode": mode,
                                   "answered": many})
        self._counts.clear()
        self._counted = 0


def _told(decision: Decision, request: Request, before: Tier) -> dict[str, Any]:
    told: dict[str, Any] = {
        "principal": decision.principal, "policy": decision.policy, "version": decision.version, "mode": decision.mode,
        "tier": str(decision.tier), "before": str(before), "allowed": decision.allowed, "refused": decision.refused,
        "reasons": [[reason.cause.value, reason.name] for reason in decision.reasons],
        "evidence": {name: round(value, 4) for name, value in decision.evidence.items()},
        "cohorts": {name: round(value, 4) for name, value in decision.cohorts.items()},
        "dialect": request.reading.dialect, "prompts": request.reading.count,
    }
    if decision.exempt:
        told["exempt"] = True
    return told
