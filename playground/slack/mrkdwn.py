"""Slack's own markup (mrkdwn) and its rich text as HTML. Pure.

Everything is escaped on the way; only tags written here come out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from markupsafe import Markup, escape

from playground.slack.emoji import glyph
from playground.slack.shapes import JsonObject, as_list, as_object, as_text

_FENCE = re.compile(r"```\n?(.+?)\n?```", re.DOTALL)
_QUOTE = re.compile(r"^(?:&gt;|>) ?")
_INLINE = re.compile(
    r"`(?P<code>[^`\n]+)`"
    r"|<(?P<angle>[^<>\n]+)>"
    r"|(?<![\w*])\*(?P<bold>(?=\S)[^*\n]+?(?<=\S))\*(?![\w*])"
    r"|(?<![\w_])_(?P<italic>(?=\S)[^_\n]+?(?<=\S))_(?![\w_])"
    r"|(?<![\w~])~(?P<strike>(?=\S)[^~\n]+?(?<=\S))~(?![\w~])"
    r"|:(?P<emoji>[a-z0-9_+'-]+(?:::skin-tone-[2-6])?):"
)
_TAGS = {"bold": "strong", "italic": "em", "strike": "s"}
_SCHEMES = frozenset({"http", "https", "mailto"})


@dataclass(frozen=True, slots=True)
class Names:
    """What ids are called, and where the page is, whose own links stay in the same tab."""

    people: Mapping[str, str]
    channels: Mapping[str, str]
    me: str
    base_url: str


def unescape(text: str) -> str:
    """Slack's three entities as characters."""
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def render_mrkdwn(text: str, names: Names) -> Markup:
    """A mrkdwn text as HTML."""
    parts: list[Markup] = []
    position = 0
    for match in _FENCE.finditer(text):
        parts.append(_lines(text[position : match.start()].removesuffix("\n"), names))
        parts.append(Markup("<pre><code>{}</code></pre>").format(unescape(match[1])))
        position = match.end()
    parts.append(_lines(text[position:].removeprefix("\n") if position else text, names))
    return Markup("").join(parts)


def render_plain(text: str) -> Markup:
    """A plain_text as HTML: emoji names and line ends, nothing else."""
    pieces = re.split(r":([a-z0-9_+'-]+):", text)
    shown = "".join(piece if index % 2 == 0 else glyph(piece) for index, piece in enumerate(pieces))
    return Markup("<br>").join(escape(line) for line in shown.split("\n"))


def link(url: str, label: Markup | str, names: Names) -> Markup:
    """A link that opens beside the page, or just its label where the address is no web or mail address."""
    try:
        scheme = urlsplit(url).scheme.lower()
    except ValueError:
        scheme = ""
    if scheme not in _SCHEMES:
        return escape(label)
    if names.base_url and url.startswith(names.base_url):
        return Markup('<a href="{}">{}</a>').format(url, label)
    return Markup('<a href="{}" target="_blank" rel="noopener noreferrer">{}</a>').format(url, label)


def mention(user_id: str, names: Names) -> Markup:
    kind = "mention mine" if user_id == names.me else "mention"
    return Markup('<span class="{}">@{}</span>').format(kind, names.people.get(user_id, user_id))


def render_rich_text(block: JsonObject, names: Names) -> Markup:
    """A rich_text block as HTML."""
    return Markup("").join(_rich(as_object(element), names) for element in as_list(block.get("elements")))


def _lines(text: str, names: Names) -> Markup:
    if not text:
        return Markup("")
    html: list[Markup] = []
    quoted: list[Markup] = []
    plain: list[Markup] = []

    def flush() -> None:
        if quoted:
            html.append(Markup("<blockquote>{}</blockquote>").format(Markup("<br>").join(quoted)))
        if plain:
            html.append(Markup("<br>").join(plain))
        quoted.clear()
        plain.clear()

    for line in text.split("\n"):
        is_quote = bool(_QUOTE.match(line))
        if is_quote != bool(quoted):
            flush()
        (quoted if is_quote else plain).append(_inline(_QUOTE.sub("", line), names))
    flush()
    return Markup("").join(html)


def _inline(text: str, names: Names) -> Markup:
    parts: list[Markup] = []
    position = 0
    for match in _INLINE.finditer(text):
        parts.append(escape(unescape(text[position : match.start()])))
        kind = str(match.lastgroup)
        inner = match[kind]
        if kind == "code":
            parts.append(Markup("<code>{}</code>").format(unescape(inner)))
        elif kind == "angle":
            parts.append(_angle(inner, names))
        elif kind == "emoji":
            parts.append(escape(glyph(inner)))
        else:
            parts.append(Markup("<{0}>{1}</{0}>").format(Markup(_TAGS[kind]), _inline(inner, names)))
        position = match.end()
    parts.append(escape(unescape(text[position:])))
    return Markup("").join(parts)


def _angle(inner: str, names: Names) -> Markup:
    target, _, label = inner.partition("|")
    if target.startswith("@"):
        return mention(target[1:], names)
    if target.startswith("#"):
        return _channel(target[1:], label, names)
    if target.startswith("!"):
        if target.startswith("!date^"):
            return escape(unescape(label))
        return Markup('<span class="mention">@{}</span>').format(target[1:].partition("^")[0])
    url = unescape(target)
    return link(url, escape(unescape(label)) if label else url, names)


def _channel(channel_id: str, label: str, names: Names) -> Markup:
    name = names.channels.get(channel_id, unescape(label) or channel_id)
    return Markup('<a class="mention" href="#{}">#{}</a>').format(channel_id, name)


def _rich(element: JsonObject, names: Names) -> Markup:
    kind = element.get("type")
    inner = Markup("").join(
        _rich_inline(as_object(item), names)
        for item in as_list(element.get("elements"))
        if kind != "rich_text_list"
    )
    if kind == "rich_text_list":
        tag = Markup("ol" if element.get("style") == "ordered" else "ul")
        items = Markup("").join(
            Markup("<li>{}</li>").format(_rich(as_object(item), names))
            for item in as_list(element.get("elements"))
        )
        return Markup('<{0} class="indent-{1}">{2}</{0}>').format(tag, element.get("indent", 0), items)
    if kind == "rich_text_quote":
        return Markup("<blockquote>{}</blockquote>").format(inner)
    if kind == "rich_text_preformatted":
        return Markup("<pre><code>{}</code></pre>").format(inner)
    return Markup("<p>{}</p>").format(inner)


def _rich_inline(item: JsonObject, names: Names) -> Markup:
    kind = item.get("type")
    text = as_text(item.get("text"))
    if kind == "link":
        url = as_text(item.get("url"))
        html = link(url, text or url, names)
    elif kind == "user":
        html = mention(as_text(item.get("user_id")), names)
    elif kind == "channel":
        html = _channel(as_text(item.get("channel_id")), "", names)
    elif kind == "emoji":
        html = escape(glyph(as_text(item.get("name"))))
    elif kind == "broadcast":
        html = Markup('<span class="mention">@{}</span>').format(item.get("range"))
    elif kind == "date":
        html = escape(as_text(item.get("fallback")))
    elif kind == "text":
        html = Markup("<br>").join(escape(line) for line in text.split("\n"))
    else:
        html = escape(as_text(item.get("value")))
    style = as_object(item.get("style"))
    for name, tag in (("code", "code"), ("bold", "strong"), ("italic", "em"), ("strike", "s")):
        if style.get(name):
            html = Markup("<{0}>{1}</{0}>").format(Markup(tag), html)
    return html
