"""OpenAI Realtime: a conversation of events over a websocket."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import msgspec
from msgspec import Raw

from ratelimit.dialects.chat import conversation
from ratelimit.dialects.events import event_of
from ratelimit.dialects.openai_style import OpenAIStyle
from ratelimit.dialects.parameters import canonical
from ratelimit.dialects.responses import Item, stored_prompt, turns
from ratelimit.dialects.spoken import AudioEar
from ratelimit.dialects.wire import NoPromptError, read_json
from ratelimit.prompt import Prompt, Reading, Unreadable


class _ItemEvent(msgspec.Struct, gc=False):
    item: Item = msgspec.field(default_factory=Item)
    previous_item_id: Raw = Raw()


class _Response(msgspec.Struct, gc=False):
    input: Raw = Raw()
    instructions: Raw = Raw()
    prompt: Raw = Raw()
    # From here on: parameters, in the order of their canonical text.
    max_output_tokens: Raw = Raw()
    max_response_output_tokens: Raw = Raw()
    temperature: Raw = Raw()
    modalities: Raw = Raw()
    output_modalities: Raw = Raw()
    tools: Raw = Raw()
    tool_choice: Raw = Raw()
    reasoning: Raw = Raw()


class _ResponseEvent(msgspec.Struct, gc=False):
    response: _Response = msgspec.field(default_factory=_Response)


_PARAMETERS = _Response.__struct_fields__[3:]
_item = msgspec.json.Decoder(_ItemEvent)
_response = msgspec.json.Decoder(_ResponseEvent)

#: Roles whose items ask nothing: what the model said before.
_MODEL = frozenset({"assistant", "model"})


@dataclass(frozen=True, slots=True)
class OpenAIRealtime(OpenAIStyle):
    """``.../realtime``, a websocket.

    A prompt is an item that the client adds to the conversation, a response that is asked for with input or
    instructions of its own, and what was spoken into the audio buffer (see ``AudioEar``); whatever else is said passes.
    Audio counts by its hash.
    """

    name: ClassVar[str] = "openai-realtime"
    hears: ClassVar[bool] = True

    def claims(self, path: str) -> bool:
        """Say whether *path* ends in ``/realtime``."""
        return path.rstrip("/").endswith("/realtime")

    def read(self, body: bytes) -> Reading:
        """Read a *body* as the one event that it is."""
        return self.hear(body) or Reading(dialect=self.name, problem=Unreadable.NO_PROMPT,
                                          detail="the body is no event that asks anything")

    def hear(self, event: bytes) -> Reading | None:
        """Read one *event*; ``None`` if it is no prompt."""
        told = event_of(event)
        parse = {"conversation.item.create": self._item, "response.create": self._response}.get(told.type)
        if parse is None:
            return None
        reading = read_json(self.name, event, parse)
        if reading.problem is Unreadable.NO_PROMPT:
            return None
        return msgspec.structs.replace(reading, call=told.call)

    def ear(self) -> AudioEar:
        """Return what listens to one session, its audio too."""
        return AudioEar(self)

    def _item(self, event: bytes) -> Reading:
        read = _item.decode(event)
        kind = bytes(read.item.type)
        if read.item.role in _MODEL or (kind and kind != b'"message"'):  # tool results and their like
            raise NoPromptError
        read.item.role = "user"
        prompt = conversation([read.item], parameters="", place="item")
        return Reading(dialect=self.name, prompts=(prompt,))

    def _response(self, event: bytes) -> Reading:
        read = _response.decode(event).response
        stored, besides = stored_prompt(read.prompt)
        named = canonical(_PARAMETERS, msgspec.structs.astuple(read)[3:])
        parameters = "\n".join(filter(None, (named, stored)))
        # Instructions of a response's own are not what a script repeats: they may be all that is asked.
        asked = turns(read.input) if read.input else []
        asked += [Item("user", read.instructions)] if read.instructions else []
        prompt: Prompt = conversation(asked, parameters=parameters, place="response.input", besides=besides)
        return Reading(dialect=self.name, prompts=(prompt,))
