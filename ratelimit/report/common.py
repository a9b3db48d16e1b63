"""The pictures that a replay's page and a drill's have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ratelimit.report import charts
from ratelimit.report.page import Picture, safe
from ratelimit.signals.affinity import expected

if TYPE_CHECKING:
    from collections.abc import Sequence

_TIERS = ("clear", "watch", "soft", "hard")


def tiers(name: str, who: str, stretches: Sequence[Sequence[int]], *, days: float) -> Picture:
    """Return the picture of the tiers that requests of *who* met, a row of four counts a stretch of time."""
    total = sum(map(sum, stretches)) or 1
    shares = [sum(row[tier] for row in stretches) / total for tier in range(4)]
    alt = f"Tiers of {who} over {days:.1f} days; in all " + ", ".join(
        f"{share:.1%} {tier}" for tier, share in zip(_TIERS, shares, strict=True))
    rows = [["day", *_TIERS], *([f"{days * step / len(stretches):.2f}", *(f"{count:,}" for count in row)]
                                for step, row in enumerate(stretches))]
    return Picture(caption=f"Tiers over time: {who}.", rows=rows,
                   svg=charts.tiers(name, stretches, days=days, alt=safe(alt)))


def cohorts(name: str, found: Sequence[tuple[str, float, int, int, int, int]]) -> Picture:
    """Return the picture of cohorts as bodies, of (name, evidence, members, refused, own, strange) each."""
    harvest, honest = expected()
    drawn = [(own / (own + strange), evidence, members) for _, evidence, members, _, own, strange in found
             if own + strange]
    alt = (f"{len(drawn)} cohorts by affinity and evidence; a harvest is expected at {harvest:.2f}, honest people at "
           f"{honest:.2f} or more")
    rows = [["cohort", "evidence", "members", "refused", "affinity", "bets"], *(
        [label, f"{evidence:.1f}", f"{members:,}", f"{refused:,}",
         f"{own / (own + strange):.2f}" if own + strange else "-", f"{own + strange:,}"]
        for label, evidence, members, refused, own, strange in found)]
    caption = (f"Cohorts as bodies: their evidence, and their affinity against its null. Affinity is the share of bets "
               f"that a member's own past won, once the cohort had evidence; of members with a full past, a harvest "
               f"comes to {harvest:.2f} and the least favourable honest people to {honest:.2f} or more.")
    return Picture(caption=caption, rows=rows,
                   svg=charts.bodies(name, drawn, harvest=harvest, honest=honest, alt=safe(alt)) if drawn else "")


def refusals(name: str, rows: Sequence[tuple[str, int, int]], *, what: str) -> Picture:
    """Return the picture of refusals, of (who, requests, refused) each."""
    shares = [(who, refused / requests if requests else 0.0) for who, requests, refused in rows]
    alt = f"Share of requests refused by {what}: " + ", ".join(f"{who} {share:.2%}" for who, share in shares)
    table = [[what, "requests", "refused", "share"], *(
        [who, f"{requests:,}", f"{refused:,}", f"{refused / requests if requests else 0.0:.2%}"]
        for who, requests, refused in rows)]
    return Picture(
        caption=f"Refusals by {what}.", rows=table,
        svg=charts.bars(name, [(who, 100 * share) for who, share in shares], label="refused, % of its requests",
                        alt=safe(alt)) if shares else "",
    )
