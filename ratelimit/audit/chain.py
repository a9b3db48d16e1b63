"""Records, chained: what a line of the evidence log is, and how it hangs on the one before.

    line    {"body": <record>, "chain": C, "seal": S}
    C_n     SHA-256(C_(n-1) || SHA-256(body_n)),   C_0 = 32 zero bytes
    S_n     HMAC-SHA256(key, C_n)

The chain needs no key: whoever has the records can see that none was changed, dropped, added or moved since the last
link that he trusts. The seal needs the key: without it nobody can make a chain anew. Source: hash chaining after Haber
and Stornetta 1991, sealed after Schneier and Kelsey 1999.
"""

from __future__ import annotations

import hmac
from hashlib import sha256
from typing import Any

import msgspec
from msgspec import Raw

#: Of the format of lines and records.
FORMAT = 1

#: What the first link hangs on.
BEGINNING = bytes(32)


class Line(msgspec.Struct, forbid_unknown_fields=True):
    """One line: a record as it stands, its link, and the seal on it; hexadecimal."""

    body: Raw
    chain: str
    seal: str


_line = msgspec.json.Decoder(Line)
_record: msgspec.json.Decoder[dict[str, Any]] = msgspec.json.Decoder(dict[str, Any])
_encode = msgspec.json.Encoder(order="deterministic").encode


def link(before: bytes, digest: bytes) -> bytes:
    """Return the link of a record whose body hashes to *digest*."""
    return sha256(before + digest).digest()


def seal(key: bytes, chain: bytes) -> bytes:
    """Return the seal on a link."""
    return hmac.digest(key, chain, "sha256")


def key_id(key: bytes) -> str:
    """Return what tells keys apart, and says nothing of them: 16 hexadecimal digits."""
    return hmac.digest(key, b"ratelimit evidence log: key id", "sha256")[:8].hex()


def written(record: dict[str, Any], before: bytes, key: bytes) -> tuple[bytes, bytes]:
    """Return the line of *record* after the link *before*, and its own link."""
    body = _encode(record)
    chain = link(before, sha256(body).digest())
    line = b'{"body":%s,"chain":"%s","seal":"%s"}\n' % (
        body, chain.hex().encode(), seal(key, chain).hex().encode())
    return line, chain


def read(line: bytes) -> tuple[Line, dict[str, Any]] | None:
    """Return *line* and its record; ``None`` if it is none."""
    try:
        found = _line.decode(line)
        return found, _record.decode(found.body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
