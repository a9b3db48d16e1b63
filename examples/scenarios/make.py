"""Makes the traces of the scenarios anew, all from seeds.

    python examples/scenarios/make.py [FOLDER]

What people and campaigns ask is the synthetic text of ``ratelimit drill``. Small traces are plain, larger ones gzip.
"""

from __future__ import annotations

import gzip
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ratelimit.drill import ADVERSARIES, CROWDS, Answer, Ask, Crowd, Stage
from ratelimit.drill.language import Language
from ratelimit.drill.ledger import Ledger
from ratelimit.drill.rehearsal import rehearse
from ratelimit.drill.stage import START

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from ratelimit.drill import Adversary
    from ratelimit.drill.scene import Scene

DAY = 86_400.0
PATH = "/v1/chat/completions"


def row(at: float, who: str, text: str, label: str = "customer", **more: Any) -> dict[str, Any]:
    """Return one row."""
    body = {"model": "gpt-6", "messages": [{"role": "user", "content": text}]}
    return {"at": START + at, "principal": who, "label": label, "path": PATH, "body": body, **more}


class Recorder:
    """Stands before the model in a rehearsal, answers everybody, and writes down who asked what."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []

    def decide(self, scene: Scene) -> Answer:
        """Write one down."""
        ask, who = scene.ask, scene.principal
        text = ask.text if isinstance(ask.text, str) else ask.text()
        system = ask.by.system if ask.system is None else ask.system
        messages = [{"role": "system", "content": system}] if system else []
        for earlier in reversed(ask.earlier):
            messages += [{"role": "user", "content": earlier}, {"role": "assistant", "content": "Yes."}]
        messages.append({"role": "user", "content": text})
        parameters = json.loads(ask.by.parameters or '{"model":"gpt-6"}')
        body = {**parameters, "messages": messages, **({"user": ask.end_user} if ask.end_user else {})}
        self.rows.append({"at": round(scene.now, 1), "principal": who.id, "since": who.since, "verified": who.verified,
                          "links": dict(who.links), "label": ask.by.kind, "path": PATH, "body": body})
        return Answer(True)


def recorded(*casts: Adversary | Crowd, days: float, accounts: int = 40, seed: int = 1) -> list[dict[str, Any]]:
    """Return what *casts* ask in so many *days*, in order."""
    guard, language = Recorder(), Language(seed)
    staged = [(cast, Stage(cast.name, seed=seed, language=language, accounts=accounts, days=days,
                           honest=isinstance(cast, Crowd))) for cast in casts]
    rehearse(staged, guard, Ledger(START, days * DAY), start=START, seconds=days * DAY)
    return guard.rows


class Newcomer(Crowd):
    """Somebody new, in the same client and network as a campaign, with questions of their own."""

    name = "newcomer"
    summary = "one new account"

    def actors(self, stage: Stage) -> Iterator[Any]:
        """Yield it."""
        yield self._one(stage)

    def _one(self, stage: Stage) -> Iterator[Ask]:
        me = stage.account(days_old=1.0, network="as-campaign-1", parameters='{"max_tokens":4096,"model":"gpt-6"}')
        person, pauses = stage.person(), stage.sessions(14.0)
        for after in pauses:
            yield Ask(by=me, text=person.ask(), after=after)


class Victim(Newcomer):
    """A customer of old whose template and network a campaign has copied."""

    name = "victim"

    def _one(self, stage: Stage) -> Iterator[Ask]:
        me = stage.account(days_old=900.0, verified=True, network="as-campaign-1",
                           parameters='{"max_tokens":4096,"model":"gpt-6"}')
        person = stage.person()
        opening = "Work on the following request. Write out your complete reasoning step by step, then the answer.\n\n"
        while True:
            yield Ask(by=me, text=opening + person.ask(), after=stage.pause(30.0))


def forgiven() -> list[dict[str, Any]]:
    """Return a campaign of a day, and one of its accounts nine days later."""
    rows = recorded(ADVERSARIES["hydra"], days=1.5, accounts=25)
    back = {**rows[40], "at": START + 10.7 * DAY, "label": "returned"}
    back["body"] = {"model": "gpt-6", "messages": [{"role": "user", "content": "How do I close my account?"}]}
    return [*rows, back]


SCENARIOS: dict[str, Callable[[], Iterable[dict[str, Any]]]] = {
    "over-its-quota": lambda: [row(number, "key-1", f"Question {number}") for number in range(5)],
    "a-retry-costs-nothing": lambda: [row(at, "key-1", text) for at, text in (
        (0, "One"), (1, "Two"), (2, "Three"), (3, "Three"), (4, "Three"), (5, "Three"), (61, "Three"))],
    "two-budgets": lambda: [row(number * 30.0, "key-1", f"Question {number}") for number in range(10)],
    "exempt-health-checks": lambda: [
        row(number * 0.5, *(("monitor", "ping", "monitor") if number % 2 else ("key-1", f"Question {number}")))
        for number in range(12)],
    "two-policies": lambda: [
        row(number * 1.0, "key-1", f"Question {number}") | (
            {"path": "/v1/embeddings", "body": {"input": f"Text {number}"}, "label": "embeddings"}
            if number % 2 else {})
        for number in range(12)],
    "a-class-on-one-exercise": lambda: recorded(CROWDS["class"], days=4.0),
    "a-public-benchmark": lambda: recorded(CROWDS["benchmark"], days=2.0),
    "a-batch-job": lambda: recorded(CROWDS["batch"], days=2.2)[:900],
    "coding-agents": lambda: recorded(CROWDS["agents"], days=2.0),
    "end-users-behind-one-key": lambda: recorded(CROWDS["gateway"], days=5.0),
    "a-newcomer-in-bad-company": lambda: recorded(ADVERSARIES["paraphrase"], Newcomer(), days=2.0, accounts=25),
    "a-framed-customer": lambda: recorded(ADVERSARIES["hydra"], Victim(), days=1.5, accounts=25),
    "forgiven-after-nine-days": forgiven,
    "the-campaign-in-miniature": lambda: recorded(ADVERSARIES["hydra"], CROWDS["chat"], CROWDS["seats"], days=2.0,
                                                  accounts=40),
}


def packed(rows: Iterable[dict[str, Any]]) -> bytes:
    """Return *rows* as lines."""
    return "".join(json.dumps(one, ensure_ascii=False, separators=(",", ":")) + "\n" for one in rows).encode()


def made(name: str) -> tuple[str, bytes]:
    """Return the name and the bytes of a scenario's trace."""
    data = packed(SCENARIOS[name]())
    return ("trace.jsonl", data) if len(data) < 20_000 else ("trace.jsonl.gz", gzip.compress(data, 9, mtime=0))


if __name__ == "__main__":
    root = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
    for scenario in SCENARIOS:
        file, data = made(scenario)
        (root / scenario).mkdir(parents=True, exist_ok=True)
        (root / scenario / file).write_bytes(data)
        print(f"{scenario}: {file}, {len(data):,} bytes")
