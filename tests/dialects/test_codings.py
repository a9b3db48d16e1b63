"""Compressed bodies: unpacked into bounded memory and time, whoever packed them, and however."""

from __future__ import annotations

import gzip
import importlib
import json
import tracemalloc
import zlib
from time import process_time
from typing import Any

import brotli
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from ratelimit.dialects import OpenAIChat, Plain, read_body
from ratelimit.dialects.codings import CodingError, TooLongError, codings_of, unpacked
from ratelimit.prompt import Unreadable

MOST = 1 << 20


def raw_deflate(body: bytes) -> bytes:
    """Pack as deflate without the wrapper, as some clients do."""
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(body) + packer.flush()


PACKERS = {
    "gzip": gzip.compress,
    "x-gzip": gzip.compress,
    "deflate": zlib.compress,
    " Deflate ": raw_deflate,
    "br": brotli.compress,
    "zstd": zstandard.ZstdCompressor().compress,
}
packed_as = pytest.mark.parametrize("coding", PACKERS)


def chat(text: str) -> bytes:
    """Return a chat completion's body that asks *text*."""
    return json.dumps({"messages": [{"role": "user", "content": text}]}).encode()


@packed_as
@given(body=st.binary(min_size=1), most=st.integers(1, 200))
def test_what_was_packed_is_unpacked_as_far_as_it_may(coding: str, body: bytes, most: int) -> None:
    """Exactly, to the last byte of the bound; one byte more is too long."""
    packed = PACKERS[coding](body)
    if len(body) > most:
        with pytest.raises(TooLongError):
            unpacked(packed, codings_of(coding), most)
    else:
        assert unpacked(packed, codings_of(coding), most) == [body]


@given(codings=st.lists(st.sampled_from([*PACKERS]), min_size=1, max_size=3), text=st.text(min_size=1))
def test_several_codings_come_off_in_turn(codings: list[str], text: str) -> None:
    """In the order in which the header names them they were put on."""
    body = chat(text)
    expected = read_body(OpenAIChat(), body)
    for coding in codings:
        body = PACKERS[coding](body)

    assert read_body(OpenAIChat(), body, content_encoding=",".join(codings)) == expected


@packed_as
@given(data=st.data())
def test_damage_is_a_problem_in_words(coding: str, data: st.DataObject) -> None:
    """Cut off, changed, or something else altogether: never an exception, and never a copy of it."""
    packed = bytearray(PACKERS[coding](chat("zqxj " * 20)))
    if data.draw(st.booleans()):
        packed[data.draw(st.integers(0, len(packed) - 1))] = data.draw(st.integers(0, 255))
    del packed[data.draw(st.integers(0, len(packed))) :]
    packed += data.draw(st.binary(max_size=9))
    reading = read_body(OpenAIChat(), bytes(packed), content_encoding=coding)

    assert reading.prompts or (reading.problem and reading.detail)
    assert "zqxj" not in reading.detail


@given(body=st.binary(), coding=st.sampled_from([*PACKERS]) | st.text())
def test_any_bytes_in_any_coding(body: bytes, coding: str) -> None:
    """Nothing raises but what says that it cannot be unpacked."""
    try:
        found = unpacked(body, codings_of(coding), 1000)
    except (CodingError, TooLongError):
        return
    assert all(len(plain) <= max(1000, len(body)) for plain in found)


ZEROS = bytes(1 << 24)
BOMBS = {
    "deflate": lambda: zlib.compress(ZEROS * 8, 1),
    "br": lambda: brotli.compress(ZEROS * 8, quality=1),
    "zstd": lambda: zstandard.ZstdCompressor().compress(ZEROS) * 64,
    "gzip": lambda: gzip.compress(b"") * 50_000,
    "gzip, gzip": lambda: gzip.compress(gzip.compress(ZEROS * 8, 1)),
    "gzip, br": lambda: brotli.compress(gzip.compress(ZEROS * 8, 1), quality=1),
}


@pytest.mark.parametrize("coding", BOMBS)
def test_a_bomb_does_not_go_off(coding: str) -> None:
    """It is too large, or cut too fine, and that is known before more than a few megabytes or moments are spent."""
    bomb = BOMBS[coding]()
    tracemalloc.start()
    began = process_time()
    reading = read_body(Plain(), bomb, content_encoding=coding, most=MOST)
    spent, peak = process_time() - began, tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert reading.problem in {Unreadable.TOO_LARGE, Unreadable.COMPRESSED}
    assert spent < 2.0
    assert peak < 32 * MOST


def test_a_frame_that_wants_a_huge_window_is_not_unpacked() -> None:
    """A window is memory: RFC 9659 allows eight megabytes."""
    parameters = zstandard.ZstdCompressionParameters.from_level(3, window_log=27)
    packer = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    packed = packer.compress(chat("a") + b" " * (1 << 20)) + packer.flush()

    assert read_body(Plain(), packed, content_encoding="zstd").problem is Unreadable.COMPRESSED


@pytest.mark.parametrize("coding", ["gzip", "zstd"])
def test_what_some_servers_skip_is_read_and_what_they_read_too(coding: str) -> None:
    """Of two members some read both and some the first alone: neither a decoy before nor one behind hides the other."""
    pack = PACKERS[coding]
    blank, decoy, payload = pack(b" "), pack(chat("a decoy")), pack(chat("a payload"))

    for body in (blank + payload, payload + decoy, payload + blank):
        reading = read_body(OpenAIChat(), body, content_encoding=coding)
        assert "a payload" in {prompt.text for prompt in reading.prompts}


def test_sglangs_header_names_the_method() -> None:
    """With SGLang, ``X-Body-Compressed`` says zstd, and the body is unpacked behind us."""
    packed = PACKERS["zstd"](chat("a payload"))

    for headers in ({"x_body_compressed": "zstd"}, {"x_body_compressed": "1"},
                    {"x_body_compressed": "zstd", "content_encoding": "gzip"}):
        assert read_body(OpenAIChat(), packed, **headers).prompts[0].text == "a payload"


@pytest.mark.parametrize(("coding", "module"), [("br", "brotli"), ("zstd", "zstandard")])
def test_without_a_decoder_the_body_is_unreadable(coding: str, module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The detail says what to send instead; an old brotli, which bounds nothing, is none."""
    packed = PACKERS[coding](chat("a payload"))

    def absent(name: str) -> Any:
        raise ModuleNotFoundError(name)

    for find in (absent, lambda name: type("Old", (), {"Decompressor": object, "error": ValueError})):
        if module == "zstandard" and find is not absent:
            continue
        monkeypatch.setattr("ratelimit.dialects.codings.import_module", find)
        reading = read_body(OpenAIChat(), packed, content_encoding=coding)

        assert reading.problem is Unreadable.COMPRESSED
        assert reading.detail == (f"the body is compressed with {coding}, which is not read here; send it with gzip, "
                                  "or without Content-Encoding")
    assert importlib.import_module(module)
