"""Markdown of bodies and comments as safe HTML."""

from __future__ import annotations

import re
from collections.abc import Iterator

from markdown_it import MarkdownIt
from markdown_it.rules_core import StateCore
from markdown_it.token import Token
from markupsafe import Markup

from playground.github.pages.safe_html import Sign, clean

_TASK = re.compile(r"\[([ xX])\](?= |$)")
_REFERENCE = re.compile(r"https?://[^\s<>\"']*[^\s<>\"'.,:;!?)\]]|(?<![\w/&#])#\d{1,9}\b")
_BOX = '<input type="checkbox" disabled> '
_TICKED = '<input type="checkbox" disabled checked> '


def _tasks(state: StateCore) -> None:
    """`- [ ]` and `- [x]` are boxes."""
    items: list[Token] = []
    for before, token in zip([*state.tokens[:1], *state.tokens], state.tokens, strict=False):
        if token.type == "list_item_open":
            items.append(token)
        elif token.type == "list_item_close":
            items.pop()
        elif items and token.type == "inline" and token.children and before.type == "paragraph_open":
            first = token.children[0]
            mark = _TASK.match(first.content) if first.type == "text" else None
            if mark is not None and before.level == items[-1].level + 1:
                first.content = first.content[mark.end() :].lstrip()
                box = Token("html_inline", "", 0, content=_BOX if mark[1] == " " else _TICKED)
                token.children.insert(0, box)
                items[-1].attrSet("class", "task")


def _references(state: StateCore) -> None:
    """Bare addresses are links, and so is `#12` where the environment says which repository it is about."""
    for token in state.tokens:
        if token.type == "inline" and token.children:
            token.children = list(_linked(token.children, str(state.env.get("repository", ""))))


def _linked(children: list[Token], repository: str) -> Iterator[Token]:
    inside = 0
    for child in children:
        inside += child.nesting if child.type.startswith("link_") else 0
        if child.type == "html_inline":
            inside += child.content.startswith("<a") - child.content.startswith("</a")
        if child.type != "text" or inside > 0:
            yield child
            continue
        position = 0
        for found in _REFERENCE.finditer(child.content):
            number = found[0].removeprefix("#") if found[0].startswith("#") else ""
            if number and not repository:
                continue
            yield Token("text", "", 0, content=child.content[position : found.start()])
            address = f"/{repository}/issues/{number}" if number else found[0]
            yield Token("link_open", "a", 1, attrs={"href": address})
            yield Token("text", "", 0, content=found[0])
            yield Token("link_close", "a", -1)
            position = found.end()
        yield Token("text", "", 0, content=child.content[position:])


def renderer() -> MarkdownIt:
    """CommonMark with tables, strikethrough, task lists and links; line ends count."""
    markdown = MarkdownIt("commonmark", {"html": True, "breaks": True}).enable(["table", "strikethrough"])
    markdown.core.ruler.push("tasks", _tasks)
    markdown.core.ruler.push("references", _references)
    return markdown


def render(
    markdown: MarkdownIt, text: str | None, *, repository: str = "", origin: str = "", sign: Sign = str
) -> Markup:
    """The text as HTML that may stand in a page.

    repository: what `#12` means. For origin and sign see `clean`.
    """
    html = markdown.render(text or "", {"repository": repository})
    # Safe because `clean` writes every tag and attribute itself.
    return Markup(clean(html, origin, sign))
