"""The public names of ``ratelimit.drill``, used as its documentation says. Never run: a type checker reads it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ratelimit.drill import ADVERSARIES, CROWDS, Account, Adversary, Answer, Ask, Crowd, Stage

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator


class Patient(Adversary):
    """Waits for as long as it is told to."""

    name = "patient"
    summary = "waits"

    def actors(self, stage: Stage) -> Iterator[Generator[Ask, Answer, None]]:
        """Yield one."""
        yield self.account(stage, stage.account(days_old=2.0, network="as-1", payment="card-1", client="mine/1"))

    def account(self, stage: Stage, me: Account) -> Generator[Ask, Answer, None]:
        """Ask and wait."""
        corpus, number = stage.corpus(topics=3), stage.next_payload()
        answer = yield Ask(by=me, text=corpus.about(number, "Do this: {}"), payload=number, after=stage.offset())
        if not answer.allowed:
            yield Ask(by=me, text=corpus.text(number), after=answer.retry_after, earlier=("before",), end_user="u")


class Poets(Crowd):
    """Ask once."""

    name = "poets"
    summary = "ask once"

    def actors(self, stage: Stage) -> Iterator[Generator[Ask, Answer, None]]:
        """Yield one."""
        yield self.one(stage.account(verified=True), stage.person().ask(), stage.pause(2.0))

    def one(self, me: Account, text: str, after: float) -> Generator[Ask, Answer, None]:
        """Ask."""
        yield Ask(by=me, text=text, after=after, system="You are a poet.")


adversaries: dict[str, Adversary] = {**ADVERSARIES, Patient.name: Patient()}
crowds: dict[str, Crowd] = {**CROWDS, Poets.name: Poets()}
