"""A model whose text carries a watermark keyed by the cohort that asked, so that a copy can be traced to its harvest.

The scheme is that of Kirchenbauer et al., "A Watermark for Large Language Models" (ICML 2023). Before each token a
share GAMMA of the vocabulary, drawn by a hash of the token before, is *green*, and DELTA is added to the logits of
those. Without the key the text looks as before. With it the green tokens of T are counted: in text that knows nothing
of the key they are GAMMA * T, give or take, so

    z = (green - GAMMA * T) / sqrt(T * GAMMA * (1 - GAMMA))

is a standard normal. Here the hash is keyed by the cohort, so there is one watermark for each; and a model that is
trained on watermarked text writes text that carries it too (Sander et al., "Watermarking Makes Language Models
Radioactive", 2024). Log the cohorts of your decisions, and keep SECRET: a text can be traced to no other.

``python examples/watermark.py`` lets twenty people ask, harvests the model from twenty accounts, trains a copy on what
those got, and traces the copy's text: to their cohort, and not to the people's, nor to strangers. The model is a toy,
each word with fixed odds of which comes next, and so its copy learns the mark better than a real one would.
"""

import asyncio
import functools
import hmac
import json
import math
import random
import sys
from collections import defaultdict
from collections.abc import Iterable
from itertools import pairwise

import numpy as np
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from ratelimit import Decision, Policy, RateLimitMiddleware
from ratelimit.testing import drive

GAMMA, DELTA = 0.25, 2.0
SECRET = b"kept where the model's own keys are"
WORDS = [first + vowel + last for first in "bdfgklmnprstvz" for vowel in "aeiou" for last in ("", "l", "n", "r")]
LENGTH = 60

#: Cohorts beyond this z are traced: one in 10^9 texts that know nothing of a key comes so far.
TRACED = 6.0


@functools.lru_cache(maxsize=1 << 16)
def green(cohort: str, before: int) -> np.ndarray:
    """Return which words are green for *cohort* after the word *before*: GAMMA of them, drawn by a keyed hash."""
    seed = hmac.digest(SECRET, f"{cohort}\x1f{before}".encode(), "sha256")
    marks = np.zeros(len(WORDS), dtype=bool)
    chosen = np.random.default_rng(int.from_bytes(seed[:8])).permutation(len(WORDS))
    marks[chosen[: int(GAMMA * len(WORDS))]] = True
    return marks


@functools.cache
def logits(before: int) -> np.ndarray:
    """Return the model's own odds of what comes after the word *before*, as logits."""
    return np.random.default_rng(before).normal(0.0, 1.5, len(WORDS))


def generate(draw: np.random.Generator, cohort: str | None, length: int = LENGTH) -> str:
    """Write *length* words, with the watermark of *cohort*; ``None``: with none."""
    before, words = int(draw.integers(len(WORDS))), []
    for _ in range(length):
        odds = logits(before) if cohort is None else logits(before) + DELTA * green(cohort, before)
        shares = np.exp(odds - odds.max())
        before = int(draw.choice(len(WORDS), p=shares / shares.sum()))
        words.append(WORDS[before])
    return " ".join(words)


def z_of(texts: Iterable[str], cohort: str) -> float:
    """Return how far *texts* together lean towards the green words of *cohort*: 0 give or take 1 if by chance.

    Each pair of words counts once, so that a text which repeats itself proves nothing by it.
    """
    index = {word: number for number, word in enumerate(WORDS)}
    pairs = {pair for text in texts for numbers in [[index[word] for word in text.split()]]
             for pair in pairwise(numbers)}
    if not pairs:
        return 0.0
    hits = sum(bool(green(cohort, before)[after]) for before, after in pairs)
    return (hits - GAMMA * len(pairs)) / math.sqrt(len(pairs) * GAMMA * (1 - GAMMA))


def key_of(decision: Decision) -> str:
    """Return the cohort by which an answer is keyed: that with the most evidence against it; alone, the principal."""
    return max(decision.cohorts, key=decision.cohorts.__getitem__, default=decision.principal)


def build(policy: Policy, seed: int = 1) -> Starlette:
    """Return the guarded model."""
    draw = np.random.default_rng(seed)

    async def chat(request: Request) -> JSONResponse:
        text = generate(draw, key_of(request.state.ratelimit))
        return JSONResponse({"choices": [{"index": 0, "message": {"role": "assistant", "content": text}}]})

    app = Starlette(routes=[Route("/v1/chat/completions", chat, methods=["POST"])])
    app.add_middleware(RateLimitMiddleware, policy=policy)
    return app


class Copy:
    """A model trained on somebody else's answers: it counts which word came after which, and knows of no key."""

    def __init__(self, texts: Iterable[str]) -> None:
        self.after: dict[str, list[str]] = defaultdict(list)
        for text in texts:
            words = text.split()
            for before, word in pairwise(words):
                self.after[before].append(word)

    def write(self, draw: random.Random, length: int = LENGTH) -> str:
        """Write *length* words of its own."""
        words = [draw.choice(list(self.after))]
        while len(words) < length:
            words.append(draw.choice(self.after.get(words[-1]) or list(self.after)))
        return " ".join(words)


async def ask(app: Starlette, account: str, client: str, prompt: str) -> tuple[str, Decision]:
    """Ask as *account*, by way of a *client*; return the answer, if there is one, and the decision."""
    body = json.dumps({"model": "m", "messages": [{"role": "user", "content": prompt}]}).encode()
    headers = {"authorization": f"Bearer {account}", "content-type": "application/json", "user-agent": client}
    came = await drive(app, path="/v1/chat/completions", body=body, headers=headers)
    decision: Decision = came.state["ratelimit"]
    return (json.loads(came.body)["choices"][0]["message"]["content"] if came.status == 200 else ""), decision


async def asked(app: Starlette, client: str, prompts: Iterable[str]) -> tuple[list[str], set[str]]:
    """Send *prompts* by turns from twenty accounts; return what was answered, and the cohorts that the log names."""
    texts, cohorts = [], set()
    for number, prompt in enumerate(prompts):
        text, decision = await ask(app, f"sk-{client}-{number % 20}", client, prompt)
        texts += [text] if text else []
        cohorts |= set(decision.cohorts)
    return texts, cohorts


def subjects(many: int, seed: int) -> list[str]:
    """Return *many* subjects."""
    draw = random.Random(seed)
    return [" ".join(draw.sample(WORDS, 8)) for _ in range(many)]


async def main() -> None:
    """Let people ask, harvest, copy, and trace."""
    app, own = build(Policy(mode="audit")), subjects(20, 1)
    said, people = await asked(app, "chat", [f"{own[turn % 20]}, once more {turn}" for turn in range(200)])
    texts, harvest = await asked(app, "script", [f"Write at length about this: {one}" for one in subjects(400, 2)])
    draw = random.Random(7)
    samples = {
        "what people were told": said,
        "what was harvested": texts,
        "the copy's own text": [Copy(texts).write(draw) for _ in range(100)],
        "text without a mark": [generate(np.random.default_rng(number), None) for number in range(100)],
    }
    log = dict.fromkeys(map(str, range(100)), "strangers") | dict.fromkeys(people, "people")
    log |= dict.fromkeys(harvest, "harvest")
    for name, sample in samples.items():
        z = {cohort: z_of(sample, cohort) for cohort in log}
        traced = {log[cohort] for cohort in z if z[cohort] > TRACED}
        sys.stdout.write(f"{name:24}z {max(z.values()):5.1f}, the highest of {len(z)} cohorts; "
                         f"traced to: {', '.join(sorted(traced)) or 'nobody'}\n")


if __name__ == "__main__":
    asyncio.run(main())
