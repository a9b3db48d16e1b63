"""A policy with fitted nulls, as Python to paste."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ratelimit.calibrate.nulls import Fitted
    from ratelimit.signals import CohortSignal, PrincipalSignal


def program(fitted: Fitted, comments: Sequence[str], named: str | None, *, called: bool) -> str:
    """Return the text of a module whose ``policy`` has the signals of *fitted*.

    comments  lines that stand before it.
    named     the policy it was fitted for, written ``module:name``; ``None``: the default policy.
    called    whether that is a function that returns it.
    """
    signals: list[PrincipalSignal | CohortSignal] = [*fitted.signals, *fitted.cohort_signals]
    ours = [signal for signal in signals if type(signal).__module__.startswith("ratelimit.signals.")]
    names = sorted({type(signal).__name__ for signal in ours} | ({"Policy"} if named is None else set()))
    lines = [f"# {comment}".rstrip() for comment in comments]
    if named is None:
        lines += ["", f"from ratelimit import {', '.join(names)}", "", "policy = Policy(", "    signals=("]
        lines += [f"        {_call(signal)}," for signal in fitted.signals]
        lines += ["    ),", "    cohort_signals=("]
        lines += [f"        {_call(signal)}," for signal in fitted.cohort_signals]
        return "\n".join([*lines, "    ),", ")"])
    module, _, name = named.partition(":")
    base = f"{module}.{name}{'()' if called else ''}"
    lines += ["", "from dataclasses import replace", "", f"import {module}"]
    lines += [f"from ratelimit import {', '.join(names)}"]
    lines += ["", "FITTED = {", *(f"    {signal.name!r}: {_call(signal)}," for signal in ours), "}", f"BASE = {base}"]
    lines += ["policy = replace(", "    BASE,"]
    lines += [f"    {field}=tuple(FITTED.get(signal.name, signal) for signal in BASE.{field}),"
              for field in ("signals", "cohort_signals")]
    return "\n".join([*lines, ")"])


def _call(signal: object) -> str:
    """Return the call that makes *signal*, with what differs from its defaults."""
    said = [
        f"{field.name}={getattr(signal, field.name)!r}"
        for field in fields(signal)  # type: ignore[arg-type]  # our signals are dataclasses
        if getattr(signal, field.name) != field.default
    ]
    return f"{type(signal).__name__}({', '.join(said)})"
