"""How long the first byte of a stream takes: the bare host, and the same behind the middleware, side by side.

    python tests/benchmarks/first_byte.py                    # a model that answers at once: the worst case
    python tests/benchmarks/first_byte.py --think 0.05       # one that takes 50 ms for its first token

Each host is a uvicorn process of its own on the loopback. One client asks them by turns over connections that stay
open, a new prompt each time, so that whatever else the machine does hits all alike. Shown are medians in milliseconds,
with the spread of the medians of ten parts, and whether every chunk arrived as it was sent.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import statistics
import sys
import time
from asyncio.subprocess import PIPE, STDOUT
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from ratelimit import Budget, Concurrency, Policy, RateLimitMiddleware, Tokens

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

CHUNKS = 20
PARTS = 10
KINDS = ("bare", "budgets", "default", "tokens")
WIDE = Budget(quota=10**9, window=timedelta(hours=1), burst=10**8)
TOKENS = Budget(name="tokens", quota=10**12, window=timedelta(hours=1), burst=10**11, cost=Tokens())
POLICIES = {
    "budgets": Policy(budgets=(WIDE,), signals=(), cohort_signals=(), cohorts=()),
    "default": Policy(budgets=(WIDE,)),
    "tokens": Policy(budgets=(WIDE, TOKENS), concurrency=Concurrency(most=10)),
}


def application(think: float) -> Any:
    """Return a model that thinks for so many seconds and then streams."""
    start = {"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/event-stream")]}

    async def app(scope: Any, receive: Any, send: Any) -> None:
        while (await receive()).get("more_body"):
            pass
        if think:
            await asyncio.sleep(think)
        await send(start)
        for number in range(CHUNKS):
            chunk = b'data: {"choices": [{"delta": {"content": "%d"}}], "usage": null}\n\n' % number
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body", "body": b"data: [DONE]\n\n"})

    return app


def serve(kind: str, think: float) -> None:
    """Serve, until the process is ended."""
    import uvicorn  # noqa: PLC0415 (the server's process alone)

    app = application(think)
    guarded = app if kind == "bare" else RateLimitMiddleware(app, POLICIES[kind])
    uvicorn.run(guarded, port=0, log_level="info", access_log=False, lifespan="off")


async def started(kind: str, think: float) -> tuple[asyncio.subprocess.Process, int]:
    """Start a host, and return its process and its port."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, __file__, "--serve", kind, "--think", str(think), stdout=PIPE, stderr=STDOUT,
        env=os.environ | {"PYTHONUNBUFFERED": "1"})
    assert process.stdout is not None
    while not (found := re.search(rb"127\.0\.0\.1:(\d+)", line := await process.stdout.readline())):
        if not line:
            raise SystemExit(f"the {kind} host did not start")
    return process, int(found[1])


class Caller:
    """One connection to one host."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    async def ask(self, number: int) -> tuple[float, int]:
        """Ask once; return the seconds until the first chunk, and how many came."""
        body = b'{"messages":[{"role":"user","content":"What of %d and %d?"}],"stream":true}' % (number, number * 7919)
        head = b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer k\r\ncontent-length: %d\r\n\r\n"
        began = time.perf_counter()
        self._writer.write(head % len(body) + body)
        await self._reader.readuntil(b"\r\n\r\n")
        chunks, first = 0, 0.0
        async for _ in self._chunks():
            first = first or time.perf_counter() - began
            chunks += 1
        return first, chunks

    async def _chunks(self) -> AsyncIterator[bytes]:
        while size := int(await self._reader.readline(), 16):
            yield (await self._reader.readexactly(size + 2))[:-2]
        await self._reader.readline()


async def measure(think: float, rounds: int) -> None:
    """Ask all hosts by turns, and print what came of it."""
    hosts = {kind: await started(kind, think) for kind in KINDS}
    try:
        callers = {kind: Caller(*await asyncio.open_connection("127.0.0.1", port)) for kind, (_, port) in hosts.items()}
        times: dict[str, list[float]] = {kind: [] for kind in KINDS}
        whole = dict.fromkeys(KINDS, True)
        for number in range(rounds + 50):
            for kind, caller in callers.items():
                first, chunks = await caller.ask(number)
                whole[kind] &= chunks == CHUNKS + 1
                if number >= 50:  # the first warm up
                    times[kind].append(first * 1000)
    finally:
        for process, _ in hosts.values():
            process.terminate()
            await process.wait()
    bare = statistics.median(times["bare"])
    print(f"{'host':10}{'first byte, ms':>18}{'spread':>18}{'of the bare':>14}{'every chunk':>14}")
    for kind in KINDS:
        parts = [statistics.median(times[kind][part::PARTS]) for part in range(PARTS)]
        median = statistics.median(times[kind])
        spread = f"{min(parts):.3f} to {max(parts):.3f}"
        print(f"{kind:10}{median:18.3f}{spread:>18}{median / bare:14.1%}{'yes' if whole[kind] else 'NO':>14}")


def main() -> None:
    """Measure, or serve."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--think", type=float, default=0.0, help="seconds that the model takes for its first token")
    parser.add_argument("--rounds", type=int, default=2000, help="requests to each host")
    parser.add_argument("--serve", choices=KINDS, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.serve:
        serve(chosen.serve, chosen.think)
    else:
        asyncio.run(measure(chosen.think, chosen.rounds))


if __name__ == "__main__":
    main()
