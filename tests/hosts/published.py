"""Puts the middleware into a FastAPI application by the published code of vLLM or SGLang, read out of its wheel.

    python published.py vllm vllm-0.33.0-....whl        # prints how a wrong key is answered, twice, and the right one

Run by test_loaders.py. The servers themselves need a GPU's libraries; what decides where a middleware stands does not.
"""

from __future__ import annotations

import asyncio
import importlib
import sys
import types
from argparse import Namespace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI

from ratelimit import Budget, Policy, RateLimitMiddleware

#: What RATELIMIT_POLICY names where the server gives the class no argument.
policy = Policy(budgets=(Budget(quota=9, window=timedelta(hours=1), burst=1),))

app = FastAPI()


@app.post("/v1/chat/completions")
async def chat(body: dict[str, Any]) -> dict[str, Any]:
    """Answer."""
    return {"choices": [{"message": {"content": "Hello"}}]}


def package(named: str, wheel: str) -> None:
    """Let modules of the package *named* be found in *wheel*, without running what it does when it is imported."""
    made = types.ModuleType(named)
    made.__path__ = [f"{wheel}/{named.replace('.', '/')}"]
    sys.modules[named] = made


def by_vllm(wheel: str) -> None:
    """Add authentication and ``--middleware ratelimit.RateLimitMiddleware``, as ``vllm serve`` does."""
    for named in ("vllm", "vllm.entrypoints", "vllm.entrypoints.serve", "vllm.entrypoints.serve.middleware"):
        package(named, wheel)
    register = importlib.import_module("vllm.entrypoints.serve.middleware.register")
    told = Namespace(
        allowed_origins=["*"], allow_credentials=False, allowed_methods=["*"], allowed_headers=["*"],
        api_key=["right"], enable_request_id_headers=True, middleware=["ratelimit.RateLimitMiddleware"])
    register.init_entrypoints_middleware(told, app, ())


def by_sglang(wheel: str) -> None:
    """Add the middleware to its application, and then its authentication, as ``launch_server`` does."""
    for named in ("sglang", "sglang.srt", "sglang.srt.utils"):
        package(named, wheel)
    auth = importlib.import_module("sglang.srt.utils.auth")
    app.add_middleware(RateLimitMiddleware, policy=policy)
    auth.add_api_key_middleware(app, api_key="right", admin_api_key=None)


async def statuses() -> list[int]:
    """Return what the answers were."""
    found = []
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://x") as http:
        for key in ("wrong", "wrong", "right", "right"):
            answer = await http.post("/v1/chat/completions", headers={"authorization": f"Bearer {key}"},
                                     json={"messages": [{"role": "user", "content": "hi"}]})
            found.append(answer.status_code)
    return found


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent))
    {"vllm": by_vllm, "sglang": by_sglang}[sys.argv[1]](sys.argv[2])
    print(*asyncio.run(statuses()))
