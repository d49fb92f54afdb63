"""Characters that nobody sees, in texts, in entities and in addresses."""

from __future__ import annotations

import html
import re
import unicodedata

ADDRESS_LENGTH = 2_000

# Characters that take no room although Unicode counts them as letters or marks.
_BLANK = frozenset(
    "\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180e\u180f\u3164\uffa0"
    + "".join(map(chr, [*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0)]))
)
_UNSEEN_KINDS = frozenset(["Cc", "Cf", "Cn", "Co", "Cs"])
_SEPARATOR = re.compile("[\u2028\u2029]")  # some programs take them for the end of a line

_ENTITY = re.compile(r"&(?:#[0-9]++|#[xX][0-9a-fA-F]++|[A-Za-z][A-Za-z0-9]{1,31}+);?")
_WHOLE_ENTITY = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
_ESCAPE = re.compile(r"\\([!-/:-@\[-`{-~])")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*+):")
_SCHEMES = frozenset(["http", "https", "mailto"])
_AWKWARD = re.compile(r"[<>\"'`\[\]\\|]")


def without_unseen(text: str) -> str:
    """Plain text without the characters that take no room, change the direction or have no meaning."""
    unseen = {ord(character): None for character in set(text) if _is_unseen(character)}
    return _SEPARATOR.sub(" ", text.translate(unseen) if unseen else text)


def without_unseen_entities(text: str) -> str:
    """The text without the entities that stand for such characters."""
    return _ENTITY.sub(_seen_entity, text) if "&" in text else text


def clean_address(raw: str, *, escaped: bool = False) -> str:
    """An address that is one and nothing else; empty for sentences and for what a browser would not open.

    escaped: it may have markdown's backslashes, and brackets of which one could be missing.
    """
    if len(raw) > ADDRESS_LENGTH:
        return ""
    plain = without_unseen_entities(without_unseen(raw))
    plain = _WHOLE_ENTITY.sub(lambda match: html.unescape(match[0]), plain)
    scheme = _SCHEME.match(plain)
    if re.search(r"\s", plain) or (scheme and scheme[1].lower() not in _SCHEMES):
        return ""
    if escaped:
        plain = _ESCAPE.sub(r"\1", plain).replace("(", "%28").replace(")", "%29")
    return _AWKWARD.sub(lambda match: f"%{ord(match[0]):02X}", plain)


def _is_unseen(character: str) -> bool:
    if character in "\n\t":
        return False
    return character in _BLANK or unicodedata.category(character) in _UNSEEN_KINDS


def _seen_entity(match: re.Match[str]) -> str:
    entity = match[0].rstrip(";")
    if entity[1] != "#":
        decoded = html.unescape(match[0])
    else:
        # The numbers mean themselves, as in CommonMark; browsers see more in some of them.
        base, digits = (16, entity[3:]) if entity[2] in "xX" else (10, entity[2:])
        digits = digits.lstrip("0")
        number = int(digits, base) if 0 < len(digits) < 8 else 0
        decoded = chr(number) if 0 < number <= 0x10FFFF else "\ufffd"
    return "" if any(_is_unseen(character) for character in decoded) else match[0]
