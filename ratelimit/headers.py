"""Response headers: what is left of each budget, and when to come back.

``RateLimit`` and ``RateLimit-Policy`` are those of draft-ietf-httpapi-ratelimit-headers-10: lists of structured fields
(RFC 9651). No SDK reads them; what SDKs obey is ``retry-after-ms``, ``Retry-After`` and ``x-should-retry``.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING
from zlib import crc32

from ratelimit.budget import CONCURRENCY
from ratelimit.gcra import SLACK

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from ratelimit.budget import Budget, Concurrency
    from ratelimit.decision import Decision, Remaining
    from ratelimit.policy import Disclosure

Header = tuple[bytes, bytes]

#: Waits that are longer than this are for people, not for a retry loop: seconds.
LONGEST_RETRY = 60.0

#: The most that jitter adds to a wait: a share of it, and seconds.
JITTER, MOST_JITTER = 0.1, 30.0

#: The largest integer of a structured field (RFC 9651, section 3.3.1).
_LARGEST = 999_999_999_999_999


def wait_of(decision: Decision) -> float:
    """Return the seconds to name as the wait: never earlier than the true time, and infinite if no wait will help.

    A little more than the truth, so that principals that were refused together do not come back together; how much more
    depends on the principal and the wait alone, so every answer agrees.
    """
    share = crc32(decision.principal.encode()) / 2**32
    return decision.retry_after + share * min(JITTER * decision.retry_after, MOST_JITTER)


def seconds(wait: float) -> int:
    """Return *wait* as whole seconds, rounded up; at least 1, as SDKs take 0 for no advice.

    >>> seconds(0.2), seconds(12.5)
    (1, 13)
    """
    return max(1, math.ceil(min(wait, _LARGEST)))


def retry_headers(wait: float, *, behavioural: bool = False) -> Iterator[Header]:
    """Yield what makes SDKs wait *wait* seconds, or makes them give up where a retry would not help.

    >>> list(retry_headers(1.5))
    [(b'retry-after', b'2'), (b'retry-after-ms', b'1500')]
    >>> list(retry_headers(math.inf))
    [(b'x-should-retry', b'false')]
    """
    if math.isfinite(wait):
        yield b"retry-after", b"%d" % seconds(wait)
        yield b"retry-after-ms", b"%d" % max(1, math.ceil(min(wait * 1000.0, _LARGEST)))
    if behavioural or wait > LONGEST_RETRY:
        yield b"x-should-retry", b"false"


def policy_field(budgets: Iterable[Budget], concurrency: Concurrency | None = None) -> bytes:
    """Return the value of ``RateLimit-Policy``: what is configured, never what a tier has made of it.

    Requests in flight have a unit of their own, and no window.

    >>> from datetime import timedelta
    >>> from ratelimit.budget import Budget
    >>> policy_field([Budget(quota=600, window=timedelta(hours=1))])
    b'"requests";q=600;w=3600'
    """
    rows = [
        b"%s;q=%d;w=%d" % (_string(budget.name), min(budget.quota, _LARGEST), seconds(budget.window.total_seconds()))
        for budget in budgets
    ]
    if concurrency is not None:
        rows.append(b'%s;q=%d;qu="concurrent-requests"' % (_string(CONCURRENCY), min(concurrency.most, _LARGEST)))
    return b", ".join(rows)


def remaining_field(decision: Decision, disclose: Disclosure, refusing: Collection[str] | None = None) -> bytes:
    """Return the value of ``RateLimit``; empty if nothing was charged. *refusing*: ``violated``, if that is known.

    A budget that refused has nothing left until the time that ``Retry-After`` names. Of the others, ``full`` tells what
    is left and when there will be more; ``coarse`` rounds down to a power of two and names no time, so that it takes a
    refusal to measure the refill, and thereby the tier.
    """
    empty = () if decision.retry_after == math.inf else violated(decision) if refusing is None else refusing
    rows = [_item(row, disclose, wait_of(decision) if row.budget in empty else None) for row in decision.remaining]
    if decision.slots is not None:
        again = b";t=%d" % seconds(wait_of(decision)) if CONCURRENCY in empty else b""
        rows.append(b"%s;r=%d%s" % (_string(CONCURRENCY), min(decision.slots, _LARGEST), again))
    return b", ".join(rows)


def violated(decision: Decision) -> tuple[str, ...]:
    """Return the names of the budgets that refused.

    A cohort's kind is no budget's name, and not the caller's to know: a refusal for a cohort alone names every budget.
    """
    if not decision.refused:
        return ()
    reasons = [reason.name for reason in decision.reasons]
    names = [row.budget for row in decision.remaining]
    found = [name for name in names if name in reasons]
    if CONCURRENCY in reasons and decision.slots is not None:
        found.append(CONCURRENCY)
    return tuple(found or names)


def _item(row: Remaining, disclose: Disclosure, wait: float | None) -> bytes:
    name, units = _string(row.budget), math.floor(min(row.units + SLACK, _LARGEST))
    if wait is not None:
        return b"%s;r=0;t=%d" % (name, seconds(wait))
    if disclose != "full":
        return b"%s;r=%d" % (name, 1 << units.bit_length() >> 1)
    again = b";t=%d" % seconds(row.reset_after) if 0.0 < row.reset_after < math.inf else b""
    return b"%s;r=%d%s" % (name, units, again)


@lru_cache(maxsize=1024)
def _string(text: str) -> bytes:
    return b'"%s"' % text.replace("\\", "\\\\").replace('"', '\\"').encode("ascii")
