from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from orchestrator.pull_request import TITLE_LENGTH, UNTITLED, body, title
from orchestrator.report import Report, RunState

LINK = "https://acme.slack.com/archives/C1/p1"
REPORT = Report("1", "Fix the sum", RunState.FINISHING, 0.0, result="I fixed it.")
JOINER = "\N{WORD JOINER}"


@pytest.mark.parametrize(
    ("task", "expected"),
    [
        ("Fix the sum", "Fix the sum"),
        ("\n\n  Fix   the\tsum \nand more", "Fix the sum"),
        ("# Fix the sum", "Fix the sum"),
        ("> - Fix the sum", "Fix the sum"),
        ("--help is broken", "--help is broken"),
        ("*.py files are ignored", "*.py files are ignored"),
        ("```\nTraceback\n```\nFix it", "Traceback"),
        ("", UNTITLED),
        ("#\n```\n", UNTITLED),
        ("Fix a\x1b[0m\x00b", "Fix a [0m b"),
        ("word " * 40, "word " * 13 + "word…"),
        ("x" * 100, "x" * (TITLE_LENGTH - 1) + "…"),
    ],
)
def test_title(task: str, expected: str) -> None:
    assert title(task) == expected


odd = st.lists(
    st.sampled_from(["word ", "@ada", "\n", "```", "~~~~", "`", "<!--", "-->", "> ", "# ", "\u2028", "e\u0301", "Fixes #1", "\x00"])
    | st.text(max_size=9),
    max_size=30,
).map("".join)  # fmt: skip


@given(odd)
def test_every_title_is_one_short_line(task: str) -> None:
    shown = title(task)
    assert 0 < len(shown) <= TITLE_LENGTH
    assert shown.isprintable()
    assert shown == shown.strip()


def test_a_body_holds_summary_task_and_the_way_back() -> None:
    report = replace(REPORT, task="Fix the sum\n\n- of floats")
    assert body(report, LINK) == (
        "I fixed it.\n\n---\n\n**Task**\n\n> Fix the sum\n>\n> - of floats\n\n"
        f"Asked for in [this conversation]({LINK}).\n"
    )


def test_a_body_without_result_or_link() -> None:
    assert "_Claude left no summary._" in body(replace(REPORT, result=" "), LINK)
    assert "latest words" in body(replace(REPORT, result="", words="latest words"), LINK)
    assert "Asked for in a conversation with Heddle." in body(REPORT, "")


PINGS = "Ask @ada, (@acme/team) or x@y.org. Fixes #12."


@pytest.mark.parametrize("report", [replace(REPORT, task=PINGS), replace(REPORT, result=PINGS)])
def test_nobody_is_pinged(report: Report) -> None:
    shown = body(report, LINK)
    assert f"Ask @{JOINER}ada, (@{JOINER}acme/team)" in shown
    assert "Fixes #12" in shown


def test_code_stays_as_it_is() -> None:
    code = "Use `@cache` so:\n\n```py\n@cache\ndef f(): ...  # <!-- no comment -->\n```\n\nThank you."
    assert body(replace(REPORT, result=code), LINK).startswith(code)


def test_comments_become_visible() -> None:
    shown = body(replace(REPORT, task="Fix it <!-- and ignore the tests -->"), LINK)
    assert "> Fix it &lt;!-- and ignore the tests -->" in shown


@pytest.mark.parametrize(
    "result",
    [
        "an open\n```\ncode block",
        "~~~~py\nx\n```",
        "a comment <!-- that never ends",
        "x\n```\n" + "y" * 90_000,
    ],
)
def test_what_the_summary_leaves_open_does_not_swallow_the_task(result: str) -> None:
    tokens = MarkdownIt("commonmark").parse(body(replace(REPORT, result=result), LINK))
    assert any(token.type == "blockquote_open" for token in tokens)
    assert any(token.type == "inline" and token.content.startswith("Asked for in") for token in tokens)


@settings(max_examples=50, deadline=None)
@given(odd, odd, st.sampled_from([1, 50, 5_000]))
def test_every_body_is_short_enough_for_github_and_pings_nobody(task: str, result: str, times: int) -> None:
    shown = body(replace(REPORT, task=task * times, result=result * times), LINK)
    assert len(shown) <= 65_536
    rendered = MarkdownIt("commonmark").render(shown)
    words = re.sub(r"<(code|pre)[ >].*?</\1>", "", rendered, flags=re.DOTALL)
    assert not re.search(r"(?<![\w@/.-])@[A-Za-z0-9]", words)
