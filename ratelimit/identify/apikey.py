"""The principal that an API key names."""

from __future__ import annotations

from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from ratelimit.errors import refuse_invalid
from ratelimit.identify.base import Found, settled
from ratelimit.principal import Principal

if TYPE_CHECKING:
    from ratelimit.request import Request

SOURCES = ("authorization", "x-api-key", "api-key", "x-goog-api-key", "?key", "sec-websocket-protocol")

#: Browsers set no headers on a websocket: OpenAI's clients put the key among the sub-protocols, after this.
_AMONG_PROTOCOLS = "openai-insecure-api-key."

_KEY_SCHEMES = frozenset({"bearer", "token", "apikey", "api-key", "key"})


class APIKey:
    """The API key of a request, as ``Principal(id="key:" + key)``; ``None`` if the request has none.

    sources  where to look, in this order; the first that holds a key counts. A header's name, or ``?name`` for a
             parameter of the query. Default: ``authorization``, ``x-api-key``, ``api-key``, ``x-goog-api-key``,
             ``?key``, ``sec-websocket-protocol`` (where OpenAI's clients in browsers put it). Of several header lines
             of one name the first counts, which is the one that applications read.
             ``Authorization`` is read as Bearer (or Token, ApiKey, Key), as the user part of Basic, or as a bare key;
             credentials of other schemes are no key.
    lookup   a plain or async function from the key to its ``Principal``, to say how old it is, what it is linked to,
             who pays; ``None`` from it means that the key is nobody's. It is asked on each request: keep what it
             finds for a while.

    **Name the one source by which your application authenticates**, if there is one: a caller who authenticates by a
    later source can put a new word into an earlier one on each request, and be a new principal each time. Tokens that
    are renewed (a JWT) need a *lookup* that returns their subject, for the same reason.

    >>> from ratelimit.request import Request
    >>> APIKey(sources=("x-api-key",))(Request(headers=[(b"x-api-key", b"sk-1")])).id
    'key:sk-1'
    """

    __slots__ = ("_lookup", "_names", "_sources")

    def __init__(self, *, sources: Sequence[str] = SOURCES, lookup: Callable[[str], Found] | None = None) -> None:
        refuse_invalid("APIKey", _problems(sources, lookup))
        self._sources = tuple(source if source.startswith("?") else source.lower() for source in sources)
        self._names = {source.encode("latin-1"): source for source in self._sources if not source.startswith("?")}
        self._lookup = lookup

    def __call__(self, request: Request) -> Found:
        """Return the principal that the key of *request* names."""
        key = self.key(request)
        if key is None:
            return None
        if self._lookup is None:
            return Principal(id="key:" + key)
        found = self._lookup(key)
        return found if found is None or isinstance(found, Principal) else settled(found, self._lookup)

    def key(self, request: Request) -> str | None:
        """Return the key itself, or ``None``."""
        lines: dict[str, bytes] = {}
        for name, value in request.headers:
            if name in self._names:
                lines.setdefault(self._names[name], value)
        for source in self._sources:
            if key := _key(source, lines, request):
                return key
        return None

    def __repr__(self) -> str:
        sources = "" if self._sources == SOURCES else f"sources={self._sources!r}"
        lookup = "" if self._lookup is None else f"lookup={getattr(self._lookup, '__qualname__', self._lookup)}"
        return f"APIKey({', '.join(filter(None, (sources, lookup)))})"


def _key(source: str, lines: dict[str, bytes], request: Request) -> str | None:
    if source.startswith("?"):
        return request.query_value(source[1:]) if request.query else None
    value = lines.get(source, b"").decode("latin-1").strip()
    if source == "sec-websocket-protocol":
        offered = [one.strip() for one in value.split(",")]
        return next((one[len(_AMONG_PROTOCOLS) :] for one in offered if one.startswith(_AMONG_PROTOCOLS)), None)
    return credentials(value) if source == "authorization" else value


def credentials(value: str) -> str | None:
    """Return the key in the value of an ``Authorization`` header, or ``None``.

    >>> credentials("Bearer sk-1"), credentials("sk-1"), credentials("Basic c2stMTo="), credentials("Digest a=b")
    ('sk-1', 'sk-1', 'sk-1', None)
    """
    scheme, _, rest = value.partition(" ")
    known = scheme.lower()
    if known in _KEY_SCHEMES:
        return rest.strip() or None
    if known == "basic":
        return _basic_user(rest.strip())
    return None if rest else scheme or None


def _basic_user(encoded: str) -> str | None:
    try:
        decoded = b64decode(encoded)
    except (Base64Error, ValueError):
        return None
    return decoded.partition(b":")[0].decode("latin-1") or None


def _problems(sources: object, lookup: object) -> list[str]:
    problems = []
    if isinstance(sources, str) or not isinstance(sources, Sequence) or not sources:
        problems.append(f"sources: must be a sequence of at least one name, got {sources!r}; say ('x-api-key',)")
    else:
        problems.extend(f"sources[{index}]: must be a header's name, or '?name' for a parameter, got {source!r}"
                        for index, source in enumerate(sources) if not _is_source(source))
    if lookup is not None and not callable(lookup):
        problems.append(f"lookup: must be a function from the key to a Principal or None, got {lookup!r}")
    return problems


def _is_source(source: object) -> bool:
    return isinstance(source, str) and bool(source.removeprefix("?")) and source.isascii() and source.isprintable()
