"""The end user whom an authenticated body names."""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING, overload

from ratelimit.errors import refuse_invalid
from ratelimit.identify.apikey import APIKey
from ratelimit.identify.base import Found, Resolver, settled
from ratelimit.principal import Principal

if TYPE_CHECKING:
    from ratelimit.request import Request

_LONGEST_NAME = 128  # characters; a longer name is hashed, so that no id grows with what a body says


class EndUser:
    """The end user named in the body, only *within* what that resolver finds; without a name, what it finds itself.

    within  the resolver of whoever authenticates the request and speaks for its end users. Default: ``APIKey()``.

    The end user is a principal of its own, apart from one of the same name behind another key. Its ``payer`` is the
    principal that *within* found, whose budget is charged as well: inventing names buys nothing. It keeps that
    principal's links and has one more, ``key``, which makes a cohort of all end users behind one key.

    It does **not** inherit *since*, *verified* or *trust*. The name is the caller's word alone; if a name shared the
    key's standing, one verified key could mint as many trusted principals as it cares to name. Vouch for end users
    whom you know yourself, with a resolver of your own.
    """

    __slots__ = ("_within",)

    def __init__(self, within: Resolver | None = None) -> None:
        refuse_invalid("EndUser", _problems(within))
        self._within: Resolver = APIKey() if within is None else within

    def __call__(self, request: Request) -> Found:
        """Return the end user that *request* names, or else whoever vouches for it."""
        found = self._within(request)
        if found is None or isinstance(found, Principal):
            return end_user_of(found, request.reading.end_user)
        return self._later(found, request)

    async def _later(self, found: object, request: Request) -> Principal | None:
        return end_user_of(await settled(found, self._within), request.reading.end_user)

    def __repr__(self) -> str:
        return f"EndUser(within={self._within!r})"


@overload
def end_user_of(key: Principal, name: str | None) -> Principal: ...


@overload
def end_user_of(key: Principal | None, name: str | None) -> Principal | None: ...


def end_user_of(key: Principal | None, name: str | None) -> Principal | None:
    """Return the end user whom a request of *key* names, as ``EndUser`` says; without a name, *key* itself."""
    if key is None or name is None or not (name := name.strip()):
        return key
    return Principal(id=_joined(key.id, name), links={**key.links, "key": key.id}, payer=key.id)


def _joined(key: str, name: str) -> str:
    """Return one id for two: the key's length goes first, so that no other key and name can spell the same.

    >>> _joined("key:a", "b:c"), _joined("key:a:b", "c")
    ('user:5:key:a:b:c', 'user:7:key:a:b:c')
    """
    if len(name) <= _LONGEST_NAME:
        return f"user:{len(key)}:{key}:{name}"
    digest = blake2b(name.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
    return f"hashed-user:{len(key)}:{key}:{digest}"


def _problems(within: object) -> list[str]:
    if within is None or callable(within):
        return []
    return [f"within: must be a resolver, got {within!r}; say within=APIKey()"]
