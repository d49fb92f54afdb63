"""mrkdwn, markdown and what people type: what comes out, and that no foreign tag ever does."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from playground.slack.composer import compose
from playground.slack.markdown import make_markdown, render_markdown
from playground.slack.mrkdwn import Names, render_mrkdwn, render_plain, render_rich_text
from playground.slack.shapes import JsonObject

NAMES = Names({"U1": "heddle", "U2": "ada"}, {"C1": "general"}, "U2", "http://127.0.0.1:1/")
OUTSIDE = 'target="_blank" rel="noopener noreferrer"'

MRKDWN = {
    "*bold* _it_ ~no~": "<strong>bold</strong> <em>it</em> <s>no</s>",
    "*a _b_*": "<strong>a <em>b</em></strong>",
    "2*3*4 and snake_case_name": "2*3*4 and snake_case_name",
    "`a *b* <@U1>`": "<code>a *b* &lt;@U1&gt;</code>",
    "a &lt;b&gt; &amp;amp;": "a &lt;b&gt; &amp;amp;",
    "one\ntwo": "one<br>two",
    "&gt; q1\n&gt; q2\nout": "<blockquote>q1<br>q2</blockquote>out",
    "see\n```\nx = 1 &lt; 2\n*y*\n```\nend": "see<pre><code>x = 1 &lt; 2\n*y*</code></pre>end",
    "<@U1> <@U2>": '<span class="mention">@heddle</span> <span class="mention mine">@ada</span>',
    "<@U9>": '<span class="mention">@U9</span>',
    "<#C1|old>": '<a class="mention" href="#C1">#general</a>',
    "<!here>": '<span class="mention">@here</span>',
    "<https://e.org/?a=1&amp;b=2|x &lt;y>": f'<a href="https://e.org/?a=1&amp;b=2" {OUTSIDE}>x &lt;y</a>',
    "<http://127.0.0.1:1/#C1/1.2|there>": '<a href="http://127.0.0.1:1/#C1/1.2">there</a>',
    "<javascript:alert(1)|click>": "click",
    ":tada: :nope: 10:30:00": "🎉 :nope: 10:30:00",
}


@pytest.mark.parametrize(("text", "html"), MRKDWN.items())
def test_mrkdwn(text: str, html: str) -> None:
    assert render_mrkdwn(text, NAMES) == html


def test_plain_text_knows_no_markup() -> None:
    assert render_plain("*a* <b> :tada:") == "*a* &lt;b&gt; 🎉"


def test_rich_text() -> None:
    block: JsonObject = {
        "type": "rich_text",
        "elements": [
            {
                "type": "rich_text_list",
                "style": "ordered",
                "elements": [
                    {
                        "type": "rich_text_section",
                        "elements": [
                            {"type": "text", "text": "<b>", "style": {"bold": True, "code": True}},
                            {"type": "user", "user_id": "U1"},
                            {"type": "link", "url": "javascript:x", "text": "no"},
                        ],
                    }
                ],
            }
        ],
    }
    assert render_rich_text(block, NAMES) == (
        '<ol class="indent-0"><li><p><strong><code>&lt;b&gt;</code></strong>'
        '<span class="mention">@heddle</span>no</p></li></ol>'
    )


def test_markdown_knows_tasks_tables_and_code_but_no_html() -> None:
    html = render_markdown(
        make_markdown(),
        "# Title\n- [x] done\n- [ ] open\n- plain\n\n|a|b|\n|-|-|\n|1|2|\n\n<b>no</b> ~~old~~ :tada:\n"
        "```py\nx < 1\n```\n[l](http://e.org) ![p](http://e.org/p.png) [j](javascript:x)",
    )
    assert '<li class="task done"><input type="checkbox" disabled checked>done</li>' in html
    assert '<li class="task"><input type="checkbox" disabled>open</li>' in html
    assert "<li>plain</li>" in html
    assert "<td>1</td>" in html
    assert "&lt;b&gt;no&lt;/b&gt; <s>old</s> 🎉" in html
    assert "x &lt; 1" in html
    assert f'<a href="http://e.org" {OUTSIDE}>l</a>' in html
    assert "<img" not in html
    assert 'href="javascript' not in html


TYPED = {
    "@heddle fix it": "<@U1> fix it",
    "Hi @Heddle, and @nobody": "Hi <@U1>, and @nobody",
    "thanks @heddle.": "thanks <@U1>.",
    "mail me@heddle.org": "mail me@heddle.org",
    "in #general or #else": "in <#C1|general> or #else",
    "a < b & c > d": "a &lt; b &amp; c &gt; d",
    "see https://e.org/x?a=1&b=2.": "see <https://e.org/x?a=1&amp;b=2>.",
    "run `echo @heddle <x>`": "run `echo @heddle &lt;x&gt;`",
    "```\n@heddle\n```": "```\n@heddle\n```",
    "<@U1>": "&lt;@U1&gt;",
}


def test_bare_addresses_are_links_where_they_are_text() -> None:
    address = "http://127.0.0.1:1/code/1a2b?a=1&b=2"
    shown = address.replace("&", "&amp;")
    link = f'<a href="{shown}" {OUTSIDE}>{shown}</a>'
    assert (
        render_markdown(make_markdown(), f"It is at {address} (here).") == f"<p>It is at {link} (here).</p>\n"
    )
    assert (
        render_markdown(make_markdown(), f"{address}, again: {address}.")
        == f"<p>{link}, again: {link}.</p>\n"
    )
    assert render_markdown(make_markdown(), f"`{address}`") == f"<p><code>{shown}</code></p>\n"
    assert render_markdown(make_markdown(), f"[{address}]({address})") == f"<p>{link}</p>\n"


@pytest.mark.parametrize(("typed", "stored"), TYPED.items())
def test_what_people_type(typed: str, stored: str) -> None:
    assert compose(typed, {"heddle": "U1"}, {"general": "C1"}) == stored


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.seen: set[str] = set()
        self.attributes: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)
        self.attributes |= {name for name, _ in attrs}
        assert not any((value or "").lower().startswith("javascript") for _, value in attrs)


HARMLESS = {"a", "blockquote", "br", "code", "em", "li", "ol", "p", "pre", "s", "span", "strong", "ul"}
HARMLESS |= {"input", "hr", "table", "thead", "tbody", "tr", "th", "td"}
HARMLESS |= {f"h{n}" for n in range(1, 7)}
ATTRIBUTES = {"class", "href", "rel", "target", "type", "disabled", "checked", "start"}

markup = st.text(
    st.sampled_from("*_~`<>|@#!&:;/\\\"'()[]- \n") | st.sampled_from("ascriptonU1"), max_size=60
) | st.text(max_size=60)


@given(markup)
@example("<script>alert(1)</script>")
@example('<https://x"onclick=alert(1)|y>')
@example("|a|\n|-:|\n|b|")
@example("[a](javascript:alert(1))<img src=x onerror=alert(1)>")
def test_no_foreign_tag_comes_out(text: str) -> None:
    outputs = [
        render_mrkdwn(text, NAMES),
        render_mrkdwn(compose(text, {"u1": "U1"}, {}), NAMES),
        render_plain(text),
        render_markdown(make_markdown(), text),
    ]
    for html in outputs:
        tags = Tags()
        tags.feed(html)
        tags.close()
        assert tags.seen <= HARMLESS
        assert tags.attributes <= ATTRIBUTES
