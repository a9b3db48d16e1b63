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


def program(law: str, policy: Policy, steps: Sequence[Any], **options: object) -> str:
    """Return Python that breaks *law* by *policy* again; *options*: further arguments of the law, if not ``None``."""
    used = sorted({type(step).__name__ for step in steps if not isinstance(step, int)})
    given = {name: value for name, value in options.items() if value is not None}
    lines = [f"from ratelimit.testing import {', '.join(['laws', *used])}"]
    lines.append(_found(policy, "policy") or _written(policy))
    lines += [_found(value, name) or f"{name} = {value!r}" for name, value in given.items()]
    rows = "".join(f"    {step!r},\n" for step in steps)
    passed = "".join(f", {name}={name}" for name in given)
    return "\n".join(lines) + f"\n\nlaws.{law}.on(policy, [\n{rows}]{passed})\n"


def _found(value: object, name: str) -> str | None:
    """Return Python that imports *value* from the module where it stands, as *name*."""
    for module in list(sys.modules.values()):
        known = next((key for key, one in list(getattr(module, "__dict__", {}).items()) if one is value), None)
        if known is not None and known.isidentifier() and module.__name__ != "__main__":
            return f"from {module.__name__} import {known}{'' if known == name else f' as {name}'}"
    return None


def _written(policy: Policy) -> str:
    """Return Python that makes *policy* by its fields, those left out that are the usual ones."""
    usual = type(policy)()
    kept = {name: value for name in type(policy).__dataclass_fields__
            if (value := getattr(policy, name)) != getattr(usual, name)}
    if any("<" in repr(value) for value in kept.values()):
        return "policy = ...  # the policy, which stands in no module"
    given = ", ".join(f"{name}={value!r}" for name, value in kept.items())
    return f"import datetime\n\nfrom ratelimit import *\n\npolicy = {type(policy).__name__}({given})"


def _indented(text: str) -> str:
    return "".join(f"    {line}\n" if line else "\n" for line in text.splitlines())
