"""Links between pages lead somewhere, and pages name only what exists."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token

from bot.settings import Settings

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")])
FAMILIES = re.compile(r"\b(?:HEDDLE|SLACK|GITHUB|ANTHROPIC|CLAUDE)_[A-Z_]*[A-Z]\b")
SCRIPT = re.compile(r"(?<![\w-])scripts/([a-z]+)")


def tokens(page: Path) -> list[Token]:
    return MarkdownIt("commonmark").enable("table").parse(page.read_text())


def links(page: Path) -> Iterator[str]:
    for token in tokens(page):
        for child in token.children or ():
            target = child.attrs.get("href") or child.attrs.get("src")
            if target:
                yield str(target)


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    found = set()
    parsed = tokens(page)
    for opening, inline in zip(parsed, parsed[1:], strict=False):
        if opening.type == "heading_open":
            text = "".join(child.content for child in inline.children or ())
            found.add(re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-"))
    return found


def leads_somewhere(page: Path, link: str) -> bool:
    address = urlsplit(link)
    if address.scheme:
        return True
    target = (page.parent / unquote(address.path)).resolve() if address.path else page
    if not target.exists() or not target.is_relative_to(ROOT):
        return False
    return not address.fragment or address.fragment in anchors(target)


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


def test_pages_link_to_each_other() -> None:
    assert sum(1 for page in PAGES for _ in links(page)) > 50


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_lead_somewhere(page: Path) -> None:
    broken = [link for link in links(page) if not leads_somewhere(page, link)]
    assert broken == []


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_variables_exist(page: Path) -> None:
    known = {field.upper() for field in Settings.model_fields}
    assert set(FAMILIES.findall(page.read_text())) <= known


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_scripts_exist(page: Path) -> None:
    named = set(SCRIPT.findall(page.read_text()))
    assert {script for script in named if not (ROOT / "scripts" / script).is_file()} == set()


def test_every_page_can_be_reached_from_the_readme() -> None:
    reached, waiting = set[Path](), [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page in reached:
            continue
        reached.add(page)
        targets = [urlsplit(link).path for link in links(page) if not urlsplit(link).scheme]
        waiting += [(page.parent / target).resolve() for target in targets if target.endswith(".md")]
    assert set(PAGES) - reached - {ROOT / "CHANGELOG.md"} == set()


def test_decisions_are_short() -> None:
    records = sorted((ROOT / "docs" / "decisions").glob("0*.md"))
    assert records
    assert {record.name for record in records if len(record.read_text().splitlines()) >= 25} == set()
