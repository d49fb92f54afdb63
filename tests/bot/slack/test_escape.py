from __future__ import annotations

import html
import re
import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from bot.slack.escape import JOINER, disarm, escape, plain_text

BOT = "U0BOT"


@given(st.text())
def test_an_escaped_text_shows_itself(text: str) -> None:
    escaped = escape(text)
    assert "<" not in escaped
    assert ">" not in escaped
    assert escaped.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&") == text


@pytest.mark.parametrize(
    ("sent", "typed"),
    [
        ("<@U0BOT> fix it", "fix it"),
        ("hey <@U0BOT>, fix it", "hey fix it"),
        ("<@U0BOT|heddle>: fix it", "fix it"),
        ("fix it <@U0BOT>", "fix it"),
        ("<@U0BOT> :tada: fix it", ":tada: fix it"),
        ("please <@U0BOT> fix it", "please fix it"),
        ("Hello\n<@U0BOT> fix it", "Hello\nfix it"),
        ("<@U0BOT> ask <@U0BOT> and <@U1|ann> and <@U2>", "ask @U0BOT and @ann and @U2"),
        ("<@U0BOT>\n```\nif a &lt; b &amp;&amp; c:\n    x\n```", "```\nif a < b && c:\n    x\n```"),
        ("see <#C1|general> or <#C2>", "see #general or #C2"),
        ("<!here> and <!subteam^S1|@crew> and <!channel|channel>", "@here and @crew and @channel"),
        ("<!date^1|yesterday>", "yesterday"),
        ("<https://github.com/a/b>", "https://github.com/a/b"),
        ("<https://github.com/a/b|a/b>", "https://github.com/a/b"),
        (
            "<https://github.com/a/b/issues/3|the issue> is it",
            "the issue (https://github.com/a/b/issues/3) is it",
        ),
        ("repo:acme/<http://widgets.io|widgets.io>", "repo:acme/widgets.io"),
        ("<mailto:a@example.com|a@example.com>", "a@example.com"),
        ("<https://x.org/?a=1&amp;b=2>", "https://x.org/?a=1&b=2"),
        ("&amp;lt; stays an entity", "&lt; stays an entity"),
        ("a &lt;b&gt; c", "a <b> c"),
        ("<odd> thing", "<odd> thing"),
    ],
)
def test_plain_text(sent: str, typed: str) -> None:
    assert plain_text(sent, BOT) == typed


@given(st.text())
@example("<@U0BOT> & <b>")
def test_what_slack_escaped_comes_back(text: str) -> None:
    assert plain_text(escape(text), BOT) == text.strip()
    assert plain_text(f"<@U0BOT> {escape(text)}", BOT) == text.strip()


@pytest.mark.parametrize(
    "ping",
    [
        "<!channel>", "<!here>", "<!everyone|all>", "<!subteam^S123>", "<!HERE>", "<@U123>", "<@W123|ann>", "<#C123|x>",
        "@channel", "@here", "@Everyone", "@here,", "@hereafter", "&#64;here", "&commat;channel", "&lt;!here&gt;",
        "&#60;!channel&#62;", "&#x3C;@U123>", "<&#33;here>", "@**here**", "**@**here", "\\@here",
        "<\\!here>", "\\<!here>", "`@here`", "```\n<!here>\n```", "[@here](https://x.org)", "https://@here", "x@here",
    ],
)  # fmt: skip
def test_nothing_pings(ping: str) -> None:
    calm = disarm(f"so {ping} it is")
    assert calm != f"so {ping} it is"
    assert disarm(calm) == calm
    # To a reader nothing has changed, but for an "@" within an address.
    assert calm.replace(JOINER, "").replace("%40", "@") == f"so {ping} it is"
    assert not pings(calm)


def pings(text: str) -> bool:
    """What Slack would resolve, however it drops formatting and decodes entities first."""
    for decoded in (text, html.unescape(text)):
        bare = re.sub(r"\\(?=[!@#])", "", decoded)
        if re.search(r"(?i)<[!@](?!--)|<#[a-z0-9]|@[*_~`]*(?:channel|here|everyone)", bare):
            return True
    return False


parts = st.sampled_from(
    ["<", "!", "@", "#C1", "here", "channel", "everyone", "U1", ">", "|", "*", "_", "`", "\\", "&lt;", "&#64;", "&#33;"]
    + ["https://x.org/", "[", "](", ")", "![", " ", "\n", "```\n", "a", "\u200b", JOINER]
)  # fmt: skip


@given(st.lists(parts, max_size=14).map("".join))
@example("<!<@here")
@example("https://x.org/&lt;!")
@example("!![x](y)")
@example("\\![x](y)")
@example("@here`![a](b)`")
def test_any_text_is_disarmed_once_and_for_all(text: str) -> None:
    calm = disarm(text)
    assert not pings(calm)
    assert disarm(calm) == calm


@given(st.lists(parts, max_size=14).map("".join))
def test_there_are_no_images(text: str) -> None:
    tokens = MarkdownIt("commonmark", {"html": False}).parse(
        disarm(text + " ![alt](https://t.example/p.png)")
    )
    assert not any(child.type == "image" for token in tokens for child in token.children or [])


@pytest.mark.parametrize(
    ("markdown", "calm"),
    [
        ("![alt](https://t.example/p.png)", "[alt](https://t.example/p.png)"),
        ("![](https://t.example/p.png)", "[image](https://t.example/p.png)"),
        ("[![build](https://t.example/b.svg)](https://ci.example)", "[build](https://ci.example)"),
        ("`![alt](x)` is an image", "`![alt](x)` is an image"),
        ("[text](https://x.org/@here/y)", "[text](https://x.org/%40here/y)"),
    ],
)
def test_images_become_links_and_links_work(markdown: str, calm: str) -> None:
    assert disarm(markdown) == calm


@pytest.mark.parametrize(
    "text",
    [
        "[text](https://x.org/a?b=c&d=e#f) and <https://x.org> and https://x.org/@ann",
        "npm i @types/node; mail a@b.example; a < b && c > d; List<int>; 5 <! 6".replace(" <! 6", ""),
        "<!-- a comment --> <!DOCTYPE html>",
        "a list:\n- [x] done\n- `code`",
    ],
)
def test_ordinary_text_is_unchanged(text: str) -> None:
    assert disarm(text) == text


@pytest.mark.parametrize(
    "unit", ["<", "@", "!", "![", "&", "&#64;", "@*", "<a:", "https://", "`", "[![a](", "@c", "\\", "&#0"]
)
def test_time_grows_with_the_text_and_no_faster(unit: str) -> None:
    def seconds(size: int) -> float:
        text = unit * (size // len(unit))
        start = time.perf_counter()
        disarm(text)
        plain_text(text, BOT)
        return time.perf_counter() - start

    assert min(seconds(200_000), seconds(200_000)) < 10 * min(seconds(50_000), seconds(50_000)) + 0.02
