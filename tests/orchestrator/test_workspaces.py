from __future__ import annotations

import re
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.report import RunState
from orchestrator.workspaces import Run, Workspace, branch_name, new_id


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


def run_about(task: str, title: str = "") -> Run:
    workspace = Workspace("w1", "c1", "acme/tally", "main", "heddle/x-w1", None, "refs/pull/7/head", True)
    return Run("r1", workspace, "c2", "m1", task, "", "https://x/1", RunState.QUEUED, False, 1.0, None, title)


def test_labels_say_enough_to_make_the_rows_anew() -> None:
    assert run_about("Fix it\nplease", "").labels("d") == {
        "heddle.deployment": "d",
        "heddle.workspace": "w1",
        "heddle.conversation": "c1",
        "heddle.repository": "acme/tally",
        "heddle.branch": "heddle/x-w1",
        "heddle.base": "main",
        "heddle.start": "refs/pull/7/head",
        "heddle.untrusted": "yes",
        "heddle.mode": "headless",
        "heddle.run": "r1",
        "heddle.message": "m1",
        "heddle.title": "Fix it please",
        "heddle.link": "https://x/1",
    }


def test_labels_are_short_and_without_secrets() -> None:
    labels = run_about("token-1 " * 50_000).labels("d", lambda text: text.replace("token-1", "…"))
    assert len(labels["heddle.title"]) <= 100
    assert "token-1" not in "".join(labels.values())
    assert run_about("task", "A title").labels("d")["heddle.title"] == "A title"
