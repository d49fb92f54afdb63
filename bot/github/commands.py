"""What a comment on GitHub asks of Heddle: only what GitHub shows as its author's own words counts."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from markdown_it import MarkdownIt
from markdown_it.token import Token

from orchestrator.calm import Ticks

_CALL = re.compile(r"(?i:/claude)(?::|(?=\s)|\Z)")
_MENTION = r"(?<!\w)@(?:{names})(?:\[bot\])?(?![\w/-]|\.\w)"
_NEWLINE = re.compile(r"\r\n?")
# Parsers of markdown disagree with Python on what else is white space: to them it is a letter like others.
_ODD_SPACE = re.compile(r"[^\S \t\n]|\0")
_LETTER = "\N{WORD JOINER}"
_QUOTING = re.compile(r"<(/?)blockquote\b", re.IGNORECASE)
_CODE_TAGS = frozenset({"code", "pre", "samp", "tt"})
# What stands among words and is none: escapes, code, HTML, links, addresses. Nothing is read twice for it.
_OTHER = re.compile(
    r"\\[\s\S]"
    r"|(?P<ticks>`+)"
    r"|(?P<comment><!--)"
    r"|<(?P<tag>[a-z][a-z0-9-]*+)(?:\s++[a-z_:][^<>]*+|\s*+/?)>"
    r"|</[a-z][a-z0-9-]*+\s*+>|<[?!][^<>]*+>|<[a-z][a-z0-9+.-]{1,31}:[^\s<>]*+>"
    r"|!?\[[^\[\]`<\\]*+\]\(\s*+[^\s()<>`]*+(?:\s++(?:\"[^\"<`]*+\"|'[^'<`]*+'))?+\s*+\)"
    r"|https?://[^\s<>`]++",
    re.IGNORECASE,
)


def instruction(body: str, names: Collection[str]) -> str | None:
    """What a comment tells Heddle to do; "" where it only calls, None where it asks nothing.

    names: what Heddle is mentioned by, without "@". A line that begins with `/claude` makes the instruction
    of what follows it, up to the end; where nothing follows, of what stands before. A mention makes it of the
    whole comment. Quotations, code and what GitHub hides start nothing. Never raises; linear in the length.
    """
    body = _NEWLINE.sub("\n", body)
    masked = _ODD_SPACE.sub(_LETTER, body)
    blocks = list(_blocks(masked))
    if calls := [call for block in blocks for call in _calls(body, masked, block)]:
        return _called(body, calls)
    mentions = (mention for block in blocks for mention in _mentions(masked, block, names))
    first = next(mentions, None)
    return None if first is None else _mentioned(body, *first)


@dataclass(frozen=True, slots=True)
class _Block:
    """The author's words at [start, end) of a comment. `lines`: where its lines and their words begin."""

    start: int
    end: int
    lines: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class _Call:
    """A `/claude` at [start, end), on the line that begins at `line`."""

    line: int
    start: int
    end: int


def _blocks(text: str) -> Iterator[_Block]:
    """Paragraphs, headings and rows of tables outside quotations."""
    parser = MarkdownIt("commonmark").enable("table")
    parser.core.ruler.enableOnly(["normalize", "block"])
    starts = [0, *(match.end() for match in re.finditer("\n", text)), len(text) + 1]
    quoted, begun = 0, -1
    opening: Token | None = None
    for token in parser.parse(text):
        quoted = max(0, quoted + _quoting(token))
        if token.type == "inline" and token.map is not None and not quoted and token.map[0] > begun:
            begun, last = token.map  # the other cells of a row begin on the same line
            plain = opening is not None and _is_plain(opening)
            lines = _lines(text, starts[begun : last + 1], token.content) if plain else ()
            yield _Block(starts[begun], starts[last] - 1, tuple(lines))
        opening = token


def _quoting(token: Token) -> int:
    """How many quotations begin with a token, less those that end."""
    if token.type == "html_block" and not token.content.lstrip().startswith("<!--"):
        return sum(-1 if match[1] else 1 for match in _QUOTING.finditer(token.content))
    return token.nesting if token.type in ("blockquote_open", "blockquote_close") else 0


def _is_plain(opening: Token) -> bool:
    """Whether lines stand as they were typed in what a token opens: a paragraph, or one that is underlined."""
    return opening.type == "paragraph_open" or (opening.type == "heading_open" and opening.markup in "-=")


def _lines(text: str, starts: list[int], content: str) -> Iterator[tuple[int, int]]:
    """Where the lines of a paragraph begin and where their words do; not of those that are indented deep."""
    for line, start, following in zip(content.split("\n"), starts, starts[1:], strict=False):
        if not line.startswith(("    ", "\t")):
            yield start, start + len(text[start : following - 1].rstrip(" \t")) - len(line.strip(" \t"))


def _calls(body: str, masked: str, block: _Block) -> Iterator[_Call]:
    matches = [(line, match) for line, start in block.lines if (match := _CALL.match(body, start))]
    others = _others(masked[block.start : block.end]) if matches else iter(())
    other = next(others, None)
    for line, match in matches:
        at = match.start() - block.start
        while other is not None and other[1] <= at:
            other = next(others, None)
        if other is None or at < other[0]:
            yield _Call(line, *match.span())


def _mentions(masked: str, block: _Block, names: Collection[str]) -> Iterator[tuple[int, int]]:
    if not names:
        return
    text = masked[block.start : block.end]
    pattern = re.compile(_MENTION.format(names="|".join(map(re.escape, names))), re.IGNORECASE)
    others = _others(text)
    other = next(others, None)
    for match in pattern.finditer(text):
        while other is not None and other[1] <= match.start():
            other = next(others, None)
        if other is None or match.start() < other[0]:
            yield block.start + match.start(), block.start + match.end()


def _others(text: str) -> Iterator[tuple[int, int]]:
    """What among a block's text is not its words, in order."""
    ticks, endless, position = Ticks(text), set[str](), 0
    while match := _OTHER.search(text, position):
        position = match.end()
        end = position
        if match["ticks"]:
            end = ticks.end(match.start(), len(match["ticks"]))
        elif match["comment"]:
            end = _closing(text, "-->", position, endless)
        elif (tag := (match["tag"] or "").lower()) in _CODE_TAGS:
            end = max(position, _closing(text, rf"</{tag}\s*+>", position, endless))
        if end >= 0:
            yield match.start(), end
            position = end


def _closing(text: str, pattern: str, position: int, endless: set[str]) -> int:
    """Where what `pattern` ends is over; -1 where it never is, which `endless` keeps."""
    match = None if pattern in endless else re.compile(pattern, re.IGNORECASE).search(text, position)
    if match is None:
        endless.add(pattern)
        return -1
    return match.end()


def _called(body: str, calls: list[_Call]) -> str:
    parts: list[str] = []
    for call, following in zip(calls, (*calls[1:], None), strict=True):
        parts.append(body[call.end : following.start if following else None])
    text = "".join((parts[0], *(part.lstrip(" \t") for part in parts[1:]))).strip()
    return text or body[: calls[0].line].strip()


def _mentioned(body: str, start: int, end: int) -> str:
    before, after = body[:start], body[end:]
    following = after[1:] if after[:1] in (",", ":") else after
    apart = before[-1:].isspace() and (following is not after or after[:1].isspace())
    if before.rpartition("\n")[2].strip():
        before = before.rstrip(" \t") + (" " if apart else "")
    following = following.lstrip(" \t")
    text = f"{before}{following}".strip()
    call = _CALL.match(text)
    return text[call.end() :].strip() if call else text
