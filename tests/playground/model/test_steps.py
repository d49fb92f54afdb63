from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.report import Todo, TodoStatus
from playground.model.answer import Answer, Cut, Failure, Garbage, Gate, Hang, StopReason
from playground.model.conversation import Conversation, Message, Role, Text, ToolUse
from playground.model.plan import NOTHING_LEFT
from playground.model.scripts import Scripts
from playground.model.steps import (
    Steps,
    bash,
    call,
    cut,
    edit,
    fail,
    garbage,
    hang,
    overwrite,
    read,
    say,
    stop,
    todo,
    todos,
    together,
    wait,
    write,
)
from tests.playground.model.loop import Loop, always_fine


def asked(prompt: str = "task", attempt: int = 0) -> Conversation:
    return Conversation("m", (Message(Role.USER, (Text(prompt),)),), frozenset({"Bash"}), attempt=attempt)


def test_steps_follow_one_another() -> None:
    loop = Loop(
        Steps(say("Look."), say("Here."), bash("ls", "List"), write("a", "b"), stop("Done.")), always_fine
    )
    assert loop.ask("task") == "Done."
    assert [answer.blocks for answer in loop.answers] == [
        (Text("Look.\n\nHere."), ToolUse("Bash", {"command": "ls", "description": "List"})),
        (ToolUse("Write", {"file_path": "a", "content": "b"}),),
        (Text("Done."),),
    ]


def test_follow_ups_go_on_where_the_steps_stopped() -> None:
    loop = Loop(Steps(stop("one"), bash("ls"), say("two")), always_fine)
    assert [loop.ask("a"), loop.ask("b"), loop.ask("c")] == ["one", "two", NOTHING_LEFT]


def test_paths_are_made_absolute() -> None:
    loop = Loop(Steps(edit("a.py", "1", "2"), overwrite("/b", "x"), read("c")), always_fine, directory="/r")
    loop.ask("task")
    paths = [
        [block.input["file_path"] for block in answer.blocks if isinstance(block, ToolUse)]
        for answer in loop.answers
    ]
    assert paths == [["/r/a.py", "/r/a.py"], ["/b", "/b"], ["/r/c"], []]


def test_several_calls_in_one_answer() -> None:
    loop = Loop(Steps(together(bash("a"), bash("b", timeout=2)), stop("x")), always_fine)
    loop.ask("task")
    assert [use.input for use in loop.calls("Bash")] == [{"command": "a"}, {"command": "b", "timeout": 2000}]
    assert len(loop.answers) == 2


def test_faults_come_first_and_then_the_answer() -> None:
    steps = Steps(fail(529, 2, retry_after=1), garbage(), cut(), stop("ok"))
    replies = [steps.answer(asked(attempt=attempt)) for attempt in range(5)]
    overloaded = Failure(529, retry_after=1)
    assert replies == [
        overloaded,
        overloaded,
        Garbage(),
        Cut(),
        Answer((Text("ok"),), StopReason.END_TURN),
    ]
    assert overloaded.kind.value == "overloaded_error"


@given(st.integers(0, 10_000))
def test_what_fails_for_ever_fails_at_every_attempt(attempt: int) -> None:
    assert Steps(hang(), stop("never")).answer(asked(attempt=attempt)) == Hang()
    assert Steps(fail(401, None)).answer(asked(attempt=attempt)) == Failure(401)


async def test_waits_belong_to_the_next_answer() -> None:
    gate = Gate()
    answer = Steps(wait(0.5), wait(gate), stop("x")).answer(asked())
    assert isinstance(answer, Answer)
    assert answer.pauses == (0.5, gate)


def test_the_todo_tools_are_not_called_by_hand() -> None:
    with pytest.raises(ValueError, match="todos"):
        call("TodoWrite", todos=[])


def test_without_a_todo_tool_todos_change_nothing() -> None:
    loop = Loop(Steps(todos(["> a"]), bash("ls"), stop("x")), always_fine)
    loop.ask("task")
    assert len(loop.answers) == 2


def test_notation_of_todos() -> None:
    assert [todo("x done"), todo("> doing"), todo("extra")] == [
        Todo("done", TodoStatus.COMPLETED),
        Todo("doing", TodoStatus.IN_PROGRESS),
        Todo("extra", TodoStatus.PENDING),
    ]


def test_an_answer_depends_on_the_conversation_alone() -> None:
    loop = Loop(Steps(bash("a"), bash("b"), stop("c")), always_fine)
    loop.ask("task")
    again = Steps(bash("a"), bash("b"), stop("c"))
    for at, answer in enumerate(loop.answers):
        until = tuple(loop.messages[: 1 + 2 * at])
        assert again.answer(replace(loop.conversation(), messages=until)) == answer


def test_scripts_are_chosen_by_the_latest_marker() -> None:
    scripts = Scripts(Steps(stop("nobody's")))
    scripts.add("#a", Steps(bash("ls"), stop("a1"), stop("a2")))
    scripts.add("#a-long", Steps(stop("long")))
    scripts.add("#b", Steps(stop("b1"), stop("b2")))
    loop = Loop(scripts, always_fine)
    said = [loop.ask(prompt) for prompt in ("do #a", "go on", "now #b", "and on", "#a-long")]
    assert said == ["a1", "a2", "b1", "b2", "long"]
    assert Loop(scripts, always_fine).ask("unmarked") == "nobody's"
    with pytest.raises(ValueError, match="marker"):
        scripts.add("", Steps())
