"""What is spoken into a Realtime session's audio buffer, piece by piece."""

from __future__ import annotations

import binascii
from hashlib import sha256
from typing import TYPE_CHECKING

import msgspec

from ratelimit.dialects.base import Heard, PlainEar
from ratelimit.dialects.events import event_of
from ratelimit.dialects.wire import UNREAD
from ratelimit.prompt import Prompt, Reading

if TYPE_CHECKING:
    from ratelimit.dialects.base import Dialect

_COMMITTED = '"input_audio_buffer.committed"'

#: Utterances that wait to be decided, each by its mark: more are not told apart.
_MOST_OWED = 8


class _Append(msgspec.Struct, gc=False):
    audio: str = ""


_append = msgspec.json.Decoder(_Append)


class AudioEar(PlainEar):
    """Hears what a *dialect* hears, and what is spoken.

    What was appended to the buffer since it was last emptied is one utterance, known by a hash of its bytes. It is a
    prompt when the client commits it. Where the server does so by itself (it detects turns), the utterance has gone by
    then, and it is decided with the next piece of audio that comes: as long as it is refused, no more is let pass.
    """

    def __init__(self, dialect: Dialect) -> None:
        super().__init__(dialect)
        self._dialect = dialect
        self._spoken = sha256()
        self._silent = True
        self._owed: list[str] = []
        self._commits = False  # whether the message that was heard last was a commit
        self._expected = 0  # commits of the client's that the server has not acknowledged

    def hear(self, event: bytes) -> Heard | None:
        """Read one message."""
        told = event_of(event)
        self._commits = told.type == "input_audio_buffer.commit"
        if told.type == "input_audio_buffer.clear":
            self._empty()
            return None
        if told.type == "input_audio_buffer.append":
            self._append(event)
            return self._heard(self._owed, told.call)
        if self._commits:
            return self._heard([*self._owed, *([] if self._silent else [self._mark()])], told.call)
        return super().hear(event)

    def passed(self) -> None:
        """Take what was heard for decided."""
        self._owed = []
        if self._commits:
            self._expected += 1
            self._empty()

    def answered(self, event: str) -> None:
        """Look whether the server ended an utterance by itself."""
        if _COMMITTED not in event:
            return
        if self._expected:
            self._expected -= 1
        elif not self._silent and len(self._owed) < _MOST_OWED:
            self._owed.append(self._mark())
            self._empty()

    def _append(self, event: bytes) -> None:
        try:
            audio = _append.decode(event).audio
            data = binascii.a2b_base64(audio, strict_mode=True)
        except (*UNREAD, ValueError):  # whatever it is, the application may make sound of it
            data = event
        if data:
            self._spoken.update(data)
            self._silent = False

    def _mark(self) -> str:
        return f"audio:{self._spoken.hexdigest()[:32]}"

    def _empty(self) -> None:
        self._spoken, self._silent = sha256(), True

    def _heard(self, marks: list[str], call: str) -> Heard | None:
        if not marks:
            return None
        reading = Reading(dialect=self._dialect.name, prompts=(Prompt(text="", media=tuple(marks)),), call=call)
        return Heard(reading, "\n".join(marks).encode())
