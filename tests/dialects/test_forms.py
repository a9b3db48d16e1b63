"""Forms are taken apart: their texts are read, and their files are marked."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ratelimit.dialects import AnthropicMessages, OpenAIChat, OpenAIFiles, OpenAIMedia, Plain, read_body
from ratelimit.dialects.forms import Form, Upload, form_of
from ratelimit.prompt import Unreadable

NAMES = st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters='"\\;='), min_size=1, max_size=8)
URL_ENCODED = "application/x-www-form-urlencoded"


def packed(
    fields: list[tuple[str, bytes]], files: list[tuple[str, str, bytes]], boundary: bytes = b"b", line: bytes = b"\r\n"
) -> bytes:
    """Return a multipart form."""
    parts = [b'Content-Disposition: form-data; name="%s"' % name.encode() + line * 2 + value for name, value in fields]
    parts += [
        b'content-disposition: form-data; filename="f"; name="%s"' % name.encode() + line
        + b"Content-Type: " + media_type.encode() + line * 2 + content
        for name, media_type, content in files
    ]
    return b"".join([b"--" + boundary + line + part + line for part in parts]) + b"--" + boundary + b"--" + line


@given(
    fields=st.lists(st.tuples(NAMES, st.text(max_size=20).map(str.encode)), max_size=4),
    files=st.lists(st.tuples(NAMES, st.sampled_from(["image/png", "text/plain"]), st.binary(max_size=20)), max_size=3),
    quoted=st.booleans(),
    line=st.sampled_from([b"\r\n", b"\n"]),
)
def test_a_form_is_read_back(
    fields: list[tuple[str, bytes]], files: list[tuple[str, str, bytes]], quoted: bool, line: bytes
) -> None:
    """Every field and every file, in order, whatever is in them but the boundary."""
    contents = [value for _, value in fields] + [content for *_, content in files]
    # What ends in a carriage return, before a line feed, ends a line by both: nobody can tell.
    assume(line == b"\r\n" or not any(content.endswith(b"\r") for content in contents))
    boundary = '"the boundary"' if quoted else "the-boundary"
    body = packed(fields, files, boundary.strip('"').encode(), line)
    form = form_of(body, f"Multipart/Form-Data; charset=utf-8; Boundary={boundary}")

    assert form == Form(
        fields=tuple((name, value.decode()) for name, value in fields),
        files=tuple(Upload(name=name, media_type=kind, content=content) for name, kind, content in files),
    ) or not (fields or files)


@given(body=st.binary(), content_type=st.text() | st.sampled_from(["multipart/form-data; boundary=-", URL_ENCODED]))
def test_any_bytes_are_a_form_or_none(body: bytes, content_type: str) -> None:
    """Nothing raises."""
    form = form_of(body, content_type)

    assert form is None or isinstance(form, Form)


@pytest.mark.parametrize("dialect", [OpenAIMedia(), Plain()])
def test_files_are_part_of_what_is_asked(dialect: Any) -> None:
    """The text of the prompt, and a mark for each file by its media type."""

    def read(content: bytes) -> Any:
        files = [("image[]", "image/png", content), ("file", "audio/wav", b"RIFF\xff"), ("note", "", b"a note")]
        body = packed([("prompt", b"What is it?"), ("model", b"m")], files)
        (prompt,) = read_body(dialect, body, content_type="multipart/form-data; boundary=b").prompts
        return prompt

    prompt = read(b"\x89one")

    assert (prompt.text, prompt.parameters) == ("What is it?", 'model="m"')
    assert [mark.partition(":")[0] for mark in prompt.media] == ["image", "audio", "file"]
    assert read(b"\x89two").media[0] != prompt.media[0]
    assert read(b"\x89two").media[1:] == prompt.media[1:]


@pytest.mark.parametrize("dialect", [OpenAIChat(), AnthropicMessages()])
def test_a_form_where_json_is_spoken_is_unreadable(dialect: Any) -> None:
    """No server of these APIs takes one; the detail says what to send."""
    for body, content_type in ((packed([("messages", b"[]")], []), "multipart/form-data; boundary=b"),
                               (b"messages=a", URL_ENCODED)):
        reading = read_body(dialect, body, content_type=content_type)

        assert (reading.problem, reading.detail) == (Unreadable.MULTIPART, "the body is a form; send JSON")


@pytest.mark.parametrize("body", [b"--x", b"", b"no boundary at all", b"--b\r\n" * 2000])
def test_what_is_no_form_is_unreadable(body: bytes) -> None:
    """Declared as one, and cut off, or cut too fine."""
    reading = read_body(Plain(), body, content_type="multipart/form-data; boundary=b")

    assert reading.problem in {Unreadable.MULTIPART, Unreadable.NO_PROMPT}


@pytest.mark.parametrize(
    ("body", "text"),
    [(b"prompt=a+b&m=", "a b"), (b"prompt=%61%20b", "a b"), (b"a+b", "a b"), (b"x=a&y=b", "a\nb"), (b"{a}", "{a}")],
)
def test_an_url_encoded_form_is_decoded(body: bytes, text: str) -> None:
    """However each letter is written, it is the same prompt; a body without names is text."""
    assert read_body(Plain(), body, content_type=URL_ENCODED).prompts[0].text == text


def test_an_upload_of_another_name_hides_no_line() -> None:
    """A batch is read whatever the field is called, and whether it came as a file or as a field."""
    line = b'{"url": "/v1/chat/completions", "body": {"messages": [{"role": "user", "content": "a payload"}]}}\n'
    for body in (packed([("purpose", b"batch")], [("upload", "", line * 2)]), packed([("file", line * 2)], [])):
        reading = read_body(OpenAIFiles(), body, content_type="multipart/form-data; boundary=b")

        assert [prompt.text for prompt in reading.prompts] == ["a payload"] * 2


def test_a_broken_line_hides_no_other() -> None:
    """It is charged like the rest."""
    line = b'{"url": "/v1/chat/completions", "body": {"messages": [{"role": "user", "content": "a payload"}]}}'
    lines = [b"{", b'{"body": {"messages": 5}}', line, b"", b'{"url": 5}', line]
    reading = OpenAIFiles().read(b"\n".join(lines))

    assert [prompt.text for prompt in reading.prompts] == ["a payload"] * 2
    assert reading.count == 5
