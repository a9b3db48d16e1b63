"""What the dialects of OpenAI's API have in common: their errors, and the models that Azure names in the path."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self

from msgspec import Raw

from ratelimit.dialects.base import Dialect
from ratelimit.dialects.errors import JSON, encoded, problem_members
from ratelimit.dialects.events import error_event

if TYPE_CHECKING:
    from ratelimit.dialects.base import Header, Refusal

_DEPLOYMENTS = "/deployments/"


@dataclass(frozen=True, slots=True)
class OpenAIStyle(Dialect):
    """A dialect that words its errors as OpenAI does.

    model  the deployment that Azure's path names, which is what answers there, whatever the body says; else empty.
    """

    model: str = ""

    def at(self, path: str) -> Self:
        """Return this dialect with the deployment that *path* names, if it is Azure's."""
        deployment = path.partition(_DEPLOYMENTS)[2].partition("/")[0]
        return replace(self, model=deployment) if deployment else self

    def model_of(self, told: Raw) -> Raw:
        """Return the model: the path's, or else what the body *told*."""
        return Raw(json.dumps(self.model).encode()) if self.model else told

    def error(self, refusal: Refusal) -> tuple[str, bytes]:
        """Return OpenAI's error object, with the members of RFC 9457 beside it, which its clients ignore."""
        error = {"message": refusal.message, "type": _type(refusal.status), "param": None, "code": refusal.code}
        return JSON, encoded({"error": error, **problem_members(refusal)})

    def event_error(self, refusal: Refusal) -> bytes:
        """Return the event by which OpenAI's websockets tell an error."""
        return error_event(refusal, _type(refusal.status))

    def headers(self, refusal: Refusal) -> tuple[Header, ...]:
        """Return when there will be more, as OpenAI's own answers tell it beside ``Retry-After``."""
        if refusal.status != 429 or not math.isfinite(refusal.retry_after):
            return ()
        return (
            (b"x-ratelimit-remaining-requests", b"0"),
            (b"x-ratelimit-reset-requests", duration(refusal.retry_after).encode("ascii")),
        )


def duration(seconds: float) -> str:
    """Return *seconds* as OpenAI writes them, rounded up.

    >>> duration(0.2), duration(360), duration(3725)
    ('1s', '6m0s', '1h2m5s')
    """
    minutes, rest = divmod(max(1, math.ceil(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h{minutes}m{rest}s" if hours else f"{minutes}m{rest}s" if minutes else f"{rest}s"


def _type(status: int) -> str:
    if status == 429:
        return "rate_limit_error"
    return "invalid_request_error" if status < 500 else "server_error"
