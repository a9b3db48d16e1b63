"""What happens in a play, step by step, as values that print as the Python that makes them."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import msgspec

from ratelimit.principal import Principal
from ratelimit.testing.play import START

if TYPE_CHECKING:
    from ratelimit.decision import Decision
    from ratelimit.testing.play import Play

_DAY = 86_400.0

#: A network that all strangers share, and a client.
_LINKS = {"network": "as-1", "payment": "card-1", "client": "client/1"}


class Ask(msgspec.Struct, frozen=True):
    """*who* asks *text*, so many *times* at once."""

    who: str
    text: str = "Hello"
    times: int = 1

    def on(self, play: Play) -> list[Decision]:
        """Happen in *play*."""
        return [play.ask(principal(self.who), self.text, system=system_of(self.who)) for _ in range(self.times)]


class Wait(msgspec.Struct, frozen=True):
    """So many *seconds* pass."""

    seconds: float

    def on(self, play: Play) -> list[Decision]:
        """Happen in *play*."""
        play.wait(self.seconds)
        return []


class Suspect(msgspec.Struct, frozen=True):
    """The bets on *who* come out so that the evidence against it moves by *decades*; by *worse* more where it is worse.

    worse  what the law of monotony adds in the worse of its two plays.
    """

    who: str
    decades: float
    worse: float = 0.0

    def on(self, play: Play) -> list[Decision]:
        """Happen in *play*."""
        play.suspect(principal(self.who), self.decades)
        return []


class SuspectCohorts(msgspec.Struct, frozen=True):
    """The bets on *who* come out so that the evidence against its cohorts moves by *decades*."""

    who: str
    decades: float

    def on(self, play: Play) -> list[Decision]:
        """Happen in *play*."""
        play.suspect_cohorts(principal(self.who), self.decades, system=system_of(self.who))
        return []


Step: TypeAlias = Ask | Wait | Suspect | SuspectCohorts


def principal(name: str) -> Principal:
    """Return who is called *name* in steps.

    ``trusted-...`` is a customer of old; ``other-...`` shares nothing with the rest; all others are new accounts of one
    network and payment.
    """
    if name.startswith("trusted"):
        return Principal(id=name, links=_LINKS, since=START - 1000 * _DAY, verified=True, trust=1.0)
    if name.startswith("other"):
        return Principal(id=name, links={"network": "as-2", "payment": "card-2", "client": "client/2"}, since=START)
    return Principal(id=name, links=_LINKS, since=START)


def system_of(name: str) -> str:
    """Return the system text that who is called *name* sends."""
    return "Of another kind." if name.startswith("other") else ""


def requests_in(steps: list[Step]) -> int:
    """Return how many requests *steps* hold."""
    return sum(step.times for step in steps if isinstance(step, Ask))
