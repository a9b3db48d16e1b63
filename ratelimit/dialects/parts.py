"""What a message says: its text, and marks of what in it is no text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import msgspec
from msgspec import Raw

from ratelimit.dialects.media import NOISE, few, mark_of
from ratelimit.prompt import payload_of

if TYPE_CHECKING:
    from collections.abc import Iterable

#: Types of parts whose text is all that is read of them.
TEXT_TYPES = frozenset({"text", "input_text", "output_text"})

# Parts that are not the user's, though they may stand in a user's turn.
_SILENT_TYPES = frozenset({"tool_result", "tool_use", "server_tool_use", "thinking", "redacted_thinking"})
_SILENT_KEYS = frozenset({
    "toolUse", "toolResult", "functionCall", "function_call", "functionResponse", "function_response",
})


class Said(msgspec.Struct, frozen=True, gc=False):
    """What one turn says: text, token ids in decimal, marks of media."""

    text: str = ""
    tokens: str = ""
    media: tuple[str, ...] = ()

    @property
    def has_words(self) -> bool:
        """Whether there is text, or token ids in place of it."""
        text = self.text
        return (text != "" and not text.isspace()) or self.tokens != ""

    @property
    def says(self) -> bool:
        """Whether there is anything: words, or media."""
        return bool(self.media) or self.has_words

    @property
    def payload(self) -> str:
        """All of it as one text."""
        return payload_of(self.text, self.tokens, self.media) if self.tokens or self.media else self.text


NOTHING = Said()


class Part(msgspec.Struct, gc=False):
    """One part of a message's content, as far as it is text."""

    type: str | None = None
    text: str | None = None


#: Bare strings among the parts are text to vLLM; whole numbers are token ids.
Content: TypeAlias = str | list[Part | str | int | list[int]] | None

_content: msgspec.json.Decoder[Any] = msgspec.json.Decoder(Content)
_objects: msgspec.json.Decoder[Any] = msgspec.json.Decoder(str | list[dict[str, Any] | str] | dict[str, Any] | None)
_anything: msgspec.json.Decoder[Any] = msgspec.json.Decoder()
_values: msgspec.json.Decoder[list[Any]] = msgspec.json.Decoder(list[Any])


def said(raw: Raw) -> Said:
    r"""Return what a message's content says, each part of a ``type``; its text parts are joined by line feeds.

    Raises what msgspec raises for what is no content.

    >>> said(Raw(b'[{"type": "text", "text": "a"}, {"type": "tool_result"}, "b"]'))
    Said(text='a\nb', tokens='', media=())
    """
    if not raw:
        return NOTHING
    content = _content.decode(raw)
    if isinstance(content, str):
        return Said(content)
    if not content:
        return NOTHING
    texts: list[str] = []
    media: list[str] = []
    ids: list[int] = []
    values: list[Any] | None = None
    for index, part in enumerate(content):
        if isinstance(part, Part):
            if part.type in TEXT_TYPES:
                if part.text is not None:
                    texts.append(part.text)
            else:  # only now is anything but text looked at
                values = _values.decode(raw) if values is None else values
                _hear(values[index], texts, media)
        elif isinstance(part, str):
            texts.append(part)
        else:
            ids += part if isinstance(part, list) else (part,)
    return Said("\n".join(texts), spaced(ids), few(media))


def said_untyped(raw: Raw) -> Said:
    """Return what a content says whose parts have no ``type`` and are told apart by their members: Gemini, Bedrock.

    One part may stand without the list around it. Raises what msgspec raises for what is no content.

    >>> said_untyped(Raw(b'{"text": "a"}')).text
    'a'
    """
    content = _objects.decode(raw) if raw else None
    if isinstance(content, str):
        return Said(content)
    return said_of([content] if isinstance(content, dict) else content or ())


def said_of(parts: Iterable[object]) -> Said:
    """Return what decoded *parts* say: strings, and objects of text or of something else."""
    texts: list[str] = []
    media: list[str] = []
    for part in parts:
        if isinstance(part, dict):
            _hear(part, texts, media)
        elif isinstance(part, str):
            texts.append(part)
    return Said("\n".join(texts), "", few(media))


def filed(raw: Raw) -> Said:
    """Return marks of what travels along to be read with the question: documents, attachments; one, or a list.

    >>> [mark[:5] for mark in filed(Raw(b'["a", {"text": "b"}]')).media]
    ['file:', 'file:']
    """
    value = _anything.decode(raw) if raw else None
    if value is None:
        return NOTHING
    every = value if isinstance(value, list) else [value]
    return Said(media=few([mark_of(one if isinstance(one, dict) else {"text": one}) for one in every]))


def both(turn: Said, besides: Said) -> Said:
    """Return *turn* with what is said *besides*."""
    return Said(
        "\n".join(filter(None, (turn.text, besides.text))),
        " ".join(filter(None, (turn.tokens, besides.tokens))),
        few([*turn.media, *besides.media]),
    )


def spaced(ids: Iterable[float]) -> str:
    """Return token *ids* in decimal, a space between.

    >>> spaced([15496, 995.0])
    '15496 995'
    """
    return " ".join([f"{number:.0f}" if isinstance(number, float) else str(number) for number in ids])


def _hear(part: dict[str, Any], texts: list[str], media: list[str]) -> None:
    """Add what *part* says to *texts* and *media*: its text, and a mark of all else that it holds."""
    if _is_silent(part):
        return
    rest = {name: value for name, value in part.items() if name not in NOISE}
    if part.get("thought") is not True and isinstance(rest.get("text"), str):  # Gemini's thoughts are nobody's turn
        texts.append(rest.pop("text"))
        rest.pop("thought", None)
    guarded = rest.get("guardContent")  # Bedrock's text under guard: {"text": {"text": ..., "qualifiers": [...]}}
    if isinstance(guarded, dict) and isinstance(inner := guarded.get("text"), dict):
        texts += [text for text in inner.values() if isinstance(text, str)]
        rest = rest if guarded.keys() - {"text"} else {key: rest[key] for key in rest if key != "guardContent"}
    if rest:
        media.append(mark_of(rest, str(part.get("type", ""))))


def _is_silent(part: dict[str, Any]) -> bool:
    kind = part.get("type")
    return not _SILENT_KEYS.isdisjoint(part) or (
        isinstance(kind, str) and (kind in _SILENT_TYPES or kind.endswith("_tool_result"))
    )
