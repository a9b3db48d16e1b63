"""From a text, in any script, to a set of keyed word ids."""

from __future__ import annotations

import re
from hashlib import blake2b
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Word ids are drawn from this many: enough that two words of one person seldom meet, few enough for a table of counts.
WORD_IDS = 1 << 16

#: Characters looked at of a text, so that the cost is bounded in its length.
WINDOW = 1024

# Of a longer text: so many at either end, and two stretches between, at places that nobody outside can foretell.
_END, _STRETCH = 384, 128

_WORD = re.compile(r"[^\W_]+")
# Scripts that put no spaces between words: Thai to Myanmar, Khmer, kana, Han (also the rarer planes).
_UNSPACED = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
                       "\U00020000-\U0003ffff]")
_MEMO = 1 << 15

# Bytes of a word that is remembered: a longer one may be a secret, and made-up ones must not fill memory.
_LONGEST = 24

# To lower case, and to a space whatever is no ASCII letter or digit.
_ASCII = bytes(ord(chr(code).lower()) if code < 128 and chr(code).isalnum() else 32 for code in range(256))


class WordIds:
    """Turns text into word ids with a secret, so that nobody outside can choose which words collide.

    A word is a run of letters and digits, in lower case. In scripts without spaces, where a run is a whole clause, its
    overlapping pairs of characters stand for words (the usual segmentation-free unit for Chinese and Japanese).

    >>> ids = WordIds(b"secret")
    >>> ids.of("Hello, hello world") == ids.of("WORLD hello!")
    True
    >>> len(ids.of("\u4f60\u597d\u4e16\u754c"))
    3
    """

    __slots__ = ("_ids", "_secret")

    def __init__(self, secret: bytes) -> None:
        self._secret = secret[:64]
        self._ids = _Ids(self._secret)

    def array_of(self, text: str) -> NDArray[np.intp]:
        """Return the ids that ``of`` returns, as an array of indices."""
        found = self.of(text)
        return np.fromiter(found, np.intp, len(found))

    def of(self, text: str) -> set[int]:
        """Return the ids, 1 to ``WORD_IDS - 1``, of the distinct words of *text*, of the windows of a long one."""
        if len(text) > WINDOW:
            text = self._windows(text)
        if text.isascii():  # the same words as below, found several times as fast
            return set(map(self._ids.__getitem__, text.encode("ascii").translate(_ASCII).split()))
        return {self._ids[part] for word in _WORD.findall(text.lower()) for part in _parts(word)}

    def _windows(self, text: str) -> str:
        between = len(text) - 2 * _END - _STRETCH
        sealed = blake2b(b"%d" % len(text), key=self._secret, digest_size=8).digest()
        places = [_END + int.from_bytes(sealed[at : at + 4], "little") % between for at in (0, 4)]
        return " ".join([text[:_END], *(text[at : at + _STRETCH] for at in sorted(places)), text[-_END:]])


class _Ids(dict[bytes, int]):
    """Remembers the ids of words. A full memo starts again: a flood of made-up words cannot make it grow."""

    __slots__ = ("_secret",)

    def __init__(self, secret: bytes) -> None:
        super().__init__()
        self._secret = secret

    def __missing__(self, word: bytes) -> int:
        sealed = blake2b(word, key=self._secret, digest_size=2).digest()
        found = int.from_bytes(sealed, "little") or 1  # 0 stands for no word
        if len(word) <= _LONGEST:
            if len(self) >= _MEMO:
                self.clear()
            self[word] = found
        return found


def _parts(word: str) -> list[bytes]:
    if len(word) > 2 and _UNSPACED.search(word):
        return [word[at : at + 2].encode("utf-8", "surrogatepass") for at in range(len(word) - 1)]
    return [word.encode("utf-8", "surrogatepass")]
