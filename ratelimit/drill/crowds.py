"""Honest people of every kind, among whom a campaign hides. Whoever is refused goes without, and comes back later."""

from __future__ import annotations

from itertools import chain, repeat
from random import Random
from typing import TYPE_CHECKING

from ratelimit.drill.acting import Ask, Crowd
from ratelimit.drill.adversaries import BATCH_CLIENT, BATCH_PARAMETERS, BATCH_TEMPLATES
from ratelimit.drill.stage import DAY

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ratelimit.drill.acting import Account, Actor
    from ratelimit.drill.minds import Corpus, Person
    from ratelimit.drill.stage import Stage

_CLIENTS = (("You are a helpful assistant.", "chat-web/12"), ("", "openai-python/3.54"),
            ("Answer briefly.", "chat-desktop/3"))
_TURNS = 5


def talk(me: Account, person: Person, pauses: Iterable[float], *, goes_on: float) -> Actor:
    """Hold conversations: with probability *goes_on* the next turn sends the last few along."""
    said: tuple[str, ...] = ()
    rng = Random(me.principal.id)
    for after in pauses:
        text = person.ask()
        earlier = said if rng.random() < goes_on else ()
        answer = yield Ask(by=me, text=text, after=after, earlier=earlier)
        said = (text, *earlier)[:_TURNS] if answer.allowed else earlier


def work(me: Account, texts: Iterable[str], pauses: Iterable[float]) -> Actor:
    """Ask one of *texts* after the other."""
    for text, after in zip(texts, pauses, strict=False):
        yield Ask(by=me, text=text, after=after)


class Chat(Crowd):
    """People in popular chat programs."""

    name, summary = "chat", "60 people with interests of their own, in popular clients; most verified, some new"

    def actors(self, stage: Stage) -> Iterator[Actor]:
        """Yield a person each."""
        for number in range(60):
            rng = stage.rng
            system, client = _CLIENTS[number % 3]
            me = stage.account(days_old=rng.expovariate(1 / 300), verified=rng.random() < 0.6, client=client,
                               system=system, parameters='{"model":"gpt-6"}')
            yield talk(me, stage.person(), stage.sessions(rng.uniform(2, 12)), goes_on=0.7)


class Support(Crowd):
    """Companies' bots."""

    name, summary = "support", "2 bots with one system text each; few questions come often, many seldom"

    def actors(self, stage: Stage) -> Iterator[Actor]:
        """Yield a bot each."""
        for number in range(2):
            me = stage.account(days_old=400, verified=True, client="support-bot/1",
                               system=f"You are the support desk of company {number}. Be friendly and short.")
            yield work(me, self._questions(stage, stage.corpus(topics=2)), map(stage.pause, repeat(90.0)))

    def _questions(self, stage: Stage, corpus: Corpus) -> Iterator[str]:
        while True:
            yield corpus.text(min(2_000, int(stage.rng.paretovariate(0.7))))


class Batch(Crowd):
    """Jobs over long lists."""

    name, summary = "batch", "2 jobs that put 1,500 unlike items each into a template of their own within two days"

    def actors(self, stage: Stage) -> Iterator[Actor]:
        """Yield a job each."""
        for number, template in enumerate(BATCH_TEMPLATES):
            me = stage.account(days_old=200, verified=True, client=BATCH_CLIENT, parameters=BATCH_PARAMETERS)
            corpus, begin = stage.corpus(topics=3), stage.rng.random() * max(0.0, stage.days - 2) * DAY
            texts = (template.replace("{}", corpus.text(item + 10_000 * number)) for item in range(1_500))
            yield work(me, texts, chain([begin], map(stage.pause, repeat(750.0))))


class Benchmark(Crowd):
    """Researchers with one public benchmark."""

    name, summary = "benchmark", "4 unlinked accounts, some new, that run the same 400 public items with one harness"

    def actors(self, stage: Stage) -> Iterator[Actor]:
        """Yield a run each."""
        corpus = stage.corpus(topics=6)
        for number in range(4):
            me = stage.account(days_old=(3, 40, 500, 90)[number], verified=number % 2 == 0, client="harness/0.4")
            texts = (f"Answer with one letter. Think first.\n\n{corpus.text(item)}" for item in range(400))
            begin = stage.rng.random() * max(0.0, stage.days - 1) * DAY
            yield work(me, texts, chain([begin], map(stage.pause, repeat(1_200.0))))


class Gateway(Crowd):
    """End users behind one key."""

    name, summary = "gateway", "1 aged key with 25 end users behind it, named in the body"

    def actors(self, stage: Stage) -> Iterator[Actor]:
        """Yield an end user each, all of one account."""
        me = stage.account(days_old=600, verified=True, client="pal-app/7", system="You are Pal, inside our app.")
        for number in range(25):
            yield self._user(me, f"user-{number}", stage.person(), stage.sessions(4.0))

    def _user(self, me: Account, name: str, person: Person, pauses: Iterator[float]) -> Actor:
        for after in pauses:
            yield Ask(by=me, text=person.ask(), after=after, end_user=name)


class Seats(Crowd):
    """Firms' staff."""

    name, summary = "seats", "2 firms with 12 seats each: one system text, network and invoice, own work"

    def actors(self, stage: Stage) -> Iterator[Actor]:
        """Yield a seat each."""
        for firm in range(2):
            topics = tuple(stage.rng.sample(range(300), 14))
            for _ in range(12):
                me = stage.account(days_old=stage.rng.uniform(1, 30), verified=True, network=f"as-firm-{firm}",
                                   payment=f"invoice-{firm}", client="firm-tool/1",
                                   system=f"You are the internal assistant of firm {firm}. Follow its house style.")
                yield talk(me, stage.person(topics), stage.sessions(6.0), goes_on=0.6)


class Classroom(Crowd):
    """A class that signed up together."""

    name, summary = "class", "25 accounts made in one hour on one network: the same 12 assignments, and own questions"

    def actors(self, stage: Stage) -> Iterator[Actor]:
        """Yield a pupil each."""
        corpus, topics = stage.corpus(topics=2), tuple(stage.rng.sample(range(300), 12))
        for _ in range(25):
            me = stage.account(days_old=0.1, network="as-school", client="course-notebook/2",
                               system="You are a patient tutor for course CS101.")
            yield self._pupil(me, corpus, stage.person(topics), stage.sessions(4.0))

    def _pupil(self, me: Account, corpus: Corpus, person: Person, pauses: Iterator[float]) -> Actor:
        task = 0
        for number, after in enumerate(pauses):
            if number % 3 == 0 and task < 12:
                yield Ask(by=me, text=corpus.text(task), after=after)
                task += 1
            else:
                yield Ask(by=me, text=person.ask(), after=after)


class Agents(Crowd):
    """Coding agents."""

    name, summary = "agents", "6 developers' coding agents: one public system text, long sessions that resend the past"

    def actors(self, stage: Stage) -> Iterator[Actor]:
        """Yield a developer each."""
        for number in range(6):
            me = stage.account(days_old=(400, 200, 90, 30, 9, 2)[number], verified=number < 3, client="code-agent/1.9",
                               system="You are a coding agent. Use the tools. Change only what is asked.")
            yield talk(me, stage.person(), stage.sessions(25.0), goes_on=0.93)


CROWDS: dict[str, Crowd] = {
    made.name: made
    for made in (Chat(), Support(), Batch(), Benchmark(), Gateway(), Seats(), Classroom(), Agents())
}
