"""What a close would lose and what an opening has brought, whatever names and subjects hold."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from bot.closing import brought, going, lost
from bot.github.report import notice as github_notice
from bot.slack.report import notice as slack_notice
from orchestrator.interactive.opening import QUIET, Loose, Opening, OpeningState, Summary, Work
from orchestrator.workspaces import Workspace
from playground.slack.blocks import check_blocks

URL = "https://heddle.example.org/code/w"


WORKSPACE = Workspace("w", "c", "acme/widgets", "main", "heddle/x", None)


def opening(opener: str = "Ada", message: str = "m") -> Opening:
    return Opening("o", WORKSPACE, "c", message, opener, "", "", (), OpeningState.OPEN, None, 0.0, None)


def quiet() -> Opening:
    """What Heddle opens for itself, to clean up."""
    return opening("", f"{QUIET}w:o")


def told(work: Work, **how: bool) -> str:
    return lost(opening(), work, call="", url=URL, **how)


def test_everything_that_would_be_lost_is_listed_by_place() -> None:
    work = Work(
        answered=True,
        uncommitted=tuple(f"file-{number}" for number in range(12)),
        more=30,
        loose=(Loose("feature", 5, ("One", "Two")), Loose("stash@{0}", 1, ())),
    )
    lines = told(work).splitlines()
    assert lines[0] == (
        "Closing the workspace of `acme/widgets` (branch `heddle/x`) would lose work that is nowhere else:"
    )
    assert lines[2].startswith("- 42 files with changes that are in no commit: `file-0`, `file-1`")
    assert lines[2].endswith("`file-9` and 32 more")
    assert lines[3:5] == ["- 5 commits on `feature`: `One`, `Two` and 3 more", "- 1 commit on `stash@{0}`"]
    assert lines[6].startswith("Say `close rescue` to push everything")
    assert lines[6].endswith(URL)


def test_git_that_can_not_say_is_told_with_the_reason() -> None:
    shown = told(Work(answered=False, reason="index file is\ncorrupt."))
    assert "so closing it could lose work (`index file is corrupt.`)." in shown
    assert "`close discard`" in shown


def test_close_that_was_stopped_says_so_first() -> None:
    shown = told(Work(answered=True, uncommitted=("a",)), kept=True)
    assert shown.startswith("The workspace was not closed: there is new work in it.\n\nClosing")


def test_summary_tells_commits_and_how_to_get_work_back() -> None:
    summary = Summary(("1a2b3c4 Fix `it`", "2b3c4d5 Test it"), 0, 4, 12, 3, "refs/heads/heddle/rescue/w")
    assert brought(opening(), summary, days=90) == (
        "**The workspace is closed** (`acme/widgets`, branch `heddle/x`, opened by Ada).\n\n"
        "2 commits since it was opened, +12 −3 in 4 files:\n\n"
        "- `1a2b3c4` `Fix 'it'`\n- `2b3c4d5` `Test it`\n\n"
        "Work that was nowhere else is at `refs/heads/heddle/rescue/w`. To get it back: "
        "`git fetch origin refs/heads/heddle/rescue/w`, then `git switch -c rescued FETCH_HEAD`. "
        "It is kept for 90 days."
    )


def test_summary_of_many_commits_counts_the_rest() -> None:
    summary = Summary(tuple(f"{number:07x} x" for number in range(50)), more=7)
    assert brought(opening(), summary, days=90).splitlines()[-1] == "- and 37 commits more"


def test_summary_of_nothing() -> None:
    shown = brought(opening("[Eve](https://evil.example)"), Summary(discarded=True), days=90)
    assert "opened by Eve(evil.example))" in shown
    assert "No commits were made in it." in shown
    assert shown.endswith("was discarded, as asked.")


def test_clean_up_names_nobody_and_says_that_nothing_is_lost() -> None:
    assert brought(quiet(), Summary(), days=90) == (
        "**The workspace is cleaned up** (`acme/widgets`, branch `heddle/x`): its conversation has ended.\n\n"
        "Everything in it is on GitHub."
    )
    rescued = brought(quiet(), Summary(rescue_ref="refs/heddle/rescue/w"), days=1)
    assert "Everything" not in rescued
    assert rescued.endswith("It is kept for 1 day.")


def test_clean_up_that_came_to_nothing_says_how_to_go_in() -> None:
    shown = lost(quiet(), Work(answered=True, uncommitted=("a",)), call="/claude ", url=URL, kept=True)
    assert shown.startswith("The workspace could not be cleaned up")
    assert shown.endswith(f"Open it with `/claude workspace`, or at {URL}, and finish there or close it.")


def test_clean_up_is_announced_with_what_goes_where() -> None:
    unknown = going(WORKSPACE, Work(answered=False), merged=True, days=90)
    assert unknown.startswith("The pull request is merged, so the workspace of `acme/widgets`")
    assert "`refs/heddle/rescue/w`" in unknown
    work = Work(answered=True, uncommitted=("a.py",), loose=(Loose("main", 1, ("One",)),))
    known = going(WORKSPACE, work, merged=False, days=30).splitlines()
    assert known[0].startswith("This conversation has ended, so")
    assert known[0].endswith("which is pushed to `refs/heddle/rescue/w` first and kept there for 30 days:")
    assert known[2:] == ["- 1 file with changes that are in no commit: `a.py`", "- 1 commit on `main`: `One`"]


odd = st.builds(
    lambda parts, times: "".join(parts) * times,
    st.lists(
        st.sampled_from(["word ", "`", "``", "\n", "@ada ", "<!here>", "[x](https://x.org)", "*", "\0", "\ud800", "é", "|", "- "]),
        max_size=6,
    ),
    st.sampled_from([1, 1, 40, 400]),
)  # fmt: skip
works = st.builds(
    Work,
    answered=st.booleans(),
    uncommitted=st.lists(odd, max_size=100).map(tuple),
    more=st.integers(0, 10**6),
    loose=st.lists(
        st.builds(Loose, odd, st.integers(0, 10**6), st.lists(odd, max_size=5).map(tuple)), max_size=30
    ).map(tuple),
    reason=odd,
)
summaries = st.builds(
    Summary,
    st.lists(odd, max_size=50).map(tuple),
    st.integers(0, 10**6),
    st.integers(0, 10**6),
    st.integers(0, 10**6),
    st.integers(0, 10**6),
    odd,
    st.booleans(),
)


def check(text: str, last: str) -> None:
    """Whether both platforms take it as it is, to its end, and nothing in it became a list, a link or a heading."""
    for shown in (github_notice(text), slack_notice(text).blocks[0]["text"]):
        tokens = MarkdownIt("commonmark").parse(shown)
        inline = [child for token in tokens for child in token.children or ()]
        assert not [child for child in inline if child.type in ("link_open", "image", "html_inline")]
        assert last in shown[-400:]
    verdict = check_blocks(slack_notice(text).blocks)  # type: ignore[arg-type]
    assert not verdict.error, verdict


@given(works, st.booleans())
@settings(max_examples=50, deadline=None)
def test_whatever_would_be_lost_the_ways_are_always_told(work: Work, kept: bool) -> None:
    check(told(work, kept=kept), "`close discard`")


@given(summaries, odd)
@settings(max_examples=50, deadline=None)
def test_whatever_was_brought_is_told(summary: Summary, opener: str) -> None:
    text = brought(opening(opener), summary, days=90)
    check(text, text.rstrip()[-10:])


@pytest.mark.parametrize("call", ["", "/claude "])
def test_ways_are_said_as_people_say_them_there(call: str) -> None:
    shown = lost(opening(), Work(answered=True, uncommitted=("a",)), call=call, url=URL)
    assert f"`{call}close rescue`" in shown
