"""Where a drill takes place: what its actors are made of."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

from ratelimit.drill.acting import Account
from ratelimit.drill.language import TOPICS, Language
from ratelimit.drill.minds import Corpus, Person
from ratelimit.principal import Principal

if TYPE_CHECKING:
    from collections.abc import Iterator

DAY = 86_400.0

#: A Tuesday, 00:00 UTC, Unix seconds.
START = 1_745_280_000.0


class Stage:
    """Makes accounts, people, corpora and pauses for one cast, all of it from one seed.

    name      of the cast.
    honest    whether the cast is.
    accounts  how many accounts a campaign has.
    days      how long the drill takes.
    rng       chance for whatever else a cast needs.
    opened    how many accounts were opened so far.
    """

    def __init__(
        self, name: str, *, seed: int, language: Language, accounts: int = 60, days: float = 15.0, honest: bool = False
    ) -> None:
        self.name, self.honest, self.accounts, self.days = name, honest, accounts, days
        self.language, self.rng = language, Random(f"{seed}/{name}")
        self.now, self.opened, self._seed, self._payloads = START, 0, seed, 0

    def account(
        self, *, days_old: float | None = None, verified: bool = False, network: str | None = None,
        payment: str | None = None, client: str = "openai-python/3.54", system: str = "",
        parameters: str = "", kind: str | None = None,
    ) -> Account:
        """Open an account, as an operator sees it: created *days_old* days before now; ``None``: its age is not known.

        Without a *network* or *payment* it has ones of its own.
        """
        self.opened += 1
        number = self.opened
        links = {"network": network or f"as-{self.name}-{number}", "payment": payment or f"card-{self.name}-{number}",
                 "client": client}
        since = None if days_old is None else self.now - days_old * DAY
        principal = Principal(id=f"{self.name}-{number:05}", links=links, since=since, verified=verified)
        return Account(principal=principal, kind=kind or self.name, honest=self.honest, system=system,
                       parameters=parameters)

    def corpus(self, *, topics: int | tuple[int, ...] = TOPICS) -> Corpus:
        """Return a list of payloads on so many topics, or on those given."""
        chosen = tuple(self.rng.sample(range(TOPICS), topics)) if isinstance(topics, int) else topics
        return Corpus(self.language, f"{self._seed}/{self.name}", chosen)

    def person(self, topics: tuple[int, ...] | None = None) -> Person:
        """Return somebody with interests of its own, among *topics*."""
        return Person(self.language, Random(self.rng.getrandbits(64)), topics)

    def next_payload(self) -> int:
        """Return the number of the next payload that nobody of this cast has asked."""
        self._payloads += 1
        return self._payloads - 1

    def offset(self, per_day: float = 25.6) -> float:
        """Return the seconds from the beginning to a first request of *per_day*."""
        return self.rng.random() * DAY / per_day

    def pause(self, per_day: float = 25.6) -> float:
        """Return the seconds between two requests of an account that makes *per_day*, evenly but not exactly so."""
        return DAY / per_day * (0.4 + 1.2 * self.rng.random())

    def sessions(self, per_day: float) -> Iterator[float]:
        """Yield pauses as people make them: bursts of a few requests within a day of their own, then hours of none."""
        rng = self.rng
        yield rng.random() * DAY
        while True:
            for _ in range(min(40, int(rng.expovariate(1 / 5)))):
                yield rng.lognormvariate(4.2, 1.1)
            yield DAY / per_day * 6 * (0.3 + 1.4 * rng.random())
