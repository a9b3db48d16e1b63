"""Conditions on what a command came to, for pipelines: ``--fail-if "denied[chat]>0.001"``."""

from __future__ import annotations

import operator
import re
from typing import TYPE_CHECKING

import msgspec

from ratelimit.trace.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

_SAID = re.compile(r"\s*([a-z_]+)(?:\[(.+)\])?\s*(>=|<=|==|!=|>|<)\s*([0-9.eE+-]+)(%?)\s*", re.ASCII)
_COMPARE = {">": operator.gt, ">=": operator.ge, "<": operator.lt, "<=": operator.le, "==": operator.eq,
            "!=": operator.ne}

#: ``honest_denied`` is short for ``denied[honest]``.
_HONEST = "honest"


class Names(msgspec.Struct, frozen=True, kw_only=True):
    """What conditions may be on.

    plain     names that stand for a figure.
    labelled  names that stand for a figure of what has a label.
    example   conditions as one would write them, for errors.
    """

    plain: frozenset[str]
    labelled: tuple[str, ...] = ()
    example: str


class Condition(msgspec.Struct, frozen=True, kw_only=True):
    """One condition: a name, perhaps a label, a comparison and a number. Nothing is evaluated that is not these."""

    said: str
    name: str
    label: str | None
    comparison: str
    number: float

    def holds(self, figure: float) -> bool:
        """Say whether it holds of *figure*, which its name stands for."""
        return bool(_COMPARE[self.comparison](figure, self.number))

    def sentence(self, figure: float, where: str = "") -> str:
        """Return what is to be said where it holds."""
        return f"--fail-if {self.said}: it is {figure:.6g}{where}"


def conditions(said: Sequence[str], names: Names) -> tuple[Condition, ...]:
    """Return the conditions on *names* that the values of ``--fail-if`` say. Raises: UsageError.

    >>> found, = conditions(["honest_denied > 0.1%"], Names(plain=frozenset(), labelled=("denied",), example=""))
    >>> found.name, found.label, found.number, found.holds(0.002)
    ('denied', 'honest', 0.001, True)
    """
    return tuple([_condition(one, names) for one in said])


def _condition(said: str, names: Names) -> Condition:
    found = _SAID.fullmatch(said)
    number = None if found is None else _number(found[4])
    if found is None or number is None:
        raise _wrong(said, names)
    name, label = found[1], found[2]
    short = name.removeprefix(f"{_HONEST}_")
    if short != name and label is None and short in names.labelled:
        name, label = short, _HONEST
    if name not in (names.labelled if label is not None else names.plain):
        raise _wrong(said, names)
    number = number / 100 if found[5] else number
    return Condition(said=said, name=name, label=label, comparison=found[3], number=number)


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _wrong(said: str, names: Names) -> UsageError:
    labelled = ""
    if names.labelled:
        first = names.labelled[0]
        labelled = (f"; with a label {', '.join(f'{name}[LABEL]' for name in names.labelled)}; {_HONEST}_{first} is "
                    f"short for {first}[{_HONEST}]")
    return UsageError(f"--fail-if {said}: must be a name, one of > >= < <= == !=, and a number or a percentage, such "
                      f"as {names.example}; the names are {', '.join(sorted(names.plain))}{labelled}")
