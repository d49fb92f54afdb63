"""Markdown of bodies and comments as safe HTML."""

from __future__ import annotations

from collections.abc import Sequence

from markdown_it import MarkdownIt
from markdown_it.rules_core import StateCore
from markdown_it.token import Token
from markupsafe import Markup

_BOXES = {"[ ] ": "☐ ", "[x] ": "☑ ", "[X] ": "☑ "}


def _boxes(state: StateCore) -> None:
    """Show `- [ ]` and `- [x]` as boxes."""
    for before, token in zip(state.tokens[1:], state.tokens[2:], strict=False):
        if before.type == "paragraph_open" and token.type == "inline" and token.children:
            first = token.children[0]
            box = _BOXES.get(first.content[:4]) if token.level >= 3 else None
            if box is not None:
                first.content = box + first.content[4:]


def _outward(tokens: Sequence[Token]) -> None:
    """A link in a text that somebody wrote says nothing for its target, and tells it nothing."""
    for token in tokens:
        if token.type == "link_open":
            token.attrSet("rel", "nofollow noopener noreferrer")
        _outward(token.children or ())


def renderer() -> MarkdownIt:
    """CommonMark with tables and strikethrough; line ends count, HTML does not."""
    markdown = MarkdownIt("commonmark", {"html": False, "breaks": True}).enable(["table", "strikethrough"])
    markdown.core.ruler.push("boxes", _boxes)
    return markdown


def render(markdown: MarkdownIt, text: str | None) -> Markup:
    """The text as HTML that may stand in a page."""
    tokens = markdown.parse(text or "")
    _outward(tokens)
    # Safe because HTML in the text is escaped (html=False) and links are checked by markdown-it itself.
    return Markup(markdown.renderer.render(tokens, markdown.options, {}))
