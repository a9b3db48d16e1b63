"""Conditions on what a replay came to, for pipelines: ``--fail-if "denied[chat]>0.001"``."""

from __future__ import annotations

import operator
import re
from typing import TYPE_CHECKING

import msgspec

from ratelimit.trace.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ratelimit.replay.summary import SideSummary, Summary

#: Names that stand for a figure of a whole policy, and the field that has it.
NAMES = {
    "requests": "requests", "refused": "refused", "refused_share": "refused_share", "denied_share": "refused_share",
    "principals": "principals", "tightened": "tightened", "tightened_share": "tightened_share", "hard": "hard",
    "hard_share": "hard_share", "unread": "unread",
}

#: Names that stand for a share of what has a label, and the field that has it.
LABELLED = {"denied": "refused_share", "tightened": "tightened_share", "hard": "hard_share"}

_TRACE = ("bad_share", "out_of_order")
_SHORT = re.compile(r"honest_(denied|tightened|hard)")
_SAID = re.compile(r"\s*([a-z_]+)(?:\[(.+)\])?\s*(>=|<=|==|!=|>|<)\s*([0-9.eE+-]+)(%?)\s*", re.ASCII)
_COMPARE = {">": operator.gt, ">=": operator.ge, "<": operator.lt, "<=": operator.le, "==": operator.eq,
            "!=": operator.ne}


class Condition(msgspec.Struct, frozen=True, kw_only=True):
    """One condition: a name, perhaps a label, a comparison and a number. Nothing is evaluated that is not these."""

    said: str
    name: str
    label: str | None
    comparison: str
    number: float

    def holds(self, summary: Summary) -> Iterator[str]:
        """Yield a sentence for each policy of which it holds. Raises: UsageError, for a label that no row has."""
        if self.name in _TRACE:
            figure = summary.bad_lines.share if self.name == "bad_share" else summary.out_of_order
            if self._is(figure):
                yield f"--fail-if {self.said}: it is {figure:.6g}"
            return
        if self.label is not None and not any(self.label in side.labels for side in summary.policies):
            known = ", ".join(dict.fromkeys(label for side in summary.policies for label in side.labels)) or "none"
            raise UsageError(f"--fail-if {self.said}: no request has the label {self.label!r}; the labels of the trace "
                             f"are: {known}. Rows have one in the field label, or from where --map label=PATH says")
        for side in summary.policies:
            figure = self._figure(side)
            if self._is(figure):
                yield f"--fail-if {self.said}: it is {figure:.6g} under the policy {side.policy}"

    def _is(self, figure: float) -> bool:
        return bool(_COMPARE[self.comparison](figure, self.number))

    def _figure(self, side: SideSummary) -> float:
        if self.label is None:
            return float(getattr(side, NAMES[self.name]))
        return float(getattr(side.labels[self.label], LABELLED[self.name]))


def conditions(said: Sequence[str]) -> tuple[Condition, ...]:
    """Return the conditions that the values of ``--fail-if`` say. Raises: UsageError.

    >>> conditions(["honest_denied > 0.1%"])[0].label, conditions(["honest_denied > 0.1%"])[0].number
    ('honest', 0.001)
    """
    return tuple([_condition(one) for one in said])


def _condition(said: str) -> Condition:
    found = _SAID.fullmatch(said)
    number = None if found is None else _number(found[4])
    if found is None or number is None:
        raise _wrong(said)
    name, label = found[1], found[2]
    if (short := _SHORT.fullmatch(name)) and label is None:
        name, label = short[1], "honest"
    if name not in (LABELLED if label is not None else {*NAMES, *_TRACE}):
        raise _wrong(said)
    number = number / 100 if found[5] else number
    return Condition(said=said, name=name, label=label, comparison=found[3], number=number)


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _wrong(said: str) -> UsageError:
    return UsageError(
        f"--fail-if {said}: must be a name, one of > >= < <= == !=, and a number or a percentage, such as "
        f"refused_share>0.02 or 'denied[chat]>0.1%'; the names are {', '.join(sorted({*NAMES, *_TRACE}))}; with a "
        f"label {', '.join(f'{name}[LABEL]' for name in LABELLED)}; honest_denied is short for denied[honest]")
