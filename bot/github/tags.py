"""HTML's tags: what remains of them, and which of them hide what is in them."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass

from bot.github.unseen import clean_address

STYLE_LENGTH = 2_000  # characters; more than these hide something

# What GitHub lets through. Of others it shows the content only, so their names could be messages.
_SHOWN_NAMES = """
    a abbr b bdo blockquote br caption cite code dd del details dfn div dl dt em figcaption figure h1 h2 h3 h4 h5 h6
    hr i img ins kbd li mark ol p picture pre q rt ruby s samp small source span strike strong sub summary sup table
    tbody td tfoot th thead time tr tt ul var wbr
"""
_TAGS = frozenset(_SHOWN_NAMES.split())
_VOID_NAMES = "area base br col embed hr img input link meta param source track wbr"
VOID = frozenset(_VOID_NAMES.split())
_RAW_NAMES = "iframe noembed noframes noscript plaintext script style textarea title xmp"
RAW = frozenset(_RAW_NAMES.split())
NEVER_SHOWN = RAW | {"rp", "template"}
_UNSEEN_STYLE = re.compile(
    r"display:none|visibility:(?:hidden|collapse)|(?:font-size|opacity):0(?![.\d]*[1-9])"
)
_STYLE_NOISE = re.compile(r"/\*.*?\*/|\s|\\")

_ATTRIBUTE = re.compile(
    r"([^\s/>][^\s/>=]*+)(?:\s*+=\s*+(?:\"([^\"]*+)(?:\"|\Z)|'([^']*+)(?:'|\Z)|([^\s>\"'][^\s>]*+)))?+"
)
_SIZE = re.compile(r"\d{1,5}(?:\.\d{1,5})?(?:%|px)?")


@dataclass(frozen=True, slots=True)
class Tag:
    """What there is of a tag: `shown` is what remains of it, `hides` whether nobody sees what is in it."""

    name: str
    shown: str
    hides: bool = False
    closing: bool = False


def opening_tag(name: str, source: str) -> Tag:
    """A tag by its name and the source of its attributes."""
    name = name.lower()
    attributes = {
        attribute[1].lower(): attribute[2] or attribute[3] or attribute[4] or ""
        for attribute in reversed(list(_ATTRIBUTE.finditer(source)))
    }
    style = attributes.get("style", "")
    hides = name in NEVER_SHOWN or "hidden" in attributes or (bool(style) and _is_unseen_style(style))
    if name not in _TAGS:
        return Tag(name, "", hides)
    kept = [f' {key}="{clean_address(attributes[key])}"' for key in ("src", "href") if key in attributes]
    for key in ("width", "height"):
        size = attributes.get(key, "").strip()
        kept += [f' {key}="{size}"'] if _SIZE.fullmatch(size) else []
    return Tag(name, f"<{name}{''.join(kept)}>", hides)


def closing_tag(name: str) -> Tag:
    name = name.lower()
    return Tag(name, f"</{name}>" if name in _TAGS else "", closing=True)


def _is_unseen_style(style: str) -> bool:
    if len(style) > STYLE_LENGTH:
        return True
    return _UNSEEN_STYLE.search(_STYLE_NOISE.sub("", html.unescape(style)).lower()) is not None
