"""The dialect of everything else: any JSON, any text."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from heapq import nsmallest
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec
from msgspec import Raw

from ratelimit.dialects.chat import EARLIER, string
from ratelimit.dialects.errors import PROBLEM, encoded, problem_members
from ratelimit.dialects.leaves import are_token_ids, are_turns, bounded, prose, prose_of, strings
from ratelimit.dialects.parameters import NOISE, canonical
from ratelimit.dialects.wire import NoPromptError, TokenIdsError, as_utf8, failed, read_json
from ratelimit.prompt import Prompt, Reading, Unreadable

if TYPE_CHECKING:
    from ratelimit.dialects.base import Refusal

_TEXT_KEYS = ("prompt", "input", "inputs", "query", "question", "message", "text", "messages")
_SYSTEM_KEYS = ("system", "instructions")
_SYSTEM_ROLES = ("system", "developer")  # no sets: a role may be of any type here, and not all can be hashed
_MODEL_ROLES = ("assistant", "model")
_NEVER_TEXT = NOISE | {"model", *_SYSTEM_KEYS}
_MOST_FIELDS = 64
_LONGEST_PARAMETERS = 4096  # characters; longer ones are hashed

_object = msgspec.json.Decoder(dict[str, Raw])
_anything: msgspec.json.Decoder[Any] = msgspec.json.Decoder()


@dataclass(frozen=True, slots=True)
class Plain:
    """Any path and any body of JSON or UTF-8 text. Put it last: it claims everything.

    The text of a JSON object is what stands under these keys, all of them: ``prompt``, ``input``, ``inputs``,
    ``query``, ``question``, ``message``, ``text``, ``messages``; if none holds any, all strings in it. A list of turns
    with roles is read as a conversation. ``system`` or ``instructions`` is the system text, and the other fields are
    parameters. A body that is no JSON is text, whole. Token ids under such a key are not read.

    For an API of your own a dialect that reads the very field your model reads is the better guard: a caller can put
    one text where this looks and another where your application does.
    """

    name: ClassVar[str] = "plain"

    def claims(self, path: str) -> bool:  # noqa: ARG002 (the protocol asks with the path; this dialect takes any)
        """Say yes."""
        return True

    def read(self, body: bytes) -> Reading:
        """Read a whole, uncompressed *body*."""
        reading = read_json(self.name, body, self._parse)
        if reading.problem not in {Unreadable.BAD_JSON, Unreadable.WRONG_TYPE}:
            return reading
        text = as_utf8(body) or ""
        if not text.strip():
            return failed(self.name, body, NoPromptError())
        return Reading(dialect=self.name, prompts=(Prompt(text=text),))

    def _parse(self, body: bytes) -> Reading:
        try:
            fields = _object.decode(body)
        except msgspec.ValidationError:
            return self._reading(_spoken(_row(_anything.decode(body)), system="", parameters=""))
        end_user = string(fields["user"]) if "user" in fields else None
        return self._reading(_keyed(fields) or _whole(fields, _anything.decode(body)), end_user)

    def _reading(self, prompt: Prompt, end_user: str | None = None) -> Reading:
        if not prompt.text or prompt.text.isspace():
            raise NoPromptError
        return Reading(dialect=self.name, prompts=(prompt,), end_user=end_user)

    def error(self, refusal: Refusal) -> tuple[str, bytes]:
        """Return problem details as of RFC 9457."""
        return PROBLEM, encoded(problem_members(refusal))


def _row(value: object) -> object:
    """Return *value* if it is a string or a list. Any other value is text as it stands."""
    if isinstance(value, str | list):
        return value
    raise msgspec.ValidationError("Expected `object`, `array` or `str`")


def _keyed(fields: dict[str, Raw]) -> Prompt | None:
    """Return the prompt under the keys that hold one: all of them, for only the application knows which it reads."""
    found = []
    for key in _TEXT_KEYS:
        if key in fields:
            prompt = _spoken(_anything.decode(fields[key]), system=_system(fields), parameters="")
            if prompt.text and not prompt.text.isspace():
                found.append((key, prompt))
    if not found:
        return None
    return Prompt(
        text="\n".join([prompt.text for _, prompt in found]),
        system=next((prompt.system for _, prompt in found if prompt.system), ""),
        parameters=_parameters(fields, besides={key for key, _ in found}),
        continues=any(prompt.continues for _, prompt in found),
        earlier=next((prompt.earlier for _, prompt in found if prompt.earlier), ()),
    )


def _whole(fields: dict[str, Raw], value: dict[str, object]) -> Prompt:
    """Return the prompt made of all strings in an object without such a key; what is no string is its parameters."""
    text = strings([inner for key, inner in value.items() if key not in _NEVER_TEXT])
    settings = {key: fields[key] for key in value if key == "model" or not isinstance(value[key], str | list | dict)}
    return Prompt(text=bounded("\n".join(text)), system=_system(fields), parameters=_parameters(settings))


def _system(fields: dict[str, Raw]) -> str:
    return next((text for key in _SYSTEM_KEYS if key in fields and (text := string(fields[key]))), "")


def _spoken(value: object, *, system: str, parameters: str) -> Prompt:
    """Return the prompt in *value*: the last user turn of a conversation, or else its text."""
    if are_token_ids(value):
        raise TokenIdsError
    if not are_turns(value):
        return Prompt(text=prose(value), system=system, parameters=parameters)
    said = [text for turn in reversed(value) if turn.get("role") == "user" and (text := prose_of(turn)).strip()]
    systems = [prose_of(turn) for turn in value if turn.get("role") in _SYSTEM_ROLES]
    return Prompt(
        text=said[0] if said else "",
        system="\n".join(filter(None, (system, *systems))),
        parameters=parameters,
        continues=any(turn.get("role") in _MODEL_ROLES for turn in value),
        earlier=tuple(said[1 : 1 + EARLIER]),
    )


def _parameters(fields: dict[str, Raw], besides: frozenset[str] | set[str] = frozenset()) -> str:
    names = nsmallest(_MOST_FIELDS, fields.keys() - NOISE - {*besides, *_SYSTEM_KEYS})
    text = canonical(names, [fields[name] for name in names])
    return text if len(text) <= _LONGEST_PARAMETERS else "#" + sha256(text.encode()).hexdigest()[:32]
