"""A guarded application with a console beside it.

    CONSOLE_TOKEN=$(python -c 'import secrets; print(secrets.token_urlsafe(32))') uvicorn console:app --app-dir examples

Then enter the token at http://localhost:8000/console/. Needs the extra 'console', and uvicorn.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Mount, Route

from ratelimit import Interventions, MemoryStore, Policy, RateLimitMiddleware
from ratelimit.console import Console, Tokens

if TYPE_CHECKING:
    from starlette.requests import Request

policy, store, interventions = Policy(), MemoryStore(), Interventions("interventions.jsonl")
access = Tokens(operators={"operator": os.environ.get("CONSOLE_TOKEN", "")})
console = Console(access, policy=policy, store=store, interventions=interventions)


async def chat(request: Request) -> JSONResponse:
    """Answer, as a model would."""
    await request.json()
    return JSONResponse({"choices": [{"message": {"role": "assistant", "content": "Hello!"}}]})


model = Starlette(routes=[Route("/v1/chat/completions", chat, methods=["POST"])])
app = Starlette(routes=[
    Mount("/console", console),  # beside the middleware and not behind it: operators spend no budget
    Mount("/", RateLimitMiddleware(model, policy, store=store, interventions=interventions, on_decision=console.watch)),
])
