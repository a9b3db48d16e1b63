"""A FastAPI application with a budget: 60 requests a minute for each API key, 5 of them at once.

Run it with ``python examples/quickstart_fastapi.py`` or ``uvicorn --app-dir examples quickstart_fastapi:app``.
"""

import os
from datetime import timedelta
from typing import Any

import uvicorn
from fastapi import FastAPI

from ratelimit import Budget, Policy, RateLimitMiddleware

app = FastAPI()
policy = Policy(budgets=(Budget(quota=60, window=timedelta(minutes=1), burst=5),), unreadable="refuse")
app.add_middleware(RateLimitMiddleware, policy=policy)


@app.post("/v1/chat/completions")
async def chat(body: dict[str, Any]) -> dict[str, Any]:
    """Answer as a model would, louder."""
    said = body["messages"][-1]["content"]
    return {"choices": [{"index": 0, "message": {"role": "assistant", "content": said.upper()}}]}


if __name__ == "__main__":
    uvicorn.run(app, port=int(os.environ.get("PORT", "8000")))
