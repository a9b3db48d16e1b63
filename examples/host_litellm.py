"""The LiteLLM proxy with a budget: its application gets one middleware more before it starts.

Needs ``litellm[proxy]``. Run it with ``python examples/host_litellm.py``; its one model is a mock that says HELLO.
"""

import os
from datetime import timedelta
from pathlib import Path

os.environ.setdefault("CONFIG_FILE_PATH", str(Path(__file__).with_suffix(".yaml")))
os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")

import uvicorn
from litellm.proxy.proxy_server import app

from ratelimit import Budget, Policy, RateLimitMiddleware

# The proxy's own pages are not for models: a policy names the paths that are.
policy = Policy(
    paths=("*/chat/completions", "*/completions", "*/embeddings", "*/responses", "*/messages", "*/models/*"),
    budgets=(Budget(quota=60, window=timedelta(minutes=1), burst=5),), unreadable="refuse",
)
app.add_middleware(RateLimitMiddleware, policy=policy)

if __name__ == "__main__":
    uvicorn.run(app, port=int(os.environ.get("PORT", "8000")))
