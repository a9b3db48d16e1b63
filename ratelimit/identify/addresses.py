"""Internet addresses out of header text: everything that an outsider may have written."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Address: TypeAlias = IPv4Address | IPv6Address

_LONGEST = 100  # characters of the longest hop worth parsing: an IPv6 address with zone, port and brackets


def parse_address(text: str) -> Address | None:
    """Return the address in *text*, or ``None``. Ports, brackets and zones go; an IPv4 address in IPv6 is unwrapped.

    >>> parse_address("[fe80::1%eth0]:443"), parse_address("::ffff:192.0.2.1"), parse_address("192.0.2.1:80")
    (IPv6Address('fe80::1'), IPv4Address('192.0.2.1'), IPv4Address('192.0.2.1'))
    >>> parse_address("unknown") is None
    True
    """
    return None if len(text) > _LONGEST else _parsed(text)


@lru_cache(maxsize=1024)  # the standard parser takes several microseconds, and peers and proxies come again
def _parsed(text: str) -> Address | None:
    host = _host(text.strip())
    try:
        address = ip_address(host.partition("%")[0] if ":" in host else host)
    except ValueError:
        return None
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address


def _host(text: str) -> str:
    if text.startswith("["):
        host, bracket, rest = text[1:].partition("]")
        return host if bracket and (not rest or rest.startswith(":")) else ""
    return text.partition(":")[0] if text.count(":") == 1 else text


def from_the_right(value: str) -> Iterator[str]:
    """Yield the elements of a comma-separated *value*, the last first, splitting no further than is asked for."""
    more = ","
    while more:
        value, more, element = value.rpartition(",")
        yield element


def forwarded_for(element: str) -> str:
    """Return the ``for`` of one RFC 7239 ``Forwarded`` element; empty if there is none that is beyond doubt.

    Proxies copy the caller's ``Host`` into quoted parameters of the same element, and the caller may have left a quote
    open further to the left. So quotes never join elements here, and an element with an odd number of them, a
    backslash or two ``for`` says nothing.

    >>> forwarded_for('proto=https;For="[2001:db8::1]:4711"')
    '[2001:db8::1]:4711'
    """
    if element.count('"') % 2 or "\\" in element:
        return ""
    pairs = [pair.partition("=") for pair in element.split(";")]
    values = [value.strip() for name, _, value in pairs if name.strip().lower() == "for"]
    return values[0].removeprefix('"').removesuffix('"') if len(values) == 1 else ""


#: How the address is read out of one element, by header.
FORWARDED: dict[str, Callable[[str], str]] = {"x-forwarded-for": str, "forwarded": forwarded_for}
