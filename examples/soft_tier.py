"""An application that acts on decisions itself: in audit mode nothing is refused, and every request is told its tier.

A principal whose behaviour looks like a harvest is answered by a smaller model; once its tightened budget is spent too,
it is asked to show that a human is there, and who did is answered as before for an hour.

Run it with ``python examples/soft_tier.py`` or ``uvicorn --app-dir examples soft_tier:app``.
"""

import hmac
import os
import secrets
import time

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from ratelimit import Decision, Policy, RateLimitMiddleware, Tier

SECRET = secrets.token_bytes(32)
HOUR = 3600.0


def build(policy: Policy) -> Starlette:
    """Return the application under *policy*."""
    checked: dict[str, float] = {}  # until when a principal counts as human

    async def chat(request: Request) -> JSONResponse:
        decision: Decision = request.state.ratelimit
        human = checked.get(decision.principal, 0.0) > time.time()
        if decision.tier < Tier.SOFT or human:
            return answer("large", "A thorough answer.")
        if not decision.refused:
            return answer("small", "A short answer.")
        # Not 403: that would say that nobody knows who asks, and then nothing is charged.
        error = {"message": "Show that a human is there.", "code": "human_check_required", "check": ticket(decision)}
        return JSONResponse({"error": error}, 428)

    async def check(request: Request) -> JSONResponse:
        body = await request.json()
        principal, _, mark = str(body["check"]).partition(".")
        # Here a real one shows what only a human can do: a second factor, a call, a form of your provider's.
        if not hmac.compare_digest(mark, signed(principal)) or body["answer"] != "I am here":
            return JSONResponse({"error": {"message": "That is not right.", "code": "human_check_failed"}}, 400)
        checked[principal] = time.time() + HOUR
        return JSONResponse({"checked": True})

    app = Starlette(routes=[Route("/v1/chat/completions", chat, methods=["POST"]),
                            Route("/check", check, methods=["POST"])])
    app.add_middleware(RateLimitMiddleware, policy=policy)
    return app


def answer(model: str, text: str) -> JSONResponse:
    """Answer *text* as *model*."""
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    return JSONResponse({"object": "chat.completion", "model": model, "choices": [choice]})


def signed(principal: str) -> str:
    """Return what proves that we named *principal*."""
    return hmac.digest(SECRET, principal.encode(), "sha256").hex()


def ticket(decision: Decision) -> str:
    """Return what the principal of *decision* must bring to the check."""
    return f"{decision.principal}.{signed(decision.principal)}"


app = build(Policy(mode="audit", paths=("/v1/*",)))

if __name__ == "__main__":
    uvicorn.run(app, port=int(os.environ.get("PORT", "8000")))
