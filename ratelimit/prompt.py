"""What a request asks of the model, whatever dialect it came in."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class Unreadable(StrEnum):
    """Why a body could not be read into prompts. Each meets the policy's ``unreadable`` rule."""

    BAD_JSON = "bad-json"
    WRONG_TYPE = "wrong-type"
    TOO_LARGE = "too-large"
    COMPRESSED = "compressed"
    MULTIPART = "multipart"
    TOKEN_IDS = "token-ids"  # noqa: S105 (a language model's tokens)
    NO_PROMPT = "no-prompt"
    NOT_TEXT = "not-text"


class Prompt(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What one request asks of the model.

    text        the last user turn: its text parts, joined by line feeds. May be empty (a tool result, an image).
    system      system text, joined by line feeds; empty if there is none.
    parameters  everything else in the body that a script repeats (model, temperature, tools, ...), as canonical text.
    continues   whether earlier turns of the model travel along, so this continues a conversation.
    earlier     the user turns with text before the last that travel along, newest first, 16 at most.
    """

    text: str
    system: str = ""
    parameters: str = ""
    continues: bool = False
    earlier: tuple[str, ...] = ()


class Reading(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What was read from a request's body.

    dialect   the name of the dialect that read it.
    prompts   one or more, unless *problem* is set.
    problem   why there is no prompt; ``None`` if all went well.
    detail    the problem in words, for the refusal: what was wrong and where, never a copy of the body.
    end_user  the end user whom the body names, as far as the client asserts it.
    """

    dialect: str
    prompts: tuple[Prompt, ...] = ()
    problem: Unreadable | None = None
    detail: str = ""
    end_user: str | None = None
