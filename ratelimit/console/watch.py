"""What the console knows: kept from the decisions as they are made, bounded, and without any text of a prompt."""

from __future__ import annotations

import math
from collections import OrderedDict, deque
from heapq import nsmallest
from typing import TYPE_CHECKING

import msgspec

from ratelimit.clock import Clock, SystemClock
from ratelimit.decision import Decision, Remaining, Tier

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ratelimit.request import Request

#: Points of a line, events of a story, and members of a cohort that are kept.
POINTS, EVENTS, MEMBERS = 240, 60, 2000

#: A point is kept when the evidence moved by so much (log10), or after so many seconds.
_STEP, _PAUSE = 0.1, 60.0


class Seen(msgspec.Struct, kw_only=True):
    """One principal, as its decisions show it.

    name       its keyed hash in hexadecimal.
    tier       that its last decision met; *evidence* against itself by signal, *cohorts* by name, both log10.
    requests, refused, prompts
               counted from *first* to *last* (Unix seconds); *refused* also where the mode only says so; *prompts*
               those of requests that went on.
    line       (at, log10 of the most evidence) over time; *story*: (at, what happened).
    """

    name: str
    policy: str = ""
    mode: str = ""
    tier: Tier = Tier.CLEAR
    evidence: dict[str, float] = {}
    cohorts: dict[str, float] = {}
    remaining: tuple[Remaining, ...] = ()
    requests: int = 0
    refused: int = 0
    prompts: int = 0
    first: float = 0.0
    last: float = 0.0
    line: list[tuple[float, float]] = []
    story: list[tuple[float, str]] = []


class Body(msgspec.Struct, kw_only=True):
    """One cohort, as the decisions of its members show it.

    members   of each the requests, those refused, and the prompts that went on; at most 2,000, the latest.
    harvested prompts that went on since the cohort had any evidence against it.
    """

    name: str
    evidence: float = 0.0
    requests: int = 0
    refused: int = 0
    harvested: int = 0
    first: float = 0.0
    last: float = 0.0
    members: dict[str, list[int]] = {}
    line: list[tuple[float, float]] = []

    @property
    def evenness(self) -> float:
        """How evenly the load lies on the members: entropy of their shares over that of equal ones, 0 to 1."""
        counts = [row[0] for row in self.members.values()]
        if len(counts) < 2:
            return 0.0
        total = sum(counts)
        return -sum(count / total * math.log(count / total) for count in counts) / math.log(len(counts))


class Watch:
    """Keeps what the console shows: give it as ``on_decision``.

    principals, cohorts  how many are kept; the longest unseen are forgotten first.
    clock                dates the decisions.

    A worker's watch knows the decisions of that worker.
    """

    #: Whether it is told of the decisions of others, which it has to take up.
    follows = False

    def __init__(self, *, principals: int = 20_000, cohorts: int = 5_000, clock: Clock | None = None) -> None:
        self._clock, self._most, self._most_bodies = clock or SystemClock(), principals, cohorts
        # In the order of use; looking is no use, so no page moves anything.
        self._seen: OrderedDict[str, Seen] = OrderedDict()
        self._bodies: OrderedDict[str, Body] = OrderedDict()
        self._tight: dict[str, None] = {}
        self._minutes: deque[list[int]] = deque(maxlen=60)
        self.version = 0

    def __repr__(self) -> str:
        return f"Watch({len(self._seen)} principals, {len(self._bodies)} cohorts)"

    def __call__(self, decision: Decision, request: Request) -> None:
        """Take note of *decision*."""
        self.note(decision, request.reading.count, self._clock.now())

    @property
    def up(self) -> bool | None:
        """Whether what tells it of decisions answers; ``None``: it is told in this process."""
        return None

    def catch_up(self) -> bool:
        """Take up what others decided meanwhile, and say whether there may be more: here nothing is."""
        return False

    def note(self, decision: Decision, prompts: int, now: float) -> None:
        """Take note of a *decision* about so many *prompts*, made at *now* (Unix seconds)."""
        name = decision.principal
        self.version += 1
        self._count(now, decision)
        if not name:
            return
        seen = self._seen.get(name)
        if seen is None:
            seen = self._newcomer(name, now)
        else:
            self._seen.move_to_end(name)
        prompts = prompts if decision.allowed else 0
        if decision.tier is not seen.tier:
            self._changed(seen, decision, now)
        seen.policy, seen.mode, seen.evidence, seen.remaining, seen.last = (
            decision.policy, decision.mode, decision.evidence, decision.remaining, now)
        seen.cohorts = decision.cohorts or seen.cohorts
        seen.requests += 1
        seen.refused += decision.refused
        seen.prompts += prompts
        most = max(decision.evidence.values(), default=0.0)
        for cohort, evidence in decision.cohorts.items():
            most = max(most, evidence)
            body = self._bodies.get(cohort)
            if body is None:
                if evidence <= 0:
                    continue
                if len(self._bodies) >= self._most_bodies:
                    self._bodies.popitem(last=False)
                body = self._bodies[cohort] = Body(name=cohort, first=now)
            else:
                self._bodies.move_to_end(cohort)
            self._join(body, decision, prompts=prompts, now=now)
        _draw(seen.line, most, now)

    def find(self, name: str) -> Seen | None:
        """Return the principal with that hash; ``None`` if it is not known."""
        return self._seen.get(name)

    def body(self, name: str) -> Body | None:
        """Return the cohort of that name; ``None`` if it is not known."""
        return self._bodies.get(name)

    def tightened(self) -> Iterator[Seen]:
        """Yield those that are tightened now, the latest first."""
        for name in reversed(self._tight):
            yield self._seen[name]

    def search(self, begins: str) -> Iterator[Seen]:
        """Yield those whose hashes begin so, the latest seen last."""
        for name, seen in self._seen.items():
            if name.startswith(begins):
                yield seen

    def bodies(self, most: int | None = None) -> list[Body]:
        """Return the cohorts, or the first so many, the most evidence first."""
        many = len(self._bodies) if most is None else most
        return nsmallest(many, self._bodies.values(), key=lambda body: (-body.evidence, body.name))

    def minutes(self) -> list[tuple[float, int, int]]:
        """Return (Unix seconds, answered, refused) of each of the last sixty minutes that had any request."""
        return [(minute * 60.0, answered, refused) for minute, answered, refused in self._minutes]

    @property
    def counts(self) -> tuple[int, int, int]:
        """How many principals are known, how many of them are tightened, and how many cohorts have evidence."""
        return len(self._seen), len(self._tight), len(self._bodies)

    def _newcomer(self, name: str, now: float) -> Seen:
        if len(self._seen) >= self._most:
            gone, _ = self._seen.popitem(last=False)
            self._tight.pop(gone, None)
        seen = self._seen[name] = Seen(name=name, first=now)
        return seen

    def _count(self, now: float, decision: Decision) -> None:
        minute = int(now // 60)
        if not self._minutes or self._minutes[-1][0] < minute:
            self._minutes.append([minute, 0, 0])
        self._minutes[-1][1 + decision.refused] += 1

    def _changed(self, seen: Seen, decision: Decision, now: float) -> None:
        why = "; ".join(dict.fromkeys(reason.detail for reason in decision.reasons))
        seen.story.append((now, f"{seen.tier} → {decision.tier}" + (f": {why}" if why else "")))
        del seen.story[:-EVENTS]
        seen.tier = decision.tier
        self._tight.pop(seen.name, None)
        if seen.tier >= Tier.SOFT:
            self._tight[seen.name] = None

    def _join(self, body: Body, decision: Decision, *, prompts: int, now: float) -> None:
        name, evidence = decision.principal, decision.cohorts[body.name]
        row = body.members.pop(name, None) or [0, 0, 0]
        if len(body.members) >= MEMBERS:
            del body.members[next(iter(body.members))]
        body.members[name] = [row[0] + 1, row[1] + decision.refused, row[2] + prompts]
        body.evidence, body.last = evidence, now
        body.requests += 1
        body.refused += decision.refused
        body.harvested += prompts
        _draw(body.line, evidence, now)


def _draw(line: list[tuple[float, float]], value: float, now: float) -> None:
    """Add a point, if it says anything; of a line that is full every other of the older half goes."""
    if not line:
        if value > 0:
            line.append((now, value))
        return
    at, last = line[-1]
    if abs(value - last) >= _STEP or (now - at >= _PAUSE and value != last):
        line.append((now, value))
        if len(line) > POINTS:
            line[: POINTS // 2] = line[: POINTS // 2 : 2]
