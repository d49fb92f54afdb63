from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.claude import activity
from orchestrator.claude.events import ApiRetry, ToolUse


def line(name: str, given: dict[str, object], parent: str | None = None) -> str:
    return activity.of_tool(ToolUse(name, given, "t", parent))


@pytest.mark.parametrize(
    ("name", "given", "expected"),
    [
        ("Bash", {"command": "python3 -m unittest"}, "Running `python3 -m unittest`"),
        ("Bash", {"command": "cd /workspace/repository && make"}, "Running `make`"),
        ("Bash", {"command": "cat <<E\nlong\nE"}, "Running `cat <<E …`"),
        ("Bash", {"command": "echo `date`"}, "Running `echo 'date'`"),
        ("Bash", {"command": "cat /workspace/repository/src/a.py"}, "Running `cat src/a.py`"),
        ("Edit", {"file_path": "/workspace/repository/src/a.py"}, "Editing `src/a.py`"),
        ("Write", {"file_path": "/tmp/x"}, "Writing `/tmp/x`"),
        ("Read", {"file_path": "/workspace/repository/README.md"}, "Reading `README.md`"),
        ("Read", {}, "Reading"),
        ("Read", {"file_path": 7}, "Reading"),
        ("Grep", {"pattern": "def main"}, "Searching for `def main`"),
        ("Task", {"description": "Look at tests"}, "Handing over to a subagent: `Look at tests`"),
        ("TodoWrite", {}, "Updating the to-do list"),
        ("mcp__issues__get_issue", {}, "Using `get_issue of issues`"),
        ("Newcomer", {}, "Using `Newcomer`"),
    ],
)
def test_lines(name: str, given: dict[str, object], expected: str) -> None:
    assert line(name, given) == expected


def test_a_subagent_is_marked() -> None:
    assert line("Bash", {"command": "ls"}, "t0") == "Subagent: Running `ls`"


def test_waiting_for_the_model() -> None:
    assert activity.of_retry(ApiRetry(3, 10, 4.2, 529, "overloaded")) == (
        "Waiting for the model: overloaded, try 3 of 10 in 4 s"
    )
    assert "no answer" in activity.of_retry(ApiRetry(1, 10, 0.5, None, "unknown"))
    assert "error 500" in activity.of_retry(ApiRetry(1, 10, 0.5, 500, "news"))


@given(
    st.sampled_from(["Bash", "Edit", "Grep", "WebFetch", "Task", "Other"]) | st.text(),
    st.text(),
    st.none() | st.just("t0"),
)
def test_always_one_short_line_with_the_detail_in_its_place(
    name: str, detail: str, parent: str | None
) -> None:
    keys = ("command", "file_path", "pattern", "url", "description")
    shown = line(name, dict.fromkeys(keys, detail), parent)
    assert len(shown) <= activity.LENGTH
    assert len(shown.splitlines()) == 1
    assert shown.count("`") in (0, 2)
