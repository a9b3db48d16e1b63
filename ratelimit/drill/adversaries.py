"""The built-in adversaries: one campaign, and the ways in which it may answer its refusals.

Every account makes 25.6 requests a day (the alleged campaign's figure), is at most five days old and comes through one
of seven networks, unless its summary says otherwise.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from ratelimit.drill.acting import Adversary, Ask
from ratelimit.drill.language import TOPICS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ratelimit.drill.acting import Account, Actor
    from ratelimit.drill.minds import Corpus
    from ratelimit.drill.stage import Stage

_TEMPLATE = "Work on the following request. Write out your complete reasoning step by step, then the answer.\n\n{}"
_PARAMETERS = '{"max_tokens":4096,"model":"gpt-6"}'

_OPENERS = ("Please", "Kindly", "You are an expert, so", "As a careful assistant,", "Now", "I need your help:", "Task:")
_VERBS = ("answer", "solve", "work through", "respond to", "think about", "take on")
_MANNERS = ("carefully", "in full", "with all the reasoning", "in detail", "step by step", "as in an exam")

#: Refusals in a row after which an account is given up by adversaries that do.
_BURNT_AFTER = 3


class Hydra(Adversary):
    """The plain campaign. What it refuses to do differently is one method each, which the others override."""

    name = "hydra"
    summary = "one template, one list of payloads shared out over all accounts; a refusal changes nothing"

    def actors(self, stage: Stage) -> Iterator[Actor]:
        """Yield an actor an account."""
        corpus = self.corpus(stage)
        for number in range(stage.accounts):
            yield self.account(stage, corpus, number)

    def account(self, stage: Stage, corpus: Corpus, number: int) -> Actor:
        """Ask payload after payload."""
        me, after = self.open(stage, number), stage.offset()
        template = self.template(stage, number)
        while True:
            payload = stage.next_payload()
            yield Ask(by=me, text=corpus.about(payload, template), payload=payload, after=after)
            after = stage.pause()

    def corpus(self, stage: Stage) -> Corpus:
        """Return what is to be copied."""
        return stage.corpus()

    def open(self, stage: Stage, number: int) -> Account:
        """Open the account with *number*."""
        return stage.account(days_old=5 * stage.rng.random(), network=f"as-campaign-{number % 7}",
                             payment=f"card-campaign-{number % max(1, stage.accounts * 2 // 3)}",
                             parameters=_PARAMETERS)

    def template(self, stage: Stage, number: int) -> str:  # noqa: ARG002 (others word it by account)
        """Return what account *number* puts around a payload."""
        return _TEMPLATE


class Retry(Hydra):
    """Wastes no payload."""

    name = "retry"
    summary = "a payload that was refused is asked again, by whichever account comes next"

    def actors(self, stage: Stage) -> Iterator[Actor]:
        """Yield accounts that share a queue of what was refused."""
        corpus, refused = self.corpus(stage), deque[int]()
        for number in range(stage.accounts):
            yield self._account(stage, corpus, refused, number)

    def _account(self, stage: Stage, corpus: Corpus, refused: deque[int], number: int) -> Actor:
        me, after, payload = self.open(stage, number), stage.offset(), stage.next_payload()
        while True:
            answer = yield Ask(by=me, text=corpus.about(payload, _TEMPLATE), payload=payload, after=after)
            following = refused.popleft() if refused else stage.next_payload()
            if not answer.allowed:
                refused.append(payload)  # behind what comes next, so that another account takes it up
            payload, after = following, stage.pause()


class Replace(Hydra):
    """Burns accounts as fast as they are refused."""

    name = "replace"
    summary = f"an account that was refused {_BURNT_AFTER} times in a row is replaced by a fresh one"

    def account(self, stage: Stage, corpus: Corpus, number: int) -> Actor:
        """Ask payload after payload, from account after account."""
        me, after, refusals = self.open(stage, number), stage.offset(), 0
        while True:
            payload = stage.next_payload()
            answer = yield Ask(by=me, text=corpus.about(payload, _TEMPLATE), payload=payload, after=after)
            refusals = 0 if answer.allowed else refusals + 1
            if refusals == _BURNT_AFTER:
                me, refusals = stage.account(days_old=0.0, network=f"as-campaign-{stage.opened % 7}",
                                             parameters=_PARAMETERS), 0
            after = stage.pause()


class Slow(Hydra):
    """Shows restraint."""

    name = "slow"
    summary = "obeys every Retry-After, and halves its pace at each refusal, down to one request in four days"

    def account(self, stage: Stage, corpus: Corpus, number: int) -> Actor:
        """Ask payload after payload, more and more seldom."""
        me, after, per_day = self.open(stage, number), stage.offset(), 25.6
        while True:
            payload = stage.next_payload()
            answer = yield Ask(by=me, text=corpus.about(payload, _TEMPLATE), payload=payload, after=after)
            per_day = min(25.6, per_day * 1.1) if answer.allowed else max(0.25, per_day / 2)
            after = max(stage.pause(per_day), answer.retry_after)


class _Covered(Hydra):
    """Hides in traffic like a person's: of its requests only a quarter are after a payload."""

    share, inside = 0.25, False

    def account(self, stage: Stage, corpus: Corpus, number: int) -> Actor:
        """Ask a payload now and then, and in between what a person would."""
        me, after, person = self.open(stage, number), stage.offset(), stage.person()
        around = _TEMPLATE if self.inside else "{}"
        while True:
            if stage.rng.random() < self.share:
                payload = stage.next_payload()
                yield Ask(by=me, text=corpus.about(payload, _TEMPLATE), payload=payload, after=after)
            else:
                yield Ask(by=me, text=around.replace("{}", person.ask()), after=after)
            after = stage.pause()


class CoverInside(_Covered):
    """Cover traffic, in the template."""

    name, inside = "cover-inside", True
    summary = "three of four requests are cover: a made-up person's own questions, inside the template"


class CoverOutside(_Covered):
    """Cover traffic, without the template."""

    name = "cover-outside"
    summary = "three of four requests are cover: a made-up person's own questions, without the template"


class Repeat(Hydra):
    """Looks like somebody who comes back to itself."""

    name = "repeat"
    summary = "every second request says again, in other order, what the account asked before"

    def account(self, stage: Stage, corpus: Corpus, number: int) -> Actor:
        """Ask a payload, and then something very like it."""
        me, after, rng = self.open(stage, number), stage.offset(), stage.rng
        while True:
            payload = stage.next_payload()
            yield Ask(by=me, text=corpus.about(payload, _TEMPLATE), payload=payload, after=after)
            words = corpus.text(payload).split()
            rng.shuffle(words)
            again = " ".join(words[: max(4, len(words) * 2 // 3)])
            yield Ask(by=me, text=_TEMPLATE.replace("{}", again), after=stage.pause())
            after = stage.pause()


class Paraphrase(Hydra):
    """Says the same in other words."""

    name = "paraphrase"
    summary = "every account words the template in its own way, and no two share a network or a payment"

    def template(self, stage: Stage, number: int) -> str:  # noqa: ARG002
        """Return a wording of its own."""
        rng = stage.rng
        manner, other = rng.choice(_MANNERS), rng.choice(_MANNERS)
        return f"{rng.choice(_OPENERS)} {rng.choice(_VERBS)} this {manner}, {other}:\n\n{{}}"

    def open(self, stage: Stage, number: int) -> Account:  # noqa: ARG002
        """Open an account that shares nothing but its client."""
        return stage.account(days_old=5 * stage.rng.random(), parameters=_PARAMETERS)


class Skew(Hydra):
    """Has favourites."""

    name = "skew"
    summary = "unequal loads: some accounts do most of the work (Pareto, exponent 1.2)"

    def account(self, stage: Stage, corpus: Corpus, number: int) -> Actor:
        """Ask payload after payload at a pace of its own."""
        per_day = min(2_000.0, 25.6 * stage.rng.paretovariate(1.2) / 4)
        me, after = self.open(stage, number), stage.offset(per_day)
        while True:
            payload = stage.next_payload()
            yield Ask(by=me, text=corpus.about(payload, _TEMPLATE), payload=payload, after=after)
            after = stage.pause(per_day)


class Shard(Hydra):
    """Gives every account a self."""

    name = "shard"
    summary = "every account asks on one subject of its own, and so looks like somebody with an interest"

    def account(self, stage: Stage, corpus: Corpus, number: int) -> Actor:  # noqa: ARG002
        """Ask payload after payload on one subject."""
        return super().account(stage, stage.corpus(topics=(number % TOPICS,)), number)


class Copycat(Hydra):
    """Hides behind an honest customer, whom it would drag down."""

    name = "copycat"
    summary = "copies the system text, template and client of the honest batch jobs, payload by payload"

    def open(self, stage: Stage, number: int) -> Account:  # noqa: ARG002
        """Open an account that looks like a batch job but for its age."""
        return stage.account(days_old=5 * stage.rng.random(), client=BATCH_CLIENT, parameters=BATCH_PARAMETERS)

    def template(self, stage: Stage, number: int) -> str:  # noqa: ARG002
        """Return the first job's."""
        return BATCH_TEMPLATES[0]


class Aged(Hydra):
    """Waits before it strikes."""

    name = "aged"
    summary = "accounts are sixty days old, and spend the first fifth of the time chatting as people do"

    def open(self, stage: Stage, number: int) -> Account:
        """Open an account long ago."""
        return stage.account(days_old=60.0, network=f"as-campaign-{number % 7}", parameters=_PARAMETERS)

    def account(self, stage: Stage, corpus: Corpus, number: int) -> Actor:
        """Chat for a while, then ask payload after payload."""
        me, after, person = self.open(stage, number), stage.offset(), stage.person()
        waits = stage.days / 5 * 86_400.0
        while waits > 0:
            waits -= after
            yield Ask(by=me, text=person.ask(), after=after)
            after = stage.pause()
        while True:
            payload = stage.next_payload()
            yield Ask(by=me, text=corpus.about(payload, _TEMPLATE), payload=payload, after=after)
            after = stage.pause()


#: What honest batch jobs look like, which ``Copycat`` copies.
BATCH_CLIENT, BATCH_PARAMETERS = "batch-runner/2", '{"model":"gpt-6","temperature":0}'
BATCH_TEMPLATES = (
    "Classify the sentiment of this text as positive, negative or neutral:\n\n{}",
    "Extract every named entity as JSON from the record below:\n\n{}",
)

ADVERSARIES: dict[str, Adversary] = {
    made.name: made
    for made in (Hydra(), Retry(), Replace(), Slow(), CoverInside(), CoverOutside(), Repeat(), Paraphrase(), Skew(),
                 Shard(), Copycat(), Aged())
}
