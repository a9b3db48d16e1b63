"""Pictures that are made for each page: lines over time, as SVG without a style of their own."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from markupsafe import Markup

if TYPE_CHECKING:
    from collections.abc import Sequence

_WIDE, _HIGH, _LEFT, _FOOT = 640, 200, 44, 24


def when(at: float) -> str:
    """Return a time in UTC, to the second.

    >>> when(1_760_000_000.5)
    '2025-10-09 08:53:20'
    """
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M:%S}"


def line(points: Sequence[tuple[float, float]], marks: Sequence[tuple[str, float]]) -> Markup:
    """Return the evidence (log10) over time as a stepped line, over *marks*: thresholds, and the null at 0."""
    if not points:
        return Markup('<p class="none">No evidence so far.</p>')
    begin, end = points[0][0], max(points[-1][0], points[0][0] + 1.0)
    values = [value for _, value in points]
    low, high = min(0.0, *values), max(1.0, *values, *(value for _, value in marks))

    def x(at: float) -> float:
        return round(_LEFT + (at - begin) / (end - begin) * (_WIDE - _LEFT - 8), 1)

    def y(value: float) -> float:
        return round(8 + (high - value) / (high - low) * (_HIGH - 8 - _FOOT), 1)

    steps = [f"M{x(begin)},{y(values[0])}"]
    for at, value in points[1:]:
        steps.append(f"H{x(at)}V{y(value)}")
    said = (f"Evidence from {when(begin)} to {when(end)} UTC: now {values[-1]:.1f}, at most {max(values):.1f}, in "
            "powers of ten; by chance alone it would stay about 0.")
    drawn = [Markup('<line class="mark" x1="{0}" x2="{1}" y1="{2}" y2="{2}"/><text x="2" y="{3}">{4}</text>').format(
        _LEFT, _WIDE, y(value), y(value) + 4, name) for name, value in (("null", 0.0), *marks)]
    return Markup(
        '<svg role="img" viewBox="0 0 {0} {1}" aria-label="{2}"><title>{2}</title>{3}<path class="line" d="{4}"/>'
        '<text x="{5}" y="{6}">{7}</text><text class="end" x="{8}" y="{6}">{9}</text></svg>'
    ).format(_WIDE, _HIGH, said, Markup("").join(drawn), "".join(steps), _LEFT, _HIGH - 6, when(begin), _WIDE - 4,
             when(end))


def bars(minutes: Sequence[tuple[float, int, int]]) -> Markup:
    """Return answered and refused requests a minute as bars."""
    if not minutes:
        return Markup('<p class="none">No request so far.</p>')
    first = int(minutes[-1][0] // 60) - 59
    most = max(answered + refused for _, answered, refused in minutes)
    step = (_WIDE - _LEFT) / 60
    drawn = []
    for at, answered, refused in minutes:
        place = int(at // 60) - first
        if place < 0:
            continue
        top = 0.0
        for name, count in (("answered", answered), ("refused", refused)):
            tall = count / most * (_HIGH - _FOOT - 8)
            drawn.append(Markup('<rect class="{}" x="{}" y="{}" width="{}" height="{}"/>').format(
                name, round(_LEFT + place * step, 1), round(_HIGH - _FOOT - top - tall, 1), round(step - 1, 1),
                round(tall, 1)))
            top += tall
    answered, refused = sum(row[1] for row in minutes), sum(row[2] for row in minutes)
    said = (f"Requests a minute over the last hour, at most {most:,}: {answered:,} answered and {refused:,} refused in "
            "all.")
    return Markup('<svg role="img" viewBox="0 0 {0} {1}" aria-label="{2}"><title>{2}</title>{3}'
                  '<text x="2" y="16">{4}</text><text x="{5}" y="{6}">an hour ago</text>'
                  '<text class="end" x="{0}" y="{6}">now</text></svg>').format(
        _WIDE, _HIGH, said, Markup("").join(drawn), f"{most:,}", _LEFT, _HIGH - 6)
