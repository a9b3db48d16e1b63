"""What a request costs in tokens: estimated before it is answered, counted afterwards."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from ratelimit.errors import refuse_invalid

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ratelimit.budget import Budget
    from ratelimit.prompt import Prompt
    from ratelimit.request import Request

#: Paths at which nothing is generated, by how they end.
_SILENT = re.compile(
    r"(embed|count_?tokens|input_tokens|moderations|rerank|tokenize|classify|score|pooling)[^/]*/?$", re.IGNORECASE
)

#: How the dialects call the bound on what is generated, alone or within an object of parameters, in canonical text.
_BOUND = re.compile(
    r'(?:^|["\n])(?:max_tokens|max_completion_tokens|max_output_tokens|max_new_tokens|max_tokens_to_sample|maxTokens|'
    r'maxOutputTokens|max_output_length|num_predict|n_predict)"?[=:](\d{1,15})(?!\d)'
)

#: And how many answers are asked for.
_ANSWERS = re.compile(r'(?:^|["\n])(?:n|candidateCount|candidate_count|num_generations)"?[=:](\d{1,4})(?!\d)')


class Usage(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What a response says that it took, in tokens.

    input   all that the model was given, what came from a cache among it.
    output  all that it made, its thoughts among it.
    cached  of *input*, what came from a cache.
    """

    input: int = 0
    output: int = 0
    cached: int = 0

    def __or__(self, other: Usage) -> Usage:
        """Return the larger of each count: streams count upwards, and report in parts."""
        return Usage(input=max(self.input, other.input), output=max(self.output, other.output),
                     cached=max(self.cached, other.cached))


@dataclass(frozen=True, kw_only=True, slots=True)
class Tokens:
    """The cost of a request in tokens: ``Budget(name="tokens", quota=100_000, window=..., cost=Tokens())``.

    Charged on admission, for each prompt:

        input_weight * (bytes / bytes_per_token + token ids + per_file * files)
        + output_weight * answers * min(most_output, the bound that the request sets, or else output)

    where *bytes* are those in UTF-8 of the last user turn, the system text and the sixteen turns before; at paths where
    nothing is generated (embeddings, counts) the second line is 0. Once the response has ended, the budget is moved to

        input_weight * (input - cached) + cached_weight * cached + output_weight * output

    of the usage that it reports, in JSON or in the events of a stream. Without one, the estimate stands.

    bytes_per_token  how long a token is; above 0.
    per_file         what an image, a sound or a file counts before it is known better; tokens, 0 or more.
    output           what an answer counts whose request sets no bound; tokens, 0 or more.
    most_output      of the bound that a request sets, the most that is charged in advance: clients name huge ones.
    input_weight     units for a token that the model is given; 0 or more.
    cached_weight    units for one that came from a cache; 0 or more; ``None``: *input_weight*.
    output_weight    units for one that it makes; 0 or more.

    A request whose estimate is more than the *burst* of the budget can never be granted, and its refusal says so.
    """

    bytes_per_token: float = 4.0
    per_file: float = 500.0
    output: float = 256.0
    most_output: float = 4096.0
    input_weight: float = 1.0
    cached_weight: float | None = None
    output_weight: float = 1.0

    def __post_init__(self) -> None:
        problems = []
        if not _amount(self.bytes_per_token) or not self.bytes_per_token:
            problems.append(f"bytes_per_token: must be a finite number above 0, got {self.bytes_per_token!r}")
        problems.extend(
            f"{field}: must be a finite number of 0 or more, got {value!r}"
            for field in ("per_file", "output", "most_output", "input_weight", "output_weight")
            if not _amount(value := getattr(self, field))
        )
        if self.cached_weight is not None and not _amount(self.cached_weight):
            problems.append(f"cached_weight: must be a finite number of 0 or more or None, got {self.cached_weight!r}")
        refuse_invalid("Tokens", problems)

    def __call__(self, request: Request) -> float:
        """Return the estimate for *request*; a body that was not read counts by the length that it declares."""
        reading = request.reading
        answers = not _SILENT.search(request.path)
        if reading.prompts:
            total = math.fsum([self._of(prompt, answers=answers) for prompt in reading.prompts])
            return total * reading.count / len(reading.prompts)
        if reading.problem is None:  # it starts what was read before
            return 0.0
        declared = request.header("content-length") or ""
        length = int(declared[:15]) if declared.isascii() and declared.isdigit() else 0
        return self.input_weight * length / self.bytes_per_token + answers * self.output_weight * self.output

    def counted(self, usage: Usage) -> float:
        """Return what a *usage* comes to, in units.

        >>> Tokens(output_weight=4.0, cached_weight=0.5).counted(Usage(input=100, output=10, cached=60))
        110.0
        """
        cached = min(usage.cached, usage.input)
        weight = self.input_weight if self.cached_weight is None else self.cached_weight
        return self.input_weight * (usage.input - cached) + weight * cached + self.output_weight * usage.output

    def _of(self, prompt: Prompt, *, answers: bool) -> float:
        length = _length(prompt.text) + _length(prompt.system) + sum(map(_length, prompt.earlier))
        ids = prompt.tokens.count(" ") + 1 if prompt.tokens else 0
        given = length / self.bytes_per_token + ids + self.per_file * len(prompt.media)
        return self.input_weight * given + (self.output_weight * self._output(prompt.parameters) if answers else 0.0)

    def _output(self, parameters: str) -> float:
        bounds, many = _BOUND.findall(parameters), _ANSWERS.search(parameters)
        bound = max(map(int, bounds)) if bounds else self.output
        return min(self.most_output, bound) * (max(1, int(many[1])) if many else 1)


def meters_of(budgets: Iterable[Budget]) -> list[Tokens | None]:
    """Return the ``Tokens`` by which each of *budgets* counts, ``None`` for one that does not; empty if none does."""
    meters = [budget.cost if isinstance(budget.cost, Tokens) else None for budget in budgets]
    return meters if any(meters) else []


def _length(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))


def _amount(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and value >= 0
