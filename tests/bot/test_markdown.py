from __future__ import annotations

import re
import time
from collections.abc import Callable

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from bot.markdown import SHORTEST, code_spans, first_line, split, truncate

WORD_JOINER = "\u2060"
FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467"
PARSER = MarkdownIt("commonmark", {"html": False})

words = st.text(alphabet="abcdefgh éä", min_size=1, max_size=12).map(str.strip).filter(bool) | st.just(FAMILY)
inline = st.one_of(
    words,
    words.map("`{}`".format),
    words.map("**{}**".format),
    words.map("*{}*".format),
    st.builds("[{}](https://example.com/{})".format, words, st.from_regex(r"[a-z]{1,30}", fullmatch=True)),
    words.map("`` {} ` ``".format),
    words.map("**bold and `{}`**".format),
)
paragraphs = st.lists(inline, min_size=1, max_size=12).map(" ".join)
fences = st.builds(
    lambda marker, info, lines: "\n".join([marker + info, *lines, marker]),
    st.sampled_from(["```", "````", "~~~"]),
    st.sampled_from(["", "python", "sh title=x"]),
    st.lists(st.sampled_from(["x = 1", "", "    deep", "- no list", "# no heading", "y" * 50]), max_size=12),
)
nested = fences.map(lambda fence: "- item\n\n" + "\n".join("  " + line for line in fence.split("\n")))
documents = st.lists(
    paragraphs | fences | nested | paragraphs.map("- {}".format) | paragraphs.map("> {}".format) | paragraphs.map("# {}".format),
    min_size=1,
    max_size=8,
).map("\n\n".join)  # fmt: skip
anything = st.lists(
    st.sampled_from([*"`~*_[]()<>\\&\n ab-!é\r", "```", "~~~", FAMILY, "](https://a.b)", "    "]), max_size=40
).map("".join)


def leaks(markdown: str) -> bool:
    """Whether what follows this text would be taken for a part of its code."""
    tokens = PARSER.parse(markdown + "\n\nAFTER\n")
    return not any(
        token.type == "inline" and token.level == 1 and token.content == "AFTER" for token in tokens
    )


def shown(markdown: str) -> str:
    """The text that a reader sees, without white space."""

    def texts(tokens: list[Token]) -> str:
        return "".join(texts(token.children) if token.children else token.content for token in tokens)

    return re.sub(r"\s+", "", texts(PARSER.parse(markdown)))


def bare(text: str) -> str:
    return re.sub(r"[*`\[\]]", "", text)


@given(documents, st.integers(SHORTEST, 400))
@example("```\ncode and more code\n", 16)
@settings(max_examples=150)
def test_a_truncated_document_is_valid(document: str, limit: int) -> None:
    short = truncate(document, limit)
    assert len(short) <= limit
    assert not leaks(short)
    if short != document:
        assert short.endswith("…") or len(document) <= limit
        # What a reader sees is the beginning of what the whole document shows: nothing half-formatted.
        kept = shown(short).removesuffix("…")
        if limit >= 100:
            assert shown(document).startswith(kept)
        elif limit >= 50:  # in little room a mark that lost its partner may be seen
            assert bare(shown(document)).startswith(bare(kept))


@given(anything, st.integers(SHORTEST, 60))
@settings(max_examples=150)
def test_any_text_can_be_truncated(text: str, limit: int) -> None:
    short = truncate(text, limit)
    assert len(short) <= limit
    text = re.sub(r"\r\n?", "\n", text)
    assert short == text or short.endswith("…") or (short.startswith(text.rstrip()) and len(text) <= limit)
    assert not leaks(short) or short == text


CLUSTERS = [
    "a", " ", "e\u0301", "n\u0303\u0323", FAMILY, "\U0001f1e9\U0001f1ea", "\U0001f44d\U0001f3fd", "\u2764\ufe0f", "1\ufe0f\u20e3",
    "\U0001f3f4\U000e0067\U000e0062\U000e007f", "\u1112\u1161\u11ab", "\ud55c", "\u0e19\u0e49", "\u0915\u093f", "\ud83d\ude00",
]  # fmt: skip


@given(st.lists(st.sampled_from(CLUSTERS), max_size=60), st.integers(SHORTEST, 60))
def test_no_character_that_a_reader_sees_is_cut(clusters: list[str], limit: int) -> None:
    ends = {0}
    for cluster in clusters:
        ends.add(max(ends) + len(cluster))
    text = "".join(clusters)
    kept = truncate(text, limit).removesuffix("…")
    assert text.startswith(kept)
    assert len(kept) in ends
    position = 0
    for piece in split(text, limit):
        position = text.index(piece, position)
        assert position in ends
        position += len(piece)
        assert position in ends


def test_a_cut_prefers_a_paragraph_then_a_line_then_a_word() -> None:
    assert truncate("a" * 30 + "\n\nbb cc dd ee", 38) == "a" * 30 + "…"
    assert truncate("a" * 30 + "\nbb cc dd ee", 38) == "a" * 30 + "…"
    assert truncate("one two three four five", 17) == "one two three…"


def test_an_open_fence_is_closed_with_its_own_marker() -> None:
    assert truncate("~~~~py\nfirst line\nsecond line\n~~~~\nend", 28) == "~~~~py\nfirst line\n~~~~\n…"
    assert truncate("words\n```\ncode", 40) == "words\n```\ncode\n```"


def test_a_fence_in_a_list_is_closed_where_it_stands() -> None:
    text = "- x\n  ```\n  first line\n  second line\n  ```"
    assert truncate(text, 35) == "- x\n  ```\n  first line\n  ```\n…"


def test_a_fence_of_which_only_the_first_line_would_fit_goes() -> None:
    assert truncate("Some words first\n```python\nprint()\n```", 30) == "Some words first…"


def test_what_stands_behind_a_code_block_is_kept() -> None:
    text = "```\none\n\ntwo\n```\nand then some words that are too many for it"
    assert truncate(text, 50) == "```\none\n\ntwo\n```\nand then some words that are…"


@pytest.mark.parametrize(
    ("text", "limit", "short"),
    [
        ("please look and see [the label](https://example.com/long/path) now", 40, "please look and see…"),
        ("it is so that **these bold words are cut** now", 28, "it is so that…"),
        ("it is so that `code that ends` is cut", 24, "it is so that…"),
        ("a stray ` tick and a stray ** here are just text, whatever", 50, "a stray ` tick and a stray ** here are just…"),
        ("array[0] and array[1] and array[2] are cut here", 40, "array[0] and array[1] and array[2] are…"),
        ("a title\n---\nwords that are too many", 24, "a title\n---\nwords that…"),
    ],
)  # fmt: skip
def test_half_a_link_span_or_emphasis_goes(text: str, limit: int, short: str) -> None:
    assert truncate(text, limit) == short


@pytest.mark.parametrize("cut", [truncate, split, first_line])
def test_a_limit_without_room_is_refused(cut: Callable[[str, int], object]) -> None:
    with pytest.raises(ValueError, match="at least 16"):
        cut("x", SHORTEST - 1)


def content(markdown: str) -> str:
    """All code and words of a text, without white space: fences and their info strings are no content."""

    def texts(tokens: list[Token]) -> str:
        return "".join(token.content for token in tokens)

    return re.sub(rf"[\s{WORD_JOINER}]+", "", texts(PARSER.parse(markdown)))


@given(documents, st.integers(64, 300))
@settings(max_examples=150)
def test_a_split_document_is_valid_and_whole(document: str, limit: int) -> None:
    pieces = split(document, limit)
    assert all(0 < len(piece) <= limit for piece in pieces)
    assert not any(leaks(piece) for piece in pieces)
    markers = r"[#>*\-]"  # a list, quote or heading that is cut goes on as a paragraph
    assert re.sub(markers, "", "".join(map(content, pieces))) == re.sub(markers, "", content(document))


@given(anything.filter(lambda text: "```" not in text and "~~~" not in text), st.integers(SHORTEST, 90))
@settings(max_examples=150)
def test_no_character_is_lost(text: str, limit: int) -> None:
    text = text * 4
    pieces = split(text, limit)
    assert all(len(piece) <= limit for piece in pieces)
    squeezed = re.sub(rf"[\s{WORD_JOINER}]", "", "".join(pieces))
    if "```" not in text and "~~~" not in text:
        assert squeezed == re.sub(rf"[\s{WORD_JOINER}]", "", text)


@given(anything, st.integers(1, 40), st.integers(SHORTEST, 90))
@settings(max_examples=150)
def test_any_text_can_be_split(text: str, times: int, limit: int) -> None:
    pieces = split(text * times, limit)
    assert all(0 < len(piece) <= limit for piece in pieces)
    assert not any(leaks(piece) for piece in pieces)


def test_a_fence_goes_on_with_its_info_string() -> None:
    lines = [f"line {number} of the code" for number in range(12)]
    pieces = split("before\n\n```py\n" + "\n".join(lines) + "\n```\nafter", 100)
    assert len(pieces) > 2
    assert all(piece.count("```") == 2 and "```py\n" in piece for piece in pieces)
    assert [line for piece in pieces for line in piece.splitlines() if line.startswith("line")] == lines


@pytest.mark.parametrize(
    ("markdown", "line"),
    [
        ("", ""),
        ("\n\n  \n", ""),
        ("# Fix the `sum`", "Fix the `sum`"),
        ("> - x y\n- z", "x y"),
        ("```py\ncode\n```", "code"),
        ("--help fails", "--help fails"),
        ("```py\n```\nwords", "words"),
        ("one two three four five", "one two three…"),
        ("one two a `code span`", "one two a…"),
        ("a\tb   c", "a b c"),
    ],
)
def test_first_line(markdown: str, line: str) -> None:
    assert first_line(markdown, 16) == line


@given(anything, st.integers(SHORTEST, 40))
def test_a_first_line_is_one_line_that_fits(text: str, limit: int) -> None:
    line = first_line(text, limit)
    assert len(line) <= limit
    assert "\n" not in line


@pytest.mark.parametrize(
    "unit", ["a", "`", "``", "*a", "_", "[", "](", "![a](", "<a:", "> ", "- ", "```\n", "~~~\n- ", "a\n\n", "\\", "**a ", FAMILY[:2], "\u0301"]
)  # fmt: skip
def test_time_grows_with_the_text_and_no_faster(unit: str) -> None:
    def seconds(size: int) -> float:
        text = unit * (size // len(unit))
        start = time.perf_counter()
        truncate(text, 3000)
        split(text, 3000)
        return time.perf_counter() - start

    assert min(seconds(40_000), seconds(40_000)) < 10 * min(seconds(10_000), seconds(10_000)) + 0.05


def test_code_spans() -> None:
    text = "a `b` ``c ` d`` e ` f\n```\n`x`\n````\ng `h`\n~~~\n```\n"
    assert [text[start:end] for start, end in code_spans(text)] == [
        "`b`", "``c ` d``", "```\n`x`\n````\n", "`h`", "~~~\n```\n",
    ]  # fmt: skip
