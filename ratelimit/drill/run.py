"""The drill, put together."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from ratelimit.drill.casting import adversaries, crowds, listed
from ratelimit.drill.guards import Behaviour, Nothing, Quota
from ratelimit.drill.language import Language
from ratelimit.drill.ledger import Ledger
from ratelimit.drill.outcome import FIGURES, Drill, Outcome, equal_quota, outcome
from ratelimit.drill.rehearsal import rehearse
from ratelimit.drill.stage import DAY, START, Stage
from ratelimit.drill.telling import told
from ratelimit.report.writing import PageError, check, write
from ratelimit.trace.conditions import conditions
from ratelimit.trace.errors import UsageError
from ratelimit.trace.interrupts import Interrupts
from ratelimit.trace.loop import FAILED, HOLDS, INTERRUPTED, WRONG, find_modules_here
from ratelimit.trace.progress import Progress
from ratelimit.trace.sides import lineups
from ratelimit.trace.text import complain, say

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ratelimit.drill.acting import Adversary
    from ratelimit.drill.guards import Guard

#: The alleged campaign's size.
FULL_ACCOUNTS, FULL_DAYS = 25_000, 45.0

# The share of the work of one adversary that each of its rehearsals is.
_PARTS = (0.0, 0.86, 0.93, 1.0)


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """What can be chosen.

    names     adversaries, built in or ``module:name``; none: all that are built in.
    policy    what to rehearse against, ``module:name``; ``None``: the default policy.
    crowds    honest crowds of one's own, ``module:name``, beside the built-in ones.
    seed      everything that is asked, by whom and when, follows from it.
    days      how long a campaign takes.
    accounts  how many accounts it begins with.
    full      the alleged campaign's size, in place of *days* and *accounts*.
    fail_if   conditions on a figure, each such as ``harvested>0.05``.
    report    where a page with pictures is written; ``None``: nowhere.
    json      whether the outcome is printed as JSON.
    list      whether only the names are printed.
    quiet     whether no progress is shown.
    """

    names: tuple[str, ...] = ()
    policy: str | None = None
    crowds: tuple[str, ...] = ()
    seed: int = 1
    days: float = 15.0
    accounts: int = 60
    full: bool = False
    fail_if: tuple[str, ...] = ()
    report: str | None = None
    json: bool = False
    list: bool = False
    quiet: bool = False


def run(options: Options) -> int:
    """Rehearse, print what came of it, and return the exit code: 0, or one of the above with a sentence to it."""
    if options.list:
        say(listed(), sys.stdout)
        return 0
    try:
        if options.report is not None:
            check(options.report)
        return _Run(options).run()
    except (UsageError, PageError) as error:
        return complain("drill", error, WRONG)


class _Run:
    """One drill. Raises: UsageError."""

    def __init__(self, options: Options) -> None:
        find_modules_here()
        self._options = options
        self._days = FULL_DAYS if options.full else options.days
        self._accounts = FULL_ACCOUNTS if options.full else options.accounts
        self._adversaries, self._crowds = adversaries(options.names), crowds(options.crowds)
        self._conditions = conditions(options.fail_if, FIGURES)
        found = lineups(() if options.policy is None else (options.policy,))
        self._label, self._policies = next(iter(found.items()))
        self._language = Language(options.seed)
        self._progress = Progress(quiet=options.quiet, piped=True)
        self._interrupts = Interrupts()

    def run(self) -> int:
        """Rehearse everybody, print and return the exit code."""
        outcomes: list[Outcome] = []
        try:
            with self._interrupts:
                for number, adversary in enumerate(self._adversaries):
                    outcomes.append(self._outcome(number, adversary))
                    if self._interrupts.asked:
                        break
        except KeyboardInterrupt:  # the second time: what is whole stands
            self._interrupts.asked = True
        finally:
            self._progress.close()
        drill = Drill(policy=self._label, seed=self._options.seed, days=self._days, accounts=self._accounts,
                      whole=not self._interrupts.asked, outcomes=outcomes)
        return self._tell(drill)

    def _outcome(self, number: int, adversary: Adversary) -> Outcome:
        guard, under = Behaviour(self._label, self._policies), self._ledger(arrivals=True)
        casts = [(crowd, self._stage(crowd.name, honest=True)) for crowd in self._crowds]
        mine = (adversary, self._stage(adversary.name))
        reached = self._rehearse([*casts, mine], guard, under, number=number, part=0,
                                 seconds=self._days * DAY)
        whole = not self._interrupts.asked
        per_day = equal_quota(under.arrivals, under.honest_refused / max(1, under.honest_requests))
        free, fixed = self._ledger(), self._ledger()
        others: tuple[tuple[Guard, Ledger], ...] = ((Nothing(), free), (Quota(per_day), fixed))
        for part, (other, ledger) in enumerate(others, 1):
            self._rehearse([(adversary, self._stage(adversary.name))], other, ledger, number=number, part=part,
                           seconds=reached)
        return outcome(
            adversary=adversary.name, summary=adversary.summary, days=reached / DAY, policy=under, nothing=free,
            fixed=fixed, tally=guard.side.tally, per_day=per_day, whole=whole,
        )

    def _rehearse(
        self, casts: list[tuple[Any, Stage]], guard: Guard, ledger: Ledger, *, number: int, part: int, seconds: float
    ) -> float:
        """Rehearse once; return the seconds of simulated time that it took."""
        reached = [seconds]
        asked = self._interrupts.asked  # what was stopped is compared with as much of the others

        def look(share: float) -> bool:
            begins, ends = _PARTS[part], _PARTS[part + 1]
            done = (number + begins + (ends - begins) * share) / len(self._adversaries)
            self._progress.show(self._adversaries[number].name, done)
            if self._interrupts.asked and not asked and part == 0:
                reached[0] = share * seconds
                return False
            return True

        rehearse(casts, guard, ledger, start=START, seconds=seconds, look=look)
        return reached[0]

    def _ledger(self, *, arrivals: bool = False) -> Ledger:
        return Ledger(START, self._days * DAY, arrivals=arrivals)

    def _stage(self, name: str, *, honest: bool = False) -> Stage:
        return Stage(name, seed=self._options.seed, language=self._language, accounts=self._accounts,
                     days=self._days, honest=honest)

    def _tell(self, drill: Drill) -> int:
        options, code = self._options, 0
        if not options.quiet:
            say(f"rehearsed in {self._progress.seconds:.1f} s", sys.stderr)
        text = msgspec.json.format(msgspec.json.encode(drill)).decode() if options.json else told(drill)
        say(text.rstrip("\n"), sys.stdout)
        if options.report is not None:
            code = self._write(drill, options.report)
        for sentence in self._held(drill):
            say(f"ratelimit drill: {sentence}", sys.stderr)
            code = HOLDS
        if not drill.whole:
            say("ratelimit drill: stopped; this is what came of it so far", sys.stderr)
            return INTERRUPTED
        return code

    def _held(self, drill: Drill) -> Iterator[str]:
        """Yield a sentence for each condition and each adversary of whom it holds."""
        for condition in self._conditions:
            for one in drill.outcomes:
                figure = float(getattr(one, condition.name))
                if condition.holds(figure):
                    yield condition.sentence(figure, f" for {one.adversary}")

    def _write(self, drill: Drill, path: str) -> int:
        from ratelimit.drill.page import page_of  # noqa: PLC0415 (matplotlib is an extra)

        if not self._options.quiet:
            say(f"drawing {path}, a second or two for each adversary", sys.stderr)
        try:
            write(path, page_of(drill))
        except PageError as error:
            return complain("drill", error, FAILED)
        return 0
