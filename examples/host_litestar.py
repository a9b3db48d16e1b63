"""A Litestar application with a budget: wrapped, so that what the framework answers by itself is guarded too.

Run it with ``python examples/host_litestar.py`` or ``uvicorn --app-dir examples host_litestar:app``.
"""

import os
from datetime import timedelta
from typing import Any

import uvicorn
from litestar import Litestar, Request, post

from ratelimit import Budget, Policy, RateLimitMiddleware


@post("/v1/chat/completions", status_code=200)
async def chat(request: Request[Any, Any, Any]) -> dict[str, Any]:
    """Answer as a model would, louder."""
    said = (await request.json())["messages"][-1]["content"]
    return {"choices": [{"index": 0, "message": {"role": "assistant", "content": said.upper()}}]}


policy = Policy(budgets=(Budget(quota=60, window=timedelta(minutes=1), burst=5),), unreadable="refuse")
app = RateLimitMiddleware(Litestar([chat]), policy)

if __name__ == "__main__":
    uvicorn.run(app, port=int(os.environ.get("PORT", "8000")))
