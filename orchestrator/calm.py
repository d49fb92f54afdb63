"""Markdown of other people's, made harmless for GitHub."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass

from markdown_it import MarkdownIt
from markdown_it.token import Token

IMAGE = "image"  # the label of an image that has none
LONGEST_TICKS = 80  # GitHub takes longer runs of backticks for text

_JOINER = "\N{WORD JOINER}"  # invisible; behind an "@" it keeps GitHub from telling anybody
_AT = r"(?<![A-Za-z0-9])(?:@|&#0{0,6}64;|&#[xX]0{0,6}40;|&commat;)(?=[A-Za-z0-9]|&(?!lt;))"
_PING = re.compile(_AT)
_WORDS = re.compile(
    r"\\(?!@)[!-/:-@\[-`{-~]|<(?i:https?://[^\s<>`]*|br[ ]?/?)>"  # stays: an escape, an address, a line's end
    r"|(?P<address>(?i:https?)://[^\s<>()\[\]`]+)"
    r"|(?P<tag><(?=[A-Za-z/!?]))"
    r"|(?P<footnote>!*\[(?=\^))"
    r"|!+\[(?P<unnamed>\](?=[(\[]))?(?P<image>)"
    rf"|(?P<at>{_AT})"
)
_BEFORE = r"(?:[ \t>*+-]|\d{1,9}[.)]|\[[ xX]\])*"  # the marks of quotations and lists
_FOOTNOTE = re.compile(rf"(?m)^({_BEFORE}\[)(?=\^)")
_FIRST_TAG = re.compile(rf"(?im)^({_BEFORE})<(?=[a-z/!?])(?!https?://[^\s<>`]*>|br[ ]?/?>[ \t]*\S)")
_DEFINITION = re.compile(rf"\A({_BEFORE})(?=\[(?:\\[\s\S]|[^\]\\])*\]:)")
_SPAN_START = re.compile(r"\\[\s\S]|<(?i:https?)://[^\s<>`]*>|(?P<ticks>`+)")
_TICKS = re.compile(r"`+")


def calm(text: str) -> str:
    """Markdown that pings nobody, loads nothing, hides nothing and ends what it opens. Code stays as it is.

    Raw HTML becomes text, but for `<br>`, so that no tag and no comment can take in what follows. Images
    become links; footnotes and the definitions of links become text. What is not certainly code for GitHub is
    treated as words. Doing it twice changes nothing more.
    """
    lines = text.rstrip().splitlines()
    tokens = _parser().parse("\n".join(lines))
    shown = "\n".join(_blocks(lines, tokens))
    return f"{shown}\n{fence}" if (fence := _open_fence(lines, tokens)) else shown


class Ticks:
    """The runs of backticks in the text of one block."""

    def __init__(self, text: str) -> None:
        self._starts: dict[int, list[int]] = {}
        for match in _TICKS.finditer(text):
            self._starts.setdefault(len(match[0]), []).append(match.start())

    def end(self, start: int, length: int) -> int:
        """Where the code span ends that `length` backticks at `start` open; -1 where nothing closes them."""
        if length > LONGEST_TICKS:
            return -1
        starts = self._starts.get(length, [])
        index = bisect_left(starts, start + length)
        return starts[index] + length if index < len(starts) else -1


@dataclass(frozen=True, slots=True)
class _Block:
    """Lines [first, end) of a text that are one block of words, or of a table, or of code."""

    first: int
    end: int
    kind: str


def _parser() -> MarkdownIt:
    """Blocks as GitHub sees them in a text that is calm: without tags and without definitions."""
    parser = MarkdownIt("commonmark").enable("table").disable(["html_block", "reference"])
    parser.core.ruler.enableOnly(["normalize", "block"])
    return parser


def _blocks(lines: list[str], tokens: list[Token]) -> Iterator[str]:
    position = 0
    for block in _found(tokens):
        if block.first < position:
            continue  # a cell of a table that was seen
        for line in lines[position : block.first]:
            yield _without_blocks(_words(line))
        inside = lines[block.first : block.end]
        if block.kind == "code":
            yield from inside
        elif block.kind == "table":
            yield from map(_row, inside)
        else:
            yield _DEFINITION.sub(r"\1\\", _without_blocks(_paragraph("\n".join(inside))))
        position = max(position, block.end)
    for line in lines[position:]:
        yield _without_blocks(_words(line))


def _found(tokens: list[Token]) -> Iterator[_Block]:
    kinds = {"fence": "code", "code_block": "code", "table_open": "table", "inline": "words"}
    for token in tokens:
        if token.map is not None and token.type in kinds:
            yield _Block(token.map[0], token.map[1], kinds[token.type])


def _paragraph(text: str) -> str:
    parts: list[str] = []
    ticks, position, words_start = Ticks(text), 0, 0
    while match := _SPAN_START.search(text, position):
        position = match.end()
        if match["ticks"] is None:
            continue
        end = ticks.end(match.start(), len(match["ticks"]))
        if end >= 0:
            parts += (_words(text[words_start : match.start()]), text[match.start() : end])
            position = words_start = end
    return "".join((*parts, _words(text[words_start:])))


def _row(line: str) -> str:
    """A row of a table: a code span never reaches over the end of its cell."""
    if "\\|" in line:
        return _words(line)
    return "|".join(map(_paragraph, line.split("|")))


def _words(words: str) -> str:
    return _WORDS.sub(_calmed, words)


def _calmed(match: re.Match[str]) -> str:
    if match["address"]:
        return _PING.sub("%40", match["address"])
    if match["tag"]:
        return "&lt;"
    if match["footnote"]:
        return "[\\"
    if match["image"] is not None:
        return f"[{IMAGE}]" if match["unnamed"] else "["
    return f"{match[0]}{_JOINER}" if match["at"] else match[0]


def _without_blocks(words: str) -> str:
    """At the beginning of a line, a footnote or a tag begins a block of its own, also inside a code span."""
    return _FIRST_TAG.sub(r"\1&lt;", _FOOTNOTE.sub(r"\1\\", words))


def _open_fence(lines: list[str], tokens: list[Token]) -> str:
    """What closes the code block that the text ends in; "" where it ends in none."""
    last = next((token for token in reversed(tokens) if token.nesting == 0), None)
    if last is None or last.type != "fence" or last.level or last.map is None or last.map[1] < len(lines):
        return ""
    closing = rf" {{0,3}}{re.escape(last.markup)}{re.escape(last.markup[0])}*[ \t]*"
    closed = last.map[0] < len(lines) - 1 and re.fullmatch(closing, lines[-1])
    return "" if closed else last.markup
