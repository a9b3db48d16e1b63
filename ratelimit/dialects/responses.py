"""OpenAI responses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import msgspec
from msgspec import Raw

from ratelimit.dialects.chat import conversation, string, system_text
from ratelimit.dialects.events import event_of
from ratelimit.dialects.leaves import strings
from ratelimit.dialects.openai_style import OpenAIStyle
from ratelimit.dialects.parameters import canonical
from ratelimit.dialects.parts import NOTHING, Said, said_of
from ratelimit.dialects.wire import read_json
from ratelimit.prompt import Reading, Unreadable


class Item(msgspec.Struct, gc=False):
    """One item of an input, its content still raw."""

    role: str = ""
    content: Raw = Raw()
    type: Raw = Raw()


class _Stored(msgspec.Struct, gc=False):
    id: Raw = Raw()
    version: Raw = Raw()
    variables: dict[str, Any] | None = None


class _Body(msgspec.Struct, gc=False):
    input: Raw = Raw()
    instructions: Raw = Raw()
    prompt: Raw = Raw()
    previous_response_id: Raw = Raw()
    conversation: Raw = Raw()
    user: Raw = Raw()
    safety_identifier: Raw = Raw()
    # From here on: parameters, in the order of their canonical text.
    model: Raw = Raw()
    temperature: Raw = Raw()
    top_p: Raw = Raw()
    top_k: Raw = Raw()
    max_output_tokens: Raw = Raw()
    max_tool_calls: Raw = Raw()
    tools: Raw = Raw()
    tool_choice: Raw = Raw()
    parallel_tool_calls: Raw = Raw()
    text: Raw = Raw()
    reasoning: Raw = Raw()
    truncation: Raw = Raw()
    top_logprobs: Raw = Raw()
    modalities: Raw = Raw()


_PARAMETERS = _Body.__struct_fields__[7:]
_body = msgspec.json.Decoder(_Body)
_items = msgspec.json.Decoder(list[Item])
_values = msgspec.json.Decoder(list[Raw])
_stored = msgspec.json.Decoder(_Stored)
_ENDS = ("/responses", "/responses/input_tokens", "/responses/compact")


#: Events that ask for a response, or for another.
_ASKING = frozenset({"response.create", "response.steer"})


@dataclass(frozen=True, slots=True)
class OpenAIResponses(OpenAIStyle):
    """``.../responses``, over HTTP and over a websocket, and what counts or compacts its input.

    The last user turn is in ``input``, a text or a list of items; the system text is ``instructions``. The variables of
    a stored prompt are the user's too. With ``previous_response_id`` or ``conversation`` the history is the server's.
    """

    name: ClassVar[str] = "openai-responses"
    single: ClassVar[bool] = True
    hears: ClassVar[bool] = True

    def claims(self, path: str) -> bool:
        """Say whether *path* ends in ``/responses``, or as its companions do."""
        return path.rstrip("/").endswith(_ENDS)

    def read(self, body: bytes) -> Reading:
        """Read a whole, uncompressed *body*."""
        return read_json(self.name, body, self._parse)

    def hear(self, event: bytes) -> Reading | None:
        """Read one *event* of a websocket: a response that is created or steered has the fields of a body.

        One that holds no prompt, but the results of tools, is a request all the same.
        """
        told = event_of(event)
        if told.type not in _ASKING:
            return None
        reading = self.read(event)
        if reading.problem is Unreadable.NO_PROMPT:
            reading = Reading(dialect=self.name)
        return msgspec.structs.replace(reading, call=told.call)

    def _parse(self, body: bytes) -> Reading:
        read = _body.decode(body)
        read.model = self.model_of(read.model)
        stored, besides = stored_prompt(read.prompt)
        parameters = canonical(_PARAMETERS, msgspec.structs.astuple(read)[7:])
        prompt = conversation(
            turns(read.input),
            parameters="\n".join(filter(None, (parameters, stored))),
            system=system_text(read.instructions, place="instructions"),
            continues=_is_told(read.previous_response_id) or _is_told(read.conversation),
            place="input",
            besides=besides,
        )
        end_user = string(read.safety_identifier) or string(read.user)
        return Reading(dialect=self.name, prompts=(prompt,), end_user=end_user)


def turns(raw: Raw) -> list[Item]:
    """Return the items of an input; what stands among them without a role, a bare part, is the user's."""
    if not bytes(raw).startswith(b"["):
        return [Item("user", raw)]
    items = _items.decode(raw)
    bare = [index for index, item in enumerate(items) if not item.role and bytes(item.type).startswith(b'"input_')]
    values = _values.decode(raw) if bare else []
    for index in bare:
        items[index] = Item("user", Raw(b"[%s]" % bytes(values[index])))
    return items


def stored_prompt(raw: Raw) -> tuple[str, Said]:
    """Return which stored prompt is used, as a line of parameters, and what its variables say."""
    if not bytes(raw).startswith(b"{"):
        return "", NOTHING
    stored = _stored.decode(raw)
    named = canonical(("prompt.id", "prompt.version"), (stored.id, stored.version))
    values = (stored.variables or {}).values()
    return named, said_of([one if isinstance(one, dict) else "\n".join(strings(one)) for one in values])


def _is_told(raw: Raw) -> bool:
    return bool(raw) and bytes(raw) != b"null"
