"""What a person sees of GitHub's markdown, without what only a model would read.

Where GitHub, browsers and this module could disagree, text goes rather than stays. Code stays as it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from markdown_it import MarkdownIt
from markdown_it.token import Token

from bot.github.markup import Code, HtmlReader, Piece, ProseReader, References, Rest
from bot.github.tags import NEVER_SHOWN, RAW, VOID, Tag
from bot.github.unseen import clean_address, without_unseen

PASSES = 6  # what one pass brings together, the next one takes apart; who needs more than these has a plan
NESTING = 100  # quotations and lists within each other; what is deeper is no text for people

_NEWLINE = re.compile(r"\r\n?")
_ACTIVE = re.compile(r"[<\[&`~]")  # without these, markdown hides nothing
_ONLY_MARKS = re.compile(r"[-=+*>|:#_~\s\d.)\\]*")
_LANGUAGE = re.compile(r"[ \t]*+[A-Za-z0-9+#_.-]{0,24}[ \t]*+")
_FOOTNOTE = re.compile(r"[ \t>*+.)\d-]*+\[\^([^\]\s]{1,999})\]:")
_CELL_END = re.compile(r"(?<!\\)\|")


def sanitized(text: str) -> str:
    """Markdown as a person sees it on GitHub.

    Comments, what elements and attributes hide, alternative texts, titles, definitions that nobody sees and
    invisible characters are gone; references are links in their place. Emoji fall into their parts, because
    what joins them is invisible. Doing it twice changes nothing more.
    """
    text = _NEWLINE.sub("\n", text)
    for _ in range(PASSES):
        before = text
        text = without_unseen(_pass(text) if _ACTIVE.search(text) else text)
        if text == before:
            return text
    return _ACTIVE.sub("", text)


@dataclass(frozen=True, slots=True)
class _Block:
    """Lines that belong together. `prefix`: the marks of lists and quotations that they are in;
    `text`: they are not code; `footnote`: the label whose text they are."""

    pieces: list[Piece]
    prefix: str = ""
    text: bool = True
    footnote: str = ""


def _pass(text: str) -> str:
    tokens = _parsed(text)
    references = {
        str(token.meta["id"]): clean_address(str(token.meta["url"]), escaped=True)
        for token in reversed(tokens)
        if token.type == "definition" and not _is_footnote(token)
    }
    return _shown(list(_blocks(text.split("\n"), tokens, References(references))))


def _parsed(text: str) -> list[Token]:
    options = {"inline_definitions": True, "maxNesting": NESTING}
    parser = MarkdownIt("commonmark", options).enable("table")
    parser.core.ruler.enableOnly(["normalize", "block"])
    # A definition whose address the library would refuse is one for GitHub.
    parser.validateLink = lambda url: True  # type: ignore[method-assign]
    parser.normalizeLink = lambda url: url  # type: ignore[method-assign]
    return parser.parse(text)


def _is_footnote(token: Token) -> bool:
    return str(token.meta["id"]).startswith("^")


def _blocks(lines: Sequence[str], tokens: Sequence[Token], references: References) -> Iterator[_Block]:
    """The text in its order."""
    line = 0
    footnote, footnotes = "", False
    for token in tokens:
        if token.map is None or token.map[0] < line:
            continue
        kind = token.type
        if kind == "inline" or (kind == "definition" and _is_footnote(token)):
            kind = "prose"
        if kind not in {"fence", "code_block", "html_block", "definition", "tr_open", "prose"}:
            continue
        first, last = token.map[0], min(token.map[1], len(lines))
        yield from _between(lines[line:first])
        line = last
        if kind == "prose":
            for block in _paragraphs(lines[first:last], token.content, references):
                footnote = block.footnote
                footnotes = footnotes or bool(footnote)
                yield block
        elif kind == "code_block" and footnotes:
            # For GitHub it may be a footnote's, and then it can be anything. As HTML, it is at least no code.
            yield _Block(HtmlReader("\n".join(lines[first:last]), {}).pieces(), footnote=footnote)
        elif kind != "definition":
            footnote = ""
            yield _block(kind, token, lines[first:last], references)
    yield from _between(lines[line:])


def _block(kind: str, token: Token, lines: Sequence[str], references: References) -> _Block:
    if kind == "html_block":
        content, prefix, prefixes = _unprefixed(lines, token.content)
        return _Block(HtmlReader(content, prefixes).pieces(), prefix)
    if kind == "tr_open":
        return _Block(_row(lines[0], references))
    if kind == "fence":
        lines = [_fence(lines[0], token.markup), *lines[1:]]
    return _Block(["\n".join(lines)], text=False)


def _between(lines: Sequence[str]) -> Iterator[_Block]:
    """Lines that no token stands for: nothing but marks, or too deep."""
    for line in lines:
        yield _Block([line], text=False) if _ONLY_MARKS.fullmatch(line) else _Block([Rest()])


def _paragraphs(lines: Sequence[str], content: str, references: References) -> Iterator[_Block]:
    """A paragraph, and the footnotes that begin within it."""
    texts = content.split("\n") if content else list(lines)
    begins = [at for at, line in enumerate(lines) if _FOOTNOTE.match(line)]
    for first, last in zip([0, *begins], [*begins, len(lines)], strict=True):
        if first == last:
            continue
        mark = _FOOTNOTE.match(lines[first])
        text, prefix, prefixes = _unprefixed(lines[first:last], "\n".join(texts[first:last]))
        pieces = ProseReader(text, prefixes, references).pieces()
        yield _Block(pieces, prefix, footnote=mark[1].casefold() if mark else "")


def _unprefixed(lines: Sequence[str], content: str) -> tuple[str, str, dict[int, str]]:
    """The content with its place in the source: what stands before it, and behind each of its line ends."""
    texts = content.split("\n")
    parts: list[tuple[str, str]] = []
    for at, line in enumerate(lines):
        text = texts[at].strip() if at < len(texts) else line.strip()
        bare = line.rstrip()
        cut = len(bare) - len(text) if bare.endswith(text) else 0
        parts.append((line[:cut], line[cut:]))
    prefixes: dict[int, str] = {}
    length = len(parts[0][1])
    for prefix, text in parts[1:]:
        prefixes[length] = prefix
        length += len(text) + 1
    return "\n".join(text for _, text in parts), parts[0][0], prefixes


def _row(line: str, references: References) -> list[Piece]:
    """A table's row: cells end before anything in them begins."""
    pieces: list[Piece] = []
    for at, cell in enumerate(_CELL_END.split(line)):
        pieces += ["|"] if at else []
        pieces += ProseReader(cell, {}, references).pieces()
    return pieces


def _fence(line: str, markup: str) -> str:
    """A fence's first line with the language only, which is all that GitHub takes notice of."""
    end = line.find(markup) + len(markup)
    return line if _LANGUAGE.fullmatch(line, end) else line[:end]


def _shown(blocks: Sequence[_Block]) -> str:
    """The blocks without what is in hidden elements, and without footnotes that nothing leads to."""
    texts: list[tuple[str, str]] = []
    mentions: list[str] = []
    hidden: list[str] = []
    for block in blocks:
        seen: list[str] = []
        covered = bool(hidden)
        over = False
        for piece in block.pieces:
            if isinstance(piece, Rest):
                over = True
                break
            if isinstance(piece, Tag):
                seen += _tag_shown(piece, hidden)
            elif not hidden:
                seen.append(piece)
                if block.text and not block.footnote and not isinstance(piece, Code):
                    mentions.append(piece)
        text = "".join(seen)
        if text.strip() or not (block.text or covered):
            texts.append((block.prefix + text, block.footnote))
        if over:
            break
    mentioned = "".join(mentions).casefold() if any(block.footnote for block in blocks) else ""
    return "\n".join(text for text, footnote in texts if not footnote or f"[^{footnote}]" in mentioned)


def _tag_shown(tag: Tag, hidden: list[str]) -> list[str]:
    """What is seen of a tag; `hidden` holds the hidden elements that are open."""
    if not hidden:
        if tag.hides and tag.name not in VOID:
            hidden.append(tag.name)
        return [] if tag.hides else [tag.shown]
    if tag.closing:
        if tag.name == hidden[-1]:
            hidden.pop()
    elif hidden[-1] not in RAW and (tag.name == hidden[-1] or tag.name in NEVER_SHOWN):
        hidden.append(tag.name)
    return []
