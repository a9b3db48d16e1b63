"""What people decide over the engine's head: for a reason, in somebody's name, and for a while."""

from __future__ import annotations

import logging
import os
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

import msgspec

from ratelimit.clock import Clock, SystemClock
from ratelimit.errors import RatelimitError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Kind: TypeAlias = Literal["block", "exempt", "spare"]

_KINDS: tuple[Kind, ...] = get_args(Kind)
_HEX = frozenset("0123456789abcdef")
_log = logging.getLogger("ratelimit")

#: Seconds between two looks at the file.
_EVERY = 1.0


class InterventionError(RatelimitError):
    """An intervention that cannot be made or read: what, where, and the mend."""


class Intervention(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One intervention, or the end of one.

    kind       ``block`` refuses every request; ``exempt`` lets all pass, uncharged and unobserved; ``spare`` leaves the
               principal its budget and asks for nothing else: whatever evidence there is does not count, and fades
               meanwhile. ``lift`` ends what there is.
    principal  its keyed hash in hexadecimal, as decisions and logs have it.
    reason     why; *by*: who says so. Neither is told to the caller.
    at, until  from when to when it counts, Unix seconds.
    """

    kind: Literal["block", "exempt", "spare", "lift"]
    principal: str
    reason: str
    by: str
    at: float
    until: float


class Interventions:
    """The interventions that count now: give them to the middleware, and change them while it runs.

        interventions = Interventions("/var/lib/ratelimit/interventions.jsonl")
        app.add_middleware(RateLimitMiddleware, policy=policy, interventions=interventions)

    file    where they are kept, a line each, appended and never rewritten: workers that share the file see what any of
            them, or the command ``ratelimit intervene``, adds within a second. ``None``: only this process knows them.
    record  called with ``"intervention"`` and the fields of each that comes to be known here: ``EvidenceLog.record``.
    clock   dates them.

    A principal has one intervention at a time: the last. Each ends by itself. One that exempts or spares never gives a
    caller anything of another's.

    Raises: InterventionError.
    """

    def __init__(
        self, file: str | Path | None = None, *, record: Callable[[str, dict[str, Any]], object] | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._file = None if file is None else Path(file)
        self._record, self._clock = record, clock or SystemClock()
        self._current: dict[str, Intervention] = {}
        self._read = 0
        self._looked = 0.0
        self._look(self._clock.now())

    def __repr__(self) -> str:
        return f"Interventions({str(self._file) if self._file else ''!r}, {len(self._current)} count)"

    def of(self, principal: str) -> Intervention | None:
        """Return the intervention that counts for *principal* (a keyed hash) now; ``None`` without one."""
        now = self._clock.now()
        if now - self._looked >= _EVERY or now < self._looked:
            self._look(now)
        found = self._current.get(principal) if self._current else None
        if found is not None and now >= found.until:
            del self._current[principal]
            return None
        return found

    def add(self, kind: Kind, principal: str, *, reason: str, by: str, lasts: timedelta) -> Intervention:
        """Let an intervention count from now on, for as long as it *lasts*. Raises: InterventionError."""
        problems = []
        if kind not in _KINDS:
            problems.append(f"kind: must be one of {', '.join(_KINDS)}, got {kind!r}")
        if lasts <= timedelta(0):
            problems.append(f"lasts: must be positive, got {lasts!r}; to end one use lift()")
        now = self._clock.now()
        return self._add(Intervention(kind=kind, principal=principal, reason=reason, by=by, at=now,
                                      until=now + max(0.0, lasts.total_seconds())), problems)

    def lift(self, principal: str, *, reason: str, by: str) -> Intervention:
        """End what counts for *principal*. Raises: InterventionError, also where nothing does."""
        problems = [] if self.of(principal) is not None else [
            f"principal: nothing counts for {principal!r} now; `ratelimit intervene list` tells what does"]
        now = self._clock.now()
        end = Intervention(kind="lift", principal=principal, reason=reason, by=by, at=now, until=now)
        return self._add(end, problems)

    def __iter__(self) -> Iterator[Intervention]:
        """Yield those that count now, the oldest first."""
        now = self._clock.now()
        self._look(now)
        yield from sorted((one for one in self._current.values() if now < one.until), key=lambda one: one.at)

    def _add(self, one: Intervention, problems: list[str]) -> Intervention:
        if len(one.principal) != 32 or not _HEX.issuperset(one.principal):
            problems.append(f"principal: must be the 32 hexadecimal digits that decisions show, got {one.principal!r}")
        problems += [f"{field}: must not be empty" for field in ("reason", "by") if not getattr(one, field).strip()]
        if problems:
            raise InterventionError("; ".join(problems))
        if self._file is None:
            self._take(one)
            return one
        line = msgspec.json.encode(one) + b"\n"
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            handle = os.open(self._file, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                os.write(handle, line)  # one write: lines of several processes do not mix
                os.fsync(handle)
            finally:
                os.close(handle)
        except OSError as error:
            said = f"{self._file}: cannot be written ({error.strerror}); nothing was changed"
            raise InterventionError(said) from error
        self._look(self._clock.now())
        return one

    def _look(self, now: float) -> None:
        """Take up what was appended to the file since the last look."""
        self._looked = now
        if self._file is None:
            return
        try:
            size = self._file.stat().st_size
            if size == self._read:
                return
            if size < self._read:  # it was written anew
                self._read = 0
                self._current.clear()
            with self._file.open("rb") as file:
                file.seek(self._read)
                data = file.read(size - self._read)
        except FileNotFoundError:
            return
        except OSError:
            _log.exception("the interventions in %s cannot be read; those that are known go on counting", self._file)
            return
        whole = data[: data.rfind(b"\n") + 1]
        self._read += len(whole)
        for line in whole.splitlines():
            try:
                self._take(msgspec.json.decode(line, type=Intervention))
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                _log.error("a line of %s is no intervention, and was passed over: %s", self._file, error)

    def _take(self, one: Intervention) -> None:
        if one.kind == "lift":
            self._current.pop(one.principal, None)
        else:
            self._current[one.principal] = one
        if self._clock.now() - one.at < 60.0:  # and not the history, when a process begins
            _log.warning("intervention: %s %s until %.0f by %s: %s", one.kind, one.principal, one.until, one.by,
                         one.reason)
            if self._record is not None:
                fields = msgspec.structs.asdict(one)
                self._record("intervention", {"subject": fields.pop("principal"), "what": fields.pop("kind"), **fields})
