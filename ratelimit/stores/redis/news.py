"""What workers tell each other of what they learned: the log in the server that all replicas follow, in one order."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np

from ratelimit.stores.redis.sketches import entry_of, fingerprint_of

if TYPE_CHECKING:
    from ratelimit.stores.base import Fold
    from ratelimit.stores.redis.replica import Replica


class _News(msgspec.Struct, array_like=True, gc=False):
    """One fold. Hashes under the secret, and nothing else.

    worker    who learned it.
    tag       the principal's.
    rows      a row a prompt: word ids, entry, draw.
    cohorts   keys of the cohorts of the fold.
    """

    worker: bytes
    tag: int
    rows: list[tuple[bytes, bytes, int]]
    cohorts: list[bytes]
    shares: list[int]
    payloads: list[int]
    now: float


_decode = msgspec.msgpack.Decoder(_News).decode
_encode = msgspec.msgpack.Encoder().encode


def news_of(fold: Fold, worker: bytes) -> bytes:
    """Return what a *worker* tells of *fold*."""
    rows = [
        (row.ids.astype("<u2").tobytes(), b"" if row.fingerprint is None else entry_of(row.fingerprint), row.draw)
        for row in fold.features
    ]
    return _encode(_News(worker, fold.tag, rows, [row.ref.key for row in fold.cohorts], list(fold.shares),
                         list(fold.payloads), fold.now))


def apply(blob: bytes, learns: bytes, replica: Replica, *, worker: bytes) -> None:
    """Let *replica* learn one entry; *learns* says by a "1" which of the cohorts keep the prompts.

    What *worker*, which owns the replica, learned by itself while the server was away is not learned twice.
    """
    news, lexicon = _decode(blob), replica.lexicon
    if news.worker == worker:
        return
    for ids, _, _ in news.rows:
        lexicon.learn(np.frombuffer(ids, "<u2").astype(np.intp))
    lexicon.shared.bring(news.shares, by=news.tag)
    lexicon.payloads.bring(news.payloads, by=news.tag)
    for key, learn in zip(news.cohorts, learns, strict=True):
        if learn == ord("1"):
            for _, entry, draw in news.rows:
                if entry:
                    replica.past_of(key, news.now).learn(fingerprint_of(entry), news.tag, draw >> 24)
