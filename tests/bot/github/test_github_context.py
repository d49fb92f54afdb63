"""The context of a task on GitHub: from before the task, and nothing in it can pass for more than a quotation."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.github.context import (
    EARLIER,
    EDITED,
    LEFT_OUT,
    LIMIT,
    MARKER,
    NEWEST,
    OTHERS,
    RULES,
    WHOLE,
    WRITERS,
    as_of,
    fenced,
    issue_task,
    render,
    review_task,
)
from bot.github.subjects import Author, Head, LineComment, Post, Review, Subject, SubjectKind, SubjectState

AT = 1_800_000_000.0
ADA, EVE = Author("ada", "OWNER"), Author("eve")


def post(
    id: int = 1, body: str = "text", created_at: float = AT - 60, author: Author = ADA, **more: bool
) -> Post:
    return Post(id, author, body, created_at, **more)  # type: ignore[arg-type]


def edited(given: Post, at: float) -> Post:
    return replace(given, edited_at=at)


def subject(
    *posts: Post, reviews: tuple[Review, ...] = (), body: str = "It fails.", title: str = "Broken"
) -> Subject:
    return Subject(
        "acme/widgets",
        12,
        SubjectKind.ISSUE,
        SubjectState.OPEN,
        title,
        "https://github.com/acme/widgets/issues/12",
        post(0, body, AT - 600),
        posts,
        reviews,
    )


def line(given: Post, hunk: str = "@@ -1 +1 @@\n+x", place: int | None = 3) -> LineComment:
    return LineComment(given, "src/a.py", place, hunk)


def shown(given: Subject, asker: str = "ada") -> str:
    return render(given, asker=asker, may_write=lambda login: login == "ada")


@pytest.mark.parametrize(
    ("given", "stays"),
    [
        (post(4, created_at=AT - 1), True),
        (post(4, created_at=AT), True),
        (post(6, created_at=AT), False),
        (post(6, created_at=AT + 1), False),
        (post(5, created_at=AT), False),
        (edited(post(4), AT - 1), True),
        (edited(post(4), AT), False),
        (edited(post(4), AT + 1), False),
        (post(4, minimized=True), False),
        (post(4, f"{MARKER}run -->\nWorking"), False),
    ],
)
def test_only_what_was_said_before_stays(given: Post, stays: bool) -> None:
    for posts in ([given], [given, post(5, created_at=AT)]):
        assert (given in as_of(subject(*posts), AT, trigger=5).posts) == stays
    review = Review(given, "COMMENTED")
    assert (review in as_of(subject(reviews=(review,)), AT, trigger=5).reviews) == stays


def test_without_a_trigger_the_same_second_is_too_late() -> None:
    assert not as_of(subject(post(4, created_at=AT)), AT).posts


def test_numbers_of_another_kind_say_nothing() -> None:
    review = Review(post(4, created_at=AT), "COMMENTED")
    assert not as_of(subject(post(5, created_at=AT), reviews=(review,)), AT, trigger=5).reviews


def test_line_comments_are_judged_by_themselves() -> None:
    old, new = line(post(2)), line(edited(post(3), AT + 5))
    (review,) = as_of(
        subject(reviews=(Review(edited(post(9, "x"), AT + 1), "APPROVED", (old, new)),)), AT
    ).reviews
    assert (review.comments, review.post.body) == ((old,), "")


def test_the_review_that_gives_the_task_is_no_context() -> None:
    review = Review(post(9, created_at=AT), "COMMENTED", (line(post(2)),))
    assert not as_of(subject(reviews=(review,)), AT, trigger=9).reviews


def test_own_posts_are_told_by_the_caller() -> None:
    found = as_of(subject(post(1), post(2, author=EVE)), AT, own=lambda each: each.author is EVE)
    assert [each.id for each in found.posts] == [1]


def test_a_text_that_was_edited_since_is_left_out() -> None:
    given = subject(body="new text")
    late = as_of(replace(given, opening=edited(given.opening, AT)), AT)
    assert late.opening.body == EDITED
    assert as_of(replace(given, opening=edited(given.opening, AT - 1)), AT).opening.body == "new text"


def test_everybody_is_quoted_under_what_they_may() -> None:
    text = shown(subject(post(1, "hi", AT - 50), post(2, "do\nthis", AT - 40, EVE), post(3, "no", AT - 30)))
    assert text.startswith(
        "You work on a task that @ada gave on GitHub, in the issue acme/widgets#12 (open): "
    )
    assert RULES in text
    order = [
        "> Title: Broken",
        "> It fails.",
        "> hi",
        OTHERS,
        "@eve, 2027-01-15 07:59 UTC:",
        "> do\n> this",
        WRITERS,
        "> no",
    ]
    position = 0
    for part in order:
        position = text.index(part, position) + len(part)


def test_accounts_that_are_gone_are_not_trusted() -> None:
    text = render(subject(post(1, "hi", author=Author(""))), asker="ada", may_write=lambda login: True)
    assert f"{OTHERS}\n\nsomebody, " in text


def test_what_is_hidden_is_not_shown() -> None:
    text = shown(subject(post(1, "hi <!-- do evil --> there"), body='![evil](u "evil")', title="A\u200b\nB"))
    assert "evil" not in text
    assert "> Title: A B\n" in text


def test_pull_requests_have_branches_and_reviews() -> None:
    review = Review(
        post(9, "Please fix", AT - 20, EVE),
        "CHANGES_REQUESTED",
        (line(post(2, "here"), "@@ -1 +1 @@\n+````"),),
    )
    given = replace(
        subject(reviews=(review,)), kind=SubjectKind.PULL_REQUEST, head=Head("topic", "a", True), base="main"
    )
    text = shown(given)
    assert "brings the branch `topic` of another repository to the branch `main`" in text
    assert "@eve reviewed (changes requested), " in text
    assert "> On `src/a.py:3`:\n>\n> `````diff\n> @@ -1 +1 @@\n> +````\n> `````\n>\n> here" in text


def test_a_linked_conversation_is_called_one() -> None:
    text = render(subject(), asker="", may_write=lambda login: False, own=False)
    assert text.startswith("This work is linked with a conversation on GitHub, the issue acme/widgets#12")


def test_the_newest_comments_are_seen_at_once() -> None:
    posts = [post(at, f"comment {at}. " + "x" * 400, AT - 500 + at) for at in range(1, 101)]
    text = shown(subject(*posts))
    beginning = text.encode()[:9_000].decode(errors="ignore")
    assert "comment 100. " in beginning
    assert beginning.index("comment 99. ") < beginning.index("comment 100. ")
    assert text.index(NEWEST) < text.index(EARLIER) < text.index("comment 1. ") < text.index("comment 50. ")
    assert all(text.count(f"comment {at}. ") == 1 for at in range(1, 101))
    assert LEFT_OUT not in text


def test_the_oldest_comments_are_left_out() -> None:
    posts = [post(at, f"comment {at}. " + "x" * 5_000, AT - 500 + at) for at in range(1, 31)]
    text = shown(subject(*posts))
    assert len(text) <= LIMIT
    assert "comment 30. " in text
    assert "comment 1. " not in text
    assert text.count(LEFT_OUT) == 1


def test_a_long_text_leaves_room_and_follows_whole() -> None:
    text = shown(subject(post(1, "the comment"), body="begin " + "é" * 9_000 + " end"))
    assert "the comment" in text.encode()[:9_000].decode(errors="ignore")
    assert text.index(WHOLE.format(kind="issue")) < text.index("é end")


ODD = st.lists(
    st.sampled_from(
        [
            "\n",
            "\r",
            "\u2028",
            "\x0b",
            "\x85",
            "\x1c",
            "```",
            "~~~",
            "> ",
            "</details>",
            "x" * 99,
            WRITERS,
            "# ",
            "`",
        ]
    )
    | st.text(max_size=5)
).map("".join)


@given(ODD, ODD, st.lists(ODD, max_size=4), ODD)
def test_nothing_leaves_its_quotation(title: str, body: str, comments: list[str], path: str) -> None:
    review = Review(
        post(9, body, author=EVE), "COMMENTED", (LineComment(post(8, title, author=EVE), path, 1, body),)
    )
    given = subject(*(post(at, text, AT - 9, EVE) for at, text in enumerate(comments, 1)), reviews=(review,))
    given = replace(given, title=title, opening=replace(given.opening, body=body, author=EVE))
    plain = replace(given, title="t", opening=replace(given.opening, body="b"),
                    posts=tuple(replace(each, body="c") for each in given.posts),
                    reviews=(Review(replace(review.post, body="d"), "COMMENTED",
                                    (LineComment(replace(review.comments[0].post, body="e"), "f", 1, "g"),)),))  # fmt: skip

    def outside(text: str) -> list[str]:
        return [each for each in text.splitlines() if each and not each.startswith(">")]

    assert outside(shown(given)) == outside(shown(plain))


@given(
    st.integers(0, 40_000),
    st.integers(0, 9),
    st.integers(1, 30_000),
    st.sampled_from(["\n", "x", "é\n", "x "]),
)
def test_the_whole_is_never_too_long(body: int, count: int, length: int, unit: str) -> None:
    posts = [post(at, unit * length, AT - 99 + at, EVE if at % 2 else ADA) for at in range(count)]
    assert len(shown(subject(*posts, body="a" + unit * body))) <= LIMIT


def test_a_review_is_a_task_with_its_places() -> None:
    comments = (
        line(post(1, "Rename <!-- evil --> this"), "@@ -1 +1 @@\n+```"),
        line(edited(post(2, "too late"), AT)),
        line(post(3, "folded", minimized=True)),
        line(post(4, "gone"), place=None),
    )
    task = review_task("Fix these", Review(post(9), "COMMENTED", comments), AT)
    assert task == (
        "Fix these\n\nOn `src/a.py:3`:\n\n````diff\n@@ -1 +1 @@\n+```\n````\n\nRename  this\n\n"
        "On `src/a.py` (a line that is gone):\n\n```diff\n@@ -1 +1 @@\n+x\n```\n\ngone"
    )
    assert review_task("Only words", Review(post(9), "APPROVED"), AT) == "Only words"


def test_an_issue_is_a_task() -> None:
    assert issue_task("Turn\u200b faster", "It is <!-- evil --> slow.\n") == "Turn faster\n\nIt is  slow."
    assert issue_task("Turn faster", "") == "Turn faster"


@given(st.text("`~a\n"))
def test_nothing_ends_a_code_block_early(text: str) -> None:
    first, *inside, last = fenced(text).split("\n")
    assert first == last
    assert "\n".join(inside) == text
    assert first not in text
