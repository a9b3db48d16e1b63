"""Text generation servers: TGI's ``/generate``, and those that SGLang and vLLM's sample server have at that path."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import msgspec
from msgspec import Raw

from ratelimit.dialects.base import Dialect
from ratelimit.dialects.errors import JSON, encoded, problem_members
from ratelimit.dialects.media import few, mark, mark_of
from ratelimit.dialects.parameters import canonical, without_noise
from ratelimit.dialects.parts import Said
from ratelimit.dialects.plain import read_anything, read_form
from ratelimit.dialects.rows import Row, prompts_of, rows_of, said_in
from ratelimit.prompt import Reading

if TYPE_CHECKING:
    from ratelimit.dialects.base import Refusal
    from ratelimit.dialects.forms import Form

_ENDS = ("/generate", "/generate_stream")
_LONGEST_TITLE = 256
_KINDS = {408: "timeout", 413: "validation", 429: "overloaded", 503: "unhealthy"}


class _Body(msgspec.Struct, gc=False):
    inputs: Raw = Raw()
    prompt: Raw = Raw()
    text: Raw = Raw()
    input_ids: Raw = Raw()
    image_data: Raw = Raw()
    audio_data: Raw = Raw()
    video_data: Raw = Raw()
    # From here on: parameters, in the order of their canonical text.
    model: Raw = Raw()
    parameters: Raw = Raw()
    sampling_params: Raw = Raw()
    max_tokens: Raw = Raw()
    temperature: Raw = Raw()
    top_p: Raw = Raw()
    top_k: Raw = Raw()
    n: Raw = Raw()
    return_logprob: Raw = Raw()


_PARAMETERS = _Body.__struct_fields__[7:]
_body = msgspec.json.Decoder(_Body)


@dataclass(frozen=True, slots=True)
class TGI(Dialect):
    """``/generate`` and ``/generate_stream`` of text-generation-inference; SGLang's ``/generate`` too.

    Each text or row of token ids under ``inputs``, ``prompt``, ``text`` or ``input_ids`` is a prompt; images that stand
    in it as Markdown are marked. A body with none of them is read as any JSON.
    """

    name: ClassVar[str] = "tgi"

    def claims(self, path: str) -> bool:
        """Say whether *path* ends as this API's do."""
        return path.rstrip("/").endswith(_ENDS)

    def read(self, body: bytes) -> Reading:
        """Read a whole, uncompressed *body*."""
        return read_anything(self.name, body, self._parse)

    def read_form(self, form: Form) -> Reading:
        """Read a *form*, which is none of these servers', as any."""
        return read_form(self.name, form)

    def _parse(self, body: bytes) -> Reading:
        read = _body.decode(body)
        rows = [row for raw in (read.inputs, read.prompt, read.text, read.input_ids) for row in rows_of(raw)]
        media = [
            mark_of({name: one})
            for name, raw in (("image", read.image_data), ("audio", read.audio_data), ("video", read.video_data))
            for one in rows_of(raw)
        ]
        read.parameters, read.sampling_params = without_noise(read.parameters), without_noise(read.sampling_params)
        prompts, more = prompts_of(
            _with(rows, media),
            hear=_hear,
            parameters=canonical(_PARAMETERS, msgspec.structs.astuple(read)[7:]),
            seed=body,
        )
        return Reading(dialect=self.name, prompts=prompts, more=more)

    def error(self, refusal: Refusal) -> tuple[str, bytes]:
        """Return the error of Hugging Face's servers, with the members of RFC 9457 beside it."""
        kind = _KINDS.get(refusal.status, "validation" if refusal.status < 500 else "generation")
        return JSON, encoded({"error": refusal.message, "error_type": kind, **problem_members(refusal)})


def _with(rows: list[Row], media: list[str]) -> list[Row]:
    """Return *rows* with the *media* that came beside them: one each, or all with the first."""
    if not media:
        return rows
    turns = [said_in(row) for row in rows] or [Said()]
    shares = [[one] for one in media] if len(media) == len(turns) else [media]
    for at, share in enumerate(shares):
        turns[at] = msgspec.structs.replace(turns[at], media=few(share))
    return [*turns]


def _hear(row: Row) -> Said:
    turn = said_in(row)
    if "![" not in turn.text:
        return turn
    text, links = _apart(turn.text)
    shown = [mark("image", link.encode("utf-8", "surrogatepass")) for link in links]
    return msgspec.structs.replace(turn, text=text, media=few([*turn.media, *shown]))


def _apart(text: str) -> tuple[str, list[str]]:
    """Return *text* without its Markdown images, and their addresses; looks at each character once or twice.

    >>> _apart("See ![a cat](https://x/y.png)!")
    ('See !', ['https://x/y.png'])
    """
    kept, links = [], []
    at = 0
    while (begin := text.find("![", at)) >= 0:
        link = text.find("](", begin, begin + _LONGEST_TITLE)
        end = text.find(")", link) if link >= 0 else begin + 1
        if end < 0:  # no image closes from here on
            break
        kept.append(text[at : begin if link >= 0 else end + 1])
        if link >= 0:
            links.append(text[link + 2 : end])
        at = end + 1
    return "".join([*kept, text[at:]]), links
