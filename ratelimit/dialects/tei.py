"""Text embeddings inference: embed, predict, rank, compare, tokenize."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import msgspec
from msgspec import Raw

from ratelimit.dialects.parameters import canonical
from ratelimit.dialects.rows import Row, pairs, prompts_of, rows_of
from ratelimit.dialects.tgi import TGI
from ratelimit.prompt import Reading

_ENDS = ("/embed", "/embed_all", "/embed_sparse", "/predict", "/rerank", "/similarity", "/decode")


class _Compared(msgspec.Struct, gc=False):
    source_sentence: Raw = Raw()
    sentences: Raw = Raw()


class _Body(msgspec.Struct, gc=False):
    inputs: Raw = Raw()
    ids: Raw = Raw()
    query: Raw = Raw()
    texts: Raw = Raw()
    documents: Raw = Raw()  # what other servers call them
    # From here on: parameters, in the order of their canonical text.
    model: Raw = Raw()
    dimensions: Raw = Raw()
    normalize: Raw = Raw()
    prompt_name: Raw = Raw()
    raw_scores: Raw = Raw()
    return_text: Raw = Raw()
    truncate: Raw = Raw()
    truncation_direction: Raw = Raw()


_PARAMETERS = _Body.__struct_fields__[5:]
_body = msgspec.json.Decoder(_Body)
_compared = msgspec.json.Decoder(_Compared)


@dataclass(frozen=True, slots=True)
class TEI(TGI):
    """``/embed``, ``/predict``, ``/rerank``, ``/similarity`` and their kin, of text-embeddings-inference.

    Each of ``inputs`` is a prompt; so is each text to rank, with the query, and each sentence to compare, with the
    source. A body of another form is read as any JSON. Errors are worded as TGI's.
    """

    name: ClassVar[str] = "tei"

    def claims(self, path: str) -> bool:
        """Say whether *path* ends as this API's do."""
        return path.rstrip("/").endswith(_ENDS)

    def _parse(self, body: bytes) -> Reading:
        read = _body.decode(body)
        parameters = canonical(_PARAMETERS, msgspec.structs.astuple(read)[5:])
        rows = [*_rows(read), *pairs(rows_of(read.query), [*rows_of(read.texts), *rows_of(read.documents)])]
        prompts, more = prompts_of(rows, parameters=parameters, seed=body)
        return Reading(dialect=self.name, prompts=prompts, more=more)


def _rows(read: _Body) -> list[Row]:
    if not bytes(read.inputs).startswith(b"{"):
        return [*rows_of(read.inputs), *rows_of(read.ids)]
    compared = _compared.decode(read.inputs)
    return pairs(rows_of(compared.source_sentence), rows_of(compared.sentences))
