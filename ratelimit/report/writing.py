"""Pages, written to files."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from ratelimit.errors import RatelimitError


class PageError(RatelimitError):
    """A page cannot be made or written."""


def check(path: str) -> None:
    """Raise PageError if no page can be written to *path*: before a long run, not after it."""
    if find_spec("matplotlib") is None:
        raise PageError("--report needs matplotlib: pip install 'behavioral-ratelimit[report]'")
    folder = Path(path).parent
    if not folder.is_dir():
        raise PageError(f"--report {path}: there is no folder {folder}; make it first")
    if Path(path).is_dir():
        raise PageError(f"--report {path}: is a folder; name a file")


def write(path: str, text: str) -> None:
    """Write *text* to *path*, whole or not at all. Raises: PageError."""
    new = Path(f"{path}.part")
    try:
        new.write_text(text, "utf-8", "backslashreplace")
        new.replace(path)
    except OSError as error:
        new.unlink(missing_ok=True)
        raise PageError(f"--report {path}: cannot be written ({error.strerror})") from error
