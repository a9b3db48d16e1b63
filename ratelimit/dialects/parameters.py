"""The parameters of a request, as canonical text: what a script cannot help repeating.

Only fields that are known to a dialect count, in a fixed order. Left out is whatever is new in each request, which
would tell a principal's own requests apart: user, metadata, safety_identifier, prompt_cache_key, seed, stream,
stream_options, service_tier, store; and any field that nobody documents.
"""

from __future__ import annotations

from hashlib import sha256
from itertools import compress
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from msgspec import Raw

#: Fields that say nothing about the script that sent them.
NOISE = frozenset({
    "user", "metadata", "safety_identifier", "prompt_cache_key", "seed", "stream", "stream_options", "service_tier",
    "store",
})

_LONGEST = 256  # bytes of a value that are kept as they are; a longer one (tools, a schema) is hashed


def canonical(names: Iterable[str], values: Collection[Raw]) -> str:
    r"""Return the fields of these *names* and *values* as lines of ``name=value``, in the order given.

    Values are JSON without space between the tokens; long ones are hashed; absent and null ones have no line.

    >>> canonical(("model", "n", "stop"), (msgspec.Raw(b'"m"'), msgspec.Raw(b"null"), msgspec.Raw(b'["a", "b"]')))
    'model="m"\nstop=["a","b"]'
    """
    present = compress(zip(names, values, strict=True), values)  # most fields are absent, and an absent one is false
    return "\n".join([f"{name}={value}" for name, raw in present if (value := _value(bytes(raw))) != "null"])


def _value(value: bytes) -> str:
    if value[0] in b"{[":
        value = msgspec.json.format(value, indent=-1)
    if len(value) > _LONGEST:
        return "#" + sha256(value).hexdigest()[:32]
    return value.decode("utf-8", "replace")
