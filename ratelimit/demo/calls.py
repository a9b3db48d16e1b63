"""Who calls in the demo, and what is sent: API keys, and the bytes of their requests."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import msgspec

from ratelimit.demo.model import MODEL
from ratelimit.principal import Principal

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import timedelta

Turn = tuple[str, str]  # who speaks, and what is said


@dataclass(frozen=True, kw_only=True, eq=False)
class Caller:
    """One API key, what its operator knows of it, and what its program puts into every request.

    name        the principal's id.
    group       the kind of caller that it is counted with.
    key         the API key.
    age         how long ago the key was made.
    verified    whether the operator knows who holds it.
    links       what it shares with others.
    program     the User-Agent of its program.
    dialect     the API that its program speaks.
    system      the system text, if any.
    parameters  the other fields of the body.
    """

    name: str
    group: str
    key: str
    age: timedelta
    verified: bool = False
    links: Mapping[str, str] = field(default_factory=dict)
    program: str
    dialect: Literal["openai", "anthropic"] = "openai"
    system: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)

    def principal(self, *, now: float) -> Principal:
        """Return what the operator knows of the key, at *now* (Unix seconds)."""
        since = now - self.age.total_seconds()
        return Principal(id=self.name, links=dict(self.links), since=since, verified=self.verified)

    @property
    def headers(self) -> dict[str, str]:
        """The headers of each of its requests."""
        common = {"content-type": "application/json", "user-agent": self.program}
        if self.dialect == "anthropic":
            return {**common, "x-api-key": self.key, "anthropic-version": "2023-06-01"}
        return {**common, "authorization": f"Bearer {self.key}"}

    def call(self, prompt: str, *, before: Sequence[Turn] = ()) -> Call:
        """Return the request that says *prompt* after the turns *before*."""
        said = [{"role": role, "content": text} for role, text in (*before, ("user", prompt))]
        if self.dialect == "anthropic":
            system = {"system": self.system} if self.system else {}
            return Call(self, "/v1/messages", _body(self, {**system, "messages": said}))
        if self.system:
            said.insert(0, {"role": "system", "content": self.system})
        return Call(self, "/v1/chat/completions", _body(self, {"messages": said}))


class Call(NamedTuple):
    """One request: who sends it, whither, and its body."""

    caller: Caller
    path: str
    body: bytes


class Timed(NamedTuple):
    """A call, and when it is due: 0 at the beginning of the run, 1 at its end."""

    due: float
    call: Call


class Schedule:
    """All that is going to be sent, in order: the same to every mount.

    calls    what is sent, by rising due time.
    callers  who sends, by API key.
    groups   the kinds of callers, with their callers, in the order in which *calls* came.
    """

    def __init__(self, calls: Iterable[Timed]) -> None:
        made = list(calls)
        self.calls = sorted(made, key=lambda timed: timed.due)
        self.callers = {call.caller.key: call.caller for _, call in made}
        self.groups: dict[str, list[Caller]] = {}
        for caller in self.callers.values():
            self.groups.setdefault(caller.group, []).append(caller)

    def accounts(self, *, now: float) -> dict[str, Principal]:
        """Return the operator's table of accounts: what is known of each API key at *now* (Unix seconds)."""
        return {key: caller.principal(now=now) for key, caller in self.callers.items()}


def _body(caller: Caller, fields: dict[str, Any]) -> bytes:
    return msgspec.json.encode({"model": MODEL, **caller.parameters, **fields})
