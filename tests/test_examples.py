"""Every example really starts, answers, and refuses once the burst is spent."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from asyncio.subprocess import PIPE, STDOUT, Process
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import openai
import pytest

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

EXAMPLES = Path(__file__).parent.parent / "examples"
NAMES = sorted(path.stem for path in EXAMPLES.glob("quickstart_*.py"))
BURST = 5


@asynccontextmanager
async def _started(*command: str) -> AsyncIterator[str]:
    """Start *command* in a process of its own, give the URL that its server names, and stop it."""
    environment = os.environ | {"PORT": "0", "PYTHONPATH": str(EXAMPLES.parent), "PYTHONUNBUFFERED": "1"}
    process = await asyncio.create_subprocess_exec(
        sys.executable, *command, stdout=PIPE, stderr=STDOUT, env=environment
    )
    try:
        async with asyncio.timeout(60):
            yield await _url(process)
    finally:
        process.terminate()
        await process.communicate()


async def _url(process: Process) -> str:
    assert process.stdout is not None
    said = b""
    while line := await process.stdout.readline():
        said += line
        if found := re.search(rb"http://127\.0\.0\.1:\d+", line):
            return found.group().decode()
    raise AssertionError(said.decode())


async def _spend(url: str, *, times: int) -> Sequence[httpx.Response]:
    body = {"messages": [{"role": "user", "content": "hello"}]}
    async with httpx.AsyncClient(base_url=url, headers={"authorization": "Bearer sk-example"}) as http:
        return [await http.post("/v1/chat/completions", json=body) for _ in range(times)]


@pytest.mark.parametrize("name", NAMES)
async def test_an_example_run_as_a_script_answers_and_then_refuses(name: str) -> None:
    """``python examples/NAME.py`` serves as many calls as the burst holds, and refuses the next."""
    async with _started(str(EXAMPLES / f"{name}.py")) as url:
        *answered, refused = await _spend(url, times=BURST + 1)

    assert [response.status_code for response in answered] == [200] * BURST
    assert answered[0].json()["choices"][0]["message"]["content"] == "HELLO"
    assert refused.status_code == 429
    assert int(refused.headers["retry-after"]) >= 1
    assert refused.json()["error"]["code"] == "rate_limit_exceeded"


@pytest.mark.parametrize("name", NAMES)
async def test_an_example_run_by_uvicorn_refuses_in_the_words_of_the_sdk(name: str) -> None:
    """``uvicorn NAME:app`` serves the same, and the OpenAI SDK raises its own error on the refusal."""
    uvicorn = ("-m", "uvicorn", "--app-dir", str(EXAMPLES), "--port", "0", f"{name}:app")
    async with _started(*uvicorn) as url:
        await _spend(url, times=BURST)
        async with openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="sk-example", max_retries=0) as sdk:
            with pytest.raises(openai.RateLimitError) as caught:
                await sdk.chat.completions.create(model="m", messages=[{"role": "user", "content": "hello"}])

    assert caught.value.code == "rate_limit_exceeded"
    assert float(caught.value.response.headers["retry-after"]) >= 1


@pytest.mark.parametrize("name", NAMES)
def test_a_quickstart_is_short(name: str) -> None:
    """A quickstart has 25 lines of code at most."""
    source = (EXAMPLES / f"{name}.py").read_text("utf-8").split('"""', 2)[2]

    assert sum(bool(line.strip()) for line in source.splitlines()) <= 25


@pytest.mark.parametrize("name", NAMES)
async def test_an_example_says_what_is_wrong_with_a_broken_body(name: str) -> None:
    """A body that is no JSON is refused before the application sees it: 400, in the words of the API."""
    async with _started(str(EXAMPLES / f"{name}.py")) as url, httpx.AsyncClient(base_url=url) as http:
        said = await http.post("/v1/chat/completions", content=b'{"messages": [')

    assert said.status_code == 400
    assert said.json()["error"]["code"] == "bad_json"
