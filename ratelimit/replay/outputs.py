"""Where decisions go: a file a list of policies."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ratelimit.replay.sink import Sink
from ratelimit.trace.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import ExitStack

#: Stands for standard input and standard output.
STANDARD = "-"


def sinks(output: str | None, labels: Sequence[str], *, trace: str, closing: ExitStack) -> list[Sink | None]:
    """Return where the decisions of each label go: *output*, or beside it, each with its label, if there are several.

    ``out.jsonl`` becomes ``out.strict.jsonl`` for the label ``strict``. All are closed by *closing*, if they are not
    before. Raises: UsageError.
    """
    if output is None:
        return [None] * len(labels)
    if output == STANDARD:
        if len(labels) > 1:
            raise UsageError("-o -: the decisions of several policies cannot go to one place; name a file")
        return [Sink(sys.stdout.buffer, "standard output", closes=False)]
    paths = [output] if len(labels) == 1 else [_beside(Path(output), label) for label in labels]
    for path in paths:
        if trace != STANDARD and Path(path).exists() and Path(path).samefile(trace):
            raise UsageError(f"-o {path}: that is the trace; name another file")
    return [_opened(path, closing) for path in paths]


def _beside(path: Path, label: str) -> str:
    return str(path.with_name(f"{path.stem}.{label}{path.suffix}"))


def _opened(path: str, closing: ExitStack) -> Sink:
    try:
        sink = Sink(Path(path).open("wb"), path)  # noqa: SIM115 (the sink closes it)
    except OSError as error:
        raise UsageError(f"-o {path}: cannot be written ({error.strerror})") from error
    closing.callback(sink.close)
    return sink
