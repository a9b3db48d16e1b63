"""The calibration, put together."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec

from ratelimit.calibrate.crowds import MOST_FOUND
from ratelimit.calibrate.nulls import LEAST, Fitted, fit
from ratelimit.calibrate.program import program
from ratelimit.calibrate.promise import FOLDS, SURE, Promise, enough, promise
from ratelimit.calibrate.readings import heard
from ratelimit.discovery import find
from ratelimit.policy import Policy
from ratelimit.trace.errors import UsageError
from ratelimit.trace.loop import HOLDS, INTERRUPTED, WRONG, find_modules_here
from ratelimit.trace.sides import lineups
from ratelimit.trace.text import complain, say

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ratelimit.calibrate.crowds import Crowd
    from ratelimit.calibrate.watching import Watching
    from ratelimit.signals import CohortSignal, PrincipalSignal
    from ratelimit.trace.reading import Replaying

#: Bets from which a principal counts as one that can be judged.
_SPOKEN = 5

@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """What can be chosen, beside what can be for a replay.

    policy  what to fit the nulls of, written ``module:name``; ``None``: the default policy.
    alpha   the share of honest principals that may be tightened for what they do themselves, above 0, at most 0.2.
    """

    trace: str
    policy: str | None = None
    alpha: float = 0.01
    maps: tuple[str, ...] = ()
    mapper: str | None = None
    clock: str = "seconds"
    max_bad: float = 0.01
    json: bool = False
    quiet: bool = False


class Calibration(msgspec.Struct, frozen=True, kw_only=True):
    """What a calibration came to: what ``--json`` prints.

    principals  that made requests; of these *judged* bet often enough to count; *needed* would be enough.
    found       of the principals, those left out as the engine itself tightens them.
    kept_tight  those that it tightens and that count, as they are more than a minority.
    bodies      cohorts of which those count as one principal that each would hold, and how many *in_bodies* there are.
    outside     of *tried* principals that the nulls were not fitted to, how many were tightened; *low* and *high*: the
                exact interval of that share.
    nulls       the fitted fields of each signal.
    unfitted    signals that keep their null, and the weight of principals that spoke of each.
    refused     why there is no policy; ``None`` if there is.
    program     the policy, as Python; ``None`` if there is none.
    """

    trace: str
    whole: bool
    lines: int
    bad_lines: int
    requests: int
    principals: int
    judged: int
    needed: int
    found: int
    kept_tight: int
    bodies: int
    in_bodies: int
    alpha: float
    sure: float
    tried: int
    outside: int
    low: float
    high: float
    nulls: dict[str, dict[str, Any]]
    unfitted: dict[str, float]
    refused: str | None
    program: str | None


def run(options: Options) -> int:
    """Calibrate, print what came of it, and return the exit code: 0, 3 if there is too little traffic, or as replay."""
    try:
        with ExitStack() as closing:
            return _run(options, closing)
    except UsageError as error:
        return complain("calibrate", error, WRONG)


def _run(options: Options, closing: ExitStack) -> int:
    find_modules_here()
    policies = next(iter(lineups((options.policy,) if options.policy else ()).values()))
    if len(policies) > 1:
        raise UsageError(f"--policy {options.policy}: holds {len(policies)} policies; calibrate one at a time")
    crowd, watching, replaying, code, failures = heard(options, policies, closing)
    made = _made(options, policies[0], watching, crowd, replaying, whole=code == 0)
    for number, reason in replaying.faults.named:
        say(f"line {number:,} is bad and was skipped: {reason}", sys.stderr)
    if options.json:
        say(msgspec.json.format(msgspec.json.encode(made)).decode(), sys.stdout)
    elif made.program is not None:
        say(made.program, sys.stdout)
    if code == INTERRUPTED:
        say("ratelimit calibrate: stopped; this is what came of it so far", sys.stderr)
    for failure in failures:
        complain("calibrate", failure, code)
    if made.refused is not None:
        say(f"ratelimit calibrate: {made.refused}", sys.stderr)
        return code or HOLDS
    return code


def _made(options: Options, policy: Policy, watching: Watching, crowd: Crowd, replaying: Replaying, *, whole: bool) -> (
        Calibration):
    judged = [one for one in crowd.counted
              if sum(map(len, one.book.affinity.values())) + len(one.book.cells) >= _SPOKEN]
    principals = len({one.id for one in watching.principals.values()} | crowd.found)
    many, needed = round(sum(one.share for one in judged)), enough(options.alpha)
    refused = _refusal(many, needed, options.alpha, principals)
    fitted = fit(judged, policy.signals, policy.cohort_signals, options.alpha)
    if refused is None and len(fitted.kept) == len(fitted.weights):
        told = ", ".join(f"{name} {weight:.0f}" for name, weight in fitted.weights.items())
        refused = (f"no signal has enough principals that it bets on: {told}, and {LEAST:.0f} whole ones are needed of "
                   "any; a longer trace gives each principal more bets")
    tried = Promise(0, 0, 0.0, 1.0) if refused else promise(judged, policy, options.alpha)
    made = Calibration(
        trace=options.trace, whole=whole, lines=replaying.faults.lines, bad_lines=replaying.faults.bad,
        requests=sum(one.requests for one in watching.principals.values()), principals=principals,
        judged=many, needed=needed, found=len(crowd.found), kept_tight=crowd.kept, bodies=crowd.bodies,
        in_bodies=crowd.in_bodies, alpha=options.alpha, sure=SURE, tried=tried.principals, outside=tried.outside,
        low=tried.low, high=tried.high, nulls={} if refused else _nulls(fitted, policy),
        unfitted={name: round(fitted.weights[name], 1) for name in fitted.kept}, refused=refused, program=None,
    )
    if refused is not None:
        return made
    called = options.policy is not None and not isinstance(find(options.policy, said=""), Policy | list | tuple)
    text = program(fitted, list(_comments(made, crowd, replaying)), options.policy, called=called)
    return msgspec.structs.replace(made, program=text)


def _refusal(many: int, needed: int, alpha: float, principals: int) -> str | None:
    """Return why *many* principals are too few."""
    if many >= needed:
        return None
    fits = next((share for share in (0.02, 0.03, 0.05, 0.1, 0.2) if share > alpha and many >= enough(share)), None)
    instead = f", or --alpha {fits:g}, for which {enough(fits)} do" if fits else ""
    longer = f"some {needed / many:.1f} times as much traffic" if many else "a trace in which principals ask often"
    return (f"too little traffic: of {principals:,} principals {many:,} asked enough to be judged, and to promise that "
            f"at most {alpha:.3g} of honest ones lie outside takes {needed:,} (of so many none would be outside by "
            f"chance once in {1 / (1 - SURE):.0f} times); enough would be {longer}{instead}")


def _nulls(fitted: Fitted, policy: Policy) -> dict[str, dict[str, Any]]:
    before: list[PrincipalSignal | CohortSignal] = [*policy.signals, *policy.cohort_signals]
    after: list[PrincipalSignal | CohortSignal] = [*fitted.signals, *fitted.cohort_signals]
    return {
        new.name: {
            field: getattr(new, field) for field in ("p0", "p1", "honest", "careful", "typical") if hasattr(new, field)
        }
        for old, new in zip(before, after, strict=True) if new is not old
    }


def _comments(made: Calibration, crowd: Crowd, replaying: Replaying) -> Iterator[str]:
    span = " to ".join(f"{datetime.fromtimestamp(at or 0.0, UTC):%Y-%m-%d}" for at in
                       (replaying.first_at, replaying.last_at))
    yield f"Fitted by ratelimit calibrate to {made.requests:,} requests of {made.principals:,} principals, {span}."
    yield f"alpha: of honest principals at most {made.alpha:.3g} are to be tightened for what they do themselves. The"
    yield "  nulls are the crowd's tail at alpha, drawn through its median and quartile, whoever the outermost few are."
    yield (f"How sure: of {made.tried:,} principals, judged in {FOLDS} parts by nulls fitted to the others, "
           f"{made.outside:,} were tightened,")
    yield (f"  so that the share lies between {made.low:.3%} and {made.high:.3%} ({made.sure:.0%}, "
           "Clopper-Pearson).")
    if made.found:
        yield f"Left out, as if they had never asked: {made.found:,} principals that the engine tightens as it is."
    if crowd.kept:
        yield (f"The engine tightens {crowd.kept:,} principals more, and they count: more than {MOST_FOUND:.0%} of all "
               "is no minority. Look whether they are honest.")
    if made.bodies:
        yield (f"Counted as {made.bodies:,}: {made.in_bodies:,} principals that cohorts with evidence would hold, were "
               "they tightened.")
    for name, weight in made.unfitted.items():
        yield f"Not fitted: {name}; it bet on {weight:.0f} principals in whole ones, and takes {LEAST:.0f}."
