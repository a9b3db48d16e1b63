"""The built-in adversaries do what their summaries say, and the rehearsal is the real engine's."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest

import ratelimit.drill
from ratelimit.drill import ADVERSARIES, CROWDS, Answer, Ask, Stage
from ratelimit.drill.guards import Behaviour, Nothing, Quota
from ratelimit.drill.language import Language
from ratelimit.drill.ledger import Ledger
from ratelimit.drill.outcome import equal_quota, lost_by
from ratelimit.drill.rehearsal import rehearse
from ratelimit.drill.scene import Scene
from ratelimit.drill.stage import DAY, START
from ratelimit.policy import Policy

if TYPE_CHECKING:
    from ratelimit.principal import Principal
    from ratelimit.request import Request

LANGUAGE = Language(1)


def stage(name: str, *, accounts: int = 5, days: float = 1.0, honest: bool = False) -> Stage:
    """Return a small stage."""
    return Stage(name, seed=1, language=LANGUAGE, accounts=accounts, days=days, honest=honest)


class Watched:
    """Refuses or answers everything, and keeps what was asked."""

    def __init__(self, *, allowed: bool) -> None:
        self.asked: list[Ask] = []
        self._answer = Answer(allowed, 0.0 if allowed else 3600.0)

    def decide(self, scene: Scene) -> Answer:
        """Keep it."""
        self.asked.append(scene.ask)
        return self._answer


def asked(name: str, *, allowed: bool, days: float = 1.0) -> list[Ask]:
    """Return what an adversary asks of one who answers, or refuses, everything."""
    guard = Watched(allowed=allowed)
    rehearse([(ADVERSARIES[name], stage(name, days=days))], guard, Ledger(START, days * DAY), start=START,
             seconds=days * DAY)
    return guard.asked


def text_of(ask: Ask) -> str:
    """Return the text, written if need be."""
    return ask.text if isinstance(ask.text, str) else ask.text()


def test_the_public_names_are_these() -> None:
    """What users build on is pinned, sorted, and there."""
    assert ratelimit.drill.__all__ == [
        "ADVERSARIES", "CROWDS", "Account", "Adversary", "Answer", "Ask", "Crowd", "Stage",
    ]
    assert all(hasattr(ratelimit.drill, name) for name in ratelimit.drill.__all__)


@pytest.mark.parametrize("name", sorted(ADVERSARIES))
def test_every_adversary_goes_after_payloads_at_the_alleged_pace(name: str) -> None:
    """25.6 requests a day and account while it is answered, unequal loads aside, some of them after a payload."""
    found = asked(name, allowed=True, days=2.0)

    assert 150 < len(found) < 360 or name == "skew"
    assert any(one.payload >= 0 for one in found)
    assert all(text_of(one) for one in found)


def test_retry_asks_again_what_was_refused() -> None:
    """Refused throughout, it goes on about the same few payloads from other accounts."""
    found = [one for one in asked("retry", allowed=False) if one.payload == 0]

    assert len({one.by.principal.id for one in found}) > 1
    assert len({text_of(one) for one in found}) == 1


def test_replace_opens_fresh_accounts() -> None:
    """After three refusals in a row an account is never heard of again."""
    found = asked("replace", allowed=False)
    names = [one.by.principal.id for one in found]

    assert max(map(names.count, names)) == 3
    assert len(set(names)) > 20


def test_slow_slows_down() -> None:
    """Refused throughout, it sends a small part of what it would."""
    assert len(asked("slow", allowed=False, days=4.0)) < len(asked("slow", allowed=True, days=4.0)) / 4


def test_paraphrase_and_shard_tell_accounts_apart() -> None:
    """One has a template an account, the other a subject an account."""
    heads = {one.by.principal.id: text_of(one).partition("\n")[0] for one in asked("paraphrase", allowed=True)}
    words: dict[str, list[set[str]]] = {}
    for one in asked("shard", allowed=True, days=3.0):
        words.setdefault(one.by.principal.id, []).append(set(text_of(one).split()))
    within = [len(one & other) for texts in words.values() for one, other in pairwise(texts)]

    assert len(set(heads.values())) == len(heads)
    assert sum(within) / len(within) > 15  # the template has 14


def test_crowds_are_honest_of_every_kind() -> None:
    """Each asks something within a few days, and conversations send their past along."""
    guard, ledger = Watched(allowed=True), Ledger(START, 3 * DAY, arrivals=True)
    casts = [(crowd, stage(name, days=3.0, honest=True)) for name, crowd in CROWDS.items()]
    rehearse(casts, guard, ledger, start=START, seconds=3 * DAY)

    assert set(ledger.honest) == set(CROWDS)
    assert any(one.earlier for one in guard.asked)
    assert any(one.end_user for one in guard.asked)
    assert ledger.sent == 0


def test_the_quota_is_the_finest_that_costs_no_more() -> None:
    """A request a day less, and it refuses more than it may."""
    ledger = Ledger(START, 3 * DAY, arrivals=True)
    rehearse([(CROWDS["chat"], stage("chat", days=3.0, honest=True))], Nothing(), ledger, start=START, seconds=3 * DAY)
    for most in (0.0, 0.01):
        found = equal_quota(ledger.arrivals, most)

        assert lost_by(ledger.arrivals, found) <= most < lost_by(ledger.arrivals, found - 1)


def test_who_goes_on_is_always_read() -> None:
    """A refusal that stands is no answer to the continuation of a conversation, nor to an end user of another name."""
    scene, me = Scene(), stage("chat", honest=True).account()
    outlines = []
    for more in ({}, {"earlier": ("before",)}, {"end_user": "u"}):
        scene.take(Ask(by=me, text="now", after=0.0, **more), START)
        outlines.append(scene.outline is not None)

    assert outlines == [True, False, False]
    assert scene.request(Policy().dialects[0], 1).reading.end_user == "u"


def test_a_fixed_quota_says_when_to_come_back() -> None:
    """An account that waits as long as it is told to is answered."""
    quota = Quota(1)
    first, wait = quota.charge("a", START), quota.charge("a", START + 10.0)

    assert first == 0.0
    assert 0.0 < wait <= DAY
    assert quota.charge("a", START + 10.0 + wait) == 0.0


def test_refusals_that_stand_are_the_same_without_reading() -> None:
    """A rehearsal in which every text is read decides exactly as one in which refused ones are not."""

    class Read(Scene):
        """Has everything read."""

        __slots__ = ()

        def take(self, ask: Ask, now: float) -> None:
            """Take up, without an outline."""
            super().take(ask, now)
            self.outline = None

    results: list[Any] = []
    for kind in (Scene, Read):
        guard, scene, answers = Behaviour("default", [Policy()]), kind(), []
        actors = list(ADVERSARIES["hydra"].actors(stage("hydra", accounts=40)))
        asks = [next(actor) for actor in actors]
        for turn in range(1_500):
            number = turn * 7 % 40
            scene.take(asks[number], START + 60.0 * turn)
            answers.append(guard.decide(scene))
            asks[number] = actors[number].send(answers[-1])
        results.append(answers)

    assert results[0] == results[1]
    assert any(not answer.allowed for answer in results[0])


def spared(request: Request, principal: Principal) -> bool:
    """Say whether a request is one of those that a policy lets pass by their text."""
    return request.reading.prompts[0].text == "spared"


@pytest.mark.parametrize(("policy", "allowed"), [
    (Policy(), False),
    (Policy(exempt=spared), True),
    (Policy(when=lambda request: request.reading.prompts[0].text != "spared"), True),
])
def test_a_refusal_that_stands_is_no_answer_where_the_text_decides(policy: Policy, allowed: bool) -> None:
    """Who is refused has the next request read if the policy's own functions may let it pass."""
    guard, scene = Behaviour("mine", [policy]), Scene()
    actors = list(ADVERSARIES["hydra"].actors(stage("hydra", accounts=40)))
    asks = [next(actor) for actor in actors]
    for turn in range(1_500):
        number = turn * 7 % 40
        scene.take(asks[number], START + 60.0 * turn)
        answer = guard.decide(scene)
        if answer.retry_after > 1.0:
            break
        asks[number] = actors[number].send(answer)
    refused = scene.ask.by
    scene.take(Ask(by=refused, text="spared", after=0.0), scene.now + 1.0)

    assert guard.decide(scene).allowed is allowed
