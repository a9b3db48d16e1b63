"""Who may look, and who may act."""

from __future__ import annotations

import secrets
from hashlib import blake2b
from typing import TYPE_CHECKING, TypeAlias

import msgspec

from ratelimit.errors import RatelimitError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from starlette.requests import Request

#: The shortest token: 128 bits as secrets.token_urlsafe(16) writes them.
SHORTEST = 22


class ConsoleError(RatelimitError):
    """A console that must not be opened so: what, where, and the mend."""


class Person(msgspec.Struct, frozen=True):
    """Who looks: a name, by which actions are signed, and whether it may act."""

    name: str
    operator: bool = False


#: The host's own authentication: says who sent a request; ``None``: nobody who may look.
Host: TypeAlias = "Callable[[Request], Awaitable[Person | None] | Person | None]"


class Tokens:
    """Tokens by the names of those who have them.

        Tokens(operators={"ada": os.environ["ADA_TOKEN"]}, readers={"noc": os.environ["NOC_TOKEN"]})

    Draw each by ``secrets.token_urlsafe(32)``. Raises: ConsoleError.
    """

    def __init__(self, *, operators: Mapping[str, str] | None = None, readers: Mapping[str, str] | None = None) -> None:
        rows = [(name, token, True) for name, token in (operators or {}).items()]
        rows += [(name, token, False) for name, token in (readers or {}).items()]
        problems = [f"{name!r}: its token must have {SHORTEST} characters or more, got {len(token)}; draw one by "
                    "secrets.token_urlsafe(32)" for name, token, _ in rows if len(token) < SHORTEST]
        names = [name for name, _, _ in rows]
        problems += [f"{name!r}: is there twice" for name in sorted({one for one in names if names.count(one) > 1})]
        problems += ["a name must not be empty" for name in names if not name.strip()]
        if len({token for _, token, _ in rows}) < len(rows):
            problems.append("two have the same token; draw one for each")
        if not rows:
            problems.append("there is none; give operators={name: token}")
        if problems:
            raise ConsoleError(f"Tokens: {'; '.join(problems)}")
        self._people = {name: Person(name, operator) for name, _, operator in rows}
        self._tokens = {name: token.encode() for name, token, _ in rows}

    def __repr__(self) -> str:
        return f"Tokens({', '.join(self._people)})"

    def enter(self, token: str) -> Person | None:
        """Return who has *token*. All are compared, each in constant time."""
        found = None
        for name, known in self._tokens.items():
            if secrets.compare_digest(known, token.encode("utf-8", "replace")):
                found = self._people[name]
        return found

    def ticket(self, person: Person) -> str:
        """Return what stands for *person* in a session: worth nothing once the token is another."""
        return f"{blake2b(self._tokens[person.name], digest_size=16).hexdigest()}.{person.name}"

    def holder(self, ticket: str) -> Person | None:
        """Return who holds a *ticket* that still counts."""
        person = self._people.get(ticket.partition(".")[2])
        return person if person is not None and secrets.compare_digest(
            self.ticket(person).encode(), ticket.encode("utf-8", "replace")) else None
