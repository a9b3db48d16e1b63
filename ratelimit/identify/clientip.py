"""The principal behind a network address."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_network
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeAlias

from ratelimit.errors import refuse_invalid
from ratelimit.identify.addresses import FORWARDED, Address, from_the_right, parse_address
from ratelimit.principal import Principal

if TYPE_CHECKING:
    from ratelimit.request import Request

Network: TypeAlias = IPv4Network | IPv6Network

_MAPPED = IPv6Network("::ffff:0:0/96")
_BITS = {4: 32, 6: 128}
_LINK_PREFIX = {4: 24, 6: 48}


class ClientIP:
    """The address that a request comes from: ``Principal(id="ip:...", links={"network": ...})``.

    IPv4 counts by the address and IPv6 by the /64 (one household, one machine); the ``network`` link is the /24 or the
    /48 around it. IPv4 addresses written as IPv6 are IPv4.

    trusted_proxies    networks whose word counts: addresses, CIDR text or ``ipaddress`` networks. Only if the peer is
                       in one is a forwarded header read at all: from the right, hop by hop, up to the first that is
                       no trusted proxy. A hop that is no address ends the walk too, at the proxy that reported it.
    trust_unix_socket  whether a peer without an address (a proxy on a Unix socket) is a trusted proxy. Without this
                       it is nobody.
    forwarded          the headers to read, the first that is present alone. A proxy that sets only ``Forwarded`` must
                       either remove ``X-Forwarded-For`` or have ``forwarded=("forwarded",)`` here: what it does not
                       set, the caller does.
    ipv4_prefix        bits of an IPv4 address that tell principals apart, 8 to 32.
    ipv6_prefix        bits of an IPv6 address that tell principals apart, 16 to 128.

    Where the server already puts the forwarded address into the peer (uvicorn's ``--proxy-headers``), leave
    *trusted_proxies* empty: one of the two may judge, not both.

    >>> from ratelimit.request import Request
    >>> ClientIP()(Request(peer="2001:db8:1:2:3::4")).id
    'ip:2001:db8:1:2::/64'
    """

    __slots__ = ("_forwarded", "_prefixes", "_trust_unix_socket", "_trusted")

    def __init__(
        self,
        trusted_proxies: Iterable[str | Address | Network] = (),
        *,
        trust_unix_socket: bool = False,
        forwarded: Sequence[str] = ("x-forwarded-for", "forwarded"),
        ipv4_prefix: int = 32,
        ipv6_prefix: int = 64,
    ) -> None:
        self._trusted, problems = _networks(trusted_proxies)
        problems += _forwarded_problems(forwarded)
        problems += _prefix_problems("ipv4_prefix", ipv4_prefix, 8, 32)
        problems += _prefix_problems("ipv6_prefix", ipv6_prefix, 16, 128)
        refuse_invalid("ClientIP", problems)
        self._trust_unix_socket = trust_unix_socket
        self._forwarded = tuple(name.lower() for name in forwarded)
        self._prefixes = {4: ipv4_prefix, 6: ipv6_prefix}

    def __call__(self, request: Request) -> Principal | None:
        """Return the principal at the address of *request*."""
        address = self.address(request)
        if address is None:
            return None
        return _principal(address, self._prefixes[address.version])

    def address(self, request: Request) -> Address | None:
        """Return the address of the first hop, from our side, that is no trusted proxy; ``None`` if there is none."""
        if request.peer:
            peer = parse_address(request.peer)
            return self._walk(request, peer) if peer is not None and self._trusts(peer) else peer
        return self._walk(request, None) if self._trust_unix_socket else None

    def _walk(self, request: Request, address: Address | None) -> Address | None:
        for hop in self._hops(request):
            reported = parse_address(hop)
            if reported is None:
                return address
            address = reported
            if not self._trusts(address):
                return address
        return address

    def _hops(self, request: Request) -> Iterator[str]:
        for name in self._forwarded:
            if lines := request.header_values(name):
                yield from map(FORWARDED[name], from_the_right(",".join(lines)))
                return

    def _trusts(self, address: Address) -> bool:
        return any(address in network for network in self._trusted)

    def __repr__(self) -> str:
        return f"ClientIP(trusted_proxies={tuple(map(str, self._trusted))!r})" if self._trusted else "ClientIP()"


@lru_cache(maxsize=1024)
def _principal(address: Address, prefix: int) -> Principal:
    links = MappingProxyType({"network": _block(address, _LINK_PREFIX[address.version])})  # shared: not to be changed
    return Principal(id=f"ip:{_block(address, prefix)}", links=links)


def _block(address: Address, prefix: int) -> str:
    """Return the network of *prefix* bits around *address*; a whole address is written without its prefix."""
    spare = _BITS[address.version] - prefix
    if spare == 0:
        return str(address)
    return f"{type(address)(int(address) >> spare << spare)}/{prefix}"


def _networks(given: Iterable[str | Address | Network]) -> tuple[tuple[Network, ...], list[str]]:
    if isinstance(given, str | bytes) or not isinstance(given, Iterable):
        return (), [f"trusted_proxies: must be a sequence of networks, got {given!r}; say ({given!r},)"]
    networks, problems = [], []
    for index, entry in enumerate(given):
        found = _network(entry)
        if isinstance(found, str):
            problems.append(f"trusted_proxies[{index}]: {found}")
        else:
            networks.append(found)
    return tuple(networks), problems


def _network(entry: object) -> Network | str:
    """Return the network that *entry* means, or what is wrong with it."""
    if isinstance(entry, bool | int | bytes):  # ip_network would take these for packed addresses
        return f"must be an address or a network, got {entry!r}; say '10.0.0.0/8'"
    try:
        network = ip_network(entry)  # type: ignore[arg-type]  # whatever it is, ip_network says so by ValueError
    except ValueError as error:
        return f"must be an address or a network, got {entry!r} ({error}); say '10.0.0.0/8'"
    if network.prefixlen == 0:
        return f"must not hold every address, got {entry!r}: anybody could then choose who pays; list your proxies"
    if isinstance(network, IPv6Network) and network.subnet_of(_MAPPED):
        return IPv4Network((int(network.network_address) & 0xFFFFFFFF, network.prefixlen - 96))
    return network


def _forwarded_problems(forwarded: object) -> list[str]:
    known = " or ".join(map(repr, FORWARDED))
    if isinstance(forwarded, str) or not isinstance(forwarded, Sequence):
        return [f"forwarded: must be a sequence of {known}, got {forwarded!r}; say ({forwarded!r},)"]
    return [f"forwarded[{index}]: must be {known}, got {name!r}"
            for index, name in enumerate(forwarded) if str(name).lower() not in FORWARDED]


def _prefix_problems(name: str, bits: object, least: int, most: int) -> list[str]:
    if isinstance(bits, int) and not isinstance(bits, bool) and least <= bits <= most:
        return []
    return [f"{name}: must be a whole number of bits from {least} to {most}, got {bits!r}"]
