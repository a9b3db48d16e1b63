"""What benchmarks drive: bodies of made-up words, requests without a client library, and a clock round them."""

from __future__ import annotations

import json
import time
from random import Random
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

PATH = "/v1/chat/completions"


async def bare(scope: Any, receive: Any, send: Any) -> None:
    """Read the body, and answer at once: what every figure is over."""
    while (await receive()).get("more_body", False):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
    await send({"type": "http.response.body", "body": b"{}"})


class Words:
    """Writes text as people write: few words often, many seldom, and each principal with subjects of its own."""

    def __init__(self, seed: int = 1) -> None:
        self.rng = Random(seed)
        letters = "abcdefghijklmnopqrstuvwxyz"
        self._words = ["".join(self.rng.choices(letters, k=self.rng.randint(2, 10))) for _ in range(20_000)]
        self._weights = [1 / (rank + 2) for rank in range(1000)]

    def text(self, size: int, who: int) -> str:
        """Return some *size* characters by principal *who*: half its own words, half everybody's."""
        rng, many = self.rng, max(2, size // 7)
        own = self._words[1000 + who % 180 * 100 :][:100]
        some = rng.choices(self._words[:1000], self._weights, k=many // 2) + rng.choices(own, k=many - many // 2)
        rng.shuffle(some)
        return " ".join(some)[:size]

    def body(self, size: int, who: int) -> bytes:
        """Return a chat of some *size* bytes."""
        messages = [{"role": "system", "content": "You are a helpful assistant."},
                    {"role": "user", "content": self.text(max(20, size - 150), who)}]
        return json.dumps({"model": "gpt-6", "messages": messages, "temperature": 0.7}).encode()


def scope_of(who: int, body: bytes) -> dict[str, Any]:
    """Return the scope of a chat by principal *who*."""
    return {
        "type": "http", "asgi": {"version": "3.0", "spec_version": "2.4"}, "http_version": "1.1", "method": "POST",
        "scheme": "http", "path": PATH, "raw_path": PATH.encode(), "query_string": b"", "root_path": "",
        # Some count addresses: each principal has its own.
        "client": (f"10.{who >> 16 & 255}.{who >> 8 & 255}.{who & 255}", 40_000), "server": ("127.0.0.1", 8000),
        "state": {},
        "headers": [(b"host", b"api.example"), (b"user-agent", b"OpenAI/Python 3.54"),
                    (b"authorization", b"Bearer sk-%06d" % who), (b"content-type", b"application/json"),
                    (b"content-length", b"%d" % len(body)), (b"accept", b"application/json")],
    }


async def drive(app: Any, requests: Sequence[tuple[int, bytes]]) -> float:
    """Send *requests* (principal, body) one after the other, and return microseconds for each."""
    async def send(message: Any) -> None:
        pass

    calls = []
    for who, body in requests:
        async def receive(message: Any = None, body: bytes = body) -> Any:
            return {"type": "http.request", "body": body, "more_body": False}

        calls.append((scope_of(who, body), receive))
    began = time.perf_counter()
    for scope, receive in calls:
        await app(scope, receive, send)
    return (time.perf_counter() - began) / len(calls) * 1e6
