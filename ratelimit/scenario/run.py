"""The commands ``ratelimit scenario run``, ``new`` and ``explain``."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from ratelimit.scenario.expect import TIERS, ScenarioError
from ratelimit.scenario.play import Outcome, run_scenario
from ratelimit.trace.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import TextIO

#: Exit codes: something is not as expected; a scenario cannot be run.
UNEXPECTED, WRONG = 1, 2

_POLICY = '''"""The policy of this scenario: try another burst."""

from datetime import timedelta

from ratelimit import Budget, Policy

policy = Policy(budgets=(Budget(quota=60, window=timedelta(hours=1), burst=3),))
'''

_EXPECT = """about = "One key asks four times at once, and its burst is three."

# Each table is one label of the trace, or one principal; what is left out is not looked at.
[labels.customer]
refused_at_most = 0.25      # the share of its requests
tightened_at_most = 0.0     # the share of its principals
worst_tier = "clear"        # clear, watch, soft, hard

# And single requests, by their line.
[[requests]]
line = 4
allowed = false
cause = "quota"             # quota, behaviour, cohort, cost, concurrency, unreadable
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """What was asked: *command* of *folders*."""

    command: str
    folders: tuple[str, ...]
    json: bool = False
    quiet: bool = False


def run(options: Options) -> int:
    """Do what was asked, print what came of it, and return the exit code: 0 if all is as expected."""
    try:
        if options.command == "new":
            return _new(Path(options.folders[0]))
        return _explain(options) if options.command == "explain" else _run(options)
    except ScenarioError as error:
        _say(f"ratelimit scenario: {error}", sys.stderr)
        return WRONG


def _run(options: Options) -> int:
    progress, outcomes, wrong = Progress(quiet=options.quiet), [], 0
    try:
        for number, folder in enumerate(options.folders):
            progress.show(folder, number / len(options.folders))
            try:
                outcomes.append(run_scenario(folder))
            except ScenarioError as error:
                _say(f"ratelimit scenario: {error}", sys.stderr)
                wrong += 1
    finally:
        progress.close()
    if options.json:
        _say(msgspec.json.encode([_as_json(one) for one in outcomes]).decode(), sys.stdout)
    else:
        for one in outcomes:
            many = len(one.checks)
            _say(f"{'holds' if one.holds else 'FAILS'}  {one.folder}: {one.expect.about} ({many} expectations, "
                 f"{one.lines:,} requests)", sys.stdout)
            for check in one.checks:
                if not check.holds:
                    _say(f"       {check}", sys.stdout)
    if wrong:
        return WRONG
    return 0 if all(one.holds for one in outcomes) else UNEXPECTED


def _explain(options: Options) -> int:
    outcome = run_scenario(options.folders[0])
    for line in told(outcome):
        _say(line, sys.stdout)
    return 0 if outcome.holds else UNEXPECTED


def told(outcome: Outcome) -> Iterator[str]:
    """Yield what happened in a scenario, in words."""
    yield f"{outcome.folder}: {outcome.expect.about}"
    for policy in outcome.policies:
        budgets = ", ".join(f"{one.quota} in {one.window}, {one.burst} at once" for one in policy.budgets)
        names = [one.name for one in policy.signals] + [one.name for one in policy.cohort_signals]
        watched = ", ".join(names) or "nothing"
        yield f"policy {policy.name!r} (version {policy.version}): {budgets}; watches {watched}"
    yield ""
    for label, seen in sorted(outcome.labels.items()):
        hours = (seen.last_at - seen.first_at) / 3600
        yield (f"{label or 'without a label'}: {len(seen.principals):,} principals sent {seen.requests:,} requests in "
               f"{hours:,.1f} hours; {seen.requests - seen.refused:,} were answered, {seen.refused:,} refused")
        if seen.causes:
            causes = ", ".join(f"{many:,} for {cause}" for cause, many in sorted(seen.causes.items()))
            yield f"  refused: {causes}; the first at line {seen.first_refused:,}"
        if seen.first_tight:
            tight = sum(worst >= 2 for worst in seen.principals.values())
            yield (f"  tightened: {tight:,} principals, the first after {seen.tight_after:,} requests, at line "
                   f"{seen.first_tight:,}; the worst tier is {TIERS[max(seen.principals.values())]}")
    yield ""
    for check in outcome.checks:
        yield f"{'holds' if check.holds else 'FAILS'}  {check}"


def _new(folder: Path) -> int:
    if folder.exists() and any(folder.iterdir()):
        raise ScenarioError(f"{folder}: is there already, and not empty; name a new folder")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "policy.py").write_text(_POLICY, "utf-8")
    (folder / "expect.toml").write_text(_EXPECT, "utf-8")
    rows = [msgspec.json.encode({
        "at": 1_760_000_000 + number, "principal": "key-1", "path": "/v1/chat/completions", "label": "customer",
        "body": {"model": "m", "messages": [{"role": "user", "content": f"Question {number}"}]},
    }).decode() for number in range(4)]
    (folder / "trace.jsonl").write_text("\n".join(rows) + "\n", "utf-8")
    _say(f"{folder}: a scenario that holds; change it, and run it by `ratelimit scenario run {folder}`", sys.stdout)
    return 0


def _as_json(outcome: Outcome) -> dict[str, object]:
    return {
        "folder": str(outcome.folder), "about": outcome.expect.about, "holds": outcome.holds, "requests": outcome.lines,
        "versions": {policy.name: policy.version for policy in outcome.policies},
        "checks": [check._asdict() for check in outcome.checks],
    }


def _say(text: str, file: TextIO) -> None:
    file.write(f"{text}\n")
