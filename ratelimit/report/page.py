"""The page itself: headings, pictures, and every figure as a table too."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

import msgspec

from ratelimit.trace.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


_LONGEST = 600


def safe(text: str) -> str:
    r"""Return *text* as it can stand in a page, in an attribute too, whatever a stranger put into it.

    >>> safe("<b>\x00")
    '&lt;b&gt;\\x00'
    """
    return escape(printable(text, _LONGEST))


class Picture(msgspec.Struct, frozen=True, kw_only=True):
    """One picture: an SVG element as it stands, or none; a caption, and the figures behind it, the head first."""

    caption: str
    rows: Sequence[Sequence[str]]
    svg: str = ""
    open: bool = False


class Section(msgspec.Struct, frozen=True, kw_only=True):
    """A heading, a paragraph and pictures."""

    title: str
    text: str
    pictures: Sequence[Picture]


_STYLE = """
:root { color-scheme: light dark; --paper: #fdfdfc; --ink: #1d2329; --faint: #aab3bb; --a: #2f6f9f; --b: #4fa38a;
  --c: #d08a1d; --d: #b5302a; }
@media (prefers-color-scheme: dark) { :root { --paper: #14181c; --ink: #e6e9ec; --faint: #56616b; --a: #6fb1e0;
  --b: #6fcbae; --c: #f0b352; --d: #ff7b72; } }
body { background: var(--paper); color: var(--ink); font: 16px/1.5 system-ui, sans-serif; margin: 0 auto; padding: 1rem;
  max-width: 60rem; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.25rem; margin-top: 2.5rem; border-top: 1px solid var(--faint);
  padding-top: 1rem; }
figure { margin: 1.5rem 0; } figcaption { max-width: 46rem; } svg { width: 100%; height: auto; }
nav ul { columns: 14rem; padding-left: 1.2rem; } a { color: var(--a); }
.wide { overflow-x: auto; } .wide:focus-visible, summary:focus-visible, a:focus-visible { outline: 3px solid var(--c); }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .9rem; }
th, td { padding: .25rem .7rem; text-align: right; border-bottom: 1px solid var(--faint); overflow-wrap: anywhere; }
th:first-child, td:first-child { text-align: left; min-width: 8rem; } summary { cursor: pointer; padding: .3rem 0; }
"""


def page(title: str, lead: str, sections: Sequence[Section]) -> str:
    """Return one HTML page that stands alone; everything in it but the pictures is escaped here."""
    return "\n".join(_parts(title, lead, sections)) + "\n"


def _parts(title: str, lead: str, sections: Sequence[Section]) -> Iterator[str]:
    yield "<!DOCTYPE html>"
    yield '<html lang="en"><head><meta charset="utf-8">'
    # No script, no request: what a stranger chose as its id could do nothing even if it were not escaped.
    yield ('<meta http-equiv="Content-Security-Policy" '
           "content=\"default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'\">")
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield f"<title>{safe(title)}</title><style>{_STYLE}</style></head>"
    yield f"<body><header><h1>{safe(title)}</h1><p>{safe(lead)}</p></header>"
    if len(sections) > 1:
        yield '<nav aria-label="Sections"><ul>'
        yield from (f'<li><a href="#s{number}">{safe(section.title)}</a></li>'
                    for number, section in enumerate(sections))
        yield "</ul></nav>"
    yield "<main>"
    for number, section in enumerate(sections):
        yield f'<section id="s{number}" aria-labelledby="h{number}"><h2 id="h{number}">{safe(section.title)}</h2>'
        yield f"<p>{safe(section.text)}</p>"
        for picture in section.pictures:
            yield from _picture(picture)
        yield "</section>"
    yield "</main></body></html>"


def _picture(picture: Picture) -> Iterator[str]:
    yield f"<figure>{picture.svg}<figcaption>{safe(picture.caption)}</figcaption>"
    yield f"<details{' open' if picture.open else ''}><summary>The figures</summary>"
    yield f'<div class="wide" tabindex="0" role="region" aria-label="{safe(picture.caption)}"><table><thead><tr>'
    head, *rows = picture.rows
    yield "".join(f'<th scope="col">{safe(cell)}</th>' for cell in head) + "</tr></thead><tbody>"
    for first, *cells in rows:
        yield (f'<tr><th scope="row">{safe(first)}</th>' + "".join(f"<td>{safe(cell)}</td>" for cell in cells)
               + "</tr>")
    yield "</tbody></table></div></details></figure>"
