"""Cutting markdown to a length without breaking what it formats."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from markdown_it import MarkdownIt

ELLIPSIS = "…"
SHORTEST = 16  # characters; the least limit that anything here takes
_JOINER = "\N{WORD JOINER}"  # in front of a fence, makes it text

_LONGEST_SPAN = 400  # characters of an unfinished span that a cut gives up; beyond it, what opened was text
_NEWLINE = re.compile(r"\r\n?")
_BLANK = re.compile(r"\n*+")
_TICKS = re.compile(r"`+")
_INLINE = re.compile(r"\\[\s\S]|`+|\*{1,3}|_{1,3}|~~|!?\[|\]\(")
_FENCE_LINE = re.compile(r"[ \t>]*(?:(?:[-*+]|\d{1,9}[.)])[ \t]+)*(`{3,}(?=[^`\n]*$)|~{3,})", re.MULTILINE)


def truncate(text: str, limit: int) -> str:
    """`text` in at most `limit` characters (16 or more), ending in "…" when something was left out.

    An open code block is closed, a half link, code span or emphasis is dropped, and the cut is made at the
    end of a paragraph, line or word where there is one nearby.
    """
    _check(limit)
    parser = _parser()
    text = _NEWLINE.sub("\n", text)
    if len(text) <= limit:
        fence = _ending(parser, text).fence
        if fence is None:
            return text
        closed = f"{text.rstrip()}\n{fence.closing}"
        if len(closed) <= limit and _ending(parser, closed).fence is None:
            return closed
    head = _head(parser, text, limit - len(ELLIPSIS) - 1)
    kept = f"{text[: head.end].rstrip()}{head.closing}" if head is not None else ""
    if not kept:
        return ELLIPSIS
    # Behind the marks of a code block or a heading's underline, "…" needs a line of its own.
    return kept + ("" if _ending(parser, kept).words is not None else "\n") + ELLIPSIS


def split(text: str, limit: int) -> list[str]:
    """`text` in pieces of at most `limit` characters (16 or more), each of them well-formed by itself.

    A code block that goes over a seam is closed and opened again. Nothing else is added, and nothing but
    white space at the seams is lost. A blank text has no pieces.
    """
    _check(limit)
    parser = _parser()
    text = _NEWLINE.sub("\n", text).strip("\n").rstrip()
    pieces: list[str] = []
    position, opening = 0, ""
    while position < len(text):
        window = opening + text[position : position + 2 * limit]
        if len(window) <= limit and _ending(parser, window).fence is None:
            pieces.append(window)
            break
        head = _head(parser, window, limit, len(opening))
        if head is None:  # a fence without room for its end: as text, it needs none
            head = _head(parser, window, limit - 1, len(opening), fences=False) or _Head(limit - 1)
            pieces.append(_disarmed(parser, window[: head.end].rstrip(), limit))
        else:
            pieces.append(window[: head.end].rstrip() + head.closing)
        position += head.end - len(opening)
        opening = head.opening
        if opening:
            position += 1 if text[position : position + 1] == "\n" else 0
            ended = re.compile(rf"[ \t>]*{re.escape(head.marker)}+[ \t]*(?:\n|$)").match(text, position)
            if ended is not None:
                position, opening = ended.end(), ""
            elif head.indent:
                text = text[:position] + _dedented(text[position:], head.marker, head.indent)
        if not opening:
            blank = _BLANK.match(text, position)
            position = blank.end() if blank else position
            if text[position - 1 : position + 1].endswith(" ") and text[position - 1] != "\n":
                position += 1
    return [piece for piece in pieces if piece.strip()]


def first_line(text: str, limit: int) -> str:
    """The first line with words, without the marks of a heading, list or quotation, within `limit`."""
    _check(limit)
    for line in text[:20_000].splitlines():
        bare = re.sub(r"^(?:\s*(?:#{1,6}|>|[-*+•])(?=\s))+", "", line)
        words = " ".join(bare.split())
        if words and not _FENCE_LINE.match(words):
            return _one_line(words, limit)
    return ""


def code_spans(text: str) -> list[tuple[int, int]]:
    """Where code stands, as [start, end) in order: fenced blocks with their fences, and code spans.

    A fence that nothing closes goes on to the end; a backtick that nothing closes on its line is text.
    """
    spans: list[tuple[int, int]] = []
    position, marker, opened = 0, "", 0
    for line in text.splitlines(keepends=True):
        match = _FENCE_LINE.match(line)
        if marker:
            if match and match[1].startswith(marker) and not line[match.end() :].strip():
                spans.append((opened, position + len(line)))
                marker = ""
        elif match:
            marker, opened = match[1], position
        else:
            spans.extend((position + start, position + end) for start, end in _ticked(line))
        position += len(line)
    if marker:
        spans.append((opened, len(text)))
    return spans


def whole_characters(text: str, length: int, start: int = 0) -> int:
    """The last place at or before `length` where no character that a reader sees as one is cut.

    After `start` in any case: a character that is longer than all the room is cut after all.
    """
    if length >= len(text):
        return len(text)
    end = length
    while end > start and _joined(text, end, start):
        end -= 1
    return end if end > start else length


def _check(limit: int) -> None:
    if limit < SHORTEST:
        raise ValueError(f"limit must be at least {SHORTEST}")


def _ticked(line: str) -> list[tuple[int, int]]:
    """Code spans of one line: a run of backticks up to the next of the same length."""
    runs = [match.span() for match in _TICKS.finditer(line)]
    following: dict[int, int] = {}
    partner: dict[int, int] = {}
    for index in range(len(runs) - 1, -1, -1):
        length = runs[index][1] - runs[index][0]
        if length in following:
            partner[index] = following[length]
        following[length] = index
    spans = []
    index = 0
    while index < len(runs):
        other = partner.get(index)
        if other is not None:
            spans.append((runs[index][0], runs[other][1]))
            index = other
        index += 1
    return spans


def _one_line(words: str, limit: int) -> str:
    if len(words) <= limit:
        return words
    end = _at_word(words, whole_characters(words, limit - 1))
    before = _before_open_span(words, 0, end)
    return words[: before if before > limit // 2 else end].rstrip() + ELLIPSIS


@dataclass(frozen=True, slots=True)
class _Fence:
    """A code block that is open where a text ends: where it starts, where its content does, its marks."""

    start: int
    content: int
    marker: str
    opening: str
    closing: str
    indent: int


@dataclass(frozen=True, slots=True)
class _Head:
    """A beginning of a text: text[:end] and `closing`; `opening` takes up an open code block after it."""

    end: int
    closing: str = ""
    opening: str = ""
    marker: str = ""
    indent: int = 0


def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark")
    parser.core.ruler.enableOnly(["normalize", "block"])
    return parser


@dataclass(frozen=True, slots=True)
class _Ending:
    """What a text ends in: an open code block, or words whose block begins at `words`, or neither."""

    fence: _Fence | None = None
    words: int | None = None


def _ending(parser: MarkdownIt, text: str) -> _Ending:
    lines = text.count("\n") + 1
    for token in reversed(parser.parse(f"{text}\n")):
        if token.map is None or token.type not in ("fence", "inline", "code_block", "html_block", "hr"):
            continue
        first, last = token.map
        start = 0
        for _ in range(first):
            start = text.index("\n", start) + 1
        if last < lines:
            return _Ending()
        if token.type == "inline":
            return _Ending(words=start)
        if token.type != "fence" or last - first - 1 > token.content.count("\n"):  # its last line closes it
            return _Ending()
        content = text.find("\n", start)
        content = len(text) if content < 0 else content + 1
        before = text[start : text.index(token.markup, start)]
        blank = re.sub(r"[^>\s]", " ", before)  # the place of a list's marker stays blank
        quoted = blank if ">" in blank else ""
        fence = _Fence(
            start,
            content,
            token.markup,
            f"{quoted}{token.markup}{token.info.rstrip()}\n",
            blank + token.markup,
            0 if quoted else len(blank),
        )
        return _Ending(fence=fence)
    return _Ending()


def _head(parser: MarkdownIt, text: str, room: int, least: int = 0, *, fences: bool = True) -> _Head | None:
    """The beginning of `text` that fits into `room` with what closes it, longer than `least`.

    None where that can't be, because nothing but a code block's first line would fit.
    """
    end = _good_end(text, room, least)
    while end > least:
        kept = text[:end].rstrip()
        ending = _ending(parser, kept)
        fence = ending.fence if fences else None
        if fence is None:
            if ending.words is not None and end < len(text):
                before = _before_open_span(kept, max(ending.words, least), len(kept))
                # Little may be lost for a mark that perhaps was text; half a link shows its address.
                enough = least if "](" in kept[before:] else (least + room) // 2
                if enough < before < len(kept):
                    end = before
                    continue
            return _Head(end)
        closing = f"\n{fence.closing}"
        excess = len(kept) + len(closing) - room
        if len(kept) <= max(fence.content, least) or not kept[fence.content :].strip():
            end = fence.start  # no code block is better than an empty one
            continue
        if excess > 0:
            shorter = len(kept) - excess
            begin = max(fence.content, least)
            line = kept.rfind("\n", begin, shorter + 1)
            end = line if kept[begin : max(line, begin)].strip() else whole_characters(kept, shorter, least)
            end = min(end, shorter) if shorter > fence.content else fence.start
            continue
        if _ending(parser, kept + closing).fence is not None:
            end = fence.start
            continue
        opening = fence.opening if len(fence.opening) <= room // 4 else f"{fence.marker}\n"
        if len(opening) > room // 3:
            return None
        return _Head(end, closing, opening, fence.marker, fence.indent)
    return None


def _disarmed(parser: MarkdownIt, piece: str, limit: int) -> str:
    """`piece` with every fence that is left open made text."""
    while (fence := _ending(parser, piece).fence) is not None:
        at = piece.index(fence.marker, fence.start)
        # A joiner where there is room for it, else in place of the last of the marks.
        piece = piece[:at] + _JOINER + piece[at if len(piece) < limit else at + 1 :]
    return piece


def _dedented(text: str, marker: str, indent: int) -> str:
    """`text`, which begins inside a code block of a list, without the list's indentation up to its end."""
    closing = re.compile(rf"^[ \t]*{re.escape(marker)}+[ \t]*$", re.MULTILINE).search(text)
    end = closing.end() if closing else len(text)
    return re.sub(rf"(?m)^ {{1,{indent}}}", "", text[:end]) + text[end:]


def _joined(text: str, at: int, start: int) -> bool:
    """Whether text[at] belongs to the character before it (Unicode, annex 29, the part that is in use)."""
    before, after = text[at - 1], text[at]
    if after < "\u0300" and before < "\u0300":
        return before == "\r" and after == "\n"
    if (
        unicodedata.category(after)[0] == "M"
        or after in "\u200c\u200d\uff9e\uff9f"
        or "\U0001f3fb" <= after <= "\U0001f3ff"
        or "\U000e0020" <= after <= "\U000e007f"
        or before == "\u200d"
    ):
        return True
    if _is_flag_letter(before) and _is_flag_letter(after):
        first = at - 1
        while first > start and _is_flag_letter(text[first - 1]):
            first -= 1
        return (at - first) % 2 == 1
    if "\u1160" <= after <= "\u11ff":  # vowels and finals of Hangul
        return "\u1100" <= before <= "\u11ff" or "\uac00" <= before <= "\ud7a3"
    return "\ud800" <= before <= "\udbff" and "\udc00" <= after <= "\udfff"


def _is_flag_letter(character: str) -> bool:
    return "\U0001f1e6" <= character <= "\U0001f1ff"


def _good_end(text: str, room: int, start: int) -> int:
    end = whole_characters(text, room, start)
    return end if end >= len(text) else max(_at_word(text, end), start + 1)


def _at_word(text: str, end: int) -> int:
    """The end of a paragraph, line or word shortly before `end`."""
    if end >= len(text):
        return len(text)
    for separator, reach in (("\n\n", 200), ("\n", 120), (" ", 40)):
        cut = text.rfind(separator, max(0, end - reach), end + len(separator))
        if cut > end // 2:
            return cut
    return end


def _before_open_span(text: str, start: int, end: int) -> int:
    """Where a code span, link or emphasis begins that text[start:end] ends in the middle of, else `end`."""
    opened: dict[str, int] = {}
    brackets: list[int] = []
    position = start
    while match := _INLINE.search(text, position, end):
        token, at = match[0], match.start()
        position = match.end()
        if token[0] == "\\":
            continue
        if token[0] == "`":
            closing = _closing_ticks(text, token, position, end)
            if closing < 0:
                opened.setdefault("`", at)
            else:
                position = closing
        elif token.endswith("["):
            brackets.append(at)
        elif token == "](":
            closing = text.find(")", position, end)
            if closing < 0:
                opened["["] = brackets[-1] if brackets else at
                break
            position = closing + 1
            brackets = brackets[:-1]
        elif token in opened:
            del opened[token]
        elif text[position : position + 1].strip() and not text[max(at - 1, start) : at].isalnum():
            opened[token] = at
    if brackets and "]" in text[brackets[-1] : end]:
        brackets = []  # they stand around words and are no link
    begins = [at for at in (*opened.values(), *brackets) if end - at <= _LONGEST_SPAN]
    return min(begins, default=end)


def _closing_ticks(text: str, ticks: str, position: int, end: int) -> int:
    match = re.compile(rf"(?<!`){ticks}(?!`)").search(text, position, min(end, position + 4_000))
    return match.end() if match else -1
