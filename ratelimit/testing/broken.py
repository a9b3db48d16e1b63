"""A law that a policy breaks: in words, with the smallest trace that shows it, as a program."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from ratelimit.policy import Policy


class LawBrokenError(AssertionError):
    """A policy breaks a law.

    law      its name.
    what     what happened, in one sentence.
    steps    the smallest trace that was found.
    program  Python that shows it again.
    also     names of other laws that the policy breaks as well.
    """

    def __init__(self, law: str, says: str, what: str, steps: Sequence[Any], program: str) -> None:
        super().__init__(law, what)
        self.law, self.says, self.what, self.steps, self.program = law, says, what, tuple(steps), program
        self.also: tuple[str, ...] = ()

    def __str__(self) -> str:
        also = f"\nIt breaks as well: {', '.join(self.also)}." if self.also else ""
        return (f"the policy breaks the law {self.law!r}: {self.says}\n{self.what}{also}\n\nTo see it again, run:\n\n"
                f"{_indented(self.program)}")


def program(law: str, policy: Policy, steps: Sequence[Any], options: str = "") -> str:
    """Return Python that breaks *law* by *policy* again."""
    used = sorted({type(step).__name__ for step in steps})
    rows = "".join(f"    {step!r},\n" for step in steps)
    imports = ", ".join(["laws", *used])
    return (f"from ratelimit.testing import {imports}\n{_named(policy)}\n"
            f"laws.{law}.on(policy, [\n{rows}]{options})\n")


def _named(policy: Policy) -> str:
    """Return Python that gets at *policy*: by its name in a module, or else by its fields."""
    for module in list(sys.modules.values()):
        name = next((name for name, value in list(getattr(module, "__dict__", {}).items()) if value is policy), None)
        if name is not None and name.isidentifier() and module.__name__ != "__main__":
            return f"from {module.__name__} import {name}{'' if name == 'policy' else ' as policy'}\n"
    kept = {name: value for name, value in _fields(policy).items() if value != _fields(type(policy)()).get(name)}
    if all("<" not in repr(value) for value in kept.values()):
        given = ", ".join(f"{name}={value!r}" for name, value in kept.items())
        return f"import datetime\n\nfrom ratelimit import *\n\npolicy = {type(policy).__name__}({given})\n"
    return "policy = ...  # the policy, which stands in no module\n"


def _fields(policy: Policy) -> dict[str, object]:
    return {name: getattr(policy, name) for name in type(policy).__dataclass_fields__}


def _indented(text: str) -> str:
    return "".join(f"    {line}\n" if line else "\n" for line in text.splitlines())
