"""Where a task works: its own branch, the pull request's, or one beside it."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from bot.github.places import CLOSED, FORK, MERGED, NOT_MINE, decide
from bot.github.subjects import Author, Head, Post, Subject, SubjectKind, SubjectState
from bot.places import Place

OPENING = Post(0, Author("ada", "OWNER"), "", 1.0)
ISSUE = Subject("acme/tally", 3, SubjectKind.ISSUE, SubjectState.OPEN, "Crash", "", OPENING)
PULL = replace(
    ISSUE, number=7, kind=SubjectKind.PULL_REQUEST, head=Head("heddle/x", "a" * 40, fork=False), base="main"
)
FORKED = replace(PULL, number=8, head=Head("patch-1", "b" * 40, fork=True), base="release")


def test_issue_gets_a_branch_of_its_own_and_is_closed_by_it() -> None:
    assert decide(ISSUE, [], "acme/tally") == Place(fixes=("#3",))


def test_open_pull_request_is_worked_on_as_it_is() -> None:
    place = decide(PULL, [], "acme/tally")
    assert place == Place(base="main", branch="heddle/x", head="a" * 40)


def test_issue_with_an_open_pull_request_goes_on_there() -> None:
    place = decide(ISSUE, [PULL], "Acme/Tally")
    assert (place.branch, place.fixes) == ("heddle/x", ("#3",))


def test_thread_that_is_linked_with_a_pull_request_works_on_it() -> None:
    assert decide(None, [ISSUE, PULL], "acme/tally").branch == "heddle/x"


def test_fork_is_started_from_and_not_trusted() -> None:
    place = decide(FORKED, [], "acme/tally")
    assert place == Place(
        base="release", start="refs/pull/8/head", untrusted=True, note=FORK.format(number=8)
    )


def test_fork_whose_successor_is_open_goes_on_there() -> None:
    place = decide(FORKED, [PULL], "acme/tally")
    assert (place.branch, place.note) == ("heddle/x", "")


def test_default_branch_is_never_pushed_to() -> None:
    backport = replace(PULL, head=Head("main", "c" * 40, fork=False), base="release", default_branch="main")
    place = decide(backport, [], "acme/tally")
    assert (place.branch, place.base, place.start) == ("", "release", "refs/pull/7/head")
    assert place.note == NOT_MINE.format(number=7, branch="main")


def test_closed_pull_request_is_taken_up_beside_it() -> None:
    closed = replace(PULL, state=SubjectState.CLOSED)
    place = decide(closed, [ISSUE], "acme/tally")
    assert place.avoid == ("heddle/x",)
    assert (place.start, place.untrusted, place.branch) == ("refs/pull/7/head", False, "")
    assert place.note == CLOSED.format(number=7)
    assert place.fixes == ("#3",)


def test_merged_pull_request_is_followed_from_the_base() -> None:
    merged = replace(PULL, state=SubjectState.MERGED)
    place = decide(merged, [], "acme/tally")
    assert (place.start, place.base, place.note) == ("", "main", MERGED.format(number=7))
    assert place.avoid == ("heddle/x",)


def test_issue_whose_pull_request_is_merged_starts_anew() -> None:
    place = decide(ISSUE, [replace(PULL, state=SubjectState.MERGED)], "acme/tally")
    assert place.avoid == ("heddle/x",)
    assert place.branch == ""


def test_closed_issue_is_not_closed_again() -> None:
    assert decide(replace(ISSUE, state=SubjectState.CLOSED), [], "acme/tally").fixes == ()


def test_other_repository_only_lends_its_issues() -> None:
    place = decide(None, [ISSUE, PULL], "acme/other")
    assert place == Place(fixes=("acme/tally#3",))


subjects = st.builds(
    replace,
    st.sampled_from([ISSUE, PULL, FORKED]),
    state=st.sampled_from(SubjectState),
    number=st.integers(1, 9),
    repository=st.sampled_from(["acme/tally", "acme/other"]),
)


@given(st.none() | subjects, st.lists(subjects, max_size=4))
def test_heddle_never_pushes_where_it_must_not(own: Subject | None, others: list[Subject]) -> None:
    place = decide(own, others, "acme/tally")
    known = [subject for subject in [own, *others] if subject is not None]
    heads = {subject.head.branch for subject in known if subject.head is not None and subject.head.fork}
    assert place.branch not in heads  # a fork's branch is not in the repository
    if place.branch:
        assert any(
            subject.head is not None
            and subject.head.branch == place.branch
            and subject.state is SubjectState.OPEN
            and subject.repository == "acme/tally"
            for subject in known
        )
    assert place.untrusted <= bool(place.start)
    assert not (place.branch and place.start)
