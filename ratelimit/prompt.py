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
    NO_PROMPT = "no-prompt"
    NOT_TEXT = "not-text"


def payload_of(text: str, tokens: str, media: tuple[str, ...]) -> str:
    """Return a turn's *text*, *tokens* and *media* as one text, joined by line feeds; blank ones left out."""
    return "\n".join(filter(None, (text, tokens, *media))) if tokens or media else text


class Prompt(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What one request asks of the model.

    text        the last user turn: its text parts, joined by line feeds. May be empty (an image, token ids).
    system      system text, joined by line feeds; empty if there is none.
    parameters  everything else in the body that a script repeats (model, temperature, tools, ...), as canonical text.
    continues   whether earlier turns of the model travel along, so this continues a conversation.
    earlier     the payloads of the user turns before the last that travel along, newest first, 16 at most.
    tokens      token ids that came in place of text, in decimal, with a space between.
    media       marks of the images, sounds and files of the last turn: a kind and a hash, ``image:9f86d081...``.
    """

    text: str
    system: str = ""
    parameters: str = ""
    continues: bool = False
    earlier: tuple[str, ...] = ()
    tokens: str = ""
    media: tuple[str, ...] = ()

    @property
    def payload(self) -> str:
        r"""All that the last turn asks, as words to look at: text, token ids, marks, joined by line feeds.

        >>> Prompt(text="What is it?", media=("image:9f86d081",)).payload
        'What is it?\nimage:9f86d081'
        """
        return payload_of(self.text, self.tokens, self.media)


class Reading(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What was read from a request's body.

    Neither prompts nor a problem: the request asks nothing of the model (it starts a batch that was read before).

    dialect   the name of the dialect that read it.
    prompts   what it asks; of a very large batch a sample.
    problem   why there is no prompt; ``None`` if all went well.
    detail    the problem in words, for the refusal: what was wrong and where, never a copy of the body.
    end_user  the end user whom the body names, as far as the client asserts it.
    more      how many prompts it asks besides *prompts*.
    call      the id by which the caller knows the request, as JSON, where an answer must repeat it (JSON-RPC); an array
              for several.
    """

    dialect: str
    prompts: tuple[Prompt, ...] = ()
    problem: Unreadable | None = None
    detail: str = ""
    end_user: str | None = None
    more: int = 0
    call: str = ""

    @property
    def count(self) -> int:
        """How many prompts the request is charged for: all that it asks, and at least one.

        >>> Reading(dialect="plain").count, Reading(dialect="plain", prompts=(Prompt(text="a"),), more=2).count
        (1, 3)
        """
        return max(1, len(self.prompts) + self.more)
