"""Who is behind a request: resolvers, which compose.

A resolver is any function from a ``Request`` to a ``Principal`` or ``None``, plain or async. What stands here are the
common ones and the two that join others; a function of your own goes wherever one of these does.
"""

from ratelimit.identify.apikey import APIKey
from ratelimit.identify.base import Found, Resolver, resolve
from ratelimit.identify.clientip import ClientIP
from ratelimit.identify.enduser import EndUser
from ratelimit.identify.firstof import FirstOf
from ratelimit.identify.header import Header

DEFAULT_IDENTIFY: Resolver = FirstOf(EndUser(within=APIKey()), ClientIP())

__all__ = [
    "DEFAULT_IDENTIFY",
    "APIKey",
    "ClientIP",
    "EndUser",
    "FirstOf",
    "Found",
    "Header",
    "Resolver",
    "resolve",
]
