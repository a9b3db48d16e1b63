"""What a scenario expects: the file ``expect.toml``."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING, Literal, TypeAlias

import msgspec

from ratelimit.errors import RatelimitError

if TYPE_CHECKING:
    from pathlib import Path

TierName: TypeAlias = Literal["clear", "watch", "soft", "hard"]

#: The tiers, from the mildest on.
TIERS: tuple[TierName, ...] = ("clear", "watch", "soft", "hard")


class ScenarioError(RatelimitError):
    """A scenario that cannot be run: what, where, and the mend."""


class Crowd(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is expected of the requests of one label, or of one principal. What is left out is not looked at.

    refused_at_most, refused_at_least      the share of the requests, 0 to 1.
    tightened_at_most, tightened_at_least  the share of the principals that ever meet the tier soft or more, 0 to 1.
    tightened_within                       requests until the first meets it.
    worst_tier                             the tier that none goes beyond.
    last_tier                              the tier of the last request.
    answered_distinct_at_most              distinct bodies that are answered.
    """

    refused_at_most: float | None = None
    refused_at_least: float | None = None
    tightened_at_most: float | None = None
    tightened_at_least: float | None = None
    tightened_within: int | None = None
    worst_tier: TierName | None = None
    last_tier: TierName | None = None
    answered_distinct_at_most: int | None = None


class Line(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is expected of the request in one *line* of the trace, from 1."""

    line: int
    allowed: bool | None = None
    tier: TierName | None = None
    cause: str | None = None


class Expect(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All that is expected.

    about       the scenario, in a sentence.
    policy      what in policy.py is meant: a Policy, a sequence of them, or a function that returns either.
    labels      by label, as the trace's rows have it.
    principals  by id, as the trace's rows have it.
    requests    of single requests.
    """

    about: str
    policy: str = "policy"
    labels: dict[str, Crowd] = {}
    principals: dict[str, Crowd] = {}
    requests: list[Line] = []


def read_expect(path: Path) -> Expect:
    """Read the file at *path*. Raises: ScenarioError, with all that is wrong."""
    try:
        held = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise ScenarioError(f"{path}: cannot be read ({error.strerror}); `ratelimit scenario new FOLDER` writes one to "
                            "begin with") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ScenarioError(f"{path}: is no TOML: {error}") from error
    problems = list(_problems(held))
    if problems:
        raise ScenarioError("\n".join(f"{path}: {problem}" for problem in problems))
    return msgspec.convert(held, Expect)


def _problems(held: dict[str, object]) -> list[str]:
    """Return all that is wrong, each place by itself."""
    parts: list[tuple[str, object, object]] = [("", {**held, "labels": {}, "principals": {}, "requests": []}, Expect)]
    for table in ("labels", "principals"):
        rows = held.get(table, {})
        if isinstance(rows, dict):
            parts += [(f"{table}.{name}", row, Crowd) for name, row in rows.items()]
        else:
            parts.append((table, rows, dict[str, Crowd]))
    lines = held.get("requests", [])
    if isinstance(lines, list):
        parts += [(f"requests[{number}]", row, Line) for number, row in enumerate(lines)]
    else:
        parts.append(("requests", lines, list[Line]))
    found = []
    for where, value, kind in parts:
        try:
            told = msgspec.convert(value, kind)
        except msgspec.ValidationError as error:
            fields = getattr(kind, "__struct_fields__", ())
            known = f"; known are {', '.join(fields)}" if "unknown field" in str(error) else ""
            found.append(f"{where or 'at the top'}: {error}{known}")
            continue
        found += [f"{where}.{name}: must lie between 0 and 1, got {share!r}"
                  for name in getattr(kind, "__struct_fields__", ()) if name.startswith(("refused_", "tightened_at_"))
                  and (share := getattr(told, name)) is not None and not 0 <= share <= 1]
    return found
