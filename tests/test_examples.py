"""Every example really starts, answers, and refuses once the burst is spent."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
from asyncio.subprocess import PIPE, STDOUT, Process
from contextlib import asynccontextmanager
from datetime import timedelta
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from random import Random
from statistics import mean, stdev
from typing import TYPE_CHECKING, Any

import httpx
import numpy as np
import openai
import pytest
from mcp import Client, MCPError

from ratelimit import Budget, Ladder, Policy, Tier
from ratelimit.testing import drive

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

EXAMPLES = Path(__file__).parent.parent / "examples"
BURST = 5

#: What an example needs that the project's own tests do not; the extra ``hosts`` brings most of it.
NEEDS = {"host_bentoml": "bentoml", "host_litellm": "litellm", "host_sglang": "sglang"}
NAMES = sorted(path.stem for path in EXAMPLES.glob("*.py") if find_spec(NEEDS.get(path.stem, "ratelimit")))
QUICKSTARTS = [name for name in NAMES if name.startswith("quickstart_")]
HOSTS = [name for name in NAMES if name.startswith("host_")]
CHATS = [name for name in QUICKSTARTS + HOSTS if name not in {"host_mcp", "host_sglang"}]

#: Not an application in itself.
SCRIPTS = {"host_bentoml"}


def _module(name: str) -> Any:
    """Return an example as a module."""
    spec = spec_from_file_location(f"example_{name}", EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


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
    body = {"model": "mock", "messages": [{"role": "user", "content": "hello"}]}
    async with httpx.AsyncClient(base_url=url, headers={"authorization": "Bearer sk-example"}) as http:
        return [await http.post("/v1/chat/completions", json=body) for _ in range(times)]


@pytest.mark.parametrize("name", CHATS)
async def test_an_example_run_as_a_script_answers_and_then_refuses(name: str) -> None:
    """``python examples/NAME.py`` serves as many calls as the burst holds, and refuses the next."""
    async with _started(str(EXAMPLES / f"{name}.py")) as url:
        *answered, refused = await _spend(url, times=BURST + 1)

    assert [response.status_code for response in answered] == [200] * BURST
    assert answered[0].json()["choices"][0]["message"]["content"] == "HELLO"
    assert refused.status_code == 429
    assert int(refused.headers["retry-after"]) >= 1
    assert refused.json()["error"]["code"] == "rate_limit_exceeded"


@pytest.mark.parametrize("name", [name for name in CHATS if name not in SCRIPTS])
async def test_an_example_run_by_uvicorn_refuses_in_the_words_of_the_sdk(name: str) -> None:
    """``uvicorn NAME:app`` serves the same, and the OpenAI SDK raises its own error on the refusal."""
    uvicorn = ("-m", "uvicorn", "--app-dir", str(EXAMPLES), "--port", "0", f"{name}:app")
    async with _started(*uvicorn) as url:
        await _spend(url, times=BURST)
        async with openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="sk-example", max_retries=0) as sdk:
            with pytest.raises(openai.RateLimitError) as caught:
                await sdk.chat.completions.create(model="mock", messages=[{"role": "user", "content": "hello"}])

    assert caught.value.code == "rate_limit_exceeded"
    assert float(caught.value.response.headers["retry-after"]) >= 1


@pytest.mark.parametrize("name", QUICKSTARTS)
def test_a_quickstart_is_short(name: str) -> None:
    """A quickstart has 25 lines of code at most."""
    source = (EXAMPLES / f"{name}.py").read_text("utf-8").split('"""', 2)[2]

    assert sum(bool(line.strip()) for line in source.splitlines()) <= 25


@pytest.mark.parametrize("name", CHATS)
async def test_an_example_says_what_is_wrong_with_a_broken_body(name: str) -> None:
    """A body that is no JSON is refused before the application sees it: 400, in the words of the API."""
    async with _started(str(EXAMPLES / f"{name}.py")) as url, httpx.AsyncClient(base_url=url) as http:
        said = await http.post("/v1/chat/completions", content=b'{"messages": [')

    assert said.status_code == 400
    assert said.json()["error"]["code"] == "bad_json"


async def test_a_tool_is_called_until_the_budget_is_spent() -> None:
    """The MCP example serves the released client, whose next call raises with the words of the refusal."""
    async with _started(str(EXAMPLES / "host_mcp.py")) as url, Client(f"{url}/mcp") as client:
        said = await client.call_tool("shout", {"text": "hello"})
        calls = [client.call_tool("shout", {"text": "hello"}) for _ in range(BURST)]
        await asyncio.gather(*calls, return_exceptions=True)
        with pytest.raises(MCPError, match="The budget for requests is spent") as raised:
            await client.call_tool("shout", {"text": "hello"})

    assert said.content[0].text == "HELLO"
    assert raised.value.error.data["code"] == "rate_limit_exceeded"


async def _tightened(app: Any) -> tuple[Any, tuple[str, Any]]:
    """Harvest *app* until it has answered by the smaller model, and by a check; return either, and who was checked."""
    draw, small, checked = Random(1), None, None
    for number in range(2000):
        text = " ".join(f"s{draw.randrange(3000)}" for _ in range(8))
        key = f"key-{number % 10}"
        came = await _ask(app, key, f"Solve the following task and write all of your reasoning: {text}")
        if came.status == 428:
            checked = (key, came)
        elif json.loads(came.body)["model"] == "small":
            small = came
        if small is not None and checked is not None:
            return small, checked
    raise AssertionError("nobody was tightened")


async def _ask(app: Any, key: str, text: str, path: str = "/v1/chat/completions", **fields: Any) -> Any:
    body = json.dumps({"messages": [{"role": "user", "content": text}], **fields}).encode()
    return await drive(app, path=path, body=body, headers={"authorization": f"Bearer {key}", "user-agent": "script"})


async def test_a_soft_tier_is_answered_otherwise() -> None:
    """A harvest gets the smaller model, then the check; who passes it is answered as before, and nobody else is."""
    ladder = Ladder(watch=0.05, soft=0.1, hard=0.2, soft_refill=0.5, hard_refill=0.5)
    budget = Budget(quota=360_000, window=timedelta(hours=1), burst=600)  # soon enough full again
    app = _module("soft_tier").build(Policy(mode="audit", paths=("/v1/*",), ladder=ladder, budgets=(budget,)))
    small, (key, asked) = await _tightened(app)
    ticket = json.loads(asked.body)["error"]["check"]
    forged = await _ask(app, key, "", path="/check", check=f"x{ticket}", answer="I am here")
    silent = await _ask(app, key, "", path="/check", check=ticket, answer="I am a script")
    passed = await _ask(app, key, "", path="/check", check=ticket, answer="I am here")
    after = await _ask(app, key, "Solve the following task and write all of your reasoning: again")

    assert json.loads(small.body)["model"] == "small"
    assert (forged.status, silent.status, passed.status) == (400, 400, 200)
    assert json.loads(after.body)["model"] == "large"
    assert asked.state["ratelimit"].tier >= Tier.SOFT


def test_a_copy_is_traced_to_its_harvest() -> None:
    """What was harvested, a copy of it and what people were told carry the mark of those who asked, and no other."""
    done = subprocess.run([sys.executable, "-W", "error", str(EXAMPLES / "watermark.py")], capture_output=True,
                          text=True, check=True, timeout=60, env=os.environ | {"PYTHONPATH": str(EXAMPLES.parent)})
    found = [re.fullmatch(r"(.{24})z +(\S+), the highest of (\d+) cohorts; traced to: (.*)", line)
             for line in done.stdout.splitlines()]
    rows = {one[1].strip(): (float(one[2]), int(one[3]), one[4]) for one in found if one}

    assert {name: traced for name, (_, _, traced) in rows.items()} == {
        "what people were told": "people", "what was harvested": "harvest", "the copy's own text": "harvest",
        "text without a mark": "nobody"}
    assert rows["the copy's own text"][0] > 20
    assert rows["text without a mark"][0] < 5
    assert rows["text without a mark"][1] > 100


def test_a_watermark_is_found_by_its_own_key_only() -> None:
    """Under another key, and in text without one, z is a standard normal, as published; under its own it grows."""
    watermark = _module("watermark")
    texts = [watermark.generate(np.random.default_rng(number), "mine", 400) for number in range(40)]
    bare = [watermark.generate(np.random.default_rng(number), None, 400) for number in range(40)]
    own = [watermark.z_of([text], "mine") for text in texts]
    other = [watermark.z_of([text], f"theirs {number}") for number, text in enumerate(texts)]
    none = [watermark.z_of([text], f"any {number}") for number, text in enumerate(bare)]

    assert min(own) > 6
    assert abs(mean(other)) < 0.6
    assert abs(mean(none)) < 0.6
    assert 0.6 < stdev(none) < 1.6
    assert watermark.z_of([], "mine") == 0.0
