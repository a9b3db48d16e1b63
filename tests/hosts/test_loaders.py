"""Model servers that need a GPU to start: how their own loaders put a middleware in.

Written out again, and by their published code, out of the wheels in the folder that RATELIMIT_WHEELS names (CI has
them; ``pip download --no-deps --dest FOLDER vllm sglang``).

vLLM 0.33, ``vllm/entrypoints`` (``--middleware``): the name is split at its last dot; a class is added without any
argument, a coroutine function as an ``http`` middleware, and anything else is refused. The authentication was added
before, so it stands behind us.

SGLang 0.5.23, ``sglang/srt/entrypoints/http_server.py``: there is no flag; ``app`` is a FastAPI application of the
module, to which a middleware is added before ``launch_server``. That adds the authentication, so it stands before us.
"""

from __future__ import annotations

import importlib
import inspect
import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from ratelimit import Budget, Policy, RateLimitMiddleware
from ratelimit.testing import ProtocolChecker, drive

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

ONE = Policy(budgets=(Budget(quota=9, window=timedelta(hours=1), burst=1),))
KEY = {"authorization": "Bearer right"}


def server() -> FastAPI:
    """Return an application that answers chats."""
    app = FastAPI()

    @app.post("/v1/chat/completions")
    async def chat(body: dict[str, Any]) -> dict[str, Any]:
        return {"choices": [{"message": {"content": "Hello"}}]}

    return app


def add_authentication(app: FastAPI) -> None:
    """Answer 401 to whoever has not the right key."""
    @app.middleware("http")
    async def authentication(request: Request, call_next: Callable[[Request], Awaitable[Any]]) -> Any:
        if request.headers.get("authorization") != KEY["authorization"]:
            return JSONResponse({"error": "Unauthorized"}, status_code=401)
        return await call_next(request)


def load_as_vllm(app: FastAPI, named: str) -> None:
    """Add the middleware called *named*, as vLLM does."""
    module, name = named.rsplit(".", 1)
    imported = getattr(importlib.import_module(module), name)
    if inspect.isclass(imported):
        app.add_middleware(imported)
    elif inspect.iscoroutinefunction(imported):
        app.middleware("http")(imported)
    else:
        raise ValueError(f"Invalid middleware {named}. Must be a function or a class.")


async def post(app: Any, **headers: str) -> httpx.Response:
    """Send one chat."""
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://x", headers=headers) as http:
        return await http.post("/v1/chat/completions", json={"messages": [{"role": "user", "content": "hi"}]})


def guard_of(app: Any) -> RateLimitMiddleware:
    """Return the middleware in the stack of *app*."""
    layer = app.middleware_stack
    while not isinstance(layer, RateLimitMiddleware):
        layer = layer.app
    return layer


async def test_vllm_loads_it_by_its_name(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    """Without an argument: the policy comes from the environment. Who has not the right key leaves no trace."""
    (tmp_path / "limits_of_ours.py").write_text(
        "from datetime import timedelta\nfrom ratelimit import Budget, Policy\n"
        "policy = Policy(budgets=(Budget(quota=9, window=timedelta(hours=1), burst=1),))\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("RATELIMIT_POLICY", "limits_of_ours:policy")
    app = server()
    add_authentication(app)
    load_as_vllm(app, "ratelimit.RateLimitMiddleware")
    wrong = [(await post(app, authorization="Bearer wrong")).status_code for _ in range(3)]
    known = len(guard_of(app)._store._principals)  # type: ignore[attr-defined]
    right = [(await post(app, **KEY)).status_code for _ in range(2)]

    assert wrong == [401] * 3
    assert known == 0
    assert right == [200, 429]


async def test_sglangs_application_takes_it_before_it_is_launched() -> None:
    """Behind its authentication, which answers strangers before us."""
    app = server()
    app.add_middleware(RateLimitMiddleware, policy=ONE)
    add_authentication(app)
    checked = ProtocolChecker(app)
    exchange: Any = {"path": "/v1/chat/completions", "body": b'{"messages": [{"role": "user", "content": "hi"}]}'}
    came = [await drive(checked, **exchange, headers={"content-type": "application/json", **headers})
            for headers in ({"authorization": "Bearer wrong"}, KEY, KEY)]

    assert [one.status for one in came] == [401, 200, 429]
    assert came[0].header("ratelimit") is None


@pytest.mark.parametrize("named", ["vllm", "sglang"])
def test_its_published_code_puts_it_in(named: str) -> None:
    """A wrong key is not charged, whichever side of the authentication it stands on; the right one has its budget."""
    wheels = sorted(Path(os.environ.get("RATELIMIT_WHEELS", "/nowhere")).glob(f"{named}-*.whl"))
    if not wheels:
        pytest.skip(f"no wheel of {named}: name a folder that has one by RATELIMIT_WHEELS")
    done = subprocess.run(
        [sys.executable, str(Path(__file__).parent / "published.py"), named, str(wheels[-1])],
        env=os.environ | {"RATELIMIT_POLICY": "published:policy"}, capture_output=True, text=True, check=False,
        timeout=120)

    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "401 401 200 429"
