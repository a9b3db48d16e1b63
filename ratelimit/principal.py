"""Who is charged and judged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import blake2b

from ratelimit.errors import refuse_invalid


@dataclass(frozen=True, kw_only=True, slots=True)
class Principal:
    """Who is charged and judged: an API key, an end user behind a key, an IP range.

    id        what tells it apart, in clear; keyed-hashed before anything stores it. Not empty.
    links     what it may share with others, by kind: ``{"network": "as64500", "payment": "card-1"}``. Each is a cohort.
    since     when it was created: an aware datetime or Unix seconds; ``None`` if not known.
    verified  whether you know who it is (a contract, a paid invoice, a checked domain).
    trust     how much it adds to its cohorts' refill, 0 to 1; ``None``: worked out from *since* and *verified*.
    payer     the id of the principal whose budget is charged as well, when this one is named inside another's
              authenticated request (an end user behind a key); ``None`` otherwise.

    >>> Principal(id="key-1", since=datetime.fromisoformat("1970-01-02T00:00:00+00:00")).since
    86400.0
    """

    id: str
    links: Mapping[str, str] = field(default_factory=dict)
    since: float | datetime | None = None
    verified: bool = False
    trust: float | None = None
    payer: str | None = None

    def __post_init__(self) -> None:
        if type(self.id) is str and self.id and self.links == {} and self.since is None and self.trust is None:
            return  # made by resolvers for each request, with nothing to be wrong about
        problems = []
        if not isinstance(self.id, str) or not self.id:
            problems.append(f"id: must be text that is not empty, got {self.id!r}")
        if not isinstance(self.links, Mapping) or not all(
            isinstance(kind, str) and isinstance(value, str) for kind, value in self.links.items()
        ):
            problems.append(f"links: must map text to text, got {self.links!r}")
        if isinstance(self.since, datetime):
            if self.since.tzinfo is None:
                problems.append(f"since: must be aware of its time zone, got {self.since!r}; add tzinfo=timezone.utc")
            else:
                object.__setattr__(self, "since", self.since.timestamp())
        elif self.since is not None and (isinstance(self.since, bool) or not isinstance(self.since, int | float)):
            problems.append(f"since: must be a datetime, Unix seconds or None, got {self.since!r}")
        if self.trust is not None and not 0.0 <= self.trust <= 1.0:
            problems.append(f"trust: must lie between 0 and 1, got {self.trust!r}")
        refuse_invalid("Principal", problems)

    @property
    def since_at(self) -> float | None:
        """*since* as Unix seconds."""
        return self.since.timestamp() if isinstance(self.since, datetime) else self.since


def keyed(secret: bytes, kind: str, value: str) -> bytes:
    """Return 16 bytes that stand for *value* wherever it is stored: BLAKE2b keyed with *secret*, apart by *kind*.

    Without the key an id cannot be guessed back, nor a table steered into collisions.

    >>> keyed(b"secret", "principal", "alice") == keyed(b"secret", "principal", "alice")
    True
    >>> keyed(b"secret", "principal", "alice") == keyed(b"other", "principal", "alice")
    False
    """
    sealed = blake2b(kind.encode() + b"\0" + value.encode("utf-8", "surrogatepass"), key=secret[:64], digest_size=16)
    return sealed.digest()
