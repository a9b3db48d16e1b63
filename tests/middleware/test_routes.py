"""Routes: what governs a request is found once for its path, and no caller makes what is kept grow."""

from __future__ import annotations

from datetime import timedelta

from ratelimit import Policy
from ratelimit.edge.routes import LONGEST, MOST, Routes


def test_what_governs_is_as_far_as_the_first_without_a_condition() -> None:
    """In order, each with its dialect, and with the widest bounds of them."""
    first = Policy(name="first", paths=("/v1/*",), when=lambda _: False, body_bytes=5,
                   read_timeout=timedelta(seconds=9))
    second, third = Policy(name="second", body_bytes=7, read_timeout=timedelta(seconds=3)), Policy(name="third")
    routes = Routes([first, second, third])
    chat, other = routes.of("POST", "/v1/chat/completions"), routes.of("POST", "/elsewhere")

    assert [(policy.name, dialect.name) for policy, dialect in chat.policies] == [
        ("first", "openai-chat"), ("second", "openai-chat")]
    assert (chat.body_bytes, chat.read_timeout) == (7, 9.0)
    assert [policy.name for policy, _ in other.policies] == ["second"]
    assert (other.body_bytes, other.read_timeout) == (7, 3.0)
    assert routes.of("GET", "/v1/chat/completions").policies == ()
    assert routes.of("POST", "/v1/chat/completions") is chat


def test_made_up_paths_fill_nothing() -> None:
    """So many are kept, none that is long, and each is governed all the same."""
    routes = Routes([Policy()])
    most = 0
    for number in range(MOST + 100):
        assert routes.of("POST", f"/{number}").policies
        most = max(most, len(routes))
    before = len(routes)

    assert most == MOST
    assert routes.of("POST", "/" + "x" * LONGEST).policies
    assert len(routes) == before
