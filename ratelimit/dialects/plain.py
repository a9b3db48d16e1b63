"""The dialect of everything else: any JSON, any text, any form."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from heapq import nsmallest
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec
from msgspec import Raw

from ratelimit.dialects.base import Dialect
from ratelimit.dialects.chat import last_turn, string
from ratelimit.dialects.errors import PROBLEM, encoded, problem_members
from ratelimit.dialects.leaves import are_token_ids, are_turns, bounded, prose_of, strings
from ratelimit.dialects.media import few, kind_of, mark, mark_of
from ratelimit.dialects.parameters import LONGEST, NOISE, canonical
from ratelimit.dialects.parts import NOTHING, Said, said_of, spaced
from ratelimit.dialects.wire import NoPromptError, as_utf8, failed, read_json
from ratelimit.prompt import Prompt, Reading, Unreadable

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from ratelimit.dialects.base import Refusal
    from ratelimit.dialects.forms import Form

#: Names under which text stands, in the order in which it is read.
KEYS = (
    "prompt", "input", "inputs", "query", "question", "message", "text", "messages", "inputText", "text_prompts",
)
TEXT_KEYS = frozenset(KEYS)

_SYSTEM_KEYS = ("system", "instructions")
_SYSTEM_ROLES = ("system", "developer")  # no sets: a role may be of any type here, and not all can be hashed
_MODEL_ROLES = ("assistant", "model")
_NEVER_TEXT = NOISE | {"model", *_SYSTEM_KEYS}
_MEDIA_KEYS = frozenset({
    "image", "images", "image_url", "image_urls", "image_data", "inputImage", "audio", "audio_url", "audio_data",
    "video", "video_url", "video_data", "mask",
})
_MOST_FIELDS = 64
_LONGEST_PARAMETERS = 4096  # characters; longer ones are hashed

_object = msgspec.json.Decoder(dict[str, Raw])
_anything: msgspec.json.Decoder[Any] = msgspec.json.Decoder()


@dataclass(frozen=True, slots=True)
class Plain(Dialect):
    """Any path and any body of JSON, UTF-8 text or a form. Put it last: it claims everything.

    The text of a JSON object is what stands under these keys, all of them: ``prompt``, ``input``, ``inputs``,
    ``query``, ``question``, ``message``, ``text``, ``messages``, ``inputText``, ``text_prompts``; if none holds any,
    all strings in it. A list of turns with roles is read as a conversation. ``system`` or ``instructions`` is the
    system text; images, sounds and strings longer than a parameter are marked, and the other fields are parameters. A
    body that is no JSON is text, whole. Lists of texts or of token ids are one prompt.

    For an API of your own a dialect that reads the very field your model reads is the better guard: a caller can put
    one text where this looks and another where your application does.
    """

    name: ClassVar[str] = "plain"

    def claims(self, path: str) -> bool:  # noqa: ARG002 (the protocol asks with the path; this dialect takes any)
        """Say yes."""
        return True

    def read(self, body: bytes) -> Reading:
        """Read a whole, uncompressed *body*."""
        return read_anything(self.name, body)

    def read_form(self, form: Form) -> Reading:
        """Read a *form*: files are marked; the text is found as it is in JSON."""
        return read_form(self.name, form)

    def error(self, refusal: Refusal) -> tuple[str, bytes]:
        """Return problem details as of RFC 9457."""
        return PROBLEM, encoded(problem_members(refusal))


def read_anything(dialect: str, body: bytes, parse: Callable[[bytes], Reading | None] | None = None) -> Reading:
    """Read *body* for the *dialect* of this name: as *parse* does, or else as any JSON, or else as text.

    So a path that several APIs have, or an application of one's own, hides nothing. Never raises.
    """

    def parsed(body: bytes) -> Reading:
        try:
            found = None if parse is None else parse(body)
        except (msgspec.ValidationError, NoPromptError):
            found = None
        return read_plain(dialect, body) if found is None else found

    reading = read_json(dialect, body, parsed)
    if reading.problem not in {Unreadable.BAD_JSON, Unreadable.WRONG_TYPE}:
        return reading
    text = as_utf8(body) or ""
    if not text.strip():
        return failed(dialect, body, NoPromptError())
    return Reading(dialect=dialect, prompts=(Prompt(text=text),))


def read_plain(dialect: str, body: bytes) -> Reading:
    """Read *body*, any JSON, for the *dialect* of this name. Raises what ``read_json`` knows."""
    try:
        fields = _object.decode(body)
    except msgspec.ValidationError:
        return _reading(dialect, _spoken(_row(_anything.decode(body)), system="", parameters=""))
    end_user = string(fields["user"]) if "user" in fields else None
    return _reading(dialect, _keyed(fields) or _whole(fields, _anything.decode(body)), end_user)


def read_form(dialect: str, form: Form) -> Reading:
    """Read a *form* for the *dialect* of this name: fields as if they stood in JSON, files by their marks."""
    told: dict[str, Any] = {}
    bare = not any(value for _, value in form.fields)  # a text without a = is all name
    for name, value in form.fields:
        key, text = ("text", name) if bare else (name, value)
        told[key] = f"{told[key]}\n{text}" if key in told else text
    body = msgspec.json.encode(told)
    fields = _object.decode(body)
    prompt = _keyed(fields) or _whole(fields, told)
    files = [mark(kind_of(one.media_type or one.name), one.content) for one in form.files]
    try:
        return _reading(dialect, msgspec.structs.replace(prompt, media=few([*prompt.media, *files])), told.get("user"))
    except NoPromptError as error:
        return failed(dialect, body, error)


def _reading(dialect: str, prompt: Prompt, end_user: str | None = None) -> Reading:
    if not prompt.media and not prompt.tokens and (not prompt.text or prompt.text.isspace()):
        raise NoPromptError
    return Reading(dialect=dialect, prompts=(prompt,), end_user=end_user)


def _row(value: object) -> object:
    """Return *value* if it is a string or a list. Any other value is text as it stands."""
    if isinstance(value, str | list):
        return value
    raise msgspec.ValidationError("Expected `object`, `array` or `str`")


def _keyed(fields: dict[str, Raw]) -> Prompt | None:
    """Return the prompt under the keys that hold one: all of them, for only the application knows which it reads."""
    system = _system(fields)
    found: dict[str, Prompt] = {}
    for key in KEYS:
        if key in fields:
            prompt = _spoken(_anything.decode(fields[key]), system=system, parameters="")
            if prompt.media or prompt.tokens or (prompt.text and not prompt.text.isspace()):
                found[key] = prompt
    if not found:
        return None
    prompt = _joined(list(found.values())) if len(found) > 1 else next(iter(found.values()))
    if len(fields) == len(found):
        return prompt
    contents = _contents(fields, besides=found.keys())
    return msgspec.structs.replace(
        prompt,
        parameters=_parameters(fields, besides={*contents, *found}),
        media=few([*prompt.media, *_marks(fields, contents)]) if contents else prompt.media,
    )


def _joined(found: list[Prompt]) -> Prompt:
    return Prompt(
        text="\n".join([prompt.text for prompt in found if prompt.text]),
        system=next((prompt.system for prompt in found if prompt.system), ""),
        continues=any(prompt.continues for prompt in found),
        earlier=next((prompt.earlier for prompt in found if prompt.earlier), ()),
        tokens=" ".join([prompt.tokens for prompt in found if prompt.tokens]),
        media=few([mark for prompt in found for mark in prompt.media]),
    )


def _whole(fields: dict[str, Raw], value: dict[str, object]) -> Prompt:
    """Return the prompt made of all strings in an object without such a key; what is no string is its parameters."""
    text = strings([inner for key, inner in value.items() if key not in _NEVER_TEXT | _MEDIA_KEYS])
    settings = {key: fields[key] for key in value if key == "model" or not isinstance(value[key], str | list | dict)}
    media = [key for key in fields if key in _MEDIA_KEYS]
    return Prompt(
        text=bounded("\n".join(text)),
        system=_system(fields),
        parameters=_parameters(settings),
        media=few(_marks(fields, media)),
    )


def _contents(fields: dict[str, Raw], *, besides: Collection[str]) -> list[str]:
    """Return the names of the fields that hold what is asked about, though no prompt: media, and long strings."""
    return [
        name for name, raw in fields.items()
        if name in _MEDIA_KEYS
        or (len(told := bytes(raw)) > LONGEST and told.startswith(b'"') and name not in _NEVER_TEXT
            and name not in besides)
    ]


def _marks(fields: dict[str, Raw], names: list[str]) -> list[str]:
    values = [(name, _anything.decode(fields[name])) for name in names]
    return [
        mark_of(one if isinstance(one, dict) else {name: one}, name)
        for name, value in values
        for one in (value if isinstance(value, list) else (value,))
        if one is not None
    ]


def _system(fields: dict[str, Raw]) -> str:
    return next((text for key in _SYSTEM_KEYS if key in fields and (text := string(fields[key]))), "")


def _spoken(value: object, *, system: str, parameters: str) -> Prompt:
    """Return the prompt in *value*: the last user turn of a conversation, or else its text."""
    if not are_turns(value):
        said = _said(value)
        return Prompt(text=said.text, tokens=said.tokens, media=said.media, system=system, parameters=parameters)
    users = [index for index, turn in enumerate(value) if turn.get("role") == "user"]
    turn, earlier = last_turn(value, users, _turn, "messages")
    turn = turn or NOTHING
    systems = [prose_of(turn) for turn in value if turn.get("role") in _SYSTEM_ROLES]
    return Prompt(
        text=turn.text,
        system="\n".join(filter(None, (system, *systems))),
        parameters=parameters,
        continues=any(turn.get("role") in _MODEL_ROLES for turn in value),
        earlier=earlier,
        tokens=turn.tokens,
        media=turn.media,
    )


def _said(value: object) -> Said:
    if isinstance(value, str):
        return Said(bounded(value))
    if isinstance(value, list) and value and are_token_ids(value):
        rows = value if isinstance(value[0], list) else [value]
        return Said("", spaced([number for row in rows for number in row]))
    text = prose_of(value)
    if not text:
        return Said(bounded("\n".join(strings(value))))
    silent = [one for one in value if isinstance(one, dict) and not prose_of(one)] if isinstance(value, list) else []
    return Said(text, "", said_of(silent).media)


def _turn(turn: dict[str, object]) -> Said:
    """Return what one *turn* says: its prose, and marks of what else is in it."""
    media: list[str] = []
    for name, value in turn.items():
        if name in _MEDIA_KEYS and value:
            media.append(mark_of({name: value}))
        elif isinstance(value, list):
            media += said_of(value).media
    return Said(prose_of(turn), "", few(media))


def _parameters(fields: dict[str, Raw], besides: frozenset[str] | set[str] = frozenset()) -> str:
    names = nsmallest(_MOST_FIELDS, fields.keys() - NOISE - {*besides, *_SYSTEM_KEYS})
    text = canonical(names, [fields[name] for name in names])
    return text if len(text) <= _LONGEST_PARAMETERS else "#" + sha256(text.encode()).hexdigest()[:32]
