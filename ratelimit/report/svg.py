"""Pictures by matplotlib, as SVG that takes its colours from the page, so that light and dark both read well."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
from matplotlib.figure import Figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Colours that stand for the page's own, by the name of its variable.
COLOURS = {
    "ink": "#010101", "faint": "#020202", "a": "#030303", "b": "#040404", "c": "#050505", "d": "#060606",
}

_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none", "svg.hashsalt": "ratelimit", "text.parse_math": False, "font.family": "sans-serif",
    "font.size": 10, "text.color": COLOURS["ink"], "axes.labelcolor": COLOURS["ink"],
    "axes.edgecolor": COLOURS["faint"],
    "xtick.color": COLOURS["ink"], "ytick.color": COLOURS["ink"], "axes.spines.top": False, "axes.spines.right": False,
    "axes.grid": True, "grid.color": COLOURS["faint"], "grid.linewidth": 0.5, "grid.alpha": 0.45,
    "legend.frameon": False, "axes.facecolor": "none", "figure.facecolor": "none", "axes.axisbelow": True,
}

_ID = re.compile(r'\bid="([^"]+)"')
_HEAD = re.compile(r"^.*?(?=<svg)|<metadata>.*?</metadata>", re.DOTALL)


#: What functions that draw are decorated with.
styled = mpl.rc_context(_STYLE)


class Canvas:
    """One picture while it is drawn, by a ``styled`` function: draw on ``axes``, then ask for the ``svg``."""

    def __init__(self, *, height: float = 3.2) -> None:
        self._figure = Figure(figsize=(7.6, height), layout="constrained")
        self.axes: Axes = self._figure.add_subplot()

    def svg(self, name: str, *, alt: str) -> str:
        """Return it as an element whose ids begin with *name*; *alt* is what it shows, in words, escaped."""
        into = io.StringIO()
        self._figure.savefig(into, format="svg", metadata={"Date": None, "Creator": None})
        text = _HEAD.sub("", into.getvalue())
        ids = set(_ID.findall(text))
        text = re.sub(r'\bid="([^"]+)"', rf'id="{name}-\1"', text)
        text = re.sub(r'(url\(#|href="#)([^)"]+)', lambda found: _own(found, name, ids), text)
        for variable, colour in COLOURS.items():
            text = re.sub(rf"\b(fill|stroke): {colour}\b", rf"\1: var(--{variable})", text)
        return text.replace("<svg ", f'<svg role="img" aria-label="{alt}" ', 1)


def plain(text: str, most: int = 40) -> str:
    r"""Return *text* in ASCII, as any font can draw it.

    >>> plain("caf\u00e9")
    'caf\\xe9'
    """
    shown = text.encode("ascii", "backslashreplace").decode()
    shown = "".join(char if char.isprintable() else f"\\x{ord(char):02x}" for char in shown)
    return shown if len(shown) <= most else f"{shown[: most - 3]}..."


def _own(found: re.Match[str], name: str, ids: set[str]) -> str:
    return f"{found[1]}{name}-{found[2]}" if found[2] in ids else found[0]
