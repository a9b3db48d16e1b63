"""Batches: several prompts in one request, each charged and each observed."""

from __future__ import annotations

from hashlib import sha256
from itertools import zip_longest
from random import Random
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

import msgspec

from ratelimit.dialects.leaves import strings
from ratelimit.dialects.parts import NOTHING, Said, both, said_of, spaced
from ratelimit.dialects.wire import NoPromptError
from ratelimit.prompt import Prompt, Reading

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from msgspec import Raw

T = TypeVar("T")

#: Prompts of one request that are read; of a larger batch a sample, and the others are counted.
MOST = 4096

#: A text; a row of token ids, or of texts; a text or an image in an object of its own; what one says; a pair of rows.
Row: TypeAlias = "str | list[Any] | dict[str, Any] | int | float | Said | tuple[Row, Row]"

_rows: msgspec.json.Decoder[Any] = msgspec.json.Decoder(
    str | list[str | list[Any] | dict[str, Any] | int | float | None] | dict[str, Any] | None
)


def rows_of(raw: Raw) -> list[Row]:
    """Return the prompts in a field that holds one or a list: texts, rows of token ids, or objects.

    A list of whole numbers is one prompt, of token ids.

    >>> rows_of(msgspec.Raw(b'["a", "b"]')), rows_of(msgspec.Raw(b"[1, 2]")), rows_of(msgspec.Raw(b"null"))
    (['a', 'b'], [[1, 2]], [])
    """
    value = _rows.decode(raw) if raw else None
    if value is None:
        return []
    if not isinstance(value, list):
        return [value]
    return [value] if value and _are_numbers(value) else [row for row in value if row is not None]


def said_in(row: Row) -> Said:
    r"""Return what one row says.

    >>> said_in([15496, 995]).tokens, said_in(["a", "b"]).text
    ('15496 995', 'a\nb')
    """
    if isinstance(row, Said):
        return row
    if isinstance(row, str):
        return Said(row)
    if isinstance(row, dict):
        return _said_object(row)
    if isinstance(row, list):
        return Said("", spaced(row)) if _are_numbers(row) else said_of(_flat(row))
    if isinstance(row, tuple):
        return both(said_in(row[0]), said_in(row[1]))
    return Said("", spaced([row]))


def prompts_of(
    rows: Sequence[Row], *, parameters: str, seed: bytes, hear: Callable[[Row], Said] = said_in
) -> tuple[tuple[Prompt, ...], int]:
    """Return the prompts in *rows*, each as *hear* hears it, and how many more there are that are not read.

    Raises ``NoPromptError`` if none asks anything.
    """
    heard = [hear(row) for row in sampled(rows, seed)]
    prompts = tuple([
        Prompt(text=one.text, parameters=parameters, tokens=one.tokens, media=one.media)
        for one in heard
        if one.says
    ])
    if not prompts:
        raise NoPromptError
    return prompts, len(rows) - len(prompts)


def readings_of(dialect: str, requests: Sequence[Raw], read: Callable[[bytes], Reading], *, seed: bytes) -> Reading:
    """Return what all *requests* of a batch ask, each the body of one that *read* understands.

    One that cannot be read is charged and no more: it must not hide the others. Of a batch in which none can, the first
    says why. Raises ``NoPromptError`` if there are none.
    """
    held = [read(bytes(request)) for request in sampled(requests, seed)]
    if not held:
        raise NoPromptError
    prompts = tuple([prompt for reading in held for prompt in reading.prompts])
    if not prompts:
        return msgspec.structs.replace(held[0], dialect=dialect)
    count = sum([reading.count for reading in held]) * len(requests) // len(held)
    end_user = next((reading.end_user for reading in held if reading.end_user), None)
    kept = tuple(sampled(prompts, seed))
    return Reading(dialect=dialect, prompts=kept, more=count - len(kept), end_user=end_user)


def sampled(rows: Sequence[T], seed: bytes) -> Sequence[T]:
    """Return *rows*, or of too many a random sample in their order, always the same for the same *seed*.

    Drawn by a hash of the whole body, so that nobody can put what counts where nobody looks.
    """
    if len(rows) <= MOST:
        return rows
    return [rows[at] for at in sorted(Random(sha256(seed).digest()).sample(range(len(rows)), MOST))]


def pairs(left: Sequence[Row], right: Sequence[Row]) -> list[Row]:
    """Return what a model that ranks or compares is asked: each with its counterpart, or one with each of the others.

    >>> pairs(["q"], ["a", "b"]), pairs(["q", "r"], ["a", "b"])
    ([('q', 'a'), ('q', 'b')], [('q', 'a'), ('r', 'b')])
    """
    if len(left) == 1:
        left = [*left] * len(right)
    elif len(right) == 1:
        right = [*right] * len(left)
    return [*zip_longest(left, right, fillvalue=NOTHING)] if left and right else []


def _are_numbers(values: list[Any]) -> bool:
    return set(map(type, values)) <= {int, float}


def _flat(row: list[Any]) -> list[object]:
    return [one for item in row for one in (strings(item) if isinstance(item, list) else (item,))]


def _said_object(row: dict[str, Any]) -> Said:
    content = row.get("content")  # {"content": [parts]}, as Cohere and vLLM have it
    if isinstance(content, list) and len(row) == 1:
        return said_of(content)
    return said_of([row]) if row else NOTHING
