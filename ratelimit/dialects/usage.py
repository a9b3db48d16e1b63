"""The usage that a response reports, read as it passes: nothing is held back, and little is kept."""

from __future__ import annotations

import json
import math
import re
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Raw, field

from ratelimit.dialects.wire import UNREAD
from ratelimit.tokens import Usage

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

#: Bytes of one event, or of a body that is no stream, that are read as a whole; of a longer one only the end is.
WHOLE, END = 1 << 16, 1 << 13

#: More tokens than anybody made: what a response claims beyond is not believed.
MOST = 10**9

_MARKS = (b'"usage', b'eval_count"')
_TAIL = re.compile(r'"usage(?:Metadata|_metadata)?"\s*:\s*(?=\{)')


class _Report(msgspec.Struct, gc=False):
    usage: Raw = Raw()
    usage_metadata: Raw = Raw()
    usage_metadata_: Raw = field(default=Raw(), name="usageMetadata")
    message: Raw = Raw()  # Anthropic's message_start holds a message
    response: Raw = Raw()  # OpenAI's response.completed and response.done hold a response
    prompt_eval_count: Raw = Raw()  # Ollama's
    eval_count: Raw = Raw()


_report = msgspec.json.Decoder(_Report)
_reports = msgspec.json.Decoder(list[_Report])
_object: msgspec.json.Decoder[dict[str, Any]] = msgspec.json.Decoder(dict[str, Any])
_plain = json.JSONDecoder()


class UsageReader:
    """Reads the usage out of a response that is fed to it chunk by chunk, cut anywhere.

    kind  the response's media type: ``text/event-stream`` (an event at a time), ``application/x-ndjson`` (a line at a
          time) or anything else (JSON, as a whole).

    What is kept is bounded by ``WHOLE``. Of what is longer only the last ``END`` bytes are looked at, which is where
    APIs put their usage.
    """

    __slots__ = ("_data", "_event", "_events", "_line", "_lines", "_usage")

    def __init__(self, kind: str) -> None:
        self._events = kind == "text/event-stream"
        self._lines = self._events or kind.endswith(("ndjson", "jsonl", "json-lines", "jsonlines"))
        self._line, self._event, self._data = _Window(), _Window(), False
        self._usage: Usage | None = None

    def feed(self, chunk: bytes) -> None:
        """Take the next *chunk*."""
        if not self._lines:
            self._line.push(chunk)
            return
        for piece in chunk.splitlines(keepends=True):
            self._line.push(piece)
            if piece.endswith((b"\n", b"\r")):
                self._end_line()

    def end(self) -> Usage | None:
        """Return what was reported, the response having ended here; ``None``: nothing."""
        self._end_line()
        self._look(self._event)
        return self._usage

    def _end_line(self) -> None:
        line = self._line
        if not self._events:
            self._look(line)
            return
        text = bytes(line.bytes)
        if line.cut or text.startswith(b"data:"):
            self._event.push(text if line.cut else text[5:])
            self._event.cut |= line.cut
        elif not text.strip():
            self._look(self._event)
        line.clear()

    def _look(self, window: _Window) -> None:
        if any(mark in window.bytes for mark in _MARKS):
            found = _in_tail(bytes(window.bytes)) if window.cut else usage_in(bytes(window.bytes))
            if found is not None:
                self._usage = found if self._usage is None else self._usage | found
        window.clear()


class _Window:
    """The bytes of one event, as far as they are kept."""

    __slots__ = ("bytes", "cut")

    def __init__(self) -> None:
        self.bytes, self.cut = bytearray(), False

    def push(self, data: bytes) -> None:
        if len(data) > WHOLE:
            self.cut, data = True, data[-END:]
            self.bytes.clear()
        self.bytes += data
        if len(self.bytes) > WHOLE:
            self.cut = True
            del self.bytes[:-END]

    def clear(self) -> None:
        if self.bytes:
            self.bytes = bytearray()
        self.cut = False


def reader_of(headers: Iterable[tuple[bytes, bytes]]) -> UsageReader | None:
    """Return a reader for a response of *headers* (names in any case); ``None`` if it is packed or no text of JSON."""
    kind = ""
    for name, value in headers:
        lower = name.lower()
        if lower == b"content-encoding" and value.strip().lower() not in {b"", b"identity"}:
            return None
        if lower == b"content-type":
            kind = value.decode("latin-1").partition(";")[0].strip().lower()
    return UsageReader(kind) if kind == "text/event-stream" or "json" in kind else None


def usage_in(data: bytes) -> Usage | None:
    """Return the usage that a whole JSON *data* reports where its API does; ``None`` if there is none.

    >>> usage_in(b'{"usage": {"prompt_tokens": 9, "completion_tokens": 2}}')
    Usage(input=9, output=2, cached=0)
    >>> usage_in(b'{"content": [{"input": {"usage": {"input_tokens": 0}}}]}')
    """
    try:
        if not data.lstrip().startswith(b"["):
            return _reported(_report.decode(data))
        found = None  # Gemini streams a list
        for report in _reports.decode(data):
            one = _reported(report)
            found = one if found is None or one is None else found | one
        return found  # noqa: TRY300 (what raises is above)
    except UNREAD:
        return None


def _reported(report: _Report) -> Usage | None:
    for raw in (report.usage, report.usage_metadata_, report.usage_metadata):
        if bytes(raw).startswith(b"{"):
            return counted(_object.decode(raw))
    for raw in (report.response, report.message):
        if bytes(raw).startswith(b"{") and (found := _reported(_report.decode(raw))) is not None:
            return found
    if report.eval_count or report.prompt_eval_count:
        counts = {"input_tokens": report.prompt_eval_count, "output_tokens": report.eval_count}
        return counted({name: int(bytes(raw)) for name, raw in counts.items() if bytes(raw).isdigit()})
    return None


def _in_tail(data: bytes) -> Usage | None:
    text = data.decode("utf-8", "replace")
    ends = [found.end() for found in _TAIL.finditer(text)]
    try:
        return counted(_plain.raw_decode(text, ends[-1])[0]) if ends else None
    except (ValueError, RecursionError):
        return None


def counted(usage: Mapping[str, Any]) -> Usage | None:
    """Return a *usage* object of any API as one value; ``None`` if it holds no count.

    >>> counted({"input_tokens": 3, "cache_read_input_tokens": 90, "output_tokens": 7})
    Usage(input=93, output=7, cached=90)
    >>> counted({"promptTokenCount": 5, "candidatesTokenCount": 6, "thoughtsTokenCount": 1})
    Usage(input=5, output=7, cached=0)
    """
    if isinstance(inner := usage.get("tokens"), dict):  # Cohere's
        usage = inner
    details = [usage.get(f"{name}_details") for name in ("prompt_tokens", "input_tokens", "input_token")]
    told = [_count(one.get("cached_tokens")) for one in details if isinstance(one, dict)]
    given = _first(usage, "prompt_tokens", "input_tokens", "inputTokens", "promptTokenCount", "prompt_token_count")
    made = _first(usage, "completion_tokens", "output_tokens", "outputTokens", "candidatesTokenCount",
                  "candidates_token_count")
    if given is None and made is None and "total_tokens" not in usage and "totalTokenCount" not in usage:
        return None
    # Anthropic and Bedrock count what came from a cache beside the input, the others within it.
    beside = [_first(usage, "cache_read_input_tokens", "cacheReadInputTokens") or 0,
              _first(usage, "cache_creation_input_tokens", "cacheWriteInputTokens") or 0]
    within = next(filter(None, told), 0) or _first(usage, "cachedContentTokenCount", "cached_content_token_count") or 0
    thought = _first(usage, "thoughtsTokenCount", "thoughts_token_count") or 0
    tools = _first(usage, "toolUsePromptTokenCount", "tool_use_prompt_token_count") or 0
    return Usage(
        input=min(MOST, (given or 0) + sum(beside) + tools),
        output=min(MOST, (made or 0) + thought),
        cached=min(MOST, beside[0] + within),
    )


def _first(usage: Mapping[str, Any], *names: str) -> int | None:
    return next((count for name in names if (count := _count(usage.get(name))) is not None), None)


def _count(value: object) -> int | None:
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value < math.inf:
        return None
    return min(MOST, int(value))
