from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from bot import wording
from orchestrator.report import Diffstat, PullRequest, Report, RunState
from orchestrator.workspaces import Run, Workspace


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 s"), (59.9, "59 s"), (60, "1 min 0 s"), (72, "1 min 12 s"), (3600, "1 h 0 min"), (7500, "2 h 5 min"),
        (-5, "0 s"), (float("nan"), "0 s"), (float("inf"), "0 s"),
    ],
)  # fmt: skip
def test_duration(seconds: float, words: str) -> None:
    assert wording.duration(seconds) == words


@given(st.floats(0, 1e6), st.floats(0, 1e6))
def test_two_moments_within_the_same_second_read_alike(one: float, other: float) -> None:
    assert (wording.duration(one) == wording.duration(other)) == (
        int(one) == int(other) or min(one, other) >= 3600 and int(one) // 60 == int(other) // 60
    )


def test_counts_are_singular_and_plural() -> None:
    assert [wording.count(number, "file") for number in (0, 1, 2, 1200)] == [
        "0 files",
        "1 file",
        "2 files",
        "1,200 files",
    ]
    assert wording.diffstat(Diffstat(1, 1, 12, 3)) == "+12 −3 in 1 file · 1 commit"


def test_every_state_has_words() -> None:
    assert set(wording.STATES) == set(RunState)


@given(st.floats())
def test_minutes_change_once_a_minute(seconds: float) -> None:
    shown = wording.minutes(seconds)
    assert "s" not in shown
    if 0 <= seconds < 1e9:
        assert shown == wording.minutes(seconds // 60 * 60)
        assert bool(shown) == (seconds >= 60)


@pytest.mark.parametrize(
    ("text", "items"), [(wording.SLACK_HELP, 9), (wording.GITHUB_HELP.format(name="heddle"), 7)]
)
def test_help_is_standard_markdown(text: str, items: int) -> None:
    rendered = MarkdownIt("commonmark").render(text)
    assert rendered.startswith("<p><strong>Tell me what to do")
    assert rendered.count("<li>") == items
    assert not any(mark in rendered for mark in ("*", "•"))


def run(identity: str, state: RunState, task: str, report: Report | None = None) -> Run:
    workspace = Workspace("w", "c", "acme/widgets", "main", "heddle/x", None)
    return Run(identity, workspace, "c", "m", task, "", "", state, False, 0.0, report)


def test_status_tells_of_runs_here_and_elsewhere() -> None:
    ended = Report("1", "x", RunState.SUCCEEDED, 0.0, pull_request=PullRequest(7, "https://x.org/7"))
    here = [
        run("2", RunState.WORKING, "Fix\nthe sum"),
        run("1", RunState.SUCCEEDED, "odd ` tick " + "x " * 200, ended),
    ]
    shown = wording.status(here, [here[0], run("3", RunState.QUEUED, "other")]).splitlines()
    assert shown[0] == "- Working · `acme/widgets` · Fix"
    assert shown[1].startswith("- Done: [#7](https://x.org/7) · `acme/widgets` · odd ' tick")
    assert shown[2:] == ["", "1 other run in other conversations."]
    assert wording.status([], []) == wording.NOTHING_HERE


@given(st.floats(), st.floats(), st.none() | st.integers(), st.none() | st.floats())
def test_figures_are_one_line_whatever_was_measured(
    start: float, now: float, turns: int | None, cost: float | None
) -> None:
    report = Report(
        "1", "x", RunState.WORKING, start, turns=turns, cost_usd=cost, diffstat=Diffstat(1, 2, 3, 4)
    )
    shown = wording.figures(report, now)
    assert "\n" not in shown
    assert shown.startswith("+3 −4 in 2 files · 1 commit · ")
