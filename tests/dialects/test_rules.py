"""What comes before any dialect, and what refusals look like."""

from __future__ import annotations

import gzip
import json
import math
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ratelimit.dialects import (
    DEFAULT_DIALECTS,
    AnthropicMessages,
    Dialect,
    Gemini,
    OpenAIChat,
    Plain,
    Refusal,
    read_body,
)
from ratelimit.prompt import Unreadable

#: Of those that read messages.
DIALECTS = (OpenAIChat(), AnthropicMessages())

BODY = b'{"messages": [{"role": "user", "content": "a"}]}'
MULTIPART = b'--b\r\nContent-Disposition: form-data; name="messages"\r\n\r\n[]\r\n--b--\r\n'


@pytest.mark.parametrize("dialect", DIALECTS)
def test_each_kind_of_unreadable_body_has_its_problem(dialect: Dialect) -> None:
    """Cut off, compressed in an unknown way, multipart, empty and binary bodies are told apart."""
    packed = zlib.compress(BODY)

    assert read_body(dialect, BODY, complete=False).problem is Unreadable.TOO_LARGE
    assert read_body(dialect, packed, content_encoding="compress").problem is Unreadable.COMPRESSED
    assert read_body(dialect, packed, content_encoding="identity, GZIP").problem is Unreadable.COMPRESSED
    assert read_body(dialect, packed, x_body_compressed="1").problem is Unreadable.COMPRESSED
    assert read_body(dialect, MULTIPART, content_type="Multipart/form-data; boundary=b").problem is Unreadable.MULTIPART
    assert read_body(dialect, b"").problem is Unreadable.NO_PROMPT
    assert read_body(dialect, b"\xef\xbb\xbf \n").problem is Unreadable.NO_PROMPT
    assert read_body(dialect, b"\xffa\xfe").problem is Unreadable.NOT_TEXT
    assert read_body(dialect, gzip.compress(BODY)).problem is Unreadable.NOT_TEXT


@pytest.mark.parametrize("dialect", [OpenAIChat(), AnthropicMessages()])
def test_broken_json_is_told_as_such(dialect: Dialect) -> None:
    """Text that is no JSON, and JSON that nests beyond reason."""
    assert read_body(dialect, b"hello").problem is Unreadable.BAD_JSON
    assert read_body(dialect, BODY[:-1]).problem is Unreadable.BAD_JSON
    deep = b'{"messages":' + b"[" * 50_000
    assert read_body(dialect, b'{"x":' + b"[" * 50_000).detail == "the body nests too deeply; send it flatter"
    assert read_body(dialect, deep).problem in {Unreadable.BAD_JSON, Unreadable.WRONG_TYPE}


@pytest.mark.parametrize("dialect", DEFAULT_DIALECTS)
@pytest.mark.parametrize("content_encoding", [None, "", "identity", " Identity , identity"])
@pytest.mark.parametrize("content_type", [None, "", "application/json; charset=utf-8", "text/plain", "nonsense"])
def test_headers_that_declare_nothing_unreadable_change_nothing(
    dialect: Dialect, content_encoding: str | None, content_type: str | None
) -> None:
    """Identity is no compression, and a body is read whatever else it claims to be."""
    reading = read_body(dialect, BODY, content_type=content_type, content_encoding=content_encoding)

    assert reading == dialect.read(BODY)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_false_declaration_does_not_blind_us(dialect: Dialect) -> None:
    """Most applications look at neither header, so JSON that is declared compressed or multipart is read."""
    for reading in (
        read_body(dialect, BODY, content_encoding="gzip"),
        read_body(dialect, BODY, x_body_compressed="1"),
        read_body(dialect, b"\xef\xbb\xbf\n" + BODY, content_type="multipart/form-data"),
    ):
        assert [prompt.text for prompt in reading.prompts] == ["a"]


REFUSALS = st.builds(
    Refusal,
    status=st.sampled_from([400, 408, 413, 415, 429, 503]),
    code=st.text(),
    title=st.text(),
    message=st.text(st.characters(exclude_categories=[])),
    type=st.text(),
    violated=st.lists(st.text(), max_size=3).map(tuple),
)


@given(REFUSALS)
def test_an_openai_error_has_its_object_and_problem_details_beside_it(refusal: Refusal) -> None:
    """Both readers find what they look for."""
    media_type, body = OpenAIChat().error(refusal)
    told = json.loads(body)

    assert media_type == "application/json"
    assert told["error"]["message"] == told["detail"] == refusal.message
    assert told["error"]["code"] == refusal.code
    assert told["error"]["param"] is None
    assert (told["error"]["type"] == "rate_limit_error") == (refusal.status == 429)
    assert told["status"] == refusal.status


@given(REFUSALS)
def test_an_anthropic_error_is_nothing_but_its_object(refusal: Refusal) -> None:
    """The type at the top must be ``error``."""
    media_type, body = AnthropicMessages().error(refusal)
    kinds = {413: "request_too_large", 429: "rate_limit_error", 503: "overloaded_error"}
    kind = kinds.get(refusal.status, "invalid_request_error")

    assert media_type == "application/json"
    assert json.loads(body) == {"type": "error", "error": {"type": kind, "message": refusal.message}}


@given(REFUSALS)
def test_a_plain_error_is_problem_details(refusal: Refusal) -> None:
    """RFC 9457, with the policies that were violated if any were."""
    media_type, body = Plain().error(refusal)
    expected = {
        "type": refusal.type,
        "title": refusal.title,
        "status": refusal.status,
        "detail": refusal.message,
        "code": refusal.code,
        "violated-policies": list(refusal.violated),
    }
    if not refusal.violated:
        del expected["violated-policies"]

    assert media_type == "application/problem+json"
    assert json.loads(body) == expected


def test_the_default_dialects_end_with_the_one_that_claims_everything() -> None:
    """Their order decides, so Plain stands last; each has a name of its own."""
    names = [dialect.name for dialect in DEFAULT_DIALECTS]

    assert len(names) == len(set(names))
    assert DEFAULT_DIALECTS[-1] == Plain()
    assert OpenAIChat() in DEFAULT_DIALECTS
    assert AnthropicMessages() in DEFAULT_DIALECTS


@given(REFUSALS)
def test_every_dialect_words_any_refusal(refusal: Refusal) -> None:
    """In JSON, but for Bedrock's frames; with headers that can be sent; and in a stream the same error comes again."""
    for dialect in DEFAULT_DIALECTS:
        media_type, body = dialect.error(refusal)
        told = json.dumps(json.loads(body))

        assert media_type in {"application/json", "application/problem+json"}
        assert json.dumps(refusal.message)[1:-1] in told
        assert all(name.islower() and (name + value).isascii() for name, value in dialect.headers(refusal))
        assert dialect.stream_error(refusal)


@pytest.mark.parametrize("wait", [7.0, 400.0, 8000.0, math.inf])
def test_what_a_dialect_tells_of_the_wait_is_the_wait(wait: float) -> None:
    """OpenAI in a header, Google in the body; nothing where no wait helps."""
    refusal = Refusal(status=429, code="c", title="t", message="m", retry_after=wait)
    told = dict(OpenAIChat().headers(refusal)).get(b"x-ratelimit-reset-requests")
    delays = [detail.get("retryDelay") for detail in json.loads(Gemini().error(refusal)[1])["error"]["details"]]

    assert told == {7.0: b"7s", 400.0: b"6m40s", 8000.0: b"2h13m20s"}.get(wait)
    assert delays[1:] == ([] if math.isinf(wait) else [f"{wait:.0f}s"])
