from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playground.model.conversation import Message, Role, Text, ToolUse
from playground.model.steps import Steps, bash, stop, todos
from tests.playground.model.loop import WORK_TOOLS, Loop

TASK_TOOLS = frozenset({"TaskCreate", "TaskUpdate"})
STEPS = (
    todos(["> look", "change"]),
    bash("ls"),
    todos(["x look", "> change", "test"]),
    bash("sed"),
    todos(["x look", "x test"]),
    stop("done"),
)


@dataclass
class Lists:
    """Both kinds of list as Claude Code keeps them."""

    written: list[list[tuple[str, str]]] = field(default_factory=list)
    tasks: dict[str, list[str]] = field(default_factory=dict)

    def __call__(self, use: ToolUse) -> tuple[str, bool]:
        if use.name == "TodoWrite":
            entries = use.input["todos"]
            assert isinstance(entries, list)
            self.written.append([(entry["content"], entry["status"]) for entry in entries])
        elif use.name == "TaskCreate":
            number = str(len(self.tasks) + 1)
            self.tasks[number] = [str(use.input["subject"]), "pending"]
            return f"Task #{number} created successfully: {use.input['subject']}", False
        elif use.name == "TaskUpdate":
            self.tasks[str(use.input["taskId"])][1] = str(use.input["status"])
        return "fine", False

    def now(self) -> set[tuple[str, str]]:
        return {(text, status) for text, status in self.tasks.values() if status != "deleted"}


def test_todo_write_sets_the_whole_list() -> None:
    lists = Lists()
    loop = Loop(Steps(*STEPS), lists, WORK_TOOLS | {"TodoWrite"})
    assert loop.ask("task") == "done"
    assert lists.written == [
        [("look", "in_progress"), ("change", "pending")],
        [("look", "completed"), ("change", "in_progress"), ("test", "pending")],
        [("look", "completed"), ("test", "completed")],
    ]
    assert [use.input["command"] for use in loop.calls("Bash")] == ["ls", "sed"]


def test_tasks_are_created_updated_and_deleted() -> None:
    lists = Lists()
    loop = Loop(Steps(*STEPS), lists, WORK_TOOLS | TASK_TOOLS)
    assert loop.ask("task") == "done"
    assert lists.now() == {("look", "completed"), ("test", "completed")}
    assert lists.tasks["2"] == ["change", "deleted"]
    assert [use.input["command"] for use in loop.calls("Bash")] == ["ls", "sed"]


@pytest.mark.parametrize(
    ("names", "query"),
    [("TodoWrite", "select:TodoWrite"), ("TaskCreate\nTaskUpdate", "select:TaskCreate,TaskUpdate")],
)
def test_deferred_tools_are_loaded_first(names: str, query: str) -> None:
    listing = f"The following deferred tools are now available via ToolSearch.\n{names}\n\n"
    loop = Loop(Steps(*STEPS), Lists())
    loop.messages.append(Message(Role.SYSTEM, (Text(listing),)))
    loop.messages.append(Message(Role.USER, (Text("task"),)))
    answer = loop.script.answer(loop.conversation())
    assert answer.blocks[0] == ToolUse(  # type: ignore[union-attr]
        "ToolSearch", {"query": query, "max_results": len(names.split())}
    )


def test_a_refused_list_does_not_stop_the_work() -> None:
    def refusing(use: ToolUse) -> tuple[str, bool]:
        return ("no such tool", True) if use.name == "TodoWrite" else ("fine", False)

    loop = Loop(Steps(*STEPS), refusing, WORK_TOOLS | {"TodoWrite"})
    assert loop.ask("task") == "done"
    assert len(loop.calls("Bash")) == 2


entries = st.lists(
    st.builds(str.__add__, st.sampled_from(["", "x ", "> "]), st.sampled_from("abc")), max_size=5
)


@given(st.lists(entries, min_size=1, max_size=4))
def test_both_tools_arrive_at_the_same_list(lists: list[list[str]]) -> None:
    steps = [step for names in lists for step in (todos(names), bash("true"))]
    tasks, todo_list = Lists(), Lists()
    Loop(Steps(*steps, stop("x")), tasks, WORK_TOOLS | TASK_TOOLS).ask("task")
    Loop(Steps(*steps, stop("x")), todo_list, WORK_TOOLS | {"TodoWrite"}).ask("task")
    wanted = sorted(todo_list.written[-1]) if todo_list.written else []
    left = sorted((text, status) for text, status in tasks.tasks.values() if status != "deleted")
    assert left == wanted
