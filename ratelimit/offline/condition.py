"""Conditions that a pipeline may set: ``honest_lost>0.001``."""

from __future__ import annotations

import operator
import re
from typing import TYPE_CHECKING

import msgspec

from ratelimit.offline.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_FORM = re.compile(r"\s*([a-z_.]+)\s*(<=|>=|<|>)\s*([-+.0-9e]+)\s*")
_COMPARE = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}


class Condition(msgspec.Struct, frozen=True, kw_only=True):
    """One figure, compared with a number."""

    figure: str
    sign: str
    number: float

    def holds(self, figures: Mapping[str, float]) -> bool:
        """Say whether it holds of *figures*."""
        return bool(_COMPARE[self.sign](figures[self.figure], self.number))

    def __str__(self) -> str:
        return f"{self.figure}{self.sign}{self.number:g}"


def condition(text: str, figures: Sequence[str]) -> Condition:
    """Return the condition that *text* writes, on one of *figures*. Raises: UsageError.

    >>> condition("harvested > 0.05", ["harvested"]).holds({"harvested": 0.1})
    True
    """
    found = _FORM.fullmatch(text)
    try:
        number = float(found[3]) if found else None
    except ValueError:
        number = None
    if found is None or number is None or found[1] not in figures:
        raise UsageError(f"--fail-if {text!r}: must be a figure, one of <, <=, > and >=, and a number, such as "
                         f"'{figures[0]}>0.05'; figures are {', '.join(figures)}")
    return Condition(figure=found[1], sign=found[2], number=number)
