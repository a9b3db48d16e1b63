"""The policy: a frozen value that says which requests, which budgets, which signals, which ladder, which mode."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Literal, get_args

from ratelimit.budget import CONCURRENCY, Budget, Concurrency, name_problems
from ratelimit.cohort import ByCreation, ByLink, ByShape, ByTemplate, CohortRule, Everyone
from ratelimit.decision import Mode
from ratelimit.dialects import DEFAULT_DIALECTS, Dialect
from ratelimit.errors import refuse_invalid
from ratelimit.evidence import Ladder
from ratelimit.presumption import Presumption
from ratelimit.signals import Affinity, CohortSignal, PrincipalSignal, Stamina, Wander
from ratelimit.trust import Trust
from ratelimit.version import version_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from ratelimit.principal import Principal
    from ratelimit.request import Request

UnreadableRule = Literal["charge", "refuse", "pass"]
Disclosure = Literal["none", "coarse", "full"]
StoreErrorRule = Literal["local", "open", "closed"]

_HOUR = Budget(quota=600, window=timedelta(hours=1), burst=60)


@dataclass(frozen=True, kw_only=True, slots=True)
class Policy:
    """Which requests, which budgets, which signals, which ladder, which mode. Every field has a default that is meant.

    name            how headers, decisions and reasons call it: ASCII letters, digits, ``-``, ``_`` and ``.``.
    paths           shell patterns of the paths it governs (``*`` crosses slashes), the mount's prefix taken off.
    methods         the HTTP methods it governs; prompts come by POST, or over websockets, whatever is said here.
    when            a further condition on the ``Request``, its body read; ``None``: none.
    exempt          requests and principals that are let through uncharged and unobserved; ``None``: none.
    budgets         what a principal may spend: all are charged, or none. At least one, names unlike.
    concurrency     how many of its requests may be in flight at once; ``None``: any number.
    signals         behaviours watched in each principal alone.
    cohort_signals  behaviours watched in each principal against its cohorts.
    cohorts         which principals move together.
    ladder          from evidence to tier, from tier to refill, and how evidence fades.
    presumption     who, within a cohort that is tightened, has to share its budget.
    trust           how much a principal adds to its cohorts' refill.
    mode            ``audit`` decides and lets all pass; ``delay`` holds a request back for up to *max_delay*;
                    ``enforce`` refuses.
    max_delay       the longest that ``delay`` holds a request back before it refuses.
    unreadable      what meets a body that cannot be read: ``charge`` it and let it pass (it is not observed),
                    ``refuse`` it, or let it ``pass`` uncharged.
    body_bytes      how much of a body is read, packed and unpacked; a longer one is unreadable, and still reaches the
                    application whole.
    read_timeout    how long a body may take to arrive before the answer is 408.
    dialects        wire formats, the first that claims the path reads the body; ``Override`` puts one elsewhere.
    disclose        what a refused caller learns of the budgets: ``none``, ``coarse`` (rounded, never the tier) or
                    ``full`` (exact, with the cause).
    on_store_error  what is done while the store fails: ``local`` decides by what this process knows (a store that
                    cannot is ``closed``), ``open`` lets all pass undecided, ``closed`` answers 503.
    """

    name: str = "default"
    paths: tuple[str, ...] = ("*",)
    methods: tuple[str, ...] = ("POST",)
    when: Callable[[Request], bool] | None = None
    exempt: Callable[[Request, Principal], bool] | None = None
    budgets: tuple[Budget, ...] = (_HOUR,)
    concurrency: Concurrency | None = None
    signals: tuple[PrincipalSignal, ...] = (Wander(), Stamina())
    cohort_signals: tuple[CohortSignal, ...] = (Affinity(),)
    cohorts: tuple[CohortRule, ...] = (ByShape(), ByTemplate(), ByLink(), ByCreation(), Everyone())
    ladder: Ladder = Ladder()
    presumption: Presumption = Presumption()
    trust: Trust = Trust()
    mode: Mode = "enforce"
    max_delay: timedelta = timedelta(seconds=5)
    unreadable: UnreadableRule = "charge"
    body_bytes: int = 1 << 20
    read_timeout: timedelta = timedelta(seconds=60)
    dialects: tuple[Dialect, ...] = DEFAULT_DIALECTS
    disclose: Disclosure = "coarse"
    on_store_error: StoreErrorRule = "local"

    def __post_init__(self) -> None:
        refuse_invalid(f"Policy({self.name!r})", list(self._problems()))

    @property
    def version(self) -> str:
        """Sixteen hexadecimal digits that stand for all it says; a function in it counts by where it is defined."""
        return version_of(self)

    def governs(self, method: str, path: str) -> bool:
        """Say whether a request of *method* to *path* may fall under this policy (``when`` is asked later)."""
        return method in self.methods and self.covers(path)

    def covers(self, path: str) -> bool:
        """Say whether *path* may fall under this policy: for websockets, which have no method."""
        return any(pattern == "*" or fnmatchcase(path, pattern) for pattern in self.paths)

    def dialect_for(self, path: str) -> Dialect:
        """Return the first dialect that claims *path*, or the last of them, as it is spoken there."""
        for dialect in self.dialects:
            if dialect.claims(path):
                return dialect.at(path)
        return self.dialects[-1].at(path)

    def _problems(self) -> list[str]:
        problems = []
        for field, least in (("paths", 1), ("methods", 1), ("budgets", 1), ("dialects", 1), ("signals", 0),
                             ("cohort_signals", 0), ("cohorts", 0)):
            value = getattr(self, field)
            if not isinstance(value, tuple):
                problems.append(f"{field}: must be a tuple, got {value!r}; write ({field[:-1]},)")
            elif len(value) < least:
                problems.append(f"{field}: must not be empty")
        problems.extend(name_problems(self.name))
        problems.extend(_budget_problems(self.budgets, self.concurrency))
        problems.extend(_dialect_problems(self.dialects))
        for field, allowed in (("mode", Mode), ("unreadable", UnreadableRule), ("disclose", Disclosure),
                               ("on_store_error", StoreErrorRule)):
            if (value := getattr(self, field)) not in get_args(allowed):
                problems.append(f"{field}: must be one of {', '.join(get_args(allowed))}, got {value!r}")
        problems.extend(f"{field}: must be callable or None, got {value!r}" for field in ("when", "exempt")
                        if (value := getattr(self, field)) is not None and not callable(value))
        if self.max_delay < timedelta(0):
            problems.append(f"max_delay: must not be negative, got {self.max_delay!r}")
        if self.read_timeout <= timedelta(0):
            problems.append(f"read_timeout: must be positive, got {self.read_timeout!r}")
        if not isinstance(self.body_bytes, int) or self.body_bytes < 1:
            problems.append(f"body_bytes: must be a whole number of at least 1, got {self.body_bytes!r}")
        return problems


def _budget_problems(budgets: object, concurrency: object) -> list[str]:
    problems, rows = [], budgets if isinstance(budgets, tuple) else ()
    names = [budget.name for budget in rows if isinstance(budget, Budget)]
    problems += [f"budgets[{index}]: must be a Budget, got {budget!r}"
                 for index, budget in enumerate(rows) if not isinstance(budget, Budget)]
    problems += [f"budgets: two are called {name!r}; give each a name of its own"
                 for name in sorted({name for name in names if names.count(name) > 1})]
    if concurrency is not None and not isinstance(concurrency, Concurrency):
        problems.append(f"concurrency: must be a Concurrency or None, got {concurrency!r}; say Concurrency(most=8)")
    if concurrency is not None and CONCURRENCY in names:
        problems.append(f"budgets: none may be called {CONCURRENCY!r} beside a Concurrency, whose name that is")
    return problems


def _dialect_problems(dialects: object) -> list[str]:
    names = ("name", "hears", "claims", "at", "read", "read_form", "hear", "error", "headers", "event_error",
             "stream_error")
    missing = [
        (index, dialect, [name for name in names if not hasattr(dialect, name)])
        for index, dialect in enumerate(dialects if isinstance(dialects, tuple) else ())
    ]
    return [
        f"dialects[{index}]: must be a Dialect, got {dialect!r}, which has no {', '.join(absent)}; inherit from Dialect"
        for index, dialect, absent in missing if absent
    ]
