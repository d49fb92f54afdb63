from __future__ import annotations

import re
import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bot.github.commands import instruction

NAMES = {"heddle", "Heddle-Dev"}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("/claude fix it", "fix it"),
        ("/Claude: fix it", "fix it"),
        ("/CLAUDE\nfix it", "fix it"),
        ("/claude\u00a0fix it", "fix it"),
        ("   /claude fix it", "fix it"),
        ("Hello\r\n/claude fix it\r\n\r\nplease", "fix it\n\nplease"),
        ("Hello\n\n/claude fix it", "fix it"),
        ("Hello\n   /claude fix it", "fix it"),
        ("- /claude fix it", "fix it"),
        ("- a\n  /claude fix it", "fix it"),
        ("1. a\n\n   /claude fix it\n   and that", "fix it\n   and that"),
        ("-\t/claude fix it", "fix it"),
        ("- - /claude fix it", "fix it"),
        ("/claude fix it\n---\nAda", "fix it\n---\nAda"),
        ("> why?\n\n/claude because", "because"),
        ("> why?\n> ```\n> a\n\n/claude fix it", "fix it"),
        ("```\na\n```\n/claude fix it", "fix it"),
        ("<!-- note -->\n/claude fix it", "fix it"),
        ("<details>\n\n/claude fix it\n\n</details>", "fix it\n\n</details>"),
        ("/claude fix this:\n\n> quoted\n\n```\ncode\n```", "fix this:\n\n> quoted\n\n```\ncode\n```"),
        ("/claude one\n/claude two\n- /claude three", "one\ntwo\n- three"),
        ("/claude one\n\n> /claude two\n`/claude`", "one\n\n> /claude two\n`/claude`"),
        ("The sum is wrong.\n\n/claude", "The sum is wrong."),
        ("The sum is wrong.\n\n- /claude:", "The sum is wrong."),
        ("/claude", ""),
        ("/claude:", ""),
        (" \n/claude \n/claude\n", ""),
        ("Dear @heddle,\n/claude fix it", "fix it"),
        ("an open ` tick\n/claude fix it", "fix it"),
        ("1 < 2 <!-- and\n/claude fix it", "fix it"),
        ("<code>a</code>\n/claude fix it", "fix it"),
        ("[a](b)\n/claude fix it", "fix it"),
    ],
)
def test_a_line_that_begins_with_the_command(body: str, expected: str) -> None:
    assert instruction(body, NAMES) == expected


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("@heddle fix it", "fix it"),
        ("@Heddle, fix it", "fix it"),
        ("@heddle: fix it", "fix it"),
        ("@heddle[bot] fix it", "fix it"),
        ("@heddle-dev fix it", "fix it"),
        ("please @heddle fix it", "please fix it"),
        ("Hey @heddle, fix it", "Hey fix it"),
        ("Fix it, @heddle.", "Fix it,."),
        ("Fix it @heddle", "Fix it"),
        ("(@heddle fix it)", "(fix it)"),
        ("Look.\n@heddle fix it\nThanks", "Look.\nfix it\nThanks"),
        ("- @heddle fix it\n- and that", "- fix it\n- and that"),
        ("# @heddle fix it", "# fix it"),
        ("|a|\n|-|\n|@heddle fix it|", "|a|\n|-|\n|fix it|"),
        ("|a|b|\n|-|-|\n|x|@heddle fix it|", "|a|b|\n|-|-|\n|x|fix it|"),
        ("> quoted\n\n@heddle fix it", "> quoted\n\nfix it"),
        ("`@heddle` is @heddle", "`@heddle` is"),
        ("**@heddle** fix it", "**** fix it"),
        ("_@acme/team_ @heddle fix it", "_@acme/team_ fix it"),
        ("@heddle /claude fix it", "fix it"),
        ("@heddle fix it with @heddle", "fix it with @heddle"),
        ("me@heddle.dev @heddle fix it", "me@heddle.dev fix it"),
        ("<div>\n\n@heddle fix it\n\n</div>", "<div>\n\nfix it\n\n</div>"),
        ("<blockquote>\n\na\n\n</blockquote>\n\n@heddle b", "<blockquote>\n\na\n\n</blockquote>\n\nb"),
        ("@heddle", ""),
        (" @heddle: ", ""),
    ],
)
def test_a_mention(body: str, expected: str) -> None:
    assert instruction(body, NAMES) == expected


@pytest.mark.parametrize(
    "call", ["/claude fix it", "@heddle fix it"],
)  # fmt: skip
@pytest.mark.parametrize(
    "around",
    [
        "> {}",
        "> a\n{}",  # goes on lazily
        ">{}",
        "- > {}",
        "> - a\n>   {}",
        "```\n{}\n```",
        "~~~\n{}",
        "- a\n  ```\n  {}\n  ```",
        "    {}",
        "a\n\n    {}",
        "\t{}",
        "`{}`",
        "``a\n{}``",
        "<!-- {} -->",
        "<!--\n\n{}\n\n-->",
        "a <!--\n{}\n--> b",
        "<div>\n{}\n</div>",
        "<pre>\n\n{}\n\n</pre>",
        "a <code>\n{}\n</code>",
        "<blockquote>\n\n{}\n\n</blockquote>",
        "[a\n{}](https://acme.dev)",
        "[a](https://acme.dev '\n{}')",
        "[a]: https://acme.dev '{}'",
    ],
)  # fmt: skip
def test_what_is_no_word_of_the_author_starts_nothing(around: str, call: str) -> None:
    assert instruction(around.format(call), NAMES) is None


@pytest.mark.parametrize(
    "body",
    [
        "",
        "fix it",
        "/claudette fix it",
        "/claude-code fix it",
        "/claude/x",
        "path/claude fix it",
        "//claude fix it",
        "\\/claude fix it",
        "use /claude to fix it",
        "# /claude fix it",
        "| a |\n|---|\n/claude fix it",
        "a\n    /claude fix it",
        "- [ ] /claude fix it",
        "me@heddle.dev",
        "@heddle.dev",
        "@heddle-bot fix it",
        "@heddle/team fix it",
        "@heddler fix it",
        "@heddle_ fix it",
        "a@heddle fix it",
        "\\@heddle fix it",
        "https://medium.com/@heddle",
        "[x](https://medium.com/@heddle)",
        "<https://medium.com/@heddle>",
        "<a title='@heddle'>",
        "@ heddle",
    ],
)
def test_other_comments_ask_nothing(body: str) -> None:
    assert instruction(body, NAMES) is None


def test_without_names_only_the_command_counts() -> None:
    assert instruction("@heddle fix it", ()) is None
    assert instruction("@ fix it", ()) is None
    assert instruction("/claude fix it", ()) == "fix it"


def test_a_name_is_no_pattern() -> None:
    assert instruction("@heddle", {"h.*"}) is None


pieces = st.sampled_from(
    ["/claude", "/claude fix it", "@heddle", " @heddle, ", "word ", "\n", "\n\n", "\r\n", "\r", "```", "~~~~", "`", "``", "<!--", "-->", "<div>"]
    + ["<code>", "</code>", "> ", ">", "- ", "1. ", "    ", "\t", "# ", "\\", "|", "\n|-|-|\n", "![", "[", "](", ")", "]: ", "---\n", "\x0c", "\u2028"]
    + ["\u00a0", "\0", "\ud800", "<blockquote>", "</blockquote>", "https://"]
)  # fmt: skip
odd = st.lists(pieces | st.text(max_size=4), max_size=30).map("".join)


def lines(text: str) -> list[str]:
    return re.split(r"\r\n?|\n", text)


@settings(max_examples=400, deadline=None)
@given(odd)
@example("/claude fix it")
def test_a_quotation_starts_nothing(body: str) -> None:
    assert instruction("\n".join(f"> {line}" for line in lines(body)), NAMES) is None


@settings(max_examples=400, deadline=None)
@given(odd, st.sampled_from("`~"))
def test_a_code_block_starts_nothing(body: str, mark: str) -> None:
    fence = mark * max(3, *(len(run) + 1 for run in re.findall(f"{mark}*", body)))
    assert instruction(f"{fence}\n{body}\n{fence}", NAMES) is None


@settings(max_examples=400, deadline=None)
@given(odd)
def test_an_instruction_is_part_of_its_comment(body: str) -> None:
    found = instruction(body, NAMES)
    assert found is None or (found == found.strip() and len(found) <= len(body))
    if not re.search(r"(?i)/claude|@heddle", body):
        assert found is None


@settings(max_examples=300, deadline=None)
@given(odd)
def test_a_comment_that_begins_with_the_command_is_one(rest: str) -> None:
    found = instruction(f"/claude task\n\n{rest}", NAMES)
    assert found is not None
    assert found.startswith("task")


@pytest.mark.parametrize(
    "unit",
    [
        "/claude ", "/claude\n", "/claude\n\n", "- /claude\n", "@heddle ", "@heddle\n", "> ", ">", "> /claude\n", "> a\nb\n", "`", "`a", "``` ", "```\n", "``a` ",
        "<!--", "<!-- ", "<!--\n", "<", "<a ", "<a b='", "<code>", "<code>\n", "<pre ", "</", "<?", "<![CDATA[", "[", "[]", "[](", "[a](b '", "[](a \"", "![", "](",
        "[a]: b\n", "[a]:\n", "\\", "\\`", "- ", "- a\n", "1. ", "|", "a|b\n-|-\n", "|@heddle", "*", "https://", "@", "<blockquote>\n", " ", "\t", "\n", "\x0c",
    ],
)  # fmt: skip
@pytest.mark.parametrize("before", ["", "@heddle [](", "/claude\n<a "])
def test_the_time_grows_with_the_length_only(before: str, unit: str) -> None:
    started = time.process_time()
    instruction(before + unit * (65_536 // len(unit)), NAMES)
    assert time.process_time() - started < 3
