"""The pictures of the pages."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from ratelimit.report.svg import COLOURS, Canvas, plain, styled

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_TIERS = ("clear", "watch", "soft", "hard")
_TIER_COLOURS = (COLOURS["a"], COLOURS["b"], COLOURS["c"], COLOURS["d"])
_DASHES = ("-", "--", ":", "-.")


@styled
def curves(name: str, lines: Mapping[str, Sequence[float]], *, days: float, label: str, alt: str) -> str:
    """Return what each of *lines* summed up to by then, over *days*; on a scale of powers of ten."""
    canvas = Canvas()
    for number, (title, values) in enumerate(lines.items()):
        total, sums = 0.0, []
        for value in values:
            total += value
            sums.append(total)
        at = [days * (step + 1) / len(sums) for step in range(len(sums))]
        canvas.axes.plot(at, [max(value, 0.8) for value in sums], label=plain(title), linewidth=2,
                         color=_TIER_COLOURS[number % 4], linestyle=_DASHES[number % 4])
    canvas.axes.set_yscale("log")
    canvas.axes.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    canvas.axes.set_xlabel("days")
    canvas.axes.set_ylabel(label)
    canvas.axes.legend(loc="upper left", ncols=len(lines), bbox_to_anchor=(0, 1.16), borderpad=0)
    return canvas.svg(name, alt=alt)


@styled
def tiers(name: str, stretches: Sequence[Sequence[int]], *, days: float, alt: str) -> str:
    """Return the share of requests in each tier over *days*, a row a stretch."""
    canvas, many = Canvas(height=2.4), len(stretches)
    width, bottoms = days / max(1, many), [0.0] * many
    at = [width * (step + 0.5) for step in range(many)]
    for tier, title in enumerate(_TIERS):
        shares = [row[tier] / sum(row) if sum(row) else 0.0 for row in stretches]
        canvas.axes.bar(at, shares, width=width, bottom=bottoms, color=_TIER_COLOURS[tier], label=title,
                        edgecolor=_TIER_COLOURS[tier], linewidth=0.6)
        bottoms = [bottom + share for bottom, share in zip(bottoms, shares, strict=True)]
    canvas.axes.set_ylim(0, 1)
    canvas.axes.set_xlim(0, days or 1)
    canvas.axes.set_xlabel("days")
    canvas.axes.set_ylabel("share of requests")
    canvas.axes.legend(loc="upper left", ncols=4, bbox_to_anchor=(0, 1.22), borderpad=0)
    return canvas.svg(name, alt=alt)


@styled
def bodies(
    name: str, rows: Sequence[tuple[float, float, int]], *, harvest: float, honest: float, alt: str
) -> str:
    """Return cohorts as bodies: (affinity 0 to 1, evidence as log10, members) each.

    *harvest* and *honest* are the affinities to be expected of a harvest, and at least of honest people.
    """
    canvas = Canvas()
    axes = canvas.axes
    axes.axvline(harvest, color=COLOURS["d"], linestyle=":", label="a harvest's")
    axes.axvline(honest, color=COLOURS["a"], linestyle="--", label="the null: honest, at the least")
    axes.scatter([row[0] for row in rows], [row[1] for row in rows],
                 s=[20 + 60 * math.log10(row[2] + 1) for row in rows], color=COLOURS["c"],
                 alpha=0.65, linewidth=0, label="a cohort; larger: more members")
    axes.set_xlim(-0.03, 1.03)
    axes.set_ylim(0, max([8.5, *(row[1] * 1.1 for row in rows)]))
    axes.set_xlabel("affinity: share of bets that came out for the member's own past")
    axes.set_ylabel("evidence (log10)")
    axes.legend(loc="upper left", ncols=3, bbox_to_anchor=(0, 1.16), borderpad=0, markerscale=0.6)
    return canvas.svg(name, alt=alt)


@styled
def bars(name: str, rows: Sequence[tuple[str, float]], *, label: str, alt: str) -> str:
    """Return one bar a row, the first on top."""
    canvas = Canvas(height=0.8 + 0.3 * max(1, len(rows)))
    axes = canvas.axes
    at = range(len(rows))
    axes.barh(list(at), [value for _, value in rows], color=COLOURS["b"], height=0.65)
    axes.set_yticks(list(at), [plain(title) for title, _ in rows])
    axes.invert_yaxis()
    axes.grid(visible=False, axis="y")
    axes.set_xlim(0, max([value for _, value in rows]) * 1.05 or 1.0)
    axes.set_xlabel(label)
    return canvas.svg(name, alt=alt)
