"""Resolvers: who is behind a request, and who cannot be made to look so."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ratelimit.errors import ResolverError
from ratelimit.identify import DEFAULT_IDENTIFY, APIKey, ClientIP, EndUser, FirstOf, Header, Resolver, resolve
from ratelimit.principal import Principal
from ratelimit.prompt import Reading
from ratelimit.request import Request

SOURCES = ("authorization", "x-api-key", "api-key", "x-goog-api-key", "?key")
KEYS = st.text("abcXYZ019-_.", min_size=1, max_size=40)
#: Header bytes as servers let them in: no control characters but the tab.
LINES = st.binary(max_size=60).map(lambda raw: bytes(byte for byte in raw if byte >= 32 or byte == 9))
#: Lines an attacker would rather write.
SPOOFS = st.one_of(
    LINES,
    st.lists(
        st.sampled_from([b"1.2.3.4", b"10.0.0.7", b"for=1.2.3.4", b'for="', b'"', b"\\", b";", b"unknown", b""]),
        max_size=6,
    ).map(b", ".join),
)
OUTSIDERS = st.ip_addresses(v=4).filter(lambda address: address not in ip_network("10.0.0.0/8"))


def ask(resolver: Resolver, request: Request) -> Principal | None:
    """Resolve once, on a loop of its own."""
    return asyncio.run(resolve(resolver, request))


def id_of(resolver: Resolver, request: Request) -> str | None:
    """Return the id of whoever *resolver* finds."""
    found = ask(resolver, request)
    return found.id if found else None


def named(end_user: str | None, key: str = "sk-1") -> Request:
    """Return a request with an API key whose body names *end_user*."""
    reading = Reading(dialect="openai-chat", end_user=end_user)
    return Request(headers=[(b"authorization", f"Bearer {key}".encode())], peer="192.0.2.9", reading=reading)


# API keys


@given(st.dictionaries(st.sampled_from(SOURCES), KEYS), st.permutations(SOURCES))
def test_the_first_source_in_the_stated_order_names_the_key(keys: dict[str, str], order: list[str]) -> None:
    """Whatever sources hold a key and however the headers are ordered, the first of ``sources`` counts."""
    headers = [(name.encode(), key.encode()) for name, key in keys.items() if name != "?key"]
    request = Request(headers=headers, query=f"key={keys['?key']}".encode() if "?key" in keys else b"")
    stated = next((keys[source] for source in SOURCES if source in keys), None)
    chosen = next((keys[source] for source in order if source in keys), None)

    assert id_of(APIKey(), request) == (f"key:{stated}" if stated else None)
    assert id_of(APIKey(sources=order), request) == (f"key:{chosen}" if chosen else None)


@given(KEYS, st.sampled_from(["Bearer {}", "bearer  {} ", "{}", "Token {}", "ApiKey {}"]))
def test_authorization_is_read_with_and_without_its_scheme(key: str, form: str) -> None:
    """A bearer token and a bare key are the same key."""
    assume(key.lower() not in {"bearer", "basic", "token", "apikey", "key", "api-key"})

    assert id_of(APIKey(), Request(headers=[(b"authorization", form.format(key).encode())])) == f"key:{key}"


def test_basic_credentials_name_their_user_part() -> None:
    """The user part of Basic is the key; the password is not looked at."""
    value = b"Basic " + b64encode(b"sk-1:whatever")

    assert id_of(APIKey(), Request(headers=[(b"authorization", value)])) == "key:sk-1"


@pytest.mark.parametrize(
    "value", [b"", b"Bearer", b"Bearer  ", b"Basic", b"Basic %%%", b"Basic abcde", b"Basic Og==", b"Digest a=b"]
)
def test_credentials_without_a_key_leave_it_to_the_next_source(value: bytes) -> None:
    """Empty, broken and unknown credentials are no key, so the next source is asked."""
    request = Request(headers=[(b"authorization", value), (b"x-api-key", b"sk-2")])

    assert id_of(APIKey(), request) == "key:sk-2"


@given(st.lists(st.tuples(st.sampled_from([s.encode() for s in SOURCES]), LINES)), st.binary(max_size=40))
def test_no_header_and_no_query_raises(headers: list[tuple[bytes, bytes]], query: bytes) -> None:
    """Whatever an outsider writes, the default finds somebody or nobody."""
    found = ask(DEFAULT_IDENTIFY, Request(headers=headers, query=query, peer="192.0.2.1"))

    assert found is not None
    assert found.id.startswith(("key:", "ip:192.0.2.1"))


def test_of_two_lines_the_one_that_applications_read_counts() -> None:
    """The first of several header lines of one name is the key."""
    request = Request(headers=[(b"x-api-key", b"first"), (b"x-api-key", b"second")])

    assert id_of(APIKey(), request) == "key:first"


async def test_lookup_says_who_a_key_is() -> None:
    """A plain and an async lookup both decide, and ``None`` from them means nobody."""
    accounts = {"sk-1": Principal(id="acme", verified=True, links={"payment": "card-1"})}

    async def later(key: str) -> Principal | None:
        return accounts.get(key)

    for lookup in (accounts.get, later):
        resolver = APIKey(lookup=lookup)

        assert await resolve(resolver, named(None)) is accounts["sk-1"]
        assert await resolve(resolver, named(None, key="sk-2")) is None
        assert await resolve(FirstOf(resolver, ClientIP()), named(None, key="sk-2")) == Principal(
            id="ip:192.0.2.9", links={"network": "192.0.2.0/24"}
        )


# End users


NAMES = st.text(max_size=20) | st.text(min_size=129, max_size=300)


@given(KEYS, KEYS, NAMES, NAMES)
def test_no_two_end_users_share_an_id(key: str, other_key: str, name: str, other_name: str) -> None:
    """Key and name can be told from the id, however they are spelt, and the id is bounded."""
    assume(name.strip() and other_name.strip())
    first, second = id_of(EndUser(), named(name, key)), id_of(EndUser(), named(other_name, other_key))

    assert (first == second) == ((key, name.strip()) == (other_key, other_name.strip()))
    assert first is not None
    assert len(first) <= len(key) + 150


def test_a_name_spelt_like_a_separator_gives_no_other_key_away() -> None:
    """A key that holds what joins keys and names stays apart from the key and the name it imitates."""
    honest = id_of(EndUser(), named("bob", key="a"))
    query = b"key=" + (honest or "").removeprefix("user:5:key:").replace(":", "%3A").encode()

    assert honest is not None
    assert id_of(EndUser(), Request(query=query)) != honest


def test_an_end_user_inherits_links_and_a_payer_but_no_trust() -> None:
    """The name is the caller's word: a verified key cannot mint verified end users."""
    key = Principal(id="acme", since=0.0, verified=True, trust=1.0, links={"payment": "card-1"})
    end_user = ask(EndUser(within=lambda _: key), named("bob"))

    assert end_user == Principal(id="user:4:acme:bob", links={"payment": "card-1", "key": "acme"}, payer="acme")
    assert end_user is not None
    assert (end_user.since, end_user.verified, end_user.trust) == (None, False, None)


@pytest.mark.parametrize("name", [None, "", "  "])
def test_without_a_name_the_key_itself_is_charged(name: str | None) -> None:
    """No end user named means the inner principal, unchanged."""
    assert ask(EndUser(), named(name)) == Principal(id="key:sk-1")


def test_a_name_without_a_key_is_nobody() -> None:
    """An end user counts only within an authenticated request."""
    assert ask(EndUser(), Request(reading=Reading(dialect="openai-chat", end_user="bob"))) is None


async def test_an_async_key_may_have_end_users() -> None:
    """``within`` may be async."""

    async def within(request: Request) -> Principal | None:
        return Principal(id="acme")

    end_user = await resolve(EndUser(within=within), named("bob"))

    assert end_user is not None
    assert (end_user.id, end_user.payer) == ("user:4:acme:bob", "acme")


# Addresses


@given(st.ip_addresses(), st.lists(SPOOFS, max_size=3), st.lists(SPOOFS, max_size=3))
def test_an_untrusted_peer_cannot_choose_its_address(peer: object, xff: list[bytes], forwarded: list[bytes]) -> None:
    """Forwarded headers from anyone but a trusted proxy change nothing."""
    assume(not str(peer).startswith(("10.", "::ffff:10.")))
    headers = [(b"x-forwarded-for", line) for line in xff] + [(b"forwarded", line) for line in forwarded]
    resolver = ClientIP(["10.0.0.0/8"])

    assert ask(resolver, Request(peer=str(peer), headers=headers)) == ask(resolver, Request(peer=str(peer)))


@given(
    outsider=OUTSIDERS,
    spoofs=st.lists(SPOOFS, max_size=3),
    others=st.lists(SPOOFS, max_size=2),
    proxies=st.lists(st.sampled_from(["10.0.0.1", "10.1.2.3", "::ffff:10.9.9.9"]), max_size=3),
    own_line=st.booleans(),
)
def test_what_an_outsider_prepends_to_x_forwarded_for_does_not_count(
    outsider: object, spoofs: list[bytes], others: list[bytes], proxies: list[str], own_line: bool
) -> None:
    """Behind any chain of trusted proxies that append, the address is the one that the outermost of them saw."""
    lines = _appended(spoofs, [str(outsider), *proxies], own_line=own_line)
    headers = [(b"x-forwarded-for", line) for line in lines] + [(b"forwarded", line) for line in others]

    assert id_of(ClientIP(["10.0.0.0/8"]), Request(peer="10.0.0.254", headers=headers)) == f"ip:{outsider}"


@given(
    outsider=OUTSIDERS,
    spoofs=st.lists(SPOOFS, max_size=3),
    proxies=st.lists(st.sampled_from(["10.0.0.1", '"10.1.2.3:80"']), max_size=3),
    own_line=st.booleans(),
)
def test_what_an_outsider_prepends_to_forwarded_does_not_count(
    outsider: object, spoofs: list[bytes], proxies: list[str], own_line: bool
) -> None:
    """An open quote to the left never swallows what trusted proxies wrote to the right."""
    lines = _appended(spoofs, [f"for={hop};proto=https" for hop in (outsider, *proxies)], own_line=own_line)
    headers = [(b"forwarded", line) for line in lines]

    assert id_of(ClientIP(["10.0.0.0/8"]), Request(peer="10.0.0.254", headers=headers)) == f"ip:{outsider}"


def _appended(spoofs: list[bytes], hops: list[str], *, own_line: bool) -> list[bytes]:
    """Return header lines: what the outsider sent, then what each proxy added, to the last line or below it."""
    added = ", ".join(hops).encode()
    if own_line or not spoofs:
        return [*spoofs, added]
    return [*spoofs[:-1], spoofs[-1] + b", " + added]


@pytest.mark.parametrize(
    "element",
    [
        b'for=5.6.7.8;host="a, for=9.9.9.9;x="',
        b'for=5.6.7.8;host="a;for=9.9.9.9;x="',
        b'host="a;for=9.9.9.9;x=";for=5.6.7.8',
        b'for=5.6.7.8;host="a\\", for=9.9.9.9;x=\\""',
    ],
)
def test_a_host_header_copied_by_the_proxy_names_no_address(element: bytes) -> None:
    """A ``Host`` that imitates a ``for`` ends the walk at the proxy, at worst; it never chooses an address."""
    found = id_of(ClientIP(["10.0.0.0/8"]), Request(peer="10.0.0.1", headers=[(b"forwarded", element)]))

    assert found in {"ip:10.0.0.1", "ip:5.6.7.8"}


@given(st.integers(1 << 48, (1 << 128) - 1).map(IPv6Address))
def test_ipv6_counts_by_its_64(address: IPv6Address) -> None:
    """Every address of a /64 is one principal, linked to the /48 around it; the prefix can be set."""
    neighbour = IPv6Address(int(address) ^ 0xDEADBEEF)
    found, other = (ask(ClientIP(), Request(peer=str(each))) for each in (address, neighbour))

    assert found == other
    assert found is not None
    assert address in ip_network(found.id.removeprefix("ip:"))
    assert found.id.endswith("/64")
    assert address in ip_network(found.links["network"])
    assert found.links["network"].endswith("/48")
    assert id_of(ClientIP(ipv6_prefix=128), Request(peer=str(address))) == f"ip:{address}"


@pytest.mark.parametrize("written", ["{}", "{}:8080", "::ffff:{}", "[::ffff:{}]:443", " {} "])
@given(address=st.ip_addresses(v=4))
def test_ipv4_is_one_address_however_it_is_written(written: str, address: object) -> None:
    """Ports, brackets and the mapping into IPv6 go; the link is the /24."""
    found = ask(ClientIP(), Request(peer=written.format(address)))

    assert found is not None
    assert found.id == f"ip:{address}"
    assert ip_address(str(address)) in ip_network(found.links["network"])


@pytest.mark.parametrize("peer", ["fe80::1%eth0", "[fe80::1%eth0]:443", "[fe80::1]"])
def test_zones_are_no_part_of_an_address(peer: str) -> None:
    """The zone says which of our own interfaces it was, which is not who it was."""
    assert id_of(ClientIP(), Request(peer=peer)) == "ip:fe80::/64"


@pytest.mark.parametrize("hop", [b"unknown", b"_hidden", b"", b"1.2.3.4.5", b"[::1", b"9" * 5000])
def test_a_hop_that_is_no_address_ends_the_walk_at_the_proxy_that_reported_it(hop: bytes) -> None:
    """What stands further left is not believed."""
    for name, line in ((b"x-forwarded-for", b"9.9.9.9, " + hop), (b"forwarded", b"for=9.9.9.9, for=" + hop)):
        assert id_of(ClientIP(["10.0.0.1"]), Request(peer="10.0.0.1", headers=[(name, line)])) == "ip:10.0.0.1"


def test_a_unix_socket_is_trusted_only_when_told() -> None:
    """A peer without an address is nobody, unless it is said to be a trusted proxy."""
    request = Request(peer=None, headers=[(b"x-forwarded-for", b"9.9.9.9, 5.6.7.8")])

    assert ask(ClientIP(), request) is None
    assert id_of(ClientIP(trust_unix_socket=True), request) == "ip:5.6.7.8"
    assert ask(ClientIP(trust_unix_socket=True), Request(peer=None)) is None
    assert ask(ClientIP(trust_unix_socket=True), Request(peer="testclient", headers=request.headers)) is None


def test_a_request_that_began_at_a_trusted_proxy_has_that_proxys_address() -> None:
    """Where every hop is trusted the outermost counts, and no other header is asked for one further out."""
    headers = [(b"x-forwarded-for", b"10.0.0.3, 10.0.0.2"), (b"forwarded", b"for=9.9.9.9")]

    assert id_of(ClientIP(["10.0.0.0/8"]), Request(peer="10.0.0.1", headers=headers)) == "ip:10.0.0.3"


@pytest.mark.parametrize("network", ["10.0.0.1", "10.0.0.0/8", "::ffff:10.0.0.0/104", ip_network("10.0.0.0/24")])
@pytest.mark.parametrize("peer", ["10.0.0.1", "::ffff:10.0.0.1"])
def test_a_proxy_is_trusted_in_either_notation(network: Any, peer: str) -> None:
    """IPv4 within IPv6 is IPv4, in the list and at the socket."""
    request = Request(peer=peer, headers=[(b"x-forwarded-for", b"5.6.7.8")])

    assert id_of(ClientIP([network]), request) == "ip:5.6.7.8"


def test_a_proxy_that_sets_only_forwarded_can_be_told() -> None:
    """Where the proxy does not set X-Forwarded-For, the caller's is not read."""
    headers = [(b"x-forwarded-for", b"9.9.9.9"), (b"forwarded", b"for=5.6.7.8")]
    request = Request(peer="10.0.0.1", headers=headers)

    assert id_of(ClientIP(["10.0.0.1"], forwarded=("Forwarded",)), request) == "ip:5.6.7.8"


# Composition


@given(st.lists(st.sampled_from(["nobody", "somebody", "nobody later", "somebody later"]), min_size=1, max_size=6))
def test_the_first_resolver_that_knows_decides_and_later_ones_are_not_asked(kinds: list[str]) -> None:
    """Plain and async resolvers mix in any order."""
    asked: list[int] = []

    def make(index: int, kind: str) -> Resolver:
        principal = Principal(id=str(index)) if kind.startswith("somebody") else None

        def plain(request: Request) -> Principal | None:
            asked.append(index)
            return principal

        async def later(request: Request) -> Principal | None:
            return plain(request)

        return later if kind.endswith("later") else plain

    found = id_of(FirstOf(*[make(index, kind) for index, kind in enumerate(kinds)]), Request())
    knows = next((index for index, kind in enumerate(kinds) if kind.startswith("somebody")), None)

    assert found == (None if knows is None else str(knows))
    assert asked == list(range(len(kinds) if knows is None else knows + 1))


@pytest.mark.parametrize("wrap", [lambda r: r, lambda r: FirstOf(r, ClientIP()), lambda r: EndUser(within=r)])
@pytest.mark.parametrize("returned", ["sk-1", 0, False, {}])
async def test_a_resolver_that_returns_no_principal_is_named_with_the_mend(wrap: Any, returned: object) -> None:
    """The error says which resolver, what it returned and what to return, and it is ours and a TypeError."""

    def mine(request: Request) -> object:
        return returned

    async def mine_later(request: Request) -> object:
        return returned

    for resolver in (mine, mine_later):
        said = rf"{resolver.__name__}: .*got a {type(returned).__name__}; return"
        with pytest.raises(ResolverError, match=said) as caught:
            await resolve(wrap(resolver), Request())

        assert isinstance(caught.value, TypeError)


async def test_a_lookup_that_returns_no_principal_is_named() -> None:
    """The error points at the lookup, not at the resolver around it."""
    with pytest.raises(ResolverError, match=r"upper.*got a str"):
        await resolve(FirstOf(EndUser(within=APIKey(lookup=str.upper))), named("bob"))  # type: ignore[arg-type]  # the mistake


def test_a_header_of_the_gateways_names_the_principal() -> None:
    """The last line of any header counts; an absent or empty one is nobody."""
    headers = [(b"x-account", b"callers own"), (b"x-account", b" 17 "), (b"accept", b"*/*")]

    assert id_of(Header("X-Account"), Request(headers=headers)) == "header:x-account:17"
    assert ask(Header("x-account"), Request(headers=[(b"x-account", b" ")])) is None
    assert ask(Header("x-account"), Request()) is None


def test_the_default_prefers_end_users_then_keys_then_addresses() -> None:
    """Each step down is taken only where the one above finds nobody."""
    assert id_of(DEFAULT_IDENTIFY, named("bob")) == "user:8:key:sk-1:bob"
    assert id_of(DEFAULT_IDENTIFY, named(None)) == "key:sk-1"
    assert id_of(DEFAULT_IDENTIFY, Request(peer="192.0.2.9")) == "ip:192.0.2.9"
    assert ask(DEFAULT_IDENTIFY, Request()) is None


@pytest.mark.parametrize(
    ("kind", "positional", "named_arguments", "wrong"),
    [
        (FirstOf, (), {}, ["resolvers: must not be empty"]),
        (FirstOf, (APIKey(), None), {}, ["resolvers[1]"]),
        (EndUser, (), {"within": "key"}, ["within"]),
        (APIKey, (), {"sources": "x-api-key", "lookup": 3}, ["sources: must be a sequence", "lookup"]),
        (APIKey, (), {"sources": ["x-api-key", "?", 3]}, ["sources[1]", "sources[2]"]),
        (APIKey, (), {"sources": ()}, ["sources"]),
        (Header, ("",), {}, ["name"]),
        (ClientIP, ("10.0.0.0/8",), {}, ["trusted_proxies: must be a sequence"]),
        (ClientIP, (["10.0.0.1/8", "proxy", 7],), {}, ["[0]", "[1]", "[2]"]),
        (ClientIP, (["10.0.0.0/8", "::/0"],), {}, ["trusted_proxies[1]: must not hold every address"]),
        (ClientIP, (["x"],), {"ipv4_prefix": 33, "ipv6_prefix": True}, ["[0]", "ipv4_prefix", "ipv6_prefix"]),
        (ClientIP, (), {"forwarded": "forwarded"}, ["forwarded: must be a sequence"]),
        (ClientIP, (), {"forwarded": ["x-real-ip"]}, ["forwarded[0]: must be 'x-forwarded-for' or 'forwarded'"]),
    ],
)
def test_what_cannot_work_fails_at_construction_all_at_once(
    kind: Any, positional: Any, named_arguments: Any, wrong: list[str]
) -> None:
    """Every problem of a resolver is raised together, each with its place."""
    with pytest.raises(ExceptionGroup) as caught:
        kind(*positional, **named_arguments)

    problems = [str(problem) for problem in caught.value.exceptions]
    assert len(problems) == len(wrong)
    assert all(expected in problem for expected, problem in zip(wrong, problems, strict=True))


def test_resolvers_show_what_they_are_without_showing_keys() -> None:
    """What a log or an error prints can be pasted back, and holds no secret."""
    assert repr(DEFAULT_IDENTIFY) == "FirstOf(EndUser(within=APIKey()), ClientIP())"
    assert repr(ClientIP(["10.0.0.0/8"])) == "ClientIP(trusted_proxies=('10.0.0.0/8',))"
    assert repr(APIKey(sources=["X-Api-Key"])) == "APIKey(sources=('x-api-key',))"
    assert repr(Header("X-Account")) == "Header('x-account')"
