"""Bodies that no API documents, made from ones that it does: fast, and the same again from the same seed."""

from __future__ import annotations

import copy
import gzip
import json
import zlib
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

_ODD: list[Any] = [
    None, True, False, 0, -1, 1e308, float("nan"), float("inf"), 10**30, "", " ", "\ud800", "\x00", "a" * 3000, "字",
    [], {}, [[]], [{}], {"": ""}, [None], {"type": "text"}, {"type": "image_url", "image_url": {"url": "data:,x"}},
    "user", "assistant", "system", "tool", [1, 2, 3], [[1], [2]], {"text": 5}, "response.create", "tools/call",
]
_BYTES = b'{}[]",:\\\x00\xff\xed\xa0\x80u0dNaIe-+.19 \n'


def mutated(draw: Random, sample: Any) -> tuple[bytes, dict[str, str]]:
    """Return a body made of *sample*, and the headers that go with it."""
    value = copy.deepcopy(sample)
    for _ in range(draw.choice((0, 1, 1, 2, 5))):
        value = _changed(draw, value)
    body = json.dumps(value, ensure_ascii=draw.random() < 0.8).encode("utf-8", "surrogatepass")
    if draw.random() < 0.1:
        body = _deepened(draw, body)
    for _ in range(draw.choice((0, 0, 0, 1, 3))):
        body = _broken(draw, body)
    return _packed(draw, body)


def _changed(draw: Random, value: Any) -> Any:
    """Change one node of *value*, or what it is called."""
    if isinstance(value, dict) and value and draw.random() < 0.85:
        name = draw.choice(list(value))
        how = draw.random()
        if how < 0.1:
            del value[name]
        elif how < 0.2:
            value[draw.choice((name.upper(), name + "s", "text", "content", "type", ""))] = value.pop(name)
        else:
            value[name] = _changed(draw, value[name])
        return value
    if isinstance(value, list) and value and draw.random() < 0.8:
        place = draw.randrange(len(value))
        how = draw.random()
        if how < 0.1:
            del value[place]
        elif how < 0.3:
            value[place:place] = [copy.deepcopy(value[place])] * draw.choice((1, 3, 40))
        else:
            value[place] = _changed(draw, value[place])
        return value
    how = draw.random()
    return [value] if how < 0.1 else {"text": value} if how < 0.2 else copy.deepcopy(draw.choice(_ODD))


def _deepened(draw: Random, body: bytes) -> bytes:
    """Put arrays or objects around a place in *body*."""
    opens, closes = draw.choice(((b"[", b"]"), (b'{"a":', b"}")))
    depth, at = draw.choice((3, 200, 2000)), body.find(draw.choice((b":", b",", b"[")))
    return body if at < 0 else body[: at + 1] + opens * depth + b"1" + closes * depth + body[at:]


def _broken(draw: Random, body: bytes) -> bytes:
    """Break *body* somewhere."""
    at, byte = draw.randrange(len(body) + 1), bytes([draw.choice(_BYTES)])
    return draw.choice((
        body[:at], body[at:], body[:at] + byte + body[at:], body[:at] + byte + body[at + 1 :],
        body[:at] + body[at : at + 20] + body[at:], body + body, b"\xef\xbb\xbf" + body,
    ))


def _packed(draw: Random, body: bytes) -> tuple[bytes, dict[str, str]]:
    how, headers = draw.random(), {"content-type": "application/json"}
    if how < 0.05:
        return gzip.compress(body, 1), headers | {"content-encoding": "gzip"}
    if how < 0.08:
        return zlib.compress(body, 1)[: draw.randrange(200)], headers | {"content-encoding": "deflate"}
    if how < 0.1:
        return body.decode("utf-8", "replace").encode("utf-16"), headers
    if how < 0.14:
        kind = draw.choice(("multipart/form-data; boundary=a", "application/x-www-form-urlencoded", "text/plain", "é/"))
        return draw.choice((body, b'--a\r\ncontent-disposition: form-data; name="prompt"\r\n\r\n' + body + b"\r\n--a--",
                            b"prompt=" + body)), {"content-type": kind}
    return body, headers


@pytest.fixture(scope="session")
def mutate() -> Callable[[Random, Any], tuple[bytes, dict[str, str]]]:
    """Give a maker of bodies from samples."""
    return mutated
