"""What a replay came to, as values: what ``--json`` prints, and what the tables are made of."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from ratelimit.decision import Mode, Tier

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ratelimit.trace import tally
    from ratelimit.trace.reading import Replaying
    from ratelimit.trace.side import Side

#: Rows of each list.
TOP = 10


class Cohort(msgspec.Struct, frozen=True, kw_only=True):
    """A cohort with evidence against it: the most of it (log10), its members and the requests its budget refused."""

    cohort: str
    evidence: float
    members: int
    refused: int


class Tightened(msgspec.Struct, frozen=True, kw_only=True):
    """A principal that was tightened: its worst tier, its requests, how many were refused, and why."""

    principal: str
    tier: str
    requests: int
    refused: int
    share: float
    causes: dict[str, int]


class Labelled(msgspec.Struct, frozen=True, kw_only=True):
    """The requests with one label, and those of their principals that ever reached soft or hard, each with its share.

    Of very many principals the first 100,000 are looked at.
    """

    requests: int
    refused: int
    refused_share: float
    principals: int
    tightened: int
    tightened_share: float
    hard: int
    hard_share: float


class SideSummary(msgspec.Struct, frozen=True, kw_only=True):
    """What one list of policies came to.

    policy        what it is called.
    modes         the modes of its policies; what is counted is what enforcing would do, in any mode.
    requests      requests that were decided.
    refused       of these, the refused ones, and their share.
    principals    principals, as the trace names them.
    tightened     of these, those that ever reached soft or hard, and their share.
    hard          of these, those that ever reached hard, and their share.
    exact         whether the counts of principals are exact, and not within a percent.
    causes        refused requests by cause; one that has several counts in each.
    ungoverned    requests that no policy governs.
    exempt        requests that a policy exempts or passes unread.
    unread        requests whose body could not be read.
    top_cohorts, top_principals
                  the worst of either.
    complaints    failures of functions and stores: how often, and the first.
    labels        what came of the requests with each label, where the trace has labels.
    """

    policy: str
    modes: list[Mode]
    requests: int
    refused: int
    refused_share: float
    principals: int
    tightened: int
    tightened_share: float
    hard: int
    hard_share: float
    exact: bool
    causes: dict[str, int]
    ungoverned: int
    exempt: int
    unread: int
    top_cohorts: list[Cohort]
    top_principals: list[Tightened]
    complaints: dict[str, tuple[int, str]]
    labels: dict[str, Labelled]


class BadLines(msgspec.Struct, frozen=True, kw_only=True):
    """Lines that could not be read: how many, their share, the first by number, and the others by reason."""

    count: int
    share: float
    first: list[tuple[int, str]]
    others: dict[str, int]


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """What a replay came to.

    trace         its name.
    whole         whether it was read to its end.
    lines         lines that were read.
    first_at, last_at
                  the earliest and the latest time of a request, Unix seconds.
    out_of_order  requests that came behind a later one; decided at that one's time.
    first_behind  the number of the first such line; 0 if there is none.
    most_behind   by how many seconds at most.
    latest_line   the number of the line that has the latest time.
    longest_gap   the longest time without a request, seconds, and the line that ends it.
    gap_line
    left_out      lines that the mapper left out.
    bad_lines     lines that could not be read.
    policies      a row a list of policies.
    """

    trace: str
    whole: bool
    lines: int
    first_at: float | None
    last_at: float | None
    out_of_order: int
    first_behind: int
    most_behind: float
    latest_line: int
    longest_gap: float
    gap_line: int
    left_out: int
    bad_lines: BadLines
    policies: list[SideSummary]


def summary_of(trace: str, replaying: Replaying, sides: Sequence[Side], *, whole: bool) -> Summary:
    """Return what *replaying* came to so far."""
    faults = replaying.faults
    return Summary(
        trace=trace,
        whole=whole,
        lines=faults.lines,
        first_at=replaying.first_at,
        last_at=replaying.last_at,
        out_of_order=replaying.out_of_order,
        first_behind=replaying.first_behind,
        most_behind=replaying.most_behind,
        latest_line=replaying.latest_line,
        longest_gap=replaying.longest_gap,
        gap_line=replaying.gap_line,
        left_out=faults.left_out,
        bad_lines=BadLines(
            count=faults.bad, share=faults.share, first=faults.named, others=_descending(faults.reasons)
        ),
        policies=[_side(side) for side in sides],
    )


def _side(side: Side) -> SideSummary:
    tally = side.tally
    principals, tightened, hard = (tally.count(tier) for tier in (Tier.CLEAR, Tier.SOFT, Tier.HARD))
    return SideSummary(
        policy=side.label,
        modes=[policy.mode for policy in side.policies],
        requests=tally.requests,
        refused=tally.refused,
        refused_share=_share(tally.refused, tally.requests),
        principals=principals,
        tightened=tightened,
        tightened_share=_share(tightened, principals),
        hard=hard,
        hard_share=_share(hard, principals),
        exact=tally.exact,
        causes=_descending(tally.causes),
        ungoverned=tally.ungoverned,
        exempt=tally.exempt,
        unread=tally.unread,
        top_cohorts=[
            Cohort(cohort=str(pool.ref), evidence=pool.evidence, members=pool.members, refused=pool.refused)
            for pool in tally.top_cohorts(TOP)
        ],
        top_principals=[
            Tightened(principal=name, tier=str(Tier(seen.worst)), requests=seen.requests, refused=seen.refused,
                      share=_share(seen.refused, seen.requests), causes=_descending(seen.causes or {}))
            for name, seen in tally.top_principals(TOP)
        ],
        complaints=side.complaints.noted,
        labels={label: _labelled(row) for label, row in sorted(tally.labels.items())},
    )


def _labelled(row: tally.Labelled) -> Labelled:
    many, tightened, hard = (sum(worst >= tier for worst in row.worst.values())
                             for tier in (Tier.CLEAR, Tier.SOFT, Tier.HARD))
    return Labelled(requests=row.requests, refused=row.refused, refused_share=_share(row.refused, row.requests),
                    principals=many, tightened=tightened, tightened_share=_share(tightened, many),
                    hard=hard, hard_share=_share(hard, many))


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0


def _descending(counts: dict[str, int]) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])))
