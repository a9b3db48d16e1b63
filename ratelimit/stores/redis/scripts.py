"""The Lua that runs in the server: each verb one atomic step."""

from __future__ import annotations

from functools import cache
from hashlib import sha1
from importlib.resources import files
from typing import NamedTuple


class Script(NamedTuple):
    """One verb: its source, and the name that the server knows it by."""

    source: bytes
    sha: str


@cache
def script(verb: str) -> Script:
    """Return the script of *verb*: what all share, what all share that look at behaviour, and then its own."""
    folder = files("ratelimit.stores.redis") / "lua"
    shared = ("accounts",) if verb == "spend" else ("accounts", "common")
    source = b"".join([(folder / f"{part}.lua").read_bytes() for part in (*shared, verb)])
    return Script(source, sha1(source, usedforsecurity=False).hexdigest())
