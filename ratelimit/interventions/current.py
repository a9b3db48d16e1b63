"""The interventions that count now."""

from __future__ import annotations

import logging
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

import msgspec

from ratelimit.clock import Clock, SystemClock
from ratelimit.interventions.journal import FileJournal, Journal
from ratelimit.interventions.stream import StreamJournal
from ratelimit.interventions.values import Intervention, InterventionError, Kind, problems

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import timedelta

_log = logging.getLogger("ratelimit")

_URLS = ("redis://", "rediss://", "unix://")


class Interventions:
    """The interventions that count now: give them to the middleware, and change them while it runs.

        interventions = Interventions("/var/lib/ratelimit/interventions.jsonl")
        app.add_middleware(RateLimitMiddleware, policy=policy, interventions=interventions)

    at      where they are kept: a file, which workers of one machine share, or the URL of a Redis server, which several
            machines do (extra ``redis``). What any worker, the console, or the command ``ratelimit intervene`` adds
            counts everywhere within a second. ``None``: only this process knows them.
    record  called with ``"intervention"`` and the fields of each that comes to be known here: ``EvidenceLog.record``.
    prefix  in Redis, what the key begins with.
    clock   dates them.

    A subject has one intervention at a time: the last. Each ends by itself. One that exempts or pardons never gives a
    caller anything of another's.

    Raises: InterventionError.
    """

    def __init__(
        self, at: str | Path | None = None, *, record: Callable[[str, dict[str, Any]], object] | None = None,
        prefix: str = "ratelimit", clock: Clock | None = None,
    ) -> None:
        self._journal: Journal | None = None
        if at is not None:
            shared = str(at).startswith(_URLS)
            self._journal = StreamJournal(str(at), prefix=prefix) if shared else FileJournal(Path(at))
        self._record, self._clock = record, clock or SystemClock()
        self._current: dict[str, Intervention] = {}
        self._dissolved: dict[str, float] = {}
        self._looked = 0.0
        self._looking = Lock()  # a console acts in a thread, so that the event loop does not wait for a disk or server
        self._look(self._clock.now())

    def __repr__(self) -> str:
        return f"Interventions({self._journal or ''!s}, {len(self._current)} count)"

    def of(self, subject: str) -> Intervention | None:
        """Return the intervention that counts for *subject* now; ``None`` without one."""
        now = self._clock.now()
        self._look_again(now)
        found = self._current.get(subject) if self._current else None
        if found is not None and now >= found.until:
            self._current.pop(subject, None)
            return None
        return found

    def dissolved(self) -> tuple[str, ...]:
        """Return the hashes of the cohorts that are dissolved now, as far as the last ``of`` looked."""
        if not self._dissolved:
            return ()
        now = self._clock.now()
        for cohort, until in list(self._dissolved.items()):
            if now >= until:
                self._dissolved.pop(cohort, None)
        return tuple(self._dissolved)

    def add(
        self, kind: Kind, subject: str, *, reason: str, by: str, lasts: timedelta, tier: str = ""
    ) -> Intervention:
        """Let an intervention count from now on, for as long as it *lasts*. Raises: InterventionError."""
        now = self._clock.now()
        return self._add(Intervention(kind=kind, subject=subject, reason=reason, by=by, at=now, tier=tier,
                                      until=now + lasts.total_seconds()))

    def lift(self, subject: str, *, reason: str, by: str) -> Intervention:
        """End what counts for *subject*. Raises: InterventionError, also where nothing does."""
        if self.of(subject) is None:
            raise InterventionError(
                f"subject: nothing counts for {subject!r} now; `ratelimit intervene list` tells what does")
        now = self._clock.now()
        return self._add(Intervention(kind="lift", subject=subject, reason=reason, by=by, at=now, until=now))

    def __iter__(self) -> Iterator[Intervention]:
        """Yield those that count now, the oldest first."""
        now = self._clock.now()
        self._look(now)
        yield from sorted((one for one in list(self._current.values()) if now < one.until), key=lambda one: one.at)

    def _add(self, one: Intervention) -> Intervention:
        found = list(problems(one))
        if found:
            raise InterventionError("; ".join(found))
        if self._journal is None:
            self._take(one)
            return one
        self._journal.append(msgspec.json.encode(one))
        self._keep(one)  # it counts here at once, whenever the journal tells of it
        self._look(self._clock.now())
        return one

    def _look_again(self, now: float) -> None:
        if self._journal is not None and not 0 <= now - self._looked < self._journal.every:
            self._look(now)

    def _look(self, now: float) -> None:
        """Take up what was appended since the last look."""
        self._looked = now
        if self._journal is None:
            return
        with self._looking:
            anew, lines = self._journal.news()
            if anew:
                self._current.clear()
                self._dissolved.clear()
            for line in lines:
                try:
                    self._take(msgspec.json.decode(line, type=Intervention))
                except (msgspec.DecodeError, UnicodeDecodeError) as error:
                    _log.error("a line of %s is no intervention, and was passed over: %s", self._journal, error)

    def _take(self, one: Intervention) -> None:
        self._keep(one)
        if self._clock.now() - one.at < 60.0:  # and not the history, when a process begins
            _log.warning("intervention: %s %s until %.0f by %s: %s", one.kind, one.subject, one.until, one.by,
                         one.reason)
            if self._record is not None:
                fields = msgspec.structs.asdict(one)
                self._record("intervention", {"what": fields.pop("kind"), **fields})

    def _keep(self, one: Intervention) -> None:
        if one.kind == "lift":
            self._current.pop(one.subject, None)
        else:
            self._current[one.subject] = one
        name = one.subject.rpartition(":")[2]
        if one.kind == "dissolve":
            self._dissolved[name] = one.until
        elif ":" in one.subject:
            self._dissolved.pop(name, None)
