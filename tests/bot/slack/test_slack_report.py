from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from bot import wording
from bot.conversations import MessageKind
from bot.platform import Button
from bot.slack.deliveries import BUTTONS, CHOOSE, CONTINUE, STOP
from bot.slack.report import Rendered, notice, picked, picker, render
from orchestrator.report import Diffstat, Problem, PullRequest, Report, RunState, Todo, TodoStatus
from playground.slack.blocks import check_blocks

WORKING = Report(
    "run-1", "Fix the sum", RunState.WORKING, 100.0, repository="acme/widgets", activity="Running `pytest -q`"
)
DONE = replace(
    WORKING,
    state=RunState.SUCCEEDED,
    ended_at=172.0,
    result="Fixed **it**.",
    turns=9,
    cost_usd=0.14,
    diffstat=Diffstat(2, 4, 12, 3),
    pull_request=PullRequest(12, "https://github.com/acme/widgets/pull/12"),
)


def check(rendered: Rendered) -> None:
    """Whether Slack takes it: its own rules, and what can be sent at all."""
    assert rendered.text.strip()
    assert len(rendered.text) <= 3_000
    payload = json.dumps(rendered.blocks, ensure_ascii=False)
    payload.encode("utf-8")
    verdict = check_blocks(json.loads(payload))
    assert not verdict.error, verdict
    assert not re.search(r"&(?!amp;|lt;|gt;)", rendered.text), "an entity was cut"
    for block in rendered.blocks:
        if block["type"] in {"section", "context"}:
            for text in [block["text"]] if "text" in block else block["elements"]:
                assert text["text"].strip()
                assert not re.search(r"&(?!amp;|lt;|gt;)", text["text"]), "an entity was cut"
                assert not re.search(r"<(?!https?://[^\s<>|]+\|[^<>]*>)", text["text"])
    resolved = [text for kind, text in shown_texts(rendered.blocks) if kind != "plain_text"]
    assert not any(
        re.search(r"(?i)<!(?:here|channel|everyone)|<@u|@(?:here|channel|everyone)", text)
        for text in resolved
    )


def shown_texts(value: object) -> list[tuple[str, str]]:
    """Every text in blocks, with the type of what holds it."""
    if isinstance(value, list):
        return [found for item in value for found in shown_texts(item)]
    if not isinstance(value, dict):
        return []
    own = [(str(value.get("type")), value["text"])] if isinstance(value.get("text"), str) else []
    return own + [found for item in value.values() for found in shown_texts(item)]


def texts(rendered: Rendered) -> str:
    return json.dumps(rendered.blocks, ensure_ascii=False)


units = st.sampled_from(
    ["word ", "&", "<", ">", "`", "```", "~~~", "*", "_", "\n", "@here", "<!channel>", "<@U1>", "![", "](", "|", "é", "\U0001f600"]
    + ["\ud800", "\0", "\x1b[31m", "\r\n", "- ", "> ", "https://x.org/a ", "e\u0301"]
)  # fmt: skip
odd = st.builds(
    lambda parts, times: "".join(parts) * times,
    st.lists(units, max_size=6),
    st.sampled_from([1, 1, 3, 400, 4000]),
)
numbers = st.integers(0, 10**12)
times = st.floats(allow_nan=True)
reports = st.builds(
    Report,
    run_id=st.sampled_from(["run-1", "", "x" * 2001]),
    task=odd,
    state=st.sampled_from(RunState),
    started_at=times,
    repository=odd | st.just("acme/widgets"),
    branch=odd,
    branch_url=odd | st.just("https://github.com/acme/widgets/tree/x"),
    ended_at=st.none() | times,
    todos=st.lists(st.builds(Todo, odd, st.sampled_from(TodoStatus)), max_size=30).map(tuple),
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


@given(reports, times)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_every_report_is_one_that_slack_takes(report: Report, now: float) -> None:
    check(render(report, now=now))


@pytest.mark.parametrize("state", list(RunState))
@pytest.mark.parametrize(
    "unit", ["x", "words ", "&", "\U0001f600", "`a` ", "**b** ", "line\n", "```\n", "@here ", "~~~x\n"]
)
def test_the_fullest_report_is_one_that_slack_takes(state: RunState, unit: str) -> None:
    text = unit * (60_000 // len(unit))
    todos = tuple(Todo(text, status) for status in TodoStatus for _ in range(20))
    problem = Problem(text, text, text) if state in (RunState.FAILED, RunState.STOPPED) else None
    report = replace(
        DONE, task=text, state=state, words=text, result=text, activity=text, todos=todos, problem=problem, branch=text
    )  # fmt: skip
    check(render(report, now=1e9))


def test_a_working_report_reads_well() -> None:
    todos = (
        Todo("Read", TodoStatus.COMPLETED),
        Todo("Write", TodoStatus.IN_PROGRESS),
        Todo("Test", TodoStatus.PENDING),
    )
    rendered = render(replace(WORKING, todos=todos, words="I see.\n\nNow it is clear."), now=172.4)
    check(rendered)
    headline, checklist, words, activity, actions = rendered.blocks
    assert "*Working* · 1 min · `acme/widgets` · Fix the sum" in headline["elements"][0]["text"]
    assert checklist["text"]["text"].splitlines() == ["☑ Read", "▶ *Write*", "☐ Test"]
    assert words == {"type": "markdown", "text": "I see.\n\nNow it is clear."}
    assert activity["elements"][0]["text"] == "Running `pytest -q`"
    stop, go_on = actions["elements"]
    assert (stop["action_id"], stop["value"]) == (STOP, "run-1")
    assert "confirm" not in stop
    assert (go_on["action_id"], go_on["value"]) == (CONTINUE, "run-1")
    assert "stopped and its work is saved" in go_on["confirm"]["text"]["text"]
    assert go_on["confirm"]["deny"]["text"] == "Cancel"


def test_a_finished_report_reads_well() -> None:
    rendered = render(DONE, now=1e9)
    check(rendered)
    shown = texts(rendered)
    assert "Fixed **it**." in shown
    assert "*<https://github.com/acme/widgets/pull/12|Pull request #12>*" in shown
    figures, actions = rendered.blocks[-2:]
    assert figures["elements"][0]["text"] == "+12 −3 in 4 files · 2 commits · 1 min 12 s · 9 turns · $0.14"
    (go_on,) = actions["elements"]
    assert (go_on["action_id"], go_on["value"]) == (CONTINUE, "run-1")
    assert "confirm" not in go_on  # nothing would be stopped


def test_a_problem_says_what_happened_what_to_do_and_shows_the_end_of_the_output() -> None:
    output = (
        "\x1b[31m" + "\n".join(f"line {number} of the output" for number in range(200)) + "\n```\nthe end"
    )
    problem = Problem("The tests failed.", "Look at the last lines.", output)
    rendered = render(replace(DONE, state=RunState.FAILED, pull_request=None, problem=problem), now=0)
    check(rendered)
    words, code = (block["text"] for block in rendered.blocks if block["type"] == "markdown")
    assert words == "**The tests failed.**\n\nLook at the last lines."
    assert code.startswith("````\n…\nline ")
    assert code.endswith("\n```\nthe end\n````")
    assert "line 199" in code
    assert "line 50" not in code


def test_finished_todos_are_folded_first_even_those_that_read_alike() -> None:
    todos = tuple(Todo("Test", TodoStatus.COMPLETED) for _ in range(20)) + (
        Todo("Ship", TodoStatus.IN_PROGRESS),
    )
    shown = render(replace(WORKING, todos=todos), now=0).blocks[1]["text"]["text"].splitlines()
    assert shown == ["_9 steps done before_", *["☑ Test"] * 11, "▶ *Ship*"]


def test_the_message_changes_only_where_something_happened() -> None:
    first, second = (render(WORKING, now=now).blocks for now in (165.2, 215.9))
    assert first == second


def test_a_link_that_slack_could_misread_is_only_its_words() -> None:
    shown = texts(render(replace(DONE, pull_request=PullRequest(1, "https://x.org/|<!here>")), now=0))
    assert "x.org" not in shown
    assert "Pull request #1" in shown


@given(st.lists(odd | st.sampled_from(["acme/widgets", "acme/" + "x" * 80]), max_size=5), st.integers(0, 150))
@settings(deadline=None)
def test_every_picker_is_one_that_slack_takes(names: list[str], more: int) -> None:
    check(picker([*names, *(f"acme/widgets-{number}" for number in range(more))], question_id="question-1"))


def test_a_picker_offers_repositories_and_carries_its_question() -> None:
    section, actions = picker(["acme/widgets", "acme/gears"], question_id="question-1").blocks
    assert "repo:owner/name" in section["text"]["text"]
    assert actions["block_id"] == "question-1"
    menu = actions["elements"][0]
    assert menu["action_id"] == CHOOSE
    assert [option["value"] for option in menu["options"]] == ["acme/widgets", "acme/gears"]


def test_a_picker_without_repositories_says_how_to_give_access() -> None:
    rendered = picker([], question_id="question-1")
    check(rendered)
    assert "access" in rendered.text


offers = st.builds(
    Button,
    st.sampled_from([*BUTTONS.values()]),
    st.sampled_from(["w1/o1", "", "x" * 2_000, "x" * 2_001]),
    odd,
    st.booleans(),
    odd,
)


@given(odd, st.lists(offers, max_size=5, unique_by=lambda button: button.kind))
@settings(deadline=None)
def test_every_notice_with_buttons_is_one_that_slack_takes(text: str, buttons: list[Button]) -> None:
    rendered = notice(text, buttons)
    check(rendered)
    shown = [element for block in rendered.blocks[1:] for element in block["elements"]]
    kept = [button for button in buttons if button.subject and len(button.subject) <= 2_000]
    assert [BUTTONS[element["action_id"]] for element in shown] == [button.kind for button in kept]


def test_a_dangerous_button_asks_first() -> None:
    button = Button(MessageKind.DISCARD, "w1/o1", "Discard and close", danger=True, asks="It is lost.")
    (element,) = notice("hello", [button]).blocks[1]["elements"]
    assert element["style"] == element["confirm"]["style"] == "danger"
    assert element["confirm"]["title"]["text"] == "Discard and close?"
    assert element["confirm"]["text"]["text"] == "It is lost."


@given(odd)
@example("")
@settings(deadline=None)
def test_every_notice_is_one_that_slack_takes(text: str) -> None:
    check(notice(text))
    check(picked(text))


def test_a_notice_shows_its_words() -> None:
    rendered = notice(wording.SLACK_HELP)
    check(rendered)
    assert rendered.blocks == [{"type": "markdown", "text": wording.SLACK_HELP}]


def test_a_list_that_is_all_done_takes_one_line_at_the_end() -> None:
    todos = tuple(Todo(text, TodoStatus.COMPLETED) for text in ("Read", "Write", "Test"))
    assert render(replace(DONE, todos=todos), now=0).blocks[1]["elements"][0]["text"] == "☑ All 3 steps done"
    assert "☑ Write" in texts(render(replace(WORKING, todos=todos), now=0))


@pytest.mark.parametrize("what", ["2 * 3 * 4 is wrong", "a **bold** claim", "*"])
def test_asterisks_do_not_break_a_problems_heading(what: str) -> None:
    problem = Problem(what, "Try again.")
    shown = render(replace(DONE, state=RunState.FAILED, problem=problem), now=0).blocks[1]["text"]
    assert shown == f"{what}\n\nTry again."


def test_a_headline_stays_short() -> None:
    report = replace(WORKING, task="please " * 100, repository="a" * 39 + "/" + "b" * 100)
    headline = render(report, now=1e6).blocks[0]["elements"][0]["text"]
    assert len(headline) < 300


def test_a_pull_request_that_was_there_is_updated() -> None:
    reused = PullRequest(12, "https://github.com/acme/widgets/pull/12", reused=True)
    assert "Pull request #12>* (updated)" in texts(render(replace(DONE, pull_request=reused), now=0))


def test_stopped_work_is_shown_beside_why_and_where() -> None:
    problem = Problem("You stopped it.", "Reply here to go on.")
    report = replace(
        DONE,
        state=RunState.STOPPED,
        problem=problem,
        pull_request=None,
        branch="heddle/x",
        branch_url="https://x.org/x",
    )
    shown = texts(render(report, now=0))
    assert "**You stopped it.**" in shown
    assert "Fixed **it**." in shown
    assert "Branch <https://x.org/x|heddle/x>" in shown
