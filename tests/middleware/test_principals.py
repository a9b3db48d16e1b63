"""Who is charged: by the default, by a function of the operator's, and when nobody is named."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ratelimit.decision import Cause
from ratelimit.principal import Principal

Make = Callable[..., Any]


async def statuses(guarded: Any, *exchanges: dict[str, Any]) -> list[int]:
    """Drive the exchanges one after another."""
    return [(await guarded(**exchange)).status for exchange in exchanges]


async def test_keys_are_principals_and_addresses_too(guard: Make, recorder: Make, policy: Make) -> None:
    """By default each API key has its budget, and who has none is told by the address."""
    keys = [{"headers": {"authorization": f"Bearer {name}"}} for name in ("a", "b", "a")]
    peers = [{"peer": "192.0.2.1"}, {"peer": "192.0.2.2"}, {"peer": "192.0.2.1"}]

    assert await statuses(guard(recorder(), policy()), *keys) == [200, 200, 429]
    assert await statuses(guard(recorder(), policy()), *peers) == [200, 200, 429]


async def by_header(request: Any) -> Principal | None:
    """Name the principal by a header, asynchronously."""
    name = request.header("x-team")
    return Principal(id=name) if name else None


@pytest.mark.parametrize("identify", [by_header, lambda request: Principal(id=request.header("x-team"))])
async def test_a_function_may_say_who(identify: Any, guard: Make, recorder: Make, policy: Make) -> None:
    """A function of the operator's names the principal, plain or async."""
    guarded = guard(recorder(), policy(), identify=identify)

    assert await statuses(guarded, *({"headers": {"x-team": team}} for team in "aba")) == [200, 200, 429]


async def test_nobody_is_charged_as_the_network(guard: Make, recorder: Make, policy: Make) -> None:
    """A request without a principal is no free pass: a /24 shares one budget, and another /24 has its own."""
    guarded = guard(recorder(), policy(), identify=by_header)
    peers = ["192.0.2.1", "192.0.2.200", "192.0.3.1", "::ffff:192.0.3.9", None, None]

    assert await statuses(guarded, *({"peer": peer} for peer in peers)) == [200, 429, 200, 429, 200, 429]


async def test_nobody_in_ipv6_is_charged_as_the_64(guard: Make, recorder: Make, policy: Make) -> None:
    """The addresses of one /64 share one budget, whatever the rest of them."""
    guarded = guard(recorder(), policy(), identify=lambda request: None)
    peers = ["2001:db8::1", "2001:db8::ffff:2", "2001:db8:0:1::1", "2001:db8:0:1::2%eth0"]

    assert await statuses(guarded, *({"peer": peer} for peer in peers)) == [200, 429, 200, 429]


@given(peer=st.none() | st.text(max_size=20) | st.ip_addresses().map(str))
async def test_no_peer_is_a_free_pass(peer: str | None, guard: Make, recorder: Make, policy: Make) -> None:
    """Whatever stands in the place of the peer, the second request pays."""
    guarded = guard(recorder(), policy(), identify=lambda request: None)

    assert await statuses(guarded, {"peer": peer}, {"peer": peer}) == [200, 429]


def raising(request: Any) -> Principal:
    """Fail, as a database does."""
    raise ConnectionError("SECRET")


async def raising_later(request: Any) -> Principal:
    """Fail, as a database does over the network."""
    raise ConnectionError("SECRET")


@pytest.mark.parametrize("identify", [raising, raising_later, lambda request: "a name"])
async def test_a_failing_function_is_an_outage(
    identify: Any, guard: Make, recorder: Make, policy: Make, caplog: pytest.LogCaptureFixture
) -> None:
    """503 in the caller's dialect with a time to come back; logged once a minute, and nothing of it told."""
    app = recorder()
    guarded = guard(app, policy(), identify=identify)
    with caplog.at_level(logging.ERROR, logger="ratelimit"):
        came = [await guarded() for _ in range(3)]

    assert [exchange.status for exchange in came] == [503] * 3
    assert app.calls == 0
    assert json.loads(came[0].body)["error"]["code"] == "temporary_reduced_capacity"
    assert came[0].header("retry-after") == "5"
    assert b"SECRET" not in came[0].body
    assert len(caplog.records) == 1
    assert guarded.decision.reasons[0].cause is Cause.UNAVAILABLE


async def test_an_audit_lets_an_outage_pass(guard: Make, recorder: Make, policy: Make) -> None:
    """Under audit a failing function is logged, and the request goes on."""
    guarded = guard(recorder(), policy(mode="audit"), identify=raising)

    assert await statuses(guarded, {}) == [200]
    assert (guarded.decision.allowed, guarded.decision.refused) == (True, True)
