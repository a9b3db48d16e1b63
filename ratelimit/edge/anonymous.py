"""The principal of a request that names none: no free pass."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ratelimit.identify import ClientIP
from ratelimit.principal import Principal

if TYPE_CHECKING:
    from ratelimit.request import Request

_NETWORK = ClientIP(ipv4_prefix=24, ipv6_prefix=64)


def anonymous(request: Request) -> Principal:
    """Return the one principal that all unnamed requests of a peer's network share: its /24, or its /64.

    They share, so that a flood from many addresses does not bring a budget each. Behind a reverse proxy every peer is
    the proxy, and all unnamed requests are one principal; so are those that come by a Unix socket.

    >>> from ratelimit.request import Request
    >>> anonymous(Request(peer="192.0.2.7")).id, anonymous(Request(peer=None)).id
    ('anonymous:192.0.2.0/24', 'anonymous:')
    """
    network = _NETWORK(request)
    return Principal(id=f"anonymous:{'' if network is None else network.id.removeprefix('ip:')}")
