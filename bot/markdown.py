"""Cutting markdown to a length without breaking what it formats."""

from __future__ import annotations

import re
import unicodedata

ELLIPSIS = "…"
SHORTEST = 16  # characters; the least limit that truncate() takes
_FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})")
_INLINE = re.compile(r"`+|\*\*|__|~~|!?\[|\]\(")


def truncate(text: str, limit: int) -> str:
    """`text` in at most `limit` characters (16 or more), ending in "…" when something was left out.

    An open code block is closed, a half link, code span or emphasis is dropped, and the cut is made at the
    end of a paragraph, line or word where there is one nearby.
    """
    if limit < SHORTEST:
        raise ValueError(f"limit must be at least {SHORTEST}")
    if len(text) <= limit:
        return text
    room = limit - len(ELLIPSIS)
    while True:
        kept = _whole_characters(text, room)
        fence = _open_fence(kept)
        closing = ""
        if fence:
            kept = _at_line(kept)
            fence = _open_fence(kept)
            closing = f"\n{fence}\n" if fence else "\n"
        else:
            kept = _before_open_span(_at_word(kept))
        result = f"{kept.rstrip()}{closing}{ELLIPSIS}"
        if len(result) <= limit:
            return result
        room -= len(result) - limit


def split(text: str, limit: int) -> list[str]:
    """`text` in pieces of at most `limit` characters, code blocks closed and opened again between them."""
    pieces: list[str] = []
    current, fence = "", ""
    for line in _lines(text, limit - 2 * SHORTEST):
        reserve = len(fence) + 2 if fence else 0
        if current and len(current) + len(line) + reserve > limit:
            pieces.append(f"{current.rstrip()}\n{fence}" if fence else current.rstrip("\n"))
            current = f"{fence}\n" if fence else ""
        match = _FENCE.match(line)
        if match and not fence:
            fence = match[1][:8]
        elif match and fence and match[1].startswith(fence):
            fence = ""
        current += line
    if current.strip():
        pieces.append(current.rstrip("\n"))
    return pieces


def first_line(text: str, limit: int) -> str:
    """The first line that is not blank, in at most `limit` characters."""
    line = next((line for line in text.splitlines() if line.strip()), "")
    line = " ".join(line.split())
    if len(line) <= limit:
        return line
    return _whole_characters(_at_word(line[: limit - 1]), limit - 1).rstrip() + ELLIPSIS


def _lines(text: str, longest: int) -> list[str]:
    lines: list[str] = []
    for line in text.splitlines(keepends=True):
        while len(line) > longest:
            part = _whole_characters(line, longest)
            lines.append(f"{part}\n")
            line = line[len(part) :]
        lines.append(line)
    return lines


def _whole_characters(text: str, length: int) -> str:
    """At most `length` characters, no combining mark, joiner or variation left without its neighbour."""
    if length >= len(text):
        return text
    end = length
    while end > max(0, length - 32) and _joined(text[end]):
        end -= 1
    while end > max(0, length - 32) and text[end - 1 : end] == "\u200d":
        end -= 1
    return text[: end or length]


def _joined(character: str) -> bool:
    return bool(
        unicodedata.combining(character)
        or character in "\u200d\ufe0e\ufe0f"
        or "\U0001f3fb" <= character <= "\U0001f3ff"
    )


def _open_fence(text: str) -> str:
    fence = ""
    for line in text.splitlines():
        match = _FENCE.match(line)
        if match and not fence:
            fence = match[1]
        elif match and match[1].startswith(fence) and not line.strip().strip(fence[0]):
            fence = ""
    return fence


def _at_line(text: str) -> str:
    cut = text.rfind("\n", max(0, len(text) - 400))
    return text[:cut] if cut > 0 else text


def _at_word(text: str) -> str:
    for separator, reach in (("\n\n", 200), ("\n", 120), (" ", 40)):
        cut = text.rfind(separator, max(0, len(text) - reach))
        if cut > len(text) // 2:
            return text[:cut]
    return text


def _before_open_span(text: str) -> str:
    """Without a code span, link or emphasis that begins in the last paragraph and does not end."""
    start = text.rfind("\n\n") + 1
    opened: dict[str, int] = {}
    link: int | None = None
    position = start
    while match := _INLINE.search(text, position):
        token, at = match[0], match.start()
        position = match.end()
        code = next((mark for mark in opened if mark.startswith("`")), None)
        if code is not None:
            if token == code:
                del opened[code]
            continue
        if token.endswith("["):
            link = at if link is None else link
        elif token == "](":
            close = text.find(")", position)
            if close == -1:
                break
            link, position = None, close + 1
        elif token in opened:
            del opened[token]
        else:
            opened[token] = at
    if link is not None and "]" in text[link:] and "](" not in text[link:]:
        link = None  # brackets that are no link
    begins = [*opened.values(), *([link] if link is not None else [])]
    return text[: min(begins)] if begins else text
