"""The parts of a drill: accounts, what they ask, what they see, and the two kinds of cast."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from typing import TYPE_CHECKING, ClassVar, TypeAlias

import msgspec

if TYPE_CHECKING:
    from ratelimit.drill.stage import Stage
    from ratelimit.principal import Principal


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """One API key.

    principal   what an operator knows of it.
    kind        the honest crowd's or the adversary's name.
    honest      whether it is honest.
    system      the system text of its requests, unless one says otherwise.
    parameters  everything else in the body that repeats, as text.
    """

    principal: Principal
    kind: str
    honest: bool
    system: str = ""
    parameters: str = ""


class Ask(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One request, made *after* so many seconds since the last answer to the actor that makes it.

    by        the account that it comes from.
    text      the last user turn, or what writes it: that is only called if somebody looks.
    payload   the number of the payload that an adversary wants answered; -1 for whatever else it sends.
    earlier   the user turns before, newest first, which make it the continuation of a conversation.
    system    the system text, if it is not the account's.
    end_user  the end user behind the account.
    """

    by: Account
    text: str | Callable[[], str]
    after: float
    payload: int = -1
    earlier: tuple[str, ...] = ()
    system: str | None = None
    end_user: str | None = None


class Answer(msgspec.Struct, frozen=True, gc=False):
    """What the caller sees: whether it was answered, and if not, after how many seconds it may try again."""

    allowed: bool
    retry_after: float = 0.0


Actor: TypeAlias = Generator[Ask, Answer, None]


class Adversary:
    """A campaign. Subclasses give a *name*, a *summary* of one line, and actors."""

    name: ClassVar[str]
    summary: ClassVar[str]

    def actors(self, stage: Stage) -> Iterable[Actor]:
        """Yield generators: each yields an ``Ask``, is sent the ``Answer``, and ends when it gives up."""
        raise NotImplementedError


class Crowd:
    """Honest people of one kind. Subclasses give a *name*, a *summary* of one line, and actors."""

    name: ClassVar[str]
    summary: ClassVar[str]

    def actors(self, stage: Stage) -> Iterable[Actor]:
        """Yield generators, as an ``Adversary`` does."""
        raise NotImplementedError
