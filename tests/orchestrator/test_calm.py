from __future__ import annotations

import re
import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from orchestrator.calm import calm

J = "\N{WORD JOINER}"
AFTER = "What follows stands by itself."


def html(text: str) -> str:
    return str(MarkdownIt("commonmark").enable(["table", "strikethrough"]).render(text))


def words(text: str) -> str:
    """What a reader sees outside code and links, where GitHub looks for mentions."""
    return re.sub(r"<(code|pre|a)[ >].*?</\1>", "<>", html(text), flags=re.DOTALL)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Ask @ada.", f"Ask @{J}ada."),
        ("(@acme/team)", f"(@{J}acme/team)"),
        ("_@ada_", f"_@{J}ada_"),
        ("\\@ada", f"\\@{J}ada"),
        ("&#64;ada and &commat;ada", f"&#64;{J}ada and &commat;{J}ada"),
        ("me@acme.dev and git@github.com:a/b", "me@acme.dev and git@github.com:a/b"),
        ("https://medium.com/@ada", "https://medium.com/%40ada"),
        ("[x](https://medium.com/@ada)", "[x](https://medium.com/%40ada)"),
        ("https://me@acme.dev/x", "https://me@acme.dev/x"),
        ("`@cache` @ada", f"`@cache` @{J}ada"),
        ("`` ` @cache ``", "`` ` @cache ``"),
        ("`two\nlines @cache`", "`two\nlines @cache`"),
        ("`a\n`@ada`", f"`a\n`@{J}ada`"),
        ("\\`@ada`", f"\\`@{J}ada`"),
        ("    @cache", "    @cache"),
        ("- a\n\n      @cache", "- a\n\n      @cache"),
        ("10. a\n\n    ```py\n    @cache\n    ```", "10. a\n\n    ```py\n    @cache\n    ```"),
        ("a\n    @ada", f"a\n    @{J}ada"),
        ("| `a | @ada` |\n|---|---|", f"| `a | @{J}ada` |\n|---|---|"),
        ("`" * 81 + "@ada" + "`" * 81, "`" * 81 + f"@{J}ada" + "`" * 81),
    ],
)
def test_mentions_outside_code_ping_nobody(text: str, expected: str) -> None:
    assert calm(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<!-- hidden -->", "&lt;!-- hidden -->"),
        ("<details>\n\nx", "&lt;details>\n\nx"),
        ("</details> <img src=x>", "&lt;/details> &lt;img src=x>"),
        ("a<br>b<br/>c", "a<br>b<br/>c"),
        ("- <br>\n> <BR/>", "- &lt;br>\n> &lt;BR/>"),
        ("|a|\n|-|\n|`b`<br>`c`|", "|a|\n|-|\n|`b`<br>`c`|"),
        ("<https://acme.dev/a>", "<https://acme.dev/a>"),
        ("`List<int>` and List<int>", "`List<int>` and List&lt;int>"),
        ("1 < 2 <= 3 <- 4", "1 < 2 <= 3 <- 4"),
        ("\\<b>", "\\<b>"),
        ("<div>\n```\n<b>\n```\n</div>", "&lt;div>\n```\n<b>\n```\n&lt;/div>"),
        ("![a](x.png) and ![](y.png)", "[a](x.png) and [image](y.png)"),
        ("`![a](x.png)`", "`![a](x.png)`"),
        ("[x]: y 'hidden'", "\\[x]: y 'hidden'"),
        ("> [//]: # (hidden)", "> \\[//]: # (hidden)"),
        ("[^1]: a note\n\nsee[^1]", "\\[\\^1]: a note\n\nsee[\\^1]"),
        ("- [x] done: [a](b)", "- [x] done: [a](b)"),
    ],
)
def test_nothing_is_hidden_or_loaded(text: str, expected: str) -> None:
    assert calm(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("```\ncode", "```\ncode\n```"),
        ("~~~~py\nx\n~~~", "~~~~py\nx\n~~~\n~~~~"),
        ("```\ncode\n```", "```\ncode\n```"),
        ("```\ncode\n```\n\n", "```\ncode\n```"),
        ("```\u2028\u2028", "```\n```"),
        ("```", "```\n```"),
        ("- ```\n  code", "- ```\n  code"),
    ],
)
def test_an_open_code_block_is_closed(text: str, expected: str) -> None:
    assert calm(text) == expected


def test_fixes_and_numbers_stay() -> None:
    assert calm("Fixes #12, see acme/widgets#3") == "Fixes #12, see acme/widgets#3"


pieces = st.sampled_from(
    ["word ", "@ada", " @ada", "\n", "\n\n", "```", "~~~~", "`", "``", "<!--", "-->", "<details>", "<pre>", "</p>", "> ", "- ", "1. ", "    "]
    + ["# ", "\\", "|", "\n|-|-|\n", "![", "[", "](", ")", "]: ", "<https://", "https://a.b/", "&#64;", "@&#97;da", "_", "*", "\u2028", "\r", "\t", "[^1]", "<br>"]
)  # fmt: skip
odd = st.lists(pieces | st.text(max_size=5), max_size=25).map("".join)


@settings(max_examples=500, deadline=None)
@given(odd)
@example("`\u2028# b @ada`")
@example("<!--\n```\n-->\n```\n<!-- a -->\n```\n<!-- b")
@example("`\n> <!--`")
@example("[a]: b\n    @ada")
@example("![a]: b\n    @ada")
def test_no_text_pings_hides_loads_or_takes_in_what_follows(text: str) -> None:
    shown = calm(text)
    assert not re.search(r"(?<![A-Za-z0-9])@[A-Za-z0-9]", words(shown))
    assert "<img" not in words(shown)
    tokens = MarkdownIt("commonmark").enable("table").parse(f"{shown}\n\n{AFTER}")
    assert [token.type for token in tokens[-3:]] == ["paragraph_open", "inline", "paragraph_close"]
    assert tokens[-2].content == AFTER
    assert tokens[-2].level == 1
    raw = [child.content for token in tokens for child in token.children or () if child.type == "html_inline"]
    assert not any(token.type == "html_block" for token in tokens)
    assert {tag.lower().replace(" ", "").replace("/", "") for tag in raw} <= {"<br>"}


@settings(max_examples=300, deadline=None)
@given(odd)
def test_twice_changes_nothing_more(text: str) -> None:
    assert calm(calm(text)) == calm(text)


@given(st.text(alphabet="abc <>&=-+!?.,:;'\"()#12\n", max_size=200))
def test_code_stays(code: str) -> None:
    fenced = f"```\n{code}@ada <!-- a --> ![b](c)\n```"
    assert calm(fenced) == fenced


@pytest.mark.parametrize(
    "unit",
    ["`", "``` ", "<", "<!--", "<a ", "@", "@a ", "[", "![", "](", "[^", "[a\n", "> ", "- ", "- a\n", "|", "|`", "a|b\n-|-\n", "\\", "&#0", "https://", "*", "1.", "1. \n", "    a\n"],
)  # fmt: skip
def test_the_time_grows_with_the_length_only(unit: str) -> None:
    started = time.process_time()
    calm(unit * (65_536 // len(unit)))
    assert time.process_time() - started < 3
