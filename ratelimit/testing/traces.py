"""Hypothesis strategies of traces, honest and not, in the format that ``ratelimit replay`` reads: a dictionary a line.

They shrink towards few rows of one principal.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

from hypothesis import strategies as st

from ratelimit.testing.play import START
from ratelimit.testing.strategies import ASPECTS, SUBJECTS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Honest: TypeAlias = Literal["person", "bot", "batch", "benchmark", "class"]
Campaign: TypeAlias = Literal["templated", "bare", "paraphrased", "shards", "solo"]
Row: TypeAlias = dict[str, Any]

_DAY = 86_400.0
_TEMPLATE = "Solve the following task and write out all of your reasoning: "
_HONEST: tuple[Honest, ...] = get_args(Honest)
_CAMPAIGNS: tuple[Campaign, ...] = get_args(Campaign)


def _row(at: float, who: str, text: str, *, since: float, verified: bool, links: dict[str, str], label: str) -> Row:
    return {"at": round(START + at, 3), "principal": who, "since": START + since, "verified": verified, "links": links,
            "path": "/v1/chat/completions", "label": label,
            "body": {"model": "m", "messages": [{"role": "user", "content": text}]}}


@st.composite
def honest_traces(draw: st.DrawFn, kind: Honest | None = None, *, most: int = 40) -> list[Row]:
    """Draw the rows of one honest principal, or of one class: at most so many, in order, in the trace format.

    kind  ``person``: two subjects of its own; ``bot``: five questions, again and again; ``batch``: a template of its
          own round unlike items; ``benchmark``: public items with one harness; ``class``: one exercise, four pupils;
          ``None``: any.
    """
    chosen: str = draw(st.sampled_from(_HONEST)) if kind is None else kind
    who = f"{chosen}-{draw(st.integers(0, 9))}"
    own = draw(st.lists(st.sampled_from(SUBJECTS), min_size=2, max_size=2, unique=True))
    make: dict[str, Callable[[int], str]] = {
        "person": lambda n: f"What about the {ASPECTS[n % 10]} of {own[n % 2]}, as in my note {n}?",
        "bot": lambda n: f"Customer asks for the {ASPECTS[n % 5]} of {own[0]}.",
        "batch": lambda n: f"Sort this ticket of {who} into one of five trays: {_item(n)}",
        "benchmark": lambda n: f"Answer with one letter. {_item(n)}",
        "class": lambda n: f"Exercise {n // 4}: what is the {ASPECTS[n // 4 % 10]} of {own[0]}?",
    }
    gaps = draw(st.lists(st.sampled_from([5.0, 60.0, 900.0, 30_000.0]), min_size=1, max_size=most))
    young = chosen in {"class", "benchmark"}
    return [
        _row(sum(gaps[: number + 1]), f"{who}-{number % 4}" if chosen == "class" else who, make[chosen](number),
             since=-_DAY if young else -300 * _DAY, verified=not young,
             links={"network": "as-school" if chosen == "class" else f"as-{who}"}, label=chosen)
        for number in range(len(gaps))
    ]


@st.composite
def campaign_traces(draw: st.DrawFn, kind: Campaign | None = None, *, most: int = 60) -> list[Row]:
    """Draw the rows of one campaign: at most so many, in order, in the trace format.

    kind  ``templated``: one template, items shared out; ``bare``: no template; ``paraphrased``: each account words its
          own; ``shards``: each account has a subject of its own; ``solo``: one account; ``None``: any.
    """
    chosen: str = draw(st.sampled_from(_CAMPAIGNS)) if kind is None else kind
    accounts = 1 if chosen == "solo" else draw(st.integers(2, 12))
    many = draw(st.integers(1, most))
    gap = draw(st.sampled_from([20.0, 200.0]))
    rows = []
    for number in range(many):
        account = number % accounts
        item = _item(number if chosen != "shards" else account * 10 + number // accounts % 10)
        opening = {"templated": _TEMPLATE, "paraphrased": f"Wording {account}, as I always put it: "}.get(chosen, "")
        rows.append(_row(number * gap, f"{chosen}-{account}", opening + item, since=-_DAY, verified=False,
                         links={"network": f"as-{account % 3}"}, label=chosen))
    return rows


def mixed_traces(*, campaigns: Sequence[Campaign] = ("templated", "bare")) -> st.SearchStrategy[list[Row]]:
    """Draw the rows of some honest principals and of one campaign, in the order of time."""
    honest = st.lists(honest_traces(most=15), min_size=1, max_size=4)
    campaign = st.one_of(*(campaign_traces(kind, most=30) for kind in campaigns))
    return st.tuples(honest, campaign).map(
        lambda both: sorted([row for rows in (*both[0], both[1]) for row in rows], key=lambda row: row["at"]))


def _item(number: int) -> str:
    return (f"{SUBJECTS[number % 12]} {ASPECTS[number // 12 % 10]} {SUBJECTS[number * 7 % 12]} "
            f"{ASPECTS[number * 3 % 10]} no {number}")
