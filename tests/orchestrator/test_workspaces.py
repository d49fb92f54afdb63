from __future__ import annotations

import re
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.workspaces import branch_name, new_id


@pytest.mark.parametrize(
    ("task", "branch"),
    [
        ("Fix the flaky login test", "heddle/fix-the-flaky-login-test-a1b2c3"),
        ("Don’t crash, don't hang!", "heddle/dont-crash-dont-hang-a1b2c3"),
        ("Größe & Façade", "heddle/groe-facade-a1b2c3"),
        ("fix https://github.com/acme/widgets/issues/3 today", "heddle/fix-issues-3-today-a1b2c3"),
        ("https://example.com/", "heddle/example-com-a1b2c3"),
        ("one two three four five six seven eight", "heddle/one-two-three-four-five-six-a1b2c3"),
        ("x" * 100, f"heddle/{'x' * 32}-a1b2c3"),
        ("修复登录", "heddle/task-a1b2c3"),
        ("", "heddle/task-a1b2c3"),
        ("../../.lock", "heddle/lock-a1b2c3"),
        ("--force @{-1} ~^:?*[\\", "heddle/force-1-a1b2c3"),
    ],
)
def test_branches_read_like_their_task(task: str, branch: str) -> None:
    assert branch_name(task, "a1b2c3d4e5f6") == branch


@settings(max_examples=60)
@given(
    st.text() | st.lists(st.sampled_from(["..", "/", ".lock", "@{", "-", "https://", " ", "é"])).map("".join)
)
def test_every_task_gives_a_branch_that_git_takes(task: str) -> None:
    branch = branch_name(task, new_id())
    assert re.fullmatch(r"heddle/[a-z0-9]+(-[a-z0-9]+)*", branch)
    assert len(branch) <= 50
    subprocess.run(["git", "check-ref-format", "--branch", branch], check=True, capture_output=True)


def test_ids_differ() -> None:
    assert len({new_id() for _ in range(1000)}) == 1000
