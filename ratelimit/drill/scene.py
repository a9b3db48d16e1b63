"""One ask, made ready for whatever guards the model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ratelimit.decision import Tier
from ratelimit.outcome import Outcome
from ratelimit.prompt import Prompt, Reading
from ratelimit.request import Request

if TYPE_CHECKING:
    from ratelimit.dialects import Dialect
    from ratelimit.drill.acting import Ask
    from ratelimit.principal import Principal

_PATH = "/v1/chat/completions"

#: Stands for every request without a past, as far as a refusal that still stands goes.
_OUTLINE = Request(path=_PATH, reading=Reading(dialect="drill", prompts=(Prompt(text=""),)))


class Scene:
    """The present ask; one object serves a whole rehearsal. A text is written only if somebody looks at it.

    The drill begins where a dialect has read a body: it gives the engine what a body like that would be read into.
    """

    label = usage = None
    outcome = Outcome.ANSWERED

    __slots__ = ("_made", "ask", "learns", "method", "now", "outline", "path", "principal", "tier")

    def __init__(self) -> None:
        self.method, self.path, self.learns, self.now = "POST", _PATH, True, 0.0
        self.tier = Tier.CLEAR
        self._made: Request | None = None

    def take(self, ask: Ask, now: float) -> None:
        """Take *ask* up at *now*."""
        self.ask, self.now = ask, now
        self.principal: Principal = ask.by.principal
        self.outline = None if ask.earlier or ask.end_user is not None else _OUTLINE
        self._made = None

    @property
    def at(self) -> float:
        """When it came."""
        return self.now

    @property
    def name(self) -> str:
        """Who asks."""
        return self.principal.id

    @property
    def body(self) -> bytes:
        """Bytes that differ where the prompt does."""
        made = self._request()
        prompt = made.reading.prompts[0]
        return "\x1f".join((*prompt.earlier, prompt.system, prompt.text)).encode()

    def request(self, dialect: Dialect, bound: int) -> Request:  # noqa: ARG002 (nothing is read)
        """Return the request as the core sees it."""
        return self._request()

    def _request(self) -> Request:
        if self._made is None:
            ask, by = self.ask, self.ask.by
            text = ask.text if isinstance(ask.text, str) else ask.text()
            prompt = Prompt(text=text, system=by.system if ask.system is None else ask.system,
                            parameters=by.parameters, continues=bool(ask.earlier), earlier=ask.earlier)
            reading = Reading(dialect="drill", prompts=(prompt,), end_user=ask.end_user)
            self._made = Request(path=_PATH, reading=reading)
        return self._made
