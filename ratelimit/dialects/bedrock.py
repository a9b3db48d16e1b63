"""Amazon Bedrock: converse in its own form, and invoke in that of the model's vendor."""

from __future__ import annotations

import json
import re
from base64 import b64decode
from dataclasses import dataclass, replace
from struct import pack
from typing import TYPE_CHECKING, Any, ClassVar, Self
from zlib import crc32

import msgspec
from msgspec import Raw

from ratelimit.dialects.base import Dialect
from ratelimit.dialects.chat import Message, conversation, system_text
from ratelimit.dialects.errors import JSON, encoded
from ratelimit.dialects.leaves import strings
from ratelimit.dialects.media import mark_of
from ratelimit.dialects.parameters import canonical, without_noise
from ratelimit.dialects.parts import NOTHING, Said, said_of, said_untyped
from ratelimit.dialects.plain import TEXT_KEYS, read_plain
from ratelimit.dialects.rows import prompts_of, rows_of
from ratelimit.dialects.wire import read_json
from ratelimit.prompt import Prompt, Reading

if TYPE_CHECKING:
    from ratelimit.dialects.base import Header, Refusal
    from ratelimit.dialects.chat import Spoken

_PATH = re.compile(r"/model/(.+)/(converse|converse-stream|invoke|invoke-with-response-stream|count-tokens)/?$")

_ERRORS = {
    403: "AccessDeniedException",
    404: "ResourceNotFoundException",
    408: "ModelTimeoutException",
    429: "ThrottlingException",
    503: "ServiceUnavailableException",
}


class _Converse(msgspec.Struct, gc=False):
    messages: list[Message] = []
    system: Raw = Raw()
    promptVariables: Raw = Raw()  # noqa: N815 (the wire's names, here and below)
    # From here on: parameters, in the order of their canonical text.
    model: Raw = Raw()
    inferenceConfig: Raw = Raw()  # noqa: N815
    toolConfig: Raw = Raw()  # noqa: N815
    guardrailConfig: Raw = Raw()  # noqa: N815
    additionalModelRequestFields: Raw = Raw()  # noqa: N815
    performanceConfig: Raw = Raw()  # noqa: N815
    outputConfig: Raw = Raw()  # noqa: N815


class _Counted(msgspec.Struct, gc=False):
    converse: Raw = Raw()
    invokeModel: dict[str, str] = {}  # noqa: N815


class _Count(msgspec.Struct, gc=False):
    input: _Counted = msgspec.field(default_factory=_Counted)


_PARAMETERS = tuple(name for name in _Converse.__struct_fields__[3:])
_converse = msgspec.json.Decoder(_Converse)
_count = msgspec.json.Decoder(_Count)
_object = msgspec.json.Decoder(dict[str, Raw])
_variables = msgspec.json.Decoder(dict[str, Any])


@dataclass(frozen=True, slots=True)
class Bedrock(Dialect):
    """``/model/{id}/converse`` and ``/invoke``, streaming or not, and ``/count-tokens``.

    What is invoked has the body of the model's vendor, and is read as any JSON is; each of ``texts`` or ``images`` to
    embed is a prompt.

    model   the id in the path.
    action  the path's, such as ``converse``.
    """

    name: ClassVar[str] = "bedrock"
    model: str = ""
    action: str = "converse"

    def claims(self, path: str) -> bool:
        """Say whether *path* names a model and what is asked of it."""
        return "/model/" in path and _PATH.search(path) is not None

    def at(self, path: str) -> Self:
        """Return this dialect with the model and the action that *path* names."""
        found = _PATH.search(path)
        return self if found is None else replace(self, model=found[1], action=found[2])

    def read(self, body: bytes) -> Reading:
        """Read a whole, uncompressed *body*."""
        if self.action == "count-tokens":
            return read_json(self.name, body, self._parse_count)
        return read_json(self.name, body, self._parse_invoke if "invoke" in self.action else self._parse)

    def _parse(self, body: bytes) -> Reading:
        read = _converse.decode(body)
        read.model = self._model
        read.inferenceConfig = without_noise(read.inferenceConfig)
        read.additionalModelRequestFields = without_noise(read.additionalModelRequestFields)
        prompt = conversation(
            read.messages,
            parameters=canonical(_PARAMETERS, msgspec.structs.astuple(read)[3:]),
            system=system_text(read.system, said_untyped),
            hear=_hear,
            besides=_variables_said(read.promptVariables),
        )
        return Reading(dialect=self.name, prompts=(prompt,))

    def _parse_invoke(self, body: bytes) -> Reading:
        fields = _object.decode(body)
        spoken = not TEXT_KEYS.isdisjoint(fields)
        prompts: tuple[Prompt, ...] = ()
        more = 0
        if "texts" in fields or ("images" in fields and not spoken):
            rows = [Said(media=(mark_of({"image": image}),)) for image in rows_of(fields.get("images", Raw()))]
            parameters = canonical(("model", "input_type"), (self._model, fields.get("input_type", Raw())))
            texts = rows_of(fields.get("texts", Raw()))
            prompts, more = prompts_of([*texts, *rows], parameters=parameters, seed=body)
        if spoken or not prompts:
            named = canonical(("model",), (self._model,))
            prompts += tuple([
                msgspec.structs.replace(prompt, parameters="\n".join(filter(None, (named, prompt.parameters))))
                for prompt in read_plain(self.name, body).prompts
            ])
        return Reading(dialect=self.name, prompts=prompts, more=more)

    def _parse_count(self, body: bytes) -> Reading:
        counted = _count.decode(body).input
        if counted.converse:
            return self._parse(bytes(counted.converse))
        try:
            return self._parse_invoke(b64decode(counted.invokeModel.get("body", "")))
        except ValueError as error:
            raise msgspec.ValidationError("Expected base64 - at `$.input.invokeModel.body`") from error

    @property
    def _model(self) -> Raw:
        return Raw(json.dumps(self.model).encode()) if self.model else Raw()

    def error(self, refusal: Refusal) -> tuple[str, bytes]:
        """Return the message that AWS clients read; what kind of error it is stands in a header."""
        return JSON, encoded({"message": refusal.message})

    def headers(self, refusal: Refusal) -> tuple[Header, ...]:
        """Return the header by which AWS clients tell errors apart."""
        return ((b"x-amzn-errortype", _exception(refusal.status).encode("ascii")),)

    def stream_error(self, refusal: Refusal) -> bytes:
        """Return the error as a frame of ``application/vnd.amazon.eventstream``."""
        kind = _exception(refusal.status)
        told = {
            ":exception-type": kind[:1].lower() + kind[1:],
            ":content-type": JSON,
            ":message-type": "exception",
        }
        head = b"".join([
            pack(f">B{len(name)}sBH{len(value)}s", len(name), name.encode(), 7, len(value), value.encode())
            for name, value in told.items()
        ])
        payload = self.error(refusal)[1]
        prelude = pack(">II", 16 + len(head) + len(payload), len(head))
        frame = prelude + pack(">I", crc32(prelude)) + head + payload
        return frame + pack(">I", crc32(frame))


def _exception(status: int) -> str:
    return _ERRORS.get(status, "ValidationException" if status < 500 else "InternalServerException")


def _hear(message: Spoken) -> Said:
    return said_untyped(message.content)


def _variables_said(raw: Raw) -> Said:
    if not bytes(raw).startswith(b"{"):
        return NOTHING
    values = _variables.decode(raw).values()
    return said_of([one if isinstance(one, dict) else "\n".join(strings(one)) for one in values])
