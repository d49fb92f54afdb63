"""What a person types at the page, as the text that Slack stores. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping

_CODE = re.compile(r"(```.*?```|`[^`\n]+`)", re.DOTALL)
_REFERENCE = re.compile(
    r"(?P<url>https?://[^\s<>]+[^\s<>.,;:!?)\]'\"])"
    r"|(?<![\w@])@(?P<person>[a-z0-9][a-z0-9._-]*)"
    r"|(?<![\w#])#(?P<channel>[a-z0-9][a-z0-9_-]*)",
    re.IGNORECASE,
)


def compose(typed: str, people: Mapping[str, str], channels: Mapping[str, str]) -> str:
    """Escape, and turn addresses, `@name` and `#channel` into Slack's references.

    people, channels: ids by lower-case name. What names nobody stays text; code is left alone.
    """
    pieces = _CODE.split(typed.strip())
    return "".join(
        escape_text(piece) if index % 2 else _compose_plain(piece, people, channels)
        for index, piece in enumerate(pieces)
    )


def escape_text(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _compose_plain(text: str, people: Mapping[str, str], channels: Mapping[str, str]) -> str:
    parts: list[str] = []
    position = 0
    for match in _REFERENCE.finditer(text):
        parts.append(escape_text(text[position : match.start()]))
        parts.append(_reference(match, people, channels))
        position = match.end()
    parts.append(escape_text(text[position:]))
    return "".join(parts)


def _reference(match: re.Match[str], people: Mapping[str, str], channels: Mapping[str, str]) -> str:
    if match["url"]:
        return f"<{escape_text(match['url'])}>"
    if match["person"]:
        name = match["person"].rstrip(".-_")
        rest = match["person"][len(name) :]
        person = people.get(name.lower())
        return f"<@{person}>{rest}" if person else escape_text(match[0])
    channel = channels.get(match["channel"].lower())
    return f"<#{channel}|{match['channel']}>" if channel else escape_text(match[0])
