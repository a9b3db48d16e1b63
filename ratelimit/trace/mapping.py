"""Rows made of other logs' lines: by paths into them, or by a function."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Raw

from ratelimit.discovery import find
from ratelimit.errors import DiscoveryError
from ratelimit.trace.errors import BadLineError, UsageError
from ratelimit.trace.rows import REQUIRED, UNREAD, Row, read_object, read_row, row_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_FIELDS = Row.__struct_fields__
_NESTED = ("links", "headers")
_TIMES = ("at", "since")

_object = msgspec.json.Decoder(dict[str, Raw])
_array = msgspec.json.Decoder(list[Raw])
_anything: msgspec.json.Decoder[Any] = msgspec.json.Decoder()

#: Stands for the absence of a value; ``None`` is one.
_NOTHING = object()


#: Seconds in a tick of each clock that ``--clock`` knows.
CLOCKS = {"seconds": 1.0, "milliseconds": 1e-3, "microseconds": 1e-6, "nanoseconds": 1e-9}


def reader(maps: Sequence[str], mapper: str | None, clock: str = "seconds") -> Callable[[bytes], Row | None]:
    """Return what reads a line, given the values of ``--map``, ``--mapper`` and ``--clock``. Raises: UsageError.

    What it returns gives ``None`` for a line that is to be left out, and raises BadLineError.
    """
    if maps and mapper is not None:
        raise UsageError("--map and --mapper cannot be had together; let the function do what --map would")
    if mapper is not None:
        return _Mapper(mapper, CLOCKS[clock])
    return _Paths(maps, CLOCKS[clock]) if maps else partial(read_row, tick=CLOCKS[clock])


class _Mapper:
    """Calls a function of the user's with every line, decoded."""

    def __init__(self, named: str, tick: float) -> None:
        self._tick = tick
        try:
            found = find(named, said=f"--mapper {named}")
        except DiscoveryError as error:
            raise UsageError(str(error)) from error
        if not callable(found):
            raise UsageError(f"--mapper {named}: must be a function from a dict to a dict or None, got {found!r}")
        self._function = found

    def __call__(self, line: bytes) -> Row | None:
        value = read_object(line)
        try:
            fields = self._function(value)
        except Exception as error:
            raise BadLineError(f"the mapper raised {type(error).__name__}: {error}") from error
        if fields is None:
            return None
        if not isinstance(fields, dict):
            raise BadLineError(f"the mapper must return a dict or None, got a {type(fields).__name__}")
        return row_of(fields, tick=self._tick)


class _Paths:
    """Takes fields from where ``--map`` says, and those of no ``--map`` from where the format has them."""

    def __init__(self, maps: Sequence[str], tick: float) -> None:
        self._tick = tick
        self._paths: dict[str, list[str]] = {}
        for said in maps:
            field, _, path = said.partition("=")
            head, dot, kind = field.partition(".")
            if not path or head not in _FIELDS or (dot and (head not in _NESTED or not kind)):
                raise UsageError(f"--map {said}: must be field=path with a field of {', '.join(_FIELDS)}, links.KIND "
                                 "or headers.NAME, such as --map principal=request.api_key")
            self._paths[field] = path.split(".")

    def __call__(self, line: bytes) -> Row | None:
        try:
            return row_of(self._fields(line), tick=self._tick)
        except UNREAD as error:
            raise BadLineError(str(error)) from None

    def _fields(self, line: bytes) -> dict[str, Any]:
        try:
            whole: dict[str, Any] = _object.decode(line)
        except UNREAD:
            whole = read_object(line)
        fields = {name: _value(name, whole[name]) for name in _FIELDS if name in whole}
        for field, path in self._paths.items():
            found = _found(whole, path)
            if found is not _NOTHING:
                _put(fields, field, _value(field, found), self._tick)
            elif field in REQUIRED:
                raise BadLineError(f"{field}: the line has no {'.'.join(path)}, where --map looks for it")
        return fields


def _put(fields: dict[str, Any], field: str, value: Any, tick: float) -> None:
    head, dot, kind = field.partition(".")
    if dot:
        inner = fields.get(head)
        fields[head] = {**inner, kind: _text(value)} if isinstance(inner, dict) else {kind: _text(value)}
    elif field in _TIMES and isinstance(value, str):
        fields[field] = _ticks(field, value, tick)
    else:
        fields[field] = _text(value) if field == "principal" else value


def _found(value: Any, path: list[str]) -> Any:
    """Return what stands at *path*; a key may hold dots itself, and the longest that fits is taken."""
    while path:
        value = _opened(value)
        if isinstance(value, dict):
            many = next((many for many in range(len(path), 0, -1) if ".".join(path[:many]) in value), 0)
            if not many:
                return _NOTHING
            value, path = value[".".join(path[:many])], path[many:]
        elif isinstance(value, list) and path[0].isdecimal() and int(path[0]) < len(value):
            value, path = value[int(path[0])], path[1:]
        else:
            return _NOTHING
    return value


def _opened(value: Any) -> Any:
    if not isinstance(value, Raw):
        return value
    start = bytes(value)[:1]
    return _object.decode(value) if start == b"{" else _array.decode(value) if start == b"[" else None


def _value(field: str, value: Any) -> Any:
    """Return *value* decoded; a body stays as it is."""
    return _anything.decode(value) if isinstance(value, Raw) and field != "body" else value


def _text(value: Any) -> Any:
    """Return a number as text: other logs have ids that are numbers."""
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


def _ticks(field: str, text: str, tick: float) -> float:
    """Return in ticks of *tick* seconds what *text* says: a number of them, or a date and time as RFC 3339 has it."""
    try:
        return float(text)
    except ValueError:
        pass
    try:
        moment = msgspec.convert(text, datetime)
    except msgspec.ValidationError:
        raise BadLineError(f"{field}: must be Unix seconds, or a date and time as RFC 3339 has it") from None
    if moment.tzinfo is None:
        raise BadLineError(f"{field}: the date and time has no time zone; add it in a function for --mapper")
    return moment.timestamp() / tick
