"""What a policy is called by its content: two that say the same have one version, wherever they were made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import timedelta
from enum import Enum
from functools import partial
from hashlib import blake2b

#: Policies whose version is kept made.
_MOST = 256

_made: dict[int, tuple[object, str]] = {}


def version_of(policy: object) -> str:
    """Return 16 hexadecimal digits that stand for all that *policy* says.

    Values count by what they hold, functions by where they are defined: a function that is changed and keeps its name
    keeps the version. Made once for each policy.
    """
    known = _made.get(id(policy))  # by identity: to compare policies costs more than to make one
    if known is None or known[0] is not policy:
        if len(_made) >= _MOST:
            _made.clear()
        told = blake2b(_told(policy).encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
        known = _made[id(policy)] = policy, told
    return known[1]


def _told(value: object) -> str:
    """Return text that is the same for values that say the same."""
    if value is None or isinstance(value, str | bytes | bool | int | float | timedelta):
        return repr(value)
    if isinstance(value, Enum):
        return f"{_name(type(value))}.{value.name}"
    if is_dataclass(value) and not isinstance(value, type):
        held = ", ".join(f"{field.name}={_told(getattr(value, field.name))}" for field in fields(value))
        return f"{_name(type(value))}({held})"
    if isinstance(value, Mapping):
        return "{" + ", ".join(sorted(f"{_told(key)}: {_told(one)}" for key, one in value.items())) + "}"
    if isinstance(value, tuple | list):
        return "[" + ", ".join(map(_told, value)) + "]"
    if isinstance(value, set | frozenset):
        return "{" + ", ".join(sorted(map(_told, value))) + "}"
    if isinstance(value, partial):
        return f"partial({_told(value.func)}, {_told(value.args)}, {_told(value.keywords)})"
    if callable(value) and hasattr(value, "__qualname__"):
        return _name(value)
    return f"{_name(type(value))}({_told(_held(value))})"


def _held(value: object) -> dict[str, object]:
    """Return what an object of any class holds."""
    slots = [name for kind in type(value).__mro__ for name in _slots(kind) if hasattr(value, name)]
    return {name: getattr(value, name) for name in slots} | dict(getattr(value, "__dict__", {}))


def _slots(kind: type) -> tuple[str, ...]:
    slots = kind.__dict__.get("__slots__", ())
    return tuple(name for name in ((slots,) if isinstance(slots, str) else slots) if not name.startswith("__"))


def _name(thing: object) -> str:
    return f"{getattr(thing, '__module__', '')}:{getattr(thing, '__qualname__', type(thing).__qualname__)}"
