"""What a charge turns out to be worth, once it is known what became of the request."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ratelimit.tokens import Tokens, Usage

#: With these statuses the application says that it does not know who asked, so nothing is kept of it.
UNAUTHENTICATED = frozenset({401, 403})


class Outcome(Enum):
    """What became of a request that was let through.

    ANSWERED  it was answered, to the end: tokens count as reported, all else as charged.
    BROKEN    the answer broke off: tokens count as charged at least, since nobody knows what was made besides.
    REJECTED  the application found fault with it (a 4xx): no tokens; all else as charged, or faulty ones were free.
    LEFT      the client left before anything was produced: no tokens; all else as charged, or a flood of requests that
              are broken off at once were free.
    FAILED    what is behind us failed or refused (a 5xx, a 429, an exception): nothing was had, so nothing is charged.
    UNKNOWN   the application does not know who asked (a 401, a 403): nobody is charged.
    """

    ANSWERED = "answered"
    BROKEN = "broken"
    REJECTED = "rejected"
    LEFT = "left"
    FAILED = "failed"
    UNKNOWN = "unknown"


#: After these nothing is charged at all.
ALL_BACK = frozenset({Outcome.FAILED, Outcome.UNKNOWN})
_TOKENS_BACK = frozenset({Outcome.REJECTED, Outcome.LEFT})


def outcome_of(status: int) -> Outcome:
    """Return what a response of *status* makes of its request, if it is sent to the end.

    >>> [outcome_of(status).value for status in (200, 404, 403, 429, 502)]
    ['answered', 'rejected', 'unknown', 'failed', 'failed']
    """
    if status < 400:
        return Outcome.ANSWERED
    if status in UNAUTHENTICATED:
        return Outcome.UNKNOWN
    return Outcome.FAILED if status >= 500 or status == 429 else Outcome.REJECTED


def correction(
    outcome: Outcome, costs: Sequence[float], meters: Sequence[Tokens | None], usage: Usage | None
) -> tuple[float, ...]:
    """Return what is to be added to each budget's level, of which *costs* were charged; negative gives back.

    meters  the ``Tokens`` by which each budget counts, ``None`` for one that does not count tokens.
    usage   what the response reported; ``None``: nothing.
    """
    return tuple([_units(outcome, cost, meter, usage) for cost, meter in zip(costs, meters, strict=True)])


def _units(outcome: Outcome, cost: float, meter: Tokens | None, usage: Usage | None) -> float:
    if outcome in ALL_BACK:
        return 0.0 - cost
    if meter is None:
        return 0.0
    if usage is None:
        return 0.0 - cost if outcome in _TOKENS_BACK else 0.0
    more = meter.counted(usage) - cost
    return max(0.0, more) if outcome is Outcome.BROKEN else more
