"""Reads raw HTML and the inside of paragraphs: what is text, what is a tag, and what nobody sees."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass, field

from markdown_it.common.utils import normalizeReference

from bot.github.tags import Tag, closing_tag, opening_tag
from bot.github.unseen import clean_address, without_unseen_entities

REFERENCE_ROOM = 60_000  # characters; else a long address and many references to it make a huge text
PARENTHESES = 32  # within each other in an address; GitHub takes no more

_MARKS = re.compile(r"\\[\s\S]|`++|<|!?\[|\]")
_TICKS = re.compile(r"`++")
_AUTOLINK = re.compile(r"<(?:[A-Za-z][A-Za-z0-9.+-]{1,31}:[^<>\x00-\x20]*+|[\w.+-]++@[\w.-]++)>")
_INLINE_TAG = re.compile(  # as CommonMark has it; whatever else looks like a tag is text there
    r"<([A-Za-z][A-Za-z0-9-]*+)"
    r"((?:\s++[A-Za-z_:][A-Za-z0-9_.:-]*+(?:\s*+=\s*+(?:[^\s\"'=<>`]++|'[^']*+'|\"[^\"]*+\"))?+)*+)\s*+/?>"
)
_BLOCK_TAG = re.compile(  # as browsers read it, up to its end or that of the text
    r"<([A-Za-z][^\s/>]*+)"
    r"((?:[\s/]++|[^\s/>][^\s/>=]*+(?:\s*+=\s*+(?:\"[^\"]*+(?:\"|\Z)|'[^']*+(?:'|\Z)|[^\s>\"'][^\s>]*+)?+)?+)*+)"
    r"(>|\Z)"
)
_CLOSING_TAG = re.compile(r"</([A-Za-z][A-Za-z0-9-]*+)\s*+>")
_OPEN_QUOTE = re.compile(r"=\s*+(?:\"[^\"]*+|'[^']*+)\Z")
_COMMENT_END = re.compile(r"--!?>")
_TITLE = re.compile(r"\s++(?:\"(?:[^\"\\]|\\.)*+\"|'(?:[^'\\]|\\.)*+'|\((?:[^()\\]|\\.)*+\))", re.DOTALL)
_ANGLED = re.compile(r"<((?:[^<>\n\\]|\\.)*+)>")
_STEP = re.compile(r"\\[^\s]|[()]|[^\s()\\]++|\\")
_LABEL = re.compile(r"\[((?:[^\[\]\\]|\\.){0,999}+)\]", re.DOTALL)
_SPACE = re.compile(r"\s*+")


class Code(str):
    """A code span, which is nothing but text."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Rest:
    """From here on, nothing is seen."""


Piece = str | Tag | Rest


@dataclass(slots=True)
class References:
    """Addresses by label, as long as there is room for them."""

    addresses: Mapping[str, str]
    room: int = REFERENCE_ROOM

    def find(self, label: str) -> str | None:
        address = self.addresses.get(normalizeReference(label))
        if address is None:
            return None
        self.room -= len(address)
        return address if self.room >= 0 else ""


class HtmlReader:
    """Reads raw HTML. `prefixes`: what stands in the source behind the line end at a place."""

    def __init__(self, text: str, prefixes: Mapping[int, str]) -> None:
        self._text = text
        self._prefixes = prefixes
        self._pieces: list[Piece] = []
        self._missing: set[str] = set()

    def pieces(self) -> list[Piece]:
        position = 0
        while (at := self._text.find("<", position)) >= 0:
            self._say(position, at)
            position = self._angle(at)
            if position == at:
                self._pieces.append("<")
                position += 1
        self._say(position, len(self._text))
        return self._pieces

    def _source(self, start: int, end: int) -> str:
        parts = self._text[start:end].split("\n")
        out = [parts[0]]
        at = start
        for before, after in zip(parts, parts[1:], strict=False):
            at += len(before)
            out.append(self._prefixes.get(at, "") + after)
            at += 1
        return "\n".join(out)

    def _say(self, start: int, end: int) -> None:
        if start < end:
            self._pieces.append(without_unseen_entities(self._source(start, end)))

    def _angle(self, at: int) -> int:
        """Reads what begins with "<"; the place behind it, or `at` when it is only a character."""
        follows = self._text[at + 1 : at + 2]
        if follows in {"!", "?"}:
            return self._declaration(at)
        if follows == "/":
            return self._closing(at)
        tag = _BLOCK_TAG.match(self._text, at)
        if tag is None:
            return at
        if tag[3]:
            self._pieces.append(opening_tag(tag[1], tag[2]))
        elif _OPEN_QUOTE.search(tag[2]):
            self._pieces.append(Rest())  # for a browser, the following blocks are in the attribute
        return tag.end()

    def _closing(self, at: int) -> int:
        tag = _CLOSING_TAG.match(self._text, at)
        if tag is not None:
            self._pieces.append(closing_tag(tag[1]))
            return tag.end()
        end = self._find(">", at)
        return end if end >= 0 else len(self._text)

    def _declaration(self, at: int) -> int:
        """A comment, or what browsers take for one, to the latest end that a reader may see in it."""
        text = self._text
        if text.startswith("<!--", at):
            soft, hard = self._comment_end(at), self._find("-->", at + 4)
        elif text.startswith("<![CDATA[", at):
            soft, hard = self._find(">", at), self._find("]]>", at)
        elif text.startswith("<?", at):
            soft, hard = self._find(">", at), self._find("?>", at)
        else:
            soft = hard = self._find(">", at)
        end = max(soft, hard)
        if end < 0:
            return self._unended(at)
        if 0 <= soft < end:  # who sees the early end sees what is opened behind it
            for tag in _BLOCK_TAG.finditer(text, soft, end):
                self._pieces.append(Tag(tag[1].lower(), "", hides=opening_tag(tag[1], tag[2]).hides))
        return end

    def _comment_end(self, at: int) -> int:
        found = None if "--!>" in self._missing else _COMMENT_END.search(self._text, at + 2)
        if found is None:
            self._missing.add("--!>")
            return -1
        return found.end()

    def _unended(self, at: int) -> int:
        if self._text.startswith("<!--", at):
            self._pieces.append(Rest())
        return len(self._text)

    def _find(self, mark: str, start: int) -> int:
        """The place behind the next `mark`, or -1; what is missing once is not looked for again."""
        found = -1 if mark in self._missing else self._text.find(mark, start)
        if found < 0:
            self._missing.add(mark)
            return -1
        return found + len(mark)


@dataclass(frozen=True, slots=True)
class _Opener:
    """A bracket that may begin a link or an image."""

    piece: int
    image: bool
    end: int


@dataclass(slots=True)
class _Brackets:
    """The open brackets; those below `dead` have a link in them, so they begin none themselves."""

    openers: list[_Opener] = field(default_factory=list)
    dead: int = 0

    def pop(self) -> _Opener | None:
        if not self.openers:
            return None
        opener = self.openers.pop()
        alive = opener.image or len(self.openers) >= self.dead
        self.dead = min(self.dead, len(self.openers))
        return opener if alive else None


class ProseReader(HtmlReader):
    """Reads the inside of a paragraph: code spans, raw HTML, links and images."""

    def __init__(self, text: str, prefixes: Mapping[int, str], references: References) -> None:
        super().__init__(text, prefixes)
        self._references = references
        self._brackets = _Brackets()
        self._ticks: dict[int, list[int]] = {}
        for match in _TICKS.finditer(text):
            self._ticks.setdefault(len(match[0]), []).append(match.start())

    def pieces(self) -> list[Piece]:
        said = position = 0
        while mark := _MARKS.search(self._text, position):
            at, position = mark.start(), mark.end()
            if mark[0][0] == "\\":
                continue
            self._say(said, at)
            said = self._read(mark)
            position = max(position, said)
        self._say(said, len(self._text))
        return self._pieces

    def _read(self, mark: re.Match[str]) -> int:
        """Reads what begins with a mark; the place behind it, or the mark's own when it is only a character."""
        at = mark.start()
        if mark[0][0] == "`":
            return self._code(at, mark.end())
        if mark[0] == "<":
            return self._angle(at)
        if mark[0] == "]":
            return self._bracket(at)
        self._brackets.openers.append(_Opener(len(self._pieces), mark[0][0] == "!", mark.end()))
        self._pieces.append(mark[0])
        return mark.end()

    def _code(self, at: int, end: int) -> int:
        starts = self._ticks.get(end - at, [])
        closing = bisect_left(starts, end)
        if closing == len(starts):
            return at
        behind = starts[closing] + end - at
        self._pieces.append(Code(self._source(at, behind)))
        return behind

    def _angle(self, at: int) -> int:
        text = self._text
        if link := _AUTOLINK.match(text, at):
            self._pieces.append(link[0])
            return link.end()
        if text.startswith(("<!--", "<![CDATA[", "<?"), at):
            return self._declaration(at)
        if text.startswith("<!", at):
            return self._declaration(at) if text[at + 2 : at + 3].isalpha() else at
        if text.startswith("</", at):
            return self._closing(at) if _CLOSING_TAG.match(text, at) else at
        tag = _INLINE_TAG.match(text, at)
        if tag is None:
            return at
        self._pieces.append(opening_tag(tag[1], tag[2]))
        return tag.end()

    def _unended(self, at: int) -> int:
        return len(self._text) if self._text.startswith("<!--", at) else at

    def _bracket(self, at: int) -> int:
        opener = self._brackets.pop()
        target = self._target(opener, at) if opener else None
        if opener is None or target is None:
            self._pieces.append("]")
            return at + 1
        address, end = target
        if opener.image:
            del self._pieces[opener.piece :]
            self._pieces.append(f"![]({address})")
            return end
        self._brackets.dead = len(self._brackets.openers)
        inside = self._pieces[opener.piece + 1 :]
        if any(isinstance(piece, Tag) or (isinstance(piece, str) and piece.strip()) for piece in inside):
            self._pieces.append(f"]({address})")
        else:
            del self._pieces[opener.piece :]
        return end

    def _target(self, opener: _Opener, at: int) -> tuple[str, int] | None:
        """Where the brackets that close at `at` lead to, and the place behind it."""
        if self._text.startswith("(", at + 1) and (found := _destination(self._text, at + 2)):
            return found
        label = _LABEL.match(self._text, at + 1)
        name = label[1] if label and label[1].strip() else self._text[opener.end : min(at, opener.end + 1000)]
        address = self._references.find(name)
        return None if address is None else (address, label.end() if label else at + 1)


def _destination(text: str, position: int) -> tuple[str, int] | None:
    """An inline link's address, and the place behind its closing bracket."""
    position = _behind_space(text, position)
    if angled := _ANGLED.match(text, position):
        address, position = clean_address(angled[1], escaped=True), angled.end()
    else:
        start, depth = position, 0
        while step := _STEP.match(text, position):
            depth += {"(": 1, ")": -1}.get(step[0], 0)
            if depth < 0 or depth > PARENTHESES:
                break
            position = step.end()
        if text.startswith("<", start) or depth > 0:
            return None
        address = clean_address(text[start:position], escaped="\\" in text[start:position])
    if title := _TITLE.match(text, position):
        position = title.end()
    position = _behind_space(text, position)
    return (address, position + 1) if text.startswith(")", position) else None


def _behind_space(text: str, position: int) -> int:
    space = _SPACE.match(text, position)
    return space.end() if space else position
