"""Markdown on the pages: what it looks like, and that nothing in it runs."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from playground.github.pages.markdown import render, renderer
from playground.github.pages.safe_html import clean
from tests.playground.github.browsing import dangers

MARKDOWN = renderer()


@settings(max_examples=300)
@given(
    st.lists(
        st.sampled_from(
            [
                "<script>",
                "</script>",
                "<details>",
                "</details>",
                "<summary>",
                "<!--",
                "-->",
                "<img",
                "src=/a.png",
                "onerror=x>",
                "<a",
                "href=",
                "javascript:",
                "data:text/html,",
                "'",
                '"',
                ">",
                "<",
                "</div>",
                "<td>",
                "<table>",
                "<svg/onload=x>",
                "&lt;",
                "&#106;",
                "[a](",
                ")",
                "![",
                "]",
                "`",
                "```",
                "\n",
                "\n\n",
                "-",
                "*",
                "1.",
                "[x]",
                ">",
                "|",
                "|-|",
                "#",
                "\\",
                "<input",
                "type=checkbox",
                "checked",
                "onclick=x>",
                "<textarea>",
                "<style>",
                "<title>",
                "<![CDATA[",
                "]]>",
                "<?x",
                "<!x",
                "//",
                "/\t/evil",
                "\x00",
                "&colon;",
                "<plaintext>",
                "<noscript>",
                "<b",
                "style=x>",
                "https://x.org",
                "#1",
            ]
        )
        | st.text(max_size=4),
        max_size=14,
    )
)
def test_markdown_is_always_harmless_and_balanced(parts: list[str]) -> None:
    html = str(render(MARKDOWN, " ".join(parts), repository="a/b", origin="http://h"))
    assert dangers(f"<div>{html}</div>") == []


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("~~old~~ **new**", "<p><s>old</s> <strong>new</strong></p>"),
        ("seen <!-- heddle:run=1 --> so", "<p>seen  so</p>"),
        ("<!-- all\nof it -->", ""),
        ("one\ntwo", "<p>one<br>\ntwo</p>"),
        ("see #12.", '<p>see <a href="/a/b/issues/12" rel="nofollow noopener noreferrer">#12</a>.</p>'),
        ("`#12` a#1 &#1", None),
        (
            "(https://e.org/x).",
            '<p>(<a href="https://e.org/x" rel="nofollow noopener noreferrer">https://e.org/x</a>).</p>',
        ),
        (
            "[https://e.org](https://f.org)",
            '<p><a href="https://f.org" rel="nofollow noopener noreferrer">https://e.org</a></p>',
        ),
        ("![p](/_/a.png)", '<p><img src="/_/a.png" alt="p" loading="lazy"></p>'),
        (
            "![p](https://e.org/a.png)",
            '<p><a href="https://e.org/a.png" rel="nofollow noopener noreferrer">🖼 p</a></p>',
        ),
        ("<kbd>x</kbd><font color=red>y", "<p><kbd>x</kbd>&lt;font color=red&gt;y</p>"),
        ("1 [x] no box", "<p>1 [x] no box</p>"),
    ],
)
def test_markdown(text: str, html: str | None) -> None:
    shown = str(render(MARKDOWN, text, repository="a/b")).strip()
    assert "/issues/" not in shown if html is None else shown == html


@pytest.mark.parametrize(
    ("source", "html"),
    [
        (
            '<img src="//evil/x.png">',
            '<a href="//evil/x.png" rel="nofollow noopener noreferrer">🖼 //evil/x.png</a>',
        ),
        (
            '<img src="/\\evil/x.png" alt=a>',
            '<a href="/\\evil/x.png" rel="nofollow noopener noreferrer">🖼 a</a>',
        ),
        (
            '<img src="http://h.evil/x">',
            '<a href="http://h.evil/x" rel="nofollow noopener noreferrer">🖼 http://h.evil/x</a>',
        ),
        ('<img src="http://h/x" width=3 height=x>', '<img src="http://h/x" alt="" loading="lazy" width="3">'),
        ("<img src=data:image/png,x>", "🖼 image"),
        ('<a href="jAvAsCrIpT&colon;x">a', "<a>a</a>"),
        ('<a href="\x01vbscript:x" id=x class=y>a</a>', "<a>a</a>"),
        ("<b><i>x</b>y", "<b><i>x</i></b>y"),
        ("<li class=evil><li class=task>", '<li><li class="task"></li></li>'),
        ("<input type=text>", "&lt;input type=text&gt;"),
    ],
)
def test_cleaning(source: str, html: str) -> None:
    assert clean(source, "http://h") == html
