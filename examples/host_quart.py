"""A Quart application with a budget: ``asgi_app`` is wrapped, as Quart's own middleware guide does it.

Run it with ``python examples/host_quart.py`` or ``uvicorn --app-dir examples host_quart:app``.
"""

import os
from datetime import timedelta
from typing import Any

import uvicorn
from quart import Quart, request

from ratelimit import Budget, Policy, RateLimitMiddleware

app = Quart(__name__)
policy = Policy(budgets=(Budget(quota=60, window=timedelta(minutes=1), burst=5),), unreadable="refuse")
app.asgi_app = RateLimitMiddleware(app.asgi_app, policy)  # type: ignore[method-assign]


@app.post("/v1/chat/completions")
async def chat() -> dict[str, Any]:
    """Answer as a model would, louder."""
    said = (await request.get_json())["messages"][-1]["content"]
    return {"choices": [{"index": 0, "message": {"role": "assistant", "content": said.upper()}}]}


if __name__ == "__main__":
    uvicorn.run(app, port=int(os.environ.get("PORT", "8000")))
