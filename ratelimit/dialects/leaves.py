"""Text out of JSON of no known shape."""

from __future__ import annotations

from typing import TypeGuard

#: Where the APIs that send parts and turns keep their text; what stands beside it is types, ids and images.
_PROSE = ("text", "content", "parts")
_MOST = 1 << 16  # characters of a joined text


def strings(value: object, keys: tuple[str, ...] | None = None) -> list[str]:
    """Return the strings inside *value* in the order in which they stand; of objects only those under *keys*, if given.

    Walks without recursion: how deep a body nests is its sender's choice.

    >>> strings({"a": ["x", {"b": "y"}], "c": 1})
    ['x', 'y']
    """
    found: list[str] = []
    stack = [value]
    while stack:
        top = stack.pop()
        if isinstance(top, str):
            found.append(top)
        elif isinstance(top, list):
            stack.extend(reversed(top))
        elif isinstance(top, dict):
            stack.extend(reversed(list(top.values()) if keys is None else [top[key] for key in keys if key in top]))
    return found


def prose_of(value: object) -> str:
    """Return the text in *value* where such values keep it; empty if it has none there (an image, a tool call)."""
    return bounded("\n".join(strings(value, _PROSE)))


def bounded(text: str) -> str:
    """Return *text*, or if it is too long the first and the last half of what may stay."""
    return text if len(text) <= _MOST else text[: _MOST // 2] + text[-_MOST // 2 :]


def are_turns(value: object) -> TypeGuard[list[dict[str, object]]]:
    """Say whether *value* is a conversation: a list of objects, some with a role."""
    return (
        isinstance(value, list)
        and all(isinstance(item, dict) for item in value)
        and any("role" in item for item in value)
    )


def are_token_ids(value: object) -> bool:
    """Say whether *value* is one row of whole numbers, or several.

    >>> are_token_ids([[1, 2], [3]]), are_token_ids([]), are_token_ids(["a", 1])
    (True, False, False)
    """
    if not isinstance(value, list) or not value:
        return False
    return all(type(item) is int for item in value) or all(
        isinstance(row, list) and row and all(type(item) is int for item in row) for row in value
    )
