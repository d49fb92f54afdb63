"""Standard markdown, which markdown blocks hold, as HTML. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.rules_core import StateCore
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict
from markupsafe import Markup, escape

from playground.slack.emoji import EMOJI

_TASK = re.compile(r"\[([ xX])\] +")
_SHORTCODE = re.compile(r":([a-z0-9_+-]+):")
_ADDRESS = re.compile(r"(https?://[^\s<>()]*[^\s<>().,;:!?'\"])")


def make_markdown() -> MarkdownIt:
    """A renderer for what Slack's markdown blocks know, with HTML in the text shown as text."""
    parser = MarkdownIt("commonmark", {"html": False, "breaks": True}).enable(["table", "strikethrough"])
    parser.core.ruler.push("slack", _adapt)
    parser.add_render_rule("image", _image)
    parser.add_render_rule("heddle_checkbox", _checkbox)
    return parser


def render_markdown(parser: MarkdownIt, text: str) -> Markup:
    """The HTML of a text; safe, since the parser escapes what is not markdown."""
    return Markup(parser.render(text))


def _adapt(state: StateCore) -> None:
    """Addresses are links, which open beside the page, `[ ]` and `[x]` at the start of an item are boxes, emoji have
    names."""
    tokens = state.tokens
    for index, token in enumerate(tokens):
        token.attrs.pop("style", None)  # a column's alignment, which the page's policy would refuse
        if token.children:
            token.children = _linked(token.children)
        children = token.children or []
        for child in children:
            if child.type == "link_open":
                child.attrSet("target", "_blank")
                child.attrSet("rel", "noopener noreferrer")
            elif child.type == "text":
                child.content = _SHORTCODE.sub(lambda m: EMOJI.get(m[1], m[0]), child.content)
        if index >= 2 and token.type == "inline" and tokens[index - 2].type == "list_item_open":
            _make_task(token, tokens[index - 2])


def _linked(children: Sequence[Token]) -> list[Token]:
    """Bare addresses as links, as Slack makes them; those that are in a link already stay text."""
    found = list[Token]()
    inside = False
    for child in children:
        inside = child.type == "link_open" or (inside and child.type != "link_close")
        if child.type != "text" or inside:
            found.append(child)
            continue
        for number, part in enumerate(_ADDRESS.split(child.content)):
            text = Token("text", "", 0, content=part)
            if number % 2:
                opening = Token("link_open", "a", 1, attrs={"href": part})
                found += [opening, text, Token("link_close", "a", -1)]
            elif part:
                found.append(text)
    return found


def _make_task(inline: Token, item: Token) -> None:
    children = inline.children or []
    match = _TASK.match(children[0].content) if children and children[0].type == "text" else None
    if match is None:
        return
    children[0].content = children[0].content[match.end() :]
    done = match[1] != " "
    item.attrJoin("class", "task done" if done else "task")
    inline.children = [Token("heddle_checkbox", "input", 0, meta={"checked": done}), *children]


def _checkbox(
    renderer: RendererHTML, tokens: Sequence[Token], index: int, options: OptionsDict, env: EnvType
) -> str:
    checked = " checked" if tokens[index].meta["checked"] else ""
    return f'<input type="checkbox" disabled{checked}>'


def _image(
    renderer: RendererHTML, tokens: Sequence[Token], index: int, options: OptionsDict, env: EnvType
) -> str:
    """A link in place of the picture: the page loads nothing from elsewhere."""
    token = tokens[index]
    label = token.content or "image"
    return Markup('<a href="{}" target="_blank" rel="noopener noreferrer">{}</a>').format(
        str(token.attrs["src"]), escape(label)
    )
