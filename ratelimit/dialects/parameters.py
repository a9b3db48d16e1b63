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
from msgspec import Raw

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

#: Fields that say nothing about the script that sent them.
NOISE = frozenset({
    "user", "metadata", "safety_identifier", "prompt_cache_key", "seed", "stream", "stream_options", "service_tier",
    "store", "random_seed", "keep_alive", "labels", "trace_id", "request_id",
})

_fields = msgspec.json.Decoder(dict[str, Raw])

#: Bytes of a value that are kept as they are; a longer one (tools, a schema) is hashed.
LONGEST = 256


def canonical(names: Iterable[str], values: Collection[Raw]) -> str:
    r"""Return the fields of these *names* and *values* as lines of ``name=value``, in the order given.

    Values are JSON without space between the tokens; long ones are hashed; absent and null ones have no line.

    >>> canonical(("model", "n", "stop"), (msgspec.Raw(b'"m"'), msgspec.Raw(b"null"), msgspec.Raw(b'["a", "b"]')))
    'model="m"\nstop=["a","b"]'
    """
    lines = []
    # Most are absent, and so false.
    for name, raw in zip(compress(names, values), filter(None, values), strict=True):
        value = bytes(raw)
        if value != b"null":
            short = len(value) <= LONGEST and value[0] not in b"{["
            lines.append(f"{name}={value.decode('utf-8', 'replace') if short else _value(value)}")
    return "\n".join(lines)


def without_noise(raw: Raw) -> Raw:
    """Return an object of parameters without what says nothing about the script, its names in alphabetical order.

    >>> bytes(without_noise(Raw(b'{"top_k": 1, "seed": 7, "num_ctx": 2}')))
    b'{"num_ctx":2,"top_k":1}'
    """
    if not bytes(raw).startswith(b"{"):
        return raw
    fields = _fields.decode(raw)
    told = {name: fields[name] for name in sorted(fields.keys() - NOISE)}
    return Raw(msgspec.json.encode(told)) if told else Raw()


def _value(value: bytes) -> str:
    if value[0] in b"{[":
        value = msgspec.json.format(value, indent=-1)
    if len(value) > LONGEST:
        return "#" + sha256(value).hexdigest()[:32]
    return value.decode("utf-8", "replace")
