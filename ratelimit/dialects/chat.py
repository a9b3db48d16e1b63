"""Conversations: what the dialects that send a list of messages have in common.

Values are left raw (``msgspec.Raw``) until they are needed: of a long history only the system text and the last user
turn are ever decoded, and an oddity elsewhere does not make a body unreadable.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import msgspec
from msgspec import Raw

from ratelimit.dialects.wire import NoPromptError, TokenIdsError
from ratelimit.prompt import Prompt

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

#: User turns before the last that are read.
EARLIER = 16

_SYSTEM = frozenset({"system", "developer"})
_KNOWN = _SYSTEM | {"user", "assistant", "model", "tool", "function", "ipython", "observation"}


class Message(msgspec.Struct, gc=False):
    """One message, its content still raw."""

    role: str = ""
    content: Raw = Raw()


class Part(msgspec.Struct, gc=False):
    """One part of a message's content. Parts of other kinds (images, tool calls) have no *text* of their own."""

    type: str | None = None
    text: str | None = None


#: Bare strings among the parts are text to vLLM; whole numbers are token ids.
Content: TypeAlias = str | list[Part | str | int | list[int]] | None

_content: msgspec.json.Decoder[Any] = msgspec.json.Decoder(Content)
_string = msgspec.json.Decoder(str)


def conversation(messages: Sequence[Message], *, parameters: str, system: str = "") -> Prompt:
    """Return the prompt in *messages*: the last user turn that has text, and the system text, after *system*.

    A role that nobody documents counts as the user's where there is no other: servers with templates of their own
    render any role, and what they render is a prompt. Raises ``NoPromptError`` if there is no text, and what
    ``content_text`` raises.
    """
    roles = [message.role for message in messages]
    turns = _last_texts(messages, "user".__eq__) or _last_texts(messages, _is_unknown)
    if not turns:
        raise NoPromptError
    if not _SYSTEM.isdisjoint(roles):
        texts = [_text(messages, index) for index, role in enumerate(roles) if role in _SYSTEM]
        system = "\n".join(filter(None, (system, *texts)))
    continues = "assistant" in roles
    return Prompt(text=turns[0], system=system, parameters=parameters, continues=continues, earlier=tuple(turns[1:]))


def system_text(raw: Raw) -> str:
    """Return the text of a body's own ``system`` field; raises what ``content_text`` raises."""
    try:
        return content_text(raw)
    except msgspec.ValidationError as error:
        raise _placed(error, "$.system") from None


def _is_unknown(role: str) -> bool:
    return role not in _KNOWN


def _last_texts(messages: Sequence[Message], speaks: Callable[[str], bool]) -> list[str]:
    """Return the texts, newest first, of the last messages that have any and whose role *speaks*.

    Tool results and images have none. All but the first are a courtesy: one that cannot be read is passed over.
    """
    found: list[str] = []
    for index in range(len(messages) - 1, -1, -1):
        if not speaks(messages[index].role):
            continue
        try:
            text = _text(messages, index)
        except (msgspec.ValidationError, TokenIdsError):
            if not found:
                raise
            continue
        if text and not text.isspace():
            found.append(text)
            if len(found) > EARLIER:
                break
    return found


def _text(messages: Sequence[Message], index: int) -> str:
    try:
        return content_text(messages[index].content)
    except msgspec.ValidationError as error:
        raise _placed(error, f"$.messages[{index}].content") from None


def content_text(raw: Raw) -> str:
    r"""Return the text of a message's content, its text parts joined by line feeds; empty if there is none.

    Raises ``TokenIdsError`` for token ids, and what msgspec raises for anything else.

    >>> content_text(Raw(b'[{"type": "text", "text": "a"}, {"type": "image_url"}, "b"]'))
    'a\nb'
    """
    if not raw:
        return ""
    content = _content.decode(raw)
    if isinstance(content, str):
        return content
    return "\n".join([text for part in content or () if (text := _part_text(part)) is not None])


def _part_text(part: Part | str | int | list[int]) -> str | None:
    if isinstance(part, Part):
        return None if part.type == "tool_result" else part.text
    if isinstance(part, str):
        return part
    raise TokenIdsError


def _placed(error: msgspec.ValidationError, where: str) -> msgspec.ValidationError:
    """Return *error*, which is about a value by itself, as if the value stood at *where*."""
    what, at, path = str(error).partition(" - at `$")
    return msgspec.ValidationError(f"{what} - at `{where}{path}" if at else f"{what} - at `{where}`")


def string(raw: Raw) -> str | None:
    """Return the string that *raw* holds, the space around it off; ``None`` if it is empty or no string."""
    return _string.decode(raw).strip() or None if bytes(raw).startswith(b'"') else None
