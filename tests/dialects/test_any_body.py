"""No body raises, whatever its bytes; and no detail repeats a body."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ratelimit.dialects import DEFAULT_DIALECTS, Dialect, Plain, read_body
from ratelimit.policy import Policy
from ratelimit.prompt import Reading, Unreadable

#: Words that the readers look for, so that any JSON often gets past the first step.
WORDS = st.sampled_from(
    ["messages", "role", "user", "assistant", "system", "content", "text", "type", "prompt", "input", "metadata",
     "user_id", "tool_result", "model", "tools", "safety_identifier", "contents", "parts", "requests", "params",
     "inputs", "texts", "images", "query", "documents", "input_ids", "prompt_embeds", "suffix", "instructions",
     "image_url", "inlineData", "systemInstruction", "method", "tools/call", "jsonrpc", "2.0", "id", "arguments",
     "message", "chat_history", "preamble", "context", "template", "variables", "items", "batch", "inputConfig",
     "input_config", "source_sentence", "sentences", "token_ids", "image", "Prompt", "CONTENT", "input_text", "url",
     "body", "input_file_id", "promptVariables", "guardContent", "document", "generateContentRequest"]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | WORDS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS | st.text(max_size=4), inner, max_size=6),
    max_leaves=20,
)
MESSAGE_LIKE = st.fixed_dictionaries({}, optional={"role": WORDS | JSON, "content": JSON, "text": JSON})
BODY_LIKE = st.fixed_dictionaries(
    {},
    optional={"messages": st.lists(MESSAGE_LIKE, max_size=4) | JSON, "system": JSON, "metadata": JSON, "user": JSON,
              "model": JSON, "tools": JSON, "prompt": JSON, "input": JSON, "contents": JSON, "requests": JSON,
              "inputs": JSON, "texts": JSON, "images": JSON, "documents": JSON, "options": JSON, "batch": JSON,
              "instructions": JSON, "systemInstruction": JSON, "generationConfig": JSON, "params": JSON,
              "jsonrpc": st.just("2.0") | JSON, "method": st.just("tools/call") | JSON, "id": JSON, "query": JSON},
)
#: Where each dialect that tells methods apart is spoken.
PATHS = (
    "/v1beta/models/m:generateContent", "/v1beta/models/m:countTokens", "/v1beta/models/m:embedContent",
    "/v1beta/models/m:batchEmbedContents", "/v1beta/models/m:batchGenerateContent", "/v1/chat", "/v2/chat", "/v2/embed",
    "/v1/rerank", "/v1/classify", "/v1/generate", "/api/chat", "/api/generate", "/api/embed", "/model/m/converse",
    "/model/m/invoke", "/model/m/count-tokens", "/v1/conversations", "/v1/ocr", "/v1/fim/completions", "/v1/batch/jobs",
    "/openai/deployments/d/chat/completions",
)
DIALECTS = (*DEFAULT_DIALECTS, *(Policy().dialect_for(path) for path in PATHS))

ODD = [
    b"", b" ", b"\xef\xbb\xbf", b"\xff\xfe", b"\x00", b"{", b'"', b"nul", b"-", b"1e999", b"9" * 5000, b'{"a":' * 3,
    b"[" * 100_000, b'{"a":' * 100_000, b"[" * 100_000 + b"]" * 100_000,
    b'{"messages":' + b"[" * 90_000 + b"]" * 90_000 + b"}",
    b'{"messages":[{"role":"user","content":' + b"[" * 90_000 + b"]" * 90_000 + b"}]}",
    b'{"tools":["\\ud800"],"messages":[{"role":"user","content":"a"}]}', b'{"tools":["\\ud800"],"prompt":"a"}',
    b'{"tools":' + b"[" * 600 + b"]" * 600 + b',"messages":[{"role":"user","content":"a"}]}',
    b'{"tools":' + b"[" * 90_000 + b"]" * 90_000 + b',"messages":[{"role":"user","content":"a"}]}',
    b'{"messages":[{"role":"user","content":[' + b"9" * 5000 + b"]}]}",
    b'{"messages":[{"role":"user","content":"\\ud800"}]}', b'{"user":"\\udc00","messages":[]}',
    b'{"messages":[{"role":"user","content":"\xff"}]}', b'{"messages":[{"role":"user","content":"\xed\xa0\x80"}]}',
    b'{"prompt":"\\ud800\\ud800"}', b'{"prompt":' + b"9" * 5000 + b"}", b'{"\\ud800":1,"prompt":"a"}',
    b'{"model":"\xff","prompt":"a"}', b'{"temperature":1e999,"x":NaN,"prompt":"a"}', b'"\\ud800"', b"NaN",
    gzip.compress(b'{"prompt":"a"}', mtime=0),
]  # fmt: skip


def is_sound(reading: Reading, dialect: Dialect) -> bool:
    """Say whether *reading* is prompts that ask something or a problem with words, and all of it can be encoded.

    A few dialects know requests that ask nothing.
    """
    for prompt in reading.prompts:
        f"{prompt.payload}{prompt.system}{prompt.parameters}{prompt.earlier}".encode()
    (reading.end_user or "").encode()
    json.loads(reading.call or "null")
    read = bool(reading.prompts) and reading.problem is None and all(prompt.payload for prompt in reading.prompts)
    told = not reading.prompts and reading.problem is not None and bool(reading.detail)
    silent = not reading.prompts and reading.problem is None and dialect.name in SILENT
    counted = reading.count >= max(1, len(reading.prompts))
    return reading.dialect == dialect.name and counted and (read or told or silent)


#: Dialects that know requests which ask nothing of a model.
SILENT = {"mcp", "gemini", "mistral", "openai-batches", "openai-files"}


@given(
    body=st.binary() | st.text().map(str.encode),
    content_type=st.none() | st.text() | st.sampled_from(
        ["application/json", "multipart/form-data; boundary=a", "application/x-www-form-urlencoded"]
    ),
    content_encoding=st.none() | st.text() | st.sampled_from(["identity", "gzip", "br, identity", "zstd", "deflate"]),
    compressed=st.none() | st.sampled_from(["zstd", "1", "gzip, gzip"]) | st.text(),
    complete=st.booleans(),
)
def test_any_bytes_are_read_or_explained(
    body: bytes, content_type: str | None, content_encoding: str | None, compressed: str | None, complete: bool
) -> None:
    """Whatever the bytes and the headers, there is a prompt or a problem in words."""
    for dialect in DIALECTS:
        reading = read_body(
            dialect, body, content_type=content_type, content_encoding=content_encoding, x_body_compressed=compressed,
            complete=complete,
        )

        assert is_sound(reading, dialect), (dialect, reading)


@given(
    value=JSON | BODY_LIKE,
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32-le"]),
    ascii_=st.booleans(),
)
def test_any_json_is_read_or_explained(value: Any, encoding: str, ascii_: bool) -> None:
    """Whatever Python's ``json`` writes, NaN and all, in any encoding that it reads back."""
    body = json.dumps(value, ensure_ascii=ascii_).encode(encoding)
    for dialect in DIALECTS:
        reading = read_body(dialect, body)

        assert is_sound(reading, dialect), (dialect, reading)


@pytest.mark.parametrize("body", ODD, ids=range(len(ODD)))
def test_odd_bodies_are_read_or_explained(body: bytes) -> None:
    """Deep nesting, huge numbers, lone surrogates, cut and compressed bodies."""
    for dialect in DIALECTS:
        assert is_sound(read_body(dialect, body), dialect), dialect
        assert is_sound(dialect.read(body), dialect), dialect


@given(value=BODY_LIKE, at=st.integers(0, 200))
def test_no_detail_repeats_the_body(value: Any, at: int) -> None:
    """A problem is told in our words and places alone: bodies hold secrets, and logs are read by others."""
    marked = json.dumps(value).replace('""', '"zqxj"').encode()
    for body in (marked, marked[:at], b'{"zqxj":' + marked, b'{"messages":[{"role":"user","content":{"zqxj":1}}]}'):
        for dialect in DIALECTS:
            assert "zqxj" not in read_body(dialect, body).detail


@given(text=st.text().filter(lambda text: text.strip() and not text.startswith("\ufeff")))
def test_plain_reads_any_text(text: str) -> None:
    """A body that is no JSON is the prompt, whole; nothing that says anything is without a prompt."""
    reading = read_body(Plain(), text.encode())

    assert reading.problem in {None, Unreadable.NO_PROMPT}
    if text.strip()[0] not in '{["':
        assert reading.prompts[0].text == text
