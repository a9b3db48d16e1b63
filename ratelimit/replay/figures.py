"""The figures of a replay that a condition may be on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ratelimit.trace.conditions import Names
from ratelimit.trace.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ratelimit.replay.summary import SideSummary, Summary
    from ratelimit.trace.conditions import Condition

# Names that stand for a figure of a whole policy, and the field that has it.
_SIDE = {
    "requests": "requests", "refused": "refused", "refused_share": "refused_share", "denied_share": "refused_share",
    "principals": "principals", "tightened": "tightened", "tightened_share": "tightened_share", "hard": "hard",
    "hard_share": "hard_share", "unread": "unread",
}

# Names that stand for a share of what has a label, and the field that has it.
_LABELLED = {"denied": "refused_share", "tightened": "tightened_share", "hard": "hard_share"}

_TRACE = frozenset({"bad_share", "out_of_order"})

NAMES = Names(plain=_TRACE | set(_SIDE), labelled=tuple(_LABELLED),
              example="refused_share>0.02 or 'denied[chat]>0.1%'")


def held(condition: Condition, summary: Summary) -> Iterator[str]:
    """Yield a sentence for each policy of which *condition* holds. Raises: UsageError, for a label that no row has."""
    if condition.name in _TRACE:
        figure = summary.bad_lines.share if condition.name == "bad_share" else summary.out_of_order
        if condition.holds(figure):
            yield condition.sentence(figure)
        return
    if condition.label is not None and not any(condition.label in side.labels for side in summary.policies):
        known = ", ".join(dict.fromkeys(label for side in summary.policies for label in side.labels)) or "none"
        raise UsageError(f"--fail-if {condition.said}: no request has the label {condition.label!r}; the labels of the "
                         f"trace are: {known}. Rows have one in the field label, or from where --map label=PATH says")
    for side in summary.policies:
        figure = _figure(condition, side)
        if condition.holds(figure):
            yield condition.sentence(figure, f" under the policy {side.policy}")


def _figure(condition: Condition, side: SideSummary) -> float:
    if condition.label is None:
        return float(getattr(side, _SIDE[condition.name]))
    return float(getattr(side.labels[condition.label], _LABELLED[condition.name]))
