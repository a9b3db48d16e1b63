"""A scenario, decided: what each label, principal and line came to."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ratelimit.discovery import policies_in
from ratelimit.errors import DiscoveryError
from ratelimit.scenario.expect import TIERS, Crowd, Expect, Line, ScenarioError, read_expect
from ratelimit.trace.deciding import Deciding
from ratelimit.trace.errors import BadLineError, TraceError, UsageError
from ratelimit.trace.faults import Faults
from ratelimit.trace.interrupts import Interrupts
from ratelimit.trace.reading import Replaying
from ratelimit.trace.rows import read_row
from ratelimit.trace.source import Source

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ratelimit.decision import Decision
    from ratelimit.policy import Policy
    from ratelimit.trace.case import Case

_TRACES = ("trace.jsonl", "trace.jsonl.gz", "trace.jsonl.zst")


class Check(NamedTuple):
    """One expectation: what it is about, what is *expected*, what was *seen*, and whether it *holds*.

    line  the first line of the trace at which it went wrong; 0 where no line says so.
    """

    about: str
    expected: str
    seen: str
    holds: bool
    line: int = 0

    def __str__(self) -> str:
        where = f" (first at line {self.line})" if self.line and not self.holds else ""
        return f"{self.about}: expected {self.expected}, saw {self.seen}{where}"


class Seen:
    """What some requests came to.

    requests, refused  how many.
    principals         their ids, and the worst tier that each met.
    causes             refusals by cause.
    first_refused, first_tight
                       the line of the first; 0 without any. *tight_after*: requests until then.
    bodies             hashes of the distinct bodies that were answered.
    """

    def __init__(self) -> None:
        self.requests = self.refused = self.first_refused = self.first_tight = self.tight_after = self.last = 0
        self.first_at, self.last_at = 0.0, 0.0
        self.principals: dict[str, int] = {}
        self.causes: dict[str, int] = {}
        self.bodies: set[int] = set()
        self.worst_line = {0: 0}

    def add(self, line: int, case: Case, decision: Decision) -> None:
        """Count one."""
        tier = int(decision.tier)
        self.requests += 1
        self.first_at = self.first_at or case.at
        self.last, self.last_at = tier, case.at
        self.principals[case.name] = max(self.principals.get(case.name, 0), tier)
        self.worst_line.setdefault(tier, line)
        if tier >= 2 and not self.first_tight:
            self.first_tight, self.tight_after = line, self.requests
        if not decision.refused:
            self.bodies.add(hash(case.body))
            return
        self.refused += 1
        self.first_refused = self.first_refused or line
        for cause in {reason.cause.value for reason in decision.reasons}:
            self.causes[cause] = self.causes.get(cause, 0) + 1


class Outcome(NamedTuple):
    """What a scenario came to: its *checks*, and what was *seen* of each label."""

    folder: Path
    expect: Expect
    policies: tuple[Policy, ...]
    checks: tuple[Check, ...]
    labels: dict[str, Seen]
    lines: int

    @property
    def holds(self) -> bool:
        """Whether all is as expected."""
        return all(check.holds for check in self.checks)


class _Side(Deciding):
    """Decides lines, and keeps what is asked about."""

    def __init__(self, policies: Sequence[Policy], expect: Expect) -> None:
        super().__init__(policies)
        self.line = 0
        self.labels: dict[str, Seen] = {}
        self.principals: dict[str, Seen] = {name: Seen() for name in expect.principals}
        self.requests: dict[int, Decision | None] = {one.line: None for one in expect.requests}

    def decide(self, case: Case) -> Decision:
        """Decide one line."""
        self.line += 1
        decision = self.decision_of(case)
        self.labels.setdefault(case.label or "", Seen()).add(self.line, case, decision)
        if case.name in self.principals:
            self.principals[case.name].add(self.line, case, decision)
        if self.line in self.requests:
            self.requests[self.line] = decision
        return decision

    def skip(self, why: str) -> None:  # noqa: ARG002 (it is named elsewhere)
        """Count a line that is none."""
        self.line += 1


def run_scenario(folder: str | Path) -> Outcome:
    """Decide the trace in *folder* under its policy, and hold it against what is expected. Raises: ScenarioError."""
    folder = Path(folder)
    expect = read_expect(folder / "expect.toml")
    policies = _policies(folder, expect.policy)
    side = _Side(policies, expect)
    trace = next((folder / name for name in _TRACES if (folder / name).exists()), None)
    if trace is None:
        raise ScenarioError(f"{folder}: has no trace; put it there as {', '.join(_TRACES)}")
    replaying = Replaying([side], read_row, Faults(0.0))
    try:
        source = Source(str(trace))
        try:
            with Interrupts() as interrupts:
                for line in source.lines(interrupts):
                    replaying.feed(line)
        finally:
            source.close()
    except (TraceError, UsageError, BadLineError) as error:
        raise ScenarioError(f"{trace}: {error}") from error
    finally:
        side.close()
    if replaying.faults.bad:
        number, reason = replaying.faults.named[0]
        raise ScenarioError(f"{trace}:{number}: {reason}")
    return Outcome(folder, expect, policies, tuple(_checks(expect, side)), side.labels, side.line)


def _policies(folder: Path, name: str) -> tuple[Policy, ...]:
    path = folder / "policy.py"
    spec = importlib.util.spec_from_file_location(f"scenario_{abs(hash(str(path.resolve())))}", path)
    if spec is None or spec.loader is None or not path.exists():
        raise ScenarioError(f"{path}: is not there; it must hold a Policy called {name!r}")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    try:
        spec.loader.exec_module(module)
        return policies_in(getattr(module, name), said=f"{path}: {name}")
    except AttributeError:
        raise ScenarioError(f"{path}: has no {name!r}; name another by policy = in expect.toml") from None
    except DiscoveryError as error:
        raise ScenarioError(str(error)) from error
    except Exception as error:
        raise ScenarioError(f"{path}: raised {type(error).__name__}: {error}") from error
    finally:
        sys.modules.pop(spec.name, None)


def _checks(expect: Expect, side: _Side) -> Iterator[Check]:
    tables = (("label", expect.labels, side.labels), ("principal", expect.principals, side.principals))
    for kind, wanted, found in tables:
        for name, crowd in wanted.items():
            seen = found.get(name)
            if seen is None or not seen.requests:
                yield Check(f"{kind} {name}", "requests", "none in the trace", holds=False)
            else:
                yield from _crowd(f"{kind} {name}", crowd, seen)
    for one in expect.requests:
        yield from _request(one, side.requests[one.line])


def _crowd(about: str, crowd: Crowd, seen: Seen) -> Iterator[Check]:
    refused = seen.refused / seen.requests
    tight = sum(worst >= 2 for worst in seen.principals.values()) / len(seen.principals)
    told = f"{refused:.1%} ({seen.refused:,} of {seen.requests:,})"
    if (most := crowd.refused_at_most) is not None:
        yield Check(about, f"at most {most:.1%} refused", told, refused <= most, seen.first_refused)
    if (least := crowd.refused_at_least) is not None:
        yield Check(about, f"at least {least:.1%} refused", told, refused >= least)
    told = f"{tight:.1%} of {len(seen.principals):,} principals"
    if (most := crowd.tightened_at_most) is not None:
        yield Check(about, f"at most {most:.1%} tightened", told, tight <= most, seen.first_tight)
    if (least := crowd.tightened_at_least) is not None:
        yield Check(about, f"at least {least:.1%} tightened", told, tight >= least)
    if (within := crowd.tightened_within) is not None:
        after = f"after {seen.tight_after:,}" if seen.first_tight else "never"
        yield Check(about, f"the tier soft within {within:,} requests", after, 0 < seen.tight_after <= within,
                    seen.first_tight)
    if crowd.worst_tier is not None:
        worst, most_tier = max(seen.principals.values()), TIERS.index(crowd.worst_tier)
        beyond = min((line for tier, line in seen.worst_line.items() if tier > most_tier), default=0)
        yield Check(about, f"no tier beyond {crowd.worst_tier}", TIERS[worst], worst <= most_tier, beyond)
    if crowd.last_tier is not None:
        yield Check(about, f"the last request in the tier {crowd.last_tier}", TIERS[seen.last],
                    TIERS[seen.last] == crowd.last_tier)
    if (many := crowd.answered_distinct_at_most) is not None:
        got = len(seen.bodies)
        yield Check(about, f"at most {many:,} distinct bodies answered", f"{got:,}", got <= many)


def _request(wanted: Line, decision: Decision | None) -> Iterator[Check]:
    about = f"line {wanted.line}"
    if decision is None:
        yield Check(about, "a request", "none: the trace is shorter", holds=False)
        return
    if wanted.allowed is not None:
        words = {True: "answered", False: "refused"}
        yield Check(about, words[wanted.allowed], words[not decision.refused], decision.refused is not wanted.allowed,
                    wanted.line)
    if wanted.tier is not None:
        tier = str(decision.tier)
        yield Check(about, f"the tier {wanted.tier}", tier, tier == wanted.tier, wanted.line)
    if wanted.cause is not None:
        causes = sorted({reason.cause.value for reason in decision.reasons})
        yield Check(about, f"the cause {wanted.cause}", ", ".join(causes) or "no cause", wanted.cause in causes,
                    wanted.line)
