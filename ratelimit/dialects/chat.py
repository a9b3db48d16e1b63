"""Conversations: what the dialects that send a list of messages have in common.

Values are left raw (``msgspec.Raw``) until they are needed: of a long history only the system text and the last user
turns are ever decoded, and an oddity elsewhere does not make a body unreadable.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeVar

import msgspec
from msgspec import Raw

from ratelimit.dialects.media import few
from ratelimit.dialects.parts import NOTHING, Said, both, said
from ratelimit.dialects.wire import NoPromptError
from ratelimit.prompt import Prompt

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

#: User turns before the last that are read.
EARLIER = 16

_SYSTEM = frozenset({"system", "developer"})
_MODEL = frozenset({"assistant", "model"})
_KNOWN = _SYSTEM | _MODEL | {"user", "tool", "function", "ipython", "observation"}


class Message(msgspec.Struct, gc=False):
    """One message, its content still raw."""

    role: str = ""
    content: Raw = Raw()


class Spoken(Protocol):
    """A message of any dialect."""

    role: str
    content: Raw


T = TypeVar("T")

_string = msgspec.json.Decoder(str)


def hear_message(message: Spoken) -> Said:
    """Return what *message* says, its parts each of a ``type``."""
    return said(message.content)


def conversation(
    messages: Sequence[Spoken],
    *,
    parameters: str,
    system: str = "",
    continues: bool = False,
    hear: Callable[[Spoken], Said] = hear_message,
    place: str = "messages",
    besides: Said = NOTHING,
) -> Prompt:
    """Return the prompt in *messages*: the last user turn that has text, and the system text, after *system*.

    Media in or after that turn are the turn's. What is said *besides* the messages belongs to it too. *hear* says what
    a message says, and *place* is the messages' own in the body.

    A role that nobody documents counts as the user's where there is no other: servers with templates of their own
    render any role, and what they render is a prompt. Raises ``NoPromptError`` if nothing is asked, and what *hear*
    raises.
    """
    roles = [message.role for message in messages]
    users = [index for index, role in enumerate(roles) if role == "user"]
    turn, earlier = last_turn(messages, users, hear, place)
    if turn is None:
        others = [index for index, role in enumerate(roles) if role not in _KNOWN]
        turn, earlier = last_turn(messages, others, hear, place)
    if not _SYSTEM.isdisjoint(roles):
        texts = [system]
        for index, role in enumerate(roles):
            if role in _SYSTEM:
                one = _heard(messages, index, hear, place)
                texts.append(one.text or one.tokens)
                if one.media:  # shown to the model with the question, whoever is said to show it
                    besides = both(besides, Said("", "", one.media))
        system = "\n".join(filter(None, texts))
    if besides is not NOTHING:
        turn = both(turn or NOTHING, besides)
        turn = turn if turn.says else None
    if turn is None:
        raise NoPromptError
    return Prompt(
        text=turn.text,
        system=system,
        parameters=parameters,
        continues=continues or not _MODEL.isdisjoint(roles),
        earlier=earlier,
        tokens=turn.tokens,
        media=turn.media,
    )


def system_text(raw: Raw, hear: Callable[[Raw], Said] = said, place: str = "system") -> str:
    """Return the text of a body's own field of system text, which stands at *place*; raises what *hear* raises."""
    if not raw:
        return ""
    try:
        return hear(raw).payload
    except msgspec.ValidationError as error:
        raise placed(error, f"$.{place}") from None


def last_turn(
    messages: Sequence[T], indices: Sequence[int], hear: Callable[[T], Said], place: str
) -> tuple[Said | None, tuple[str, ...]]:
    """Return the last turn that has words among the *messages* at *indices*, and the payloads of those before it.

    What comes after it without words of its own, an image, belongs to it; without any words the last image is the turn.
    Tool results say nothing. What comes before the last turn is a courtesy: what of it cannot be read is passed over.
    """
    if len(indices) == 1:  # most requests
        only = _heard(messages, indices[0], hear, place)
        return only if only.says else None, ()
    found: list[Said] = []
    at = -1  # where in what was found the last turn with words stands
    for index in reversed(indices):
        try:
            heard = hear(messages[index])
        except msgspec.ValidationError as error:
            if at < 0:
                raise placed(error, f"$.{place}[{index}].content") from None
            continue
        text = heard.text
        if (text and not text.isspace()) or heard.tokens:
            at = len(found) if at < 0 else at
        elif not heard.media:
            continue
        found.append(heard)
        if len(found) > EARLIER + at >= EARLIER:
            break
    if len(found) < 2:
        return found[0] if found else None, ()
    turn, before = found[max(at, 0)], found[max(at, 0) + 1 :]
    if at > 0:
        turn = Said(turn.text, turn.tokens, few([mark for one in reversed(found[: at + 1]) for mark in one.media]))
    return turn, tuple([one.payload if one.media or one.tokens else one.text for one in before[:EARLIER]])


def _heard(messages: Sequence[T], index: int, hear: Callable[[T], Said], place: str) -> Said:
    try:
        return hear(messages[index])
    except msgspec.ValidationError as error:
        raise placed(error, f"$.{place}[{index}].content") from None


def placed(error: msgspec.ValidationError, where: str) -> msgspec.ValidationError:
    """Return *error*, which is about a value by itself, as if the value stood at *where*."""
    what, at, path = str(error).partition(" - at `$")
    return msgspec.ValidationError(f"{what} - at `{where}{path}" if at else f"{what} - at `{where}`")


def string(raw: Raw) -> str | None:
    """Return the string that *raw* holds, the space around it off; ``None`` if it is empty or no string."""
    if not raw or not bytes(raw).startswith(b'"'):
        return None
    return _string.decode(raw).strip() or None
