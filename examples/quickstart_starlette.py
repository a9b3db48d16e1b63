"""A Starlette application with a budget: 60 requests a minute for each API key, 5 of them at once.

Run it with ``python examples/quickstart_starlette.py`` or ``uvicorn --app-dir examples quickstart_starlette:app``.
"""

import os
from datetime import timedelta

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from ratelimit import Budget, Policy, RateLimitMiddleware


async def chat(request: Request) -> JSONResponse:
    """Answer as a model would, louder."""
    said = (await request.json())["messages"][-1]["content"]
    return JSONResponse({"choices": [{"index": 0, "message": {"role": "assistant", "content": said.upper()}}]})


app = Starlette(routes=[Route("/v1/chat/completions", chat, methods=["POST"])])
policy = Policy(budgets=(Budget(quota=60, window=timedelta(minutes=1), burst=5),), unreadable="refuse")
app.add_middleware(RateLimitMiddleware, policy=policy)

if __name__ == "__main__":
    uvicorn.run(app, port=int(os.environ.get("PORT", "8000")))
