"""The example with two workers: one command starts it, and both spend one budget."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from asyncio.subprocess import DEVNULL
from pathlib import Path
from typing import Any

import httpx

EXAMPLE = Path(__file__).parents[3] / "examples/redis_workers.py"


async def test_two_workers_spend_one_budget(server: Any) -> None:
    """Five requests are answered, whichever worker is asked, and the next are refused; stopped, all processes end."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = os.environ | {"PORT": str(port), "REDIS_URL": server.url, "PYTHONPATH": str(EXAMPLE.parents[1])}
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(EXAMPLE), env=environment, stdout=DEVNULL, stderr=DEVNULL)
    body = {"messages": [{"role": "user", "content": "hello"}]}
    came: list[httpx.Response] = []
    workers: set[int] = set()
    try:
        async with asyncio.timeout(60):
            for number in range(400):
                if len(workers) == 2 and number > 20:
                    break
                # A connection of its own for each, so that the kernel hands them to both workers.
                async with httpx.AsyncClient(headers={"authorization": f"Bearer sk-{number % 40}"}) as http:
                    try:
                        said = await http.post(f"http://127.0.0.1:{port}/v1/chat/completions", json=body)
                    except httpx.ConnectError:
                        await asyncio.sleep(0.05)
                        continue
                    if said.status_code == 200:
                        workers.add(said.json()["worker"])
            for _ in range(12):
                async with httpx.AsyncClient(headers={"authorization": "Bearer sk-one"}) as http:
                    came.append(await http.post(f"http://127.0.0.1:{port}/v1/chat/completions", json=body))
    finally:
        process.terminate()
        await asyncio.wait_for(process.wait(), 20)

    assert len(workers) == 2
    assert [response.status_code for response in came] == [200] * 5 + [429] * 7
