"""The pages: whole by themselves, safe whatever strangers call themselves, and readable."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import html5lib
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.image import imread

from ratelimit.cli import main
from ratelimit.report import charts, common
from ratelimit.report.page import Picture, Section, page

if TYPE_CHECKING:
    from pathlib import Path
    from xml.etree.ElementTree import Element

NASTY = ("<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "</svg></style>", "$\\frac{1}{0}$", "&amp;",
         "\u202eевил", "a\x00b\x1b[31m", "\ud800", "语言", "]]>", "#030303")

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


def parsed(text: str) -> Element:
    """Return the page as a browser's parser sees it; any slip of syntax raises."""
    return html5lib.HTMLParser(strict=True, namespaceHTMLElements=False).parse(text)


def names(tree: Element) -> set[str]:
    """Return what its elements are called."""
    return {str(one.tag).rpartition("}")[2] for one in tree.iter()}


def strangers_page(titles: tuple[str, ...]) -> str:
    """Return a page full of what strangers call themselves."""
    found = [(title, 5.0, 10, 3, 2, 8) for title in titles]
    return page(titles[0], titles[-1], [Section(title=title, text=title, pictures=[
        common.refusals(f"r{number}", [(one, 9, 3) for one in titles], what="principal"),
        common.cohorts(f"c{number}", found),
        common.tiers(f"t{number}", title, [[1, 0, 2, 0], [0, 0, 0, 0]], days=1.5),
    ]) for number, title in enumerate(titles[:2])])


@pytest.fixture(scope="module")
def drilled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the page of a small drill."""
    path = tmp_path_factory.mktemp("page") / "out.html"
    assert main(["drill", "hydra", "--days", "1", "--accounts", "30", "--quiet", "--report", str(path)]) == 0
    return path


def test_a_drill_is_one_page_with_pictures(drilled: Path) -> None:
    """It is HTML without a slip, with every picture described and captioned, and its figures in a table beneath."""
    tree = parsed(drilled.read_text("utf-8"))
    pictures, captions = list(tree.iter("{http://www.w3.org/2000/svg}svg")), list(tree.iter("figcaption"))
    ids = [one.attrib["id"] for one in tree.iter() if "id" in one.attrib]

    assert len(pictures) >= 5
    assert all(one.attrib["role"] == "img" and one.attrib["aria-label"] for one in pictures)
    assert len(captions) == len(list(tree.iter("details"))) == len(list(tree.iter("table")))
    assert len(set(ids)) == len(ids)
    assert not names(tree) & {"script", "link", "iframe", "image", "img", "object", "foreignObject"}


def test_a_page_asks_nothing_of_the_network(drilled: Path) -> None:
    """No address in it leads out of it, and its policy forbids whatever would."""
    tree = parsed(drilled.read_text("utf-8"))
    ways = [value for one in tree.iter() for name, value in one.attrib.items()
            if str(name).rpartition("}")[2] in {"href", "src", "srcset", "data", "action"}]

    assert ways
    assert all(way.startswith("#") for way in ways)
    assert "default-src 'none'" in drilled.read_text("utf-8")
    assert "@import" not in drilled.read_text("utf-8")


def test_what_strangers_call_themselves_is_text() -> None:
    """No name, however chosen, makes an element, an attribute or a fault in drawing."""
    tame = names(parsed(strangers_page(("a", "b", "c"))))
    text = strangers_page(NASTY)

    assert names(parsed(text)) <= tame
    assert "<script" not in text
    assert "onerror=alert(1)>" not in text


@settings(max_examples=15, deadline=None)
@given(st.lists(st.text(max_size=30), min_size=3, max_size=3))
def test_any_text_is_text(titles: list[str]) -> None:
    """The same for whatever else a property can think of."""
    text = page(titles[0], titles[1], [Section(title=titles[2], text="", pictures=[
        Picture(caption=titles[0], rows=[titles, titles],
                svg=charts.bars("x", [(title, 1.0) for title in titles], label="y", alt=""))])])

    assert names(parsed(text)).isdisjoint(
        {"script", "img", "iframe"})


def test_a_page_is_read_by_a_browser_in_light_and_dark(drilled: Path, tmp_path: Path) -> None:
    """Chromium, where there is one, draws it dark on light and light on dark; else its colours are read from its text.

    Either way both schemes must colour paper and ink, and no picture may have a colour of its own.
    """
    text = drilled.read_text("utf-8")
    assert text.count("--paper:") == 2
    assert "prefers-color-scheme: dark" in text
    assert "fill: #0" not in text
    assert "stroke: #0" not in text
    if CHROMIUM is None:
        return
    shades = []
    for scheme in ("1", "0"):
        picture = tmp_path / f"{scheme}.png"
        subprocess.run(
            [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--window-size=900,2400",
             f"--user-data-dir={tmp_path / scheme}", f"--blink-settings=preferredColorScheme={scheme}",
             f"--screenshot={picture}", drilled.as_uri()],
            check=True, capture_output=True, timeout=60,
        )
        shot = imread(picture)[:, :, :3]
        shades.append(float(shot[:20, :20].mean()))
        assert 0.01 < (abs(shot.mean(axis=2) - shades[-1]) > 0.15).mean() < 0.6  # there is something on the paper

    assert shades[0] > 0.9
    assert shades[1] < 0.2
