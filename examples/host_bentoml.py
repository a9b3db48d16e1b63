"""A BentoML service with a budget: ``add_asgi_middleware`` takes the class and its arguments.

Needs ``bentoml``. Run it with ``bentoml serve examples.host_bentoml:Louder`` or ``python examples/host_bentoml.py``.
"""

import os
from datetime import timedelta
from typing import Any

import bentoml
import uvicorn

from ratelimit import Budget, Policy, RateLimitMiddleware


@bentoml.service
class Louder:
    """Answers as a model would, louder."""

    @bentoml.api(route="/v1/chat/completions")
    async def chat(self, messages: list[dict[str, Any]]) -> dict[str, Any]:
        """Answer *messages*."""
        said = messages[-1]["content"]
        return {"choices": [{"index": 0, "message": {"role": "assistant", "content": said.upper()}}]}


policy = Policy(budgets=(Budget(quota=60, window=timedelta(minutes=1), burst=5),), unreadable="refuse")
Louder.add_asgi_middleware(RateLimitMiddleware, policy=policy)

if __name__ == "__main__":
    uvicorn.run(Louder.to_asgi(), port=int(os.environ.get("PORT", "8000")))
