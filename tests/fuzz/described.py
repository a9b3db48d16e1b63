"""An application that describes itself by OpenAPI, guarded: what a generator of requests is set upon."""

from __future__ import annotations

import os
from datetime import timedelta
from typing import Any

import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel

from ratelimit import Budget, Concurrency, Policy, RateLimitMiddleware, Tokens

app = FastAPI()


class Message(BaseModel):
    """One message."""

    role: str
    content: str | list[dict[str, Any]] | None = None


class Chat(BaseModel):
    """A conversation, OpenAI's or Anthropic's."""

    messages: list[Message]
    model: str = "m"
    system: str | list[dict[str, Any]] | None = None
    max_tokens: int | None = None
    n: int | None = None
    temperature: float | None = None
    user: str | None = None
    metadata: dict[str, Any] | None = None
    tools: list[dict[str, Any]] | None = None


class Input(BaseModel):
    """An input, of responses or of embeddings."""

    input: str | list[str] | list[int] | list[dict[str, Any]]
    instructions: str | None = None
    model: str = "m"


class Contents(BaseModel):
    """What Gemini is asked."""

    contents: list[dict[str, Any]]
    systemInstruction: dict[str, Any] | None = None  # noqa: N815 (the API's)
    generationConfig: dict[str, Any] | None = None  # noqa: N815 (the API's)


class Call(BaseModel):
    """A call of JSON-RPC."""

    method: str
    jsonrpc: str = "2.0"
    id: int | str | None = None
    params: dict[str, Any] | None = None


@app.post("/v1/chat/completions")
@app.post("/v1/messages")
async def chat(body: Chat) -> dict[str, Any]:
    """Answer a conversation."""
    return {"asked": len(body.messages), "usage": {"prompt_tokens": 1, "completion_tokens": 2}}


@app.post("/v1/responses")
@app.post("/v1/embeddings")
async def responses(body: Input) -> dict[str, Any]:
    """Answer an input."""
    return {"asked": len(body.input), "usage": {"input_tokens": 1, "output_tokens": 2}}


@app.post("/v1beta/models/gemini:generateContent")
async def generate(body: Contents) -> dict[str, Any]:
    """Answer contents."""
    return {"asked": len(body.contents), "usageMetadata": {"promptTokenCount": 1}}


@app.post("/mcp")
async def call(body: Call) -> dict[str, Any]:
    """Answer a call."""
    return {"jsonrpc": "2.0", "id": body.id, "result": {}}


policy = Policy(
    budgets=(Budget(quota=10**8, window=timedelta(hours=1)),
             Budget(name="tokens", quota=10**12, window=timedelta(hours=1), cost=Tokens())),
    concurrency=Concurrency(most=100), methods=("POST", "GET", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD", "TRACE"),
    disclose="full",
)
app.add_middleware(RateLimitMiddleware, policy=policy)

if __name__ == "__main__":
    uvicorn.run(app, port=int(os.environ.get("PORT", "8000")), log_level="info")
