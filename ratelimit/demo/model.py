"""A toy model that speaks OpenAI chat completions and Anthropic messages, plain and streaming, over real HTTP."""

from __future__ import annotations

import re
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

import msgspec
from starlette.applications import Starlette
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from ratelimit.clock import SystemClock
from ratelimit.demo.texts import answer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Mapping

    from starlette.requests import Request

MODEL = "toy-1"

_PIECE = re.compile(r".{1,24}(?:\s|$)|.{1,24}", re.DOTALL)
_clock = SystemClock()
_encode = msgspec.json.encode


class Ask(msgspec.Struct):
    """The fields of either dialect that a toy understands; the others are let be.

    messages  what was said so far, the last by the user.
    model     any name.
    stream    whether the answer is to come in pieces.
    """

    messages: list[dict[str, Any]]
    model: str = MODEL
    stream: bool = False
    stream_options: dict[str, Any] | None = None


class Answer:
    """One answer: its id, its text in pieces, and what it took. A toy counts a piece as a token."""

    def __init__(self, ask: Ask, body: bytes) -> None:
        asked = _last_user_text(ask.messages)
        self.id = blake2b(body, digest_size=12).hexdigest()
        self.model = ask.model
        self.text = answer(asked)
        self.pieces: list[str] = _PIECE.findall(self.text)
        self.tokens_in, self.tokens_out = len(_PIECE.findall(asked)), len(self.pieces)


def create_model() -> Starlette:
    """Return the application: ``POST /v1/chat/completions`` and ``POST /v1/messages``, and nothing else."""
    return Starlette(
        routes=[
            Route("/v1/chat/completions", chat_completions, methods=["POST"]),
            Route("/v1/messages", messages, methods=["POST"]),
        ]
    )


async def chat_completions(request: Request) -> Response:
    """Answer as OpenAI's chat completions do."""
    body = await request.body()
    try:
        ask = msgspec.json.decode(body, type=Ask)
    except msgspec.DecodeError as error:
        wrong = {"message": str(error), "type": "invalid_request_error", "param": None, "code": None}
        return _json({"error": wrong}, 400)
    reply = Answer(ask, body)
    if ask.stream:
        usage = bool((ask.stream_options or {}).get("include_usage"))
        return _events(_openai_events(reply, usage=usage))
    message = {"role": "assistant", "content": reply.text, "refusal": None}
    choice = {"index": 0, "message": message, "finish_reason": "stop", "logprobs": None}
    return _json(_openai(reply, "chat.completion", choices=[choice], usage=_openai_usage(reply)))


async def messages(request: Request) -> Response:
    """Answer as Anthropic's messages do."""
    body = await request.body()
    try:
        ask = msgspec.json.decode(body, type=Ask)
    except msgspec.DecodeError as error:
        return _json({"type": "error", "error": {"type": "invalid_request_error", "message": str(error)}}, 400)
    reply = Answer(ask, body)
    if ask.stream:
        return _events(_anthropic_events(reply))
    block = {"type": "text", "text": reply.text}
    return _json(_anthropic(reply, content=[block], stop_reason="end_turn", output_tokens=reply.tokens_out))


def _last_user_text(said: Iterable[Mapping[str, Any]]) -> str:
    content = next((one.get("content") for one in reversed(list(said)) if one.get("role") == "user"), "")
    if isinstance(content, list):
        return "\n".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    return str(content)


def _openai(reply: Answer, kind: str, **more: Any) -> dict[str, Any]:
    return {"id": f"chatcmpl-{reply.id}", "object": kind, "created": int(_clock.now()), "model": reply.model, **more}


def _openai_usage(reply: Answer) -> dict[str, int]:
    total = reply.tokens_in + reply.tokens_out
    return {"prompt_tokens": reply.tokens_in, "completion_tokens": reply.tokens_out, "total_tokens": total}


async def _openai_events(reply: Answer, *, usage: bool) -> AsyncIterator[bytes]:
    deltas = [{"role": "assistant", "content": ""}, *({"content": piece} for piece in reply.pieces), {}]
    for delta in deltas:
        choice = {"index": 0, "delta": delta, "finish_reason": None if delta else "stop", "logprobs": None}
        yield b"data: %s\n\n" % _encode(_openai(reply, "chat.completion.chunk", choices=[choice]))
    if usage:
        yield b"data: %s\n\n" % _encode(
            _openai(reply, "chat.completion.chunk", choices=[], usage=_openai_usage(reply))
        )
    yield b"data: [DONE]\n\n"


def _anthropic(reply: Answer, *, content: list[Any], stop_reason: str | None, output_tokens: int) -> dict[str, Any]:
    return {
        "id": f"msg_{reply.id}",
        "type": "message",
        "role": "assistant",
        "model": reply.model,
        "content": content,
        "stop_reason": stop_reason,
        "stop_sequence": None,
        "usage": {"input_tokens": reply.tokens_in, "output_tokens": output_tokens},
    }


async def _anthropic_events(reply: Answer) -> AsyncIterator[bytes]:
    begun = _anthropic(reply, content=[], stop_reason=None, output_tokens=0)
    ended = {"stop_reason": "end_turn", "stop_sequence": None}
    yield _event("message_start", message=begun)
    yield _event("content_block_start", index=0, content_block={"type": "text", "text": ""})
    for piece in reply.pieces:
        yield _event("content_block_delta", index=0, delta={"type": "text_delta", "text": piece})
    yield _event("content_block_stop", index=0)
    yield _event("message_delta", delta=ended, usage={"output_tokens": reply.tokens_out})
    yield _event("message_stop")


def _event(kind: str, **fields: Any) -> bytes:
    return b"event: %s\ndata: %s\n\n" % (kind.encode(), _encode({"type": kind, **fields}))


def _json(value: Any, status: int = 200) -> Response:
    return Response(_encode(value), status, media_type="application/json")


def _events(events: AsyncIterator[bytes]) -> Response:
    return StreamingResponse(events, media_type="text/event-stream", headers={"cache-control": "no-cache"})
