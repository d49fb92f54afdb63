from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from bot import wording
from bot.github.report import CHECK_BYTES, COMMENT_LENGTH, Check, check, key_of, marked, notice, render
from orchestrator.report import Diffstat, Problem, PullRequest, Report, RunState, Todo, TodoStatus

JOINER = "\N{WORD JOINER}"
WORKING = Report(
    "run-1",
    "Fix the sum\n\nof floats",
    RunState.WORKING,
    100.0,
    repository="acme/widgets",
    branch="heddle/fix-the-sum",
    branch_url="https://github.com/acme/widgets/tree/heddle/fix-the-sum",
    todos=(
        Todo("Read", TodoStatus.COMPLETED),
        Todo("Write", TodoStatus.IN_PROGRESS),
        Todo("Test", TodoStatus.PENDING),
    ),
    activity="Running `pytest -q`",
    words="I see.\n\nNow it is clear.",
)
DONE = replace(
    WORKING,
    state=RunState.SUCCEEDED,
    ended_at=172.0,
    todos=(),
    result="Fixed **it**, see #12.",
    turns=9,
    cost_usd=0.14,
    diffstat=Diffstat(2, 4, 12, 3),
    pull_request=PullRequest(7, "https://github.com/acme/widgets/pull/7"),
)
WHERE = "`acme/widgets` on [`heddle/fix-the-sum`](https://github.com/acme/widgets/tree/heddle/fix-the-sum)"
FIGURES = "+12 −3 in 4 files · 2 commits · 1 min 12 s · 9 turns · $0.14"


# By itself the parser gives up beyond 20 lists in each other, and with it everything that follows. GitHub does not.
DEEP = {"maxNesting": 200}


def paragraphs(markdown: str) -> list[str]:
    """The paragraphs that stand in nothing else, with the headings."""
    tokens = MarkdownIt("commonmark", DEEP).enable("table").parse(markdown)
    return [token.content for token in tokens if token.type == "inline" and token.level == 1]


def words(markdown: str) -> str:
    """What a reader sees outside code and links, where GitHub looks for mentions."""
    html = str(MarkdownIt("commonmark", DEEP).enable(["table", "strikethrough"]).render(markdown))
    return re.sub(r"<(code|pre|a)[ >].*?</\1>", "<>", html, flags=re.DOTALL)


def test_a_working_report_reads_well() -> None:
    assert render(WORKING, now=172.4) == (
        f"**Working** · 1 min · {WHERE}\n\n"
        "- [x] Read\n- [ ] **Write**\n- [ ] Test\n\n"
        "I see.\n\nNow it is clear.\n\n"
        "Running `pytest -q`\n\n"
        "<sub>Stop it with `/claude stop`.</sub>"
    )


def test_a_queued_report_shows_no_time() -> None:
    shown = render(replace(WORKING, state=RunState.QUEUED, todos=(), activity="", words=""), now=900)
    assert shown == f"**Queued** · {WHERE}\n\n<sub>Stop it with `/claude stop`.</sub>"


@pytest.mark.parametrize("state", [RunState.STARTING, RunState.WORKING, RunState.FINISHING])
def test_the_comment_changes_only_where_something_happened(state: RunState) -> None:
    first, second = (render(replace(WORKING, state=state), now=now) for now in (165.2, 215.9))
    assert first == second


def test_a_finished_report_reads_well() -> None:
    assert render(DONE, now=1e9) == (
        f"**Done** · {WHERE}\n\n"
        "Fixed **it**, see #12.\n\n"
        "Pull request [#7](https://github.com/acme/widgets/pull/7)\n\n"
        f"{FIGURES}"
    )


PAGE = "https://heddle.example.org/code/0123456789ab"


def test_a_finished_report_leads_to_the_workspace() -> None:
    assert paragraphs(render(DONE, now=0, page=PAGE))[-1] == f"{FIGURES} · [Continue interactively]({PAGE})"


def test_a_working_report_leads_to_the_workspace_and_says_what_that_does() -> None:
    footer = paragraphs(render(WORKING, now=0, page=PAGE))[-1]
    assert footer == (
        f"<sub>Stop it with `/claude stop`, or [continue interactively]({PAGE}): that stops it, saves its work and "
        "opens a terminal.</sub>"
    )


@pytest.mark.parametrize(
    "page", ["", "javascript:alert(1)", "https://x.org/ @ada", "https://x.org/" + "a" * 2_000]
)
def test_a_page_that_is_none_is_not_mentioned(page: str) -> None:
    for report in (WORKING, DONE):
        assert render(report, now=0, page=page) == render(report, now=0)


def test_a_pull_request_that_was_there_is_updated() -> None:
    reused = PullRequest(7, "https://github.com/acme/widgets/pull/7", reused=True)
    shown = render(replace(DONE, pull_request=reused), now=0)
    assert "Pull request [#7](https://github.com/acme/widgets/pull/7) (updated)" in paragraphs(shown)


def test_unchanged_says_why_there_is_no_pull_request() -> None:
    shown = render(replace(DONE, state=RunState.UNCHANGED, pull_request=None), now=0)
    assert "Claude changed nothing, so there is no pull request." in paragraphs(shown)
    assert "Fixed **it**" in shown


def test_a_problem_says_what_happened_what_to_do_and_shows_the_end_of_the_output() -> None:
    output = (
        "\x1b[31m" + "\n".join(f"line {n} of the output" for n in range(900)) + "\n```\n</details> the end"
    )
    problem = Problem("The tests failed.", "Look at the last lines.", output)
    shown = render(replace(DONE, state=RunState.FAILED, pull_request=None, problem=problem), now=0)
    assert paragraphs(shown)[1:] == ["**The tests failed.**", "Look at the last lines.", FIGURES]
    assert "<details>\n<summary>The last lines of output</summary>\n\n````\n…\nline " in shown
    assert f"line 899 of the output\n```\n</details> the end\n````\n\n</details>\n\n{FIGURES}" in shown
    assert "line 50 " not in shown
    assert "Fixed" not in shown


def test_stopped_work_is_shown_beside_why() -> None:
    problem = Problem("Ada stopped it.", "Comment `/claude …` to go on.")
    shown = render(replace(DONE, state=RunState.STOPPED, problem=problem, pull_request=None), now=0)
    assert paragraphs(shown)[1:3] == ["**Ada stopped it.**", "Comment `/claude …` to go on."]
    assert "Fixed **it**" in shown


def test_a_note_stands_under_the_header() -> None:
    note = "This pull request comes from a fork, so the work goes to a branch of its own."
    for report in (WORKING, DONE):
        assert paragraphs(render(replace(report, note=note), now=0))[1] == note


def test_claudes_list_does_not_go_on_with_the_checklist() -> None:
    tokens = MarkdownIt("commonmark", DEEP).parse(render(replace(WORKING, words="- one\n- two"), now=0))
    assert len([token for token in tokens if token.type == "bullet_list_open"]) == 2


def test_many_steps_are_folded() -> None:
    todos = tuple(Todo(f"Step {n}", TodoStatus.COMPLETED) for n in range(40)) + tuple(
        Todo(f"Later {n}", TodoStatus.PENDING) for n in range(31)
    )
    lines = render(replace(WORKING, todos=todos), now=0).splitlines()
    assert "- [x] _40 steps done before_" in lines
    assert "- [ ] Later 29" in lines
    assert "- [ ] _and 1 step more_" in lines
    assert "- [ ] Later 30" not in lines


def test_a_list_that_is_all_done_takes_one_line_at_the_end() -> None:
    todos = tuple(Todo(text, TodoStatus.COMPLETED) for text in ("Read", "Write", "Test"))
    assert "\n\n- [x] All 3 steps done\n\n" in render(replace(DONE, todos=todos), now=0)


@pytest.mark.parametrize("what", ["2 * 3 * 4 is wrong", "a **bold** claim", "ends in \\"])
def test_a_line_that_bold_would_break_is_not_bold(what: str) -> None:
    problem = Problem(what, "Try again.")
    shown = render(replace(DONE, state=RunState.FAILED, problem=problem), now=0)
    assert what in paragraphs(shown)


@pytest.mark.parametrize("field", ["words", "result", "activity", "note", "problem", "todo"])
def test_nobody_is_pinged_and_nothing_hidden(field: str) -> None:
    text = "Ask @ada <!-- quietly --> <details> `@code <b>`"
    working, ended = WORKING, replace(DONE, state=RunState.STOPPED)
    shown = {
        "words": lambda: render(replace(working, words=text), now=0),
        "activity": lambda: render(replace(working, activity=text), now=0),
        "todo": lambda: render(replace(working, todos=(Todo(text, TodoStatus.IN_PROGRESS),)), now=0),
        "note": lambda: render(replace(working, note=text), now=0),
        "result": lambda: render(replace(ended, result=text), now=0),
        "problem": lambda: render(replace(ended, problem=Problem(text, text)), now=0),
    }[field]()
    assert f"Ask @{JOINER}ada &lt;!-- quietly --> &lt;details> `@code <b>`" in shown


def test_links_that_are_none_are_only_words() -> None:
    report = replace(
        DONE, branch_url="javascript:alert(1)", pull_request=PullRequest(7, "https://x.org/ @ada")
    )
    shown = render(report, now=0)
    assert shown.startswith("**Done** · `acme/widgets` on `heddle/fix-the-sum`\n")
    assert "Pull request #7" in paragraphs(shown)


def test_brackets_in_an_address_do_not_end_the_link() -> None:
    shown = render(replace(DONE, branch="a(b)", branch_url="https://x.org/a(b)"), now=0)
    assert "on [`a(b)`](https://x.org/a%28b%29)" in shown


@pytest.mark.parametrize(
    ("state", "status", "conclusion"),
    [
        (RunState.QUEUED, "queued", None),
        (RunState.STARTING, "in_progress", None),
        (RunState.WORKING, "in_progress", None),
        (RunState.FINISHING, "in_progress", None),
        (RunState.SUCCEEDED, "completed", "success"),
        (RunState.UNCHANGED, "completed", "neutral"),
        (RunState.FAILED, "completed", "failure"),
        (RunState.STOPPED, "completed", "cancelled"),
    ],
)
def test_a_check_is_told_in_githubs_words(state: RunState, status: str, conclusion: str | None) -> None:
    report = replace(DONE, state=state)
    assert check(report, now=0, log="a\nb\n") == Check(
        status, conclusion, f"{wording.STATES[state]}: Fix the sum", render(report, now=0), "```\na\nb\n```"
    )


def test_a_check_without_task_or_log() -> None:
    shown = check(replace(WORKING, task=""), now=0)
    assert (shown.title, shown.text) == ("Working", "")


def test_a_check_shows_the_end_of_a_long_log() -> None:
    log = "".join(f"{n} größer\n" for n in range(20_000))
    shown = check(DONE, now=0, log=log).text
    assert shown.startswith("```\n…\n")
    assert shown.endswith("\n19999 größer\n```")
    assert CHECK_BYTES - 200 < len(shown.encode()) <= CHECK_BYTES


def test_a_comment_is_found_by_its_key() -> None:
    body = marked("run:acme/widgets#12", "Hello")
    assert body == "<!-- heddle:run:acme/widgets#12 -->\nHello"
    assert key_of(body) == "run:acme/widgets#12"
    assert key_of(body.replace("\n", "\r\n")) == "run:acme/widgets#12"


@pytest.mark.parametrize(
    "body",
    ["", "Hello", "\n<!-- heddle:1 -->\n", "> <!-- heddle:1 -->", "<!-- heddle: -->", "<!-- heddle:1 --> /claude x"],
)  # fmt: skip
def test_other_comments_have_no_key(body: str) -> None:
    assert key_of(body) is None


@pytest.mark.parametrize("key", ["", "a b", "a\n", "-->", "x" * 501])
def test_a_key_is_one_word(key: str) -> None:
    with pytest.raises(ValueError, match="not a key"):
        marked(key, "text")


def test_a_notice_shows_its_words() -> None:
    assert notice(f"{wording.NOTHING_HERE} @ada") == f"{wording.NOTHING_HERE} @{JOINER}ada"
    assert notice(" \n") == "(nothing to show)"


units = st.sampled_from(
    ["word ", "&", "<", ">", "`", "```", "~~~", "*", "_", "\n", "\n\n", "@ada ", " @acme/team", "<!--", "<details>", "<pre>", "</details>"]
    + ["![", "](", "|", "é", "\U0001f600", "\ud800", "\0", "\x1b[31m", "\r\n", "- ", "> ", "1. ", "    ", "\\", "[x]: ", "[^1]: "]
    + ["https://x.org/a ", "e\u0301", "\u2028", "#12 ", "\n|-|-|\n", "---\n"]
)  # fmt: skip
odd = st.builds(
    lambda parts, times: "".join(parts) * times,
    st.lists(units, max_size=7),
    st.sampled_from([1, 1, 1, 1, 1, 1, 3, 30, 3000]),
)
numbers = st.integers(0, 10**12)
times = st.floats(allow_nan=True)
reports = st.builds(
    Report,
    run_id=st.just("run-1"),
    task=odd,
    state=st.sampled_from(RunState),
    started_at=times,
    repository=odd | st.just("acme/widgets"),
    branch=odd,
    branch_url=odd | st.just("https://github.com/acme/widgets/tree/x"),
    note=odd,
    ended_at=st.none() | times,
    todos=st.lists(st.builds(Todo, odd, st.sampled_from(TodoStatus)), max_size=40).map(tuple),
    activity=odd,
    words=odd,
    result=odd,
    turns=st.none() | numbers,
    cost_usd=st.none() | st.floats(),
    diffstat=st.none() | st.builds(Diffstat, numbers, numbers, numbers, numbers),
    pull_request=st.none()
    | st.builds(PullRequest, numbers, odd | st.just("https://github.com/a/b/pull/1"), st.booleans()),
    problem=st.none() | st.builds(Problem, odd, odd, odd),
)

HTML = {
    "<details>",
    "</details>",
    "<sub>",
    "</sub>",
    "<br>",
    "<!-- -->",
    "<summary>The last lines of output</summary>",
}


def check_markdown(shown: str, last: str) -> None:
    """Whether the text stands on GitHub as it was meant: it pings nobody, and `last` is by itself."""
    tokens = MarkdownIt("commonmark", DEEP).enable("table").parse(shown)
    assert paragraphs(shown)[-1] == last
    assert tokens[-2].content == last
    raw = [token.content for token in tokens if token.type == "html_block"]
    raw += [
        child.content for token in tokens for child in token.children or () if child.type == "html_inline"
    ]
    assert {line.strip() for text in raw for line in text.splitlines()} <= HTML
    assert "".join(raw).count("<details>") == "".join(raw).count("</details>")
    assert not re.search(r"(?<![A-Za-z0-9])@[A-Za-z0-9]", words(shown))
    assert "<img" not in words(shown)


@given(reports, times, st.sampled_from(["", PAGE]) | odd)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_every_report_is_one_that_github_takes(report: Report, now: float, page: str) -> None:
    shown = render(report, now=now, page=page)
    assert len(shown) <= 60_000
    shown.encode("utf-8")
    last = paragraphs(
        render(
            WORKING if not report.state.ended else replace(DONE, state=RunState.UNCHANGED), now=0, page=page
        )
    )[-1]
    if report.state.ended:
        last = last.replace(FIGURES, wording.figures(report, now))
    check_markdown(shown, last)
    body = marked(report.run_id, shown)
    assert len(body) <= COMMENT_LENGTH
    assert body.endswith(last)
    assert key_of(body) == report.run_id


@given(reports, times, odd)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_every_check_is_one_that_github_takes(report: Report, now: float, log: str) -> None:
    shown = check(report, now=now, log=log)
    assert 0 < len(shown.title) <= 120
    assert "\n" not in shown.title
    assert len(shown.summary.encode("utf-8")) <= CHECK_BYTES
    assert len(shown.text.encode("utf-8")) <= CHECK_BYTES
    assert (shown.status == "completed") == (shown.conclusion is not None)
    kinds = [token.type for token in MarkdownIt("commonmark", DEEP).parse(shown.text)]
    assert kinds == (["fence"] if kinds else [])


@pytest.mark.parametrize("state", list(RunState))
@pytest.mark.parametrize(
    "unit", ["x", "words ", "<a", "\U0001f600", "`a` ", "line\n", "```\n", "@ada ", "- x\n"]
)
def test_the_fullest_report_is_one_that_github_takes(state: RunState, unit: str) -> None:
    text = unit * (90_000 // len(unit))
    todos = tuple(Todo(text, status) for status in TodoStatus for _ in range(20))
    problem = Problem(text, text, text) if state in (RunState.FAILED, RunState.STOPPED) else None
    report = replace(
        DONE, task=text, state=state, words=text, result=text, activity=text, todos=todos, problem=problem,
        branch=text, repository=text, note=text, branch_url="https://x.org/" + "a" * 980,
    )  # fmt: skip
    shown = check(report, now=1e9, log=text)
    assert len(render(report, now=1e9)) <= 60_000
    assert len(shown.summary.encode("utf-8")) <= CHECK_BYTES
    assert len(shown.text.encode("utf-8")) <= CHECK_BYTES


@given(odd, st.sampled_from(["1", "x" * 500]))
@example("`" * 70_000, "1")
@settings(max_examples=60, deadline=None)
def test_every_notice_is_one_that_github_takes(text: str, key: str) -> None:
    for shown in (notice(text), text):
        body = marked(key, shown)
        assert len(body) <= COMMENT_LENGTH
        assert key_of(body) == key
    check_markdown(f"{notice(text)}\n\nThe end", "The end")
