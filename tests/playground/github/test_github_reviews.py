"""Reviews and their comments, over the REST API, and what is told of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial

import pytest
from github import Github, GithubException

from playground.github.access import Level
from playground.github.errors import Refusal
from playground.github.happenings import Happening
from playground.github.records import ReviewState
from playground.github.reviews import DraftComment, hunk_at
from playground.github.server import GitHubStandIn

Clients = Callable[[str | None], Github]
WIDGETS = "acme/widgets"
PATH = "src/widget.py"
CHANGED = "def turn() -> int:\n    return 2\n\n\ndef stop() -> None:\n    pass\n"


@pytest.fixture
async def number(stand_in: GitHubStandIn) -> int:
    """A pull request by ada that changes one file."""
    await stand_in.commit(WIDGETS, {PATH: CHANGED}, branch="topic")
    return (await stand_in.open_pull_request(WIDGETS, "Turn more", head="topic")).number


@pytest.fixture
def told(stand_in: GitHubStandIn) -> list[Happening]:
    heard: list[Happening] = []
    stand_in._hub.listeners.append(heard.append)
    return heard


PATCH = "@@ -1,3 +1,3 @@ top\n a\n-b\n+B\n c\n@@ -10,2 +10,3 @@\n x\n+y\n z\n\\ No newline at end of file"


@pytest.mark.parametrize(
    ("line", "hunk"),
    [
        (1, "@@ -1,3 +1,3 @@ top\n a"),
        (2, "@@ -1,3 +1,3 @@ top\n a\n-b\n+B"),
        (11, "@@ -10,2 +10,3 @@\n x\n+y"),
        (12, "@@ -10,2 +10,3 @@\n x\n+y\n z"),
        (4, None),
        (9, None),
        (13, None),
        (0, None),
    ],
)
def test_hunk_ends_at_the_line(line: int, hunk: str | None) -> None:
    assert hunk_at(PATCH, line) == hunk


def test_hunk_of_a_new_file_and_of_no_patch() -> None:
    assert hunk_at("@@ -0,0 +1 @@\n+only", 1) == "@@ -0,0 +1 @@\n+only"
    assert hunk_at("", 1) is None


async def test_review_with_comments(
    stand_in: GitHubStandIn, clients: Clients, number: int, told: list[Happening]
) -> None:
    stand_in.set_permission(WIDGETS, "grace", Level.WRITE)
    token = stand_in.new_token("grace")

    def work() -> None:
        pull = clients(token).get_repo(WIDGETS).get_pull(number)
        comments = [{"path": PATH, "line": 2, "body": "Why two?"}, {"path": PATH, "line": 5, "body": "Nice."}]
        made = pull.create_review(body="A start.", event="REQUEST_CHANGES", comments=comments)  # type: ignore[arg-type]
        assert (made.state, made.body, made.user.login) == ("CHANGES_REQUESTED", "A start.", "grace")
        assert made.commit_id == pull.head.sha
        assert made.html_url == f"{stand_in.url}/{WIDGETS}/pull/{number}#pullrequestreview-{made.id}"
        assert [each.id for each in pull.get_reviews()] == [made.id]
        assert pull.get_review(made.id).body == "A start."
        first, second = pull.get_review_comments()
        assert (first.path, first.body, first.pull_request_review_id) == (PATH, "Why two?", made.id)
        assert first.raw_data["line"] == first.raw_data["original_line"] == 2
        assert first.raw_data["side"] == "RIGHT"
        assert first.raw_data["author_association"] == "MEMBER"
        assert "in_reply_to_id" not in first.raw_data
        assert first.diff_hunk.splitlines()[-1] == "+    return 2"
        assert second.diff_hunk.splitlines()[-1] == "+def stop() -> None:"
        of_review = list(pull.get_single_review_comments(made.id))
        assert [each.id for each in of_review] == [first.id, second.id]
        # PyGithub asks the comment's own address for what a list leaves out.
        _, listed = pull.requester.requestJsonAndCheck("GET", f"{pull.url}/reviews/{made.id}/comments")
        assert ["line" in each for each in listed] == [False, False]
        assert pull.get_review_comment(second.id).body == "Nice."
        assert clients(token).get_repo(WIDGETS).get_pull(number).review_comments == 2

    await asyncio.to_thread(work)
    assert [(each.event, each.action, each.sender.login, each.issue) for each in told] == [
        ("pull_request_review", "submitted", "grace", number),
        ("pull_request_review_comment", "created", "grace", number),
        ("pull_request_review_comment", "created", "grace", number),
    ]
    (review,) = stand_in.collaboration.reviews(WIDGETS, number)
    first, second = stand_in.collaboration.review_comments(WIDGETS, number)
    assert [each.review for each in told] == [review] * 3
    assert [each.review_comment for each in told] == [None, first, second]


async def test_single_comment_reply_edit_reactions(
    stand_in: GitHubStandIn, clients: Clients, number: int, told: list[Happening]
) -> None:
    def work() -> int:
        found = clients(stand_in.token).get_repo(WIDGETS)
        pull = found.get_pull(number)
        comment = pull.create_review_comment("Look", found.get_commit(pull.head.sha), PATH, line=2)
        (review,) = pull.get_reviews()
        assert (review.state, review.body) == ("COMMENTED", "")
        assert comment.pull_request_review_id == review.id
        answer = pull.create_review_comment_reply(comment.id, "I see")
        again = pull.create_review_comment_reply(answer.id, "And more")
        # A thread has one first comment, whichever of them was answered.
        assert (answer.in_reply_to_id, again.in_reply_to_id) == (comment.id, comment.id)
        assert answer.diff_hunk == comment.diff_hunk
        assert pull.get_reviews().totalCount == 3
        comment.edit("Look here")
        changed = pull.get_review_comment(comment.id)
        assert changed.body == "Look here"
        assert changed.updated_at > changed.created_at
        comment.create_reaction("eyes")
        comment.create_reaction("eyes")
        (reaction,) = comment.get_reactions()
        assert (reaction.content, reaction.user.login) == ("eyes", "ada")
        comment.delete_reaction(reaction.id)
        assert comment.get_reactions().totalCount == 0
        again.delete()
        assert [each.id for each in pull.get_review_comments()] == [comment.id, answer.id]
        return comment.id

    id = await asyncio.to_thread(work)
    edited = next(each for each in told if each.action == "edited")
    assert (edited.event, edited.before) == ("pull_request_review_comment", "Look")
    assert edited.review_comment is not None
    assert edited.review_comment.id == id
    assert edited.review_comment.edited_at is not None


async def test_what_is_refused(stand_in: GitHubStandIn, clients: Clients, number: int) -> None:
    stand_in.add_user("eve")
    eve = stand_in.new_token("eve")

    def refusal(work: Callable[[], object]) -> tuple[int, str]:
        with pytest.raises(GithubException) as caught:
            work()
        return caught.value.status, str(caught.value.data)

    def work() -> None:
        found = clients(stand_in.token).get_repo(WIDGETS)
        pull, others = found.get_pull(number), clients(eve).get_repo(WIDGETS).get_pull(number)
        head = found.get_commit(pull.head.sha)
        for path, line in ((PATH, 7), (PATH, 99), ("README.md", 1), ("gone.py", 1)):
            comment = partial(pull.create_review_comment, "x", head, path, line=line)
            assert refusal(comment)[0] == 422, (path, line)
        status, words = refusal(lambda: pull.create_review_comment("x", head, PATH, line=99))
        assert "must be part of the diff" in words
        assert refusal(lambda: pull.create_review_comment(" ", head, PATH, line=2))[0] == 422
        assert refusal(lambda: pull.create_review(body="", event="COMMENT"))[0] == 422
        assert refusal(lambda: pull.create_review(body="x", event="PRAISE"))[0] == 422
        assert "own pull request" in refusal(lambda: pull.create_review(event="APPROVE"))[1]
        assert refusal(lambda: pull.get_review(1))[0] == 404
        assert refusal(lambda: pull.get_review_comment(1))[0] == 404
        # Whoever sees it may speak, and change only what they said themselves.
        mine = pull.create_review_comment("mine", head, PATH, line=2)
        theirs = others.create_review_comment("theirs", head, PATH, line=2)
        theirs.edit("still theirs")
        assert refusal(lambda: others.get_review_comment(mine.id).edit("x"))[0] == 403
        assert (
            refusal(
                lambda: (
                    clients(None).get_repo(WIDGETS).get_pull(number).create_review(body="x", event="COMMENT")
                )
            )[0]
            == 401
        )

    await asyncio.to_thread(work)
    # A review with one bad line leaves nothing behind.
    before = stand_in.collaboration.reviews(WIDGETS, number)
    with pytest.raises(Refusal):
        await stand_in.collaboration.submit_review(
            WIDGETS, number, body="x", comments=[DraftComment(PATH, 2, "a"), DraftComment(PATH, 99, "b")]
        )
    assert stand_in.collaboration.reviews(WIDGETS, number) == before


async def test_comment_on_an_earlier_commit(stand_in: GitHubStandIn, clients: Clients, number: int) -> None:
    first = stand_in.pull_requests(WIDGETS)[0].head_sha
    await stand_in.commit(WIDGETS, {PATH: "def turn() -> int:\n    return 1\n", "b": "c\n"}, branch="topic")
    other = await stand_in.commit(WIDGETS, {"z": "z\n"}, branch="other")

    def work() -> None:
        found = clients(stand_in.token).get_repo(WIDGETS)
        pull = found.get_pull(number)
        old = pull.create_review_comment("then", found.get_commit(first), PATH, line=2)
        assert old.commit_id == first
        for sha, status in ((pull.head.sha, 422), (other, 422)):
            with pytest.raises(GithubException) as caught:
                pull.create_review_comment("now", found.get_commit(sha), PATH, line=2)
            assert caught.value.status == status

    await asyncio.to_thread(work)


async def test_approval_opens_a_protected_base(stand_in: GitHubStandIn, number: int) -> None:
    stand_in.protect(WIDGETS, "main", reviews=True)
    stand_in.set_permission(WIDGETS, "grace", Level.WRITE)
    together = stand_in.collaboration
    for author, state in (
        ("eve", ReviewState.APPROVED),
        ("grace", ReviewState.APPROVED),
        ("grace", ReviewState.CHANGES_REQUESTED),
    ):
        await together.submit_review(WIDGETS, number, author=author, state=state, body="So.")
        if (author, state) != ("grace", ReviewState.APPROVED):
            with pytest.raises(Refusal, match="approving review"):
                await stand_in.merge(WIDGETS, number)
    await together.submit_review(WIDGETS, number, author="grace", state=ReviewState.APPROVED)
    await together.submit_review(WIDGETS, number, author="grace", body="By the way.")
    assert await stand_in.merge(WIDGETS, number) == await stand_in.branch_sha(WIDGETS, "main")


async def test_handle_replies_edits_and_hides(stand_in: GitHubStandIn, number: int) -> None:
    together = stand_in.collaboration
    comment = await together.review_comment(WIDGETS, number, PATH, 2, "Look", author="eve")
    answer = together.reply(WIDGETS, comment.id, "Yes")
    assert (answer.user.login, answer.in_reply_to) == ("ada", comment.id)
    assert together.edit_review_comment(WIDGETS, comment.id, "Look!").user.login == "eve"
    together.minimize(WIDGETS, comment.id)
    together.minimize(WIDGETS, comment.review)
    assert together.review_comments(WIDGETS, number)[0].minimized
    assert together.reviews(WIDGETS, number)[0].minimized
    together.edit_review(WIDGETS, comment.review, "Words")
    assert together.reviews(WIDGETS, number)[0].body == "Words"
    assert together.reactions_of(f"PRRC_{comment.id}") == ()
    with pytest.raises(KeyError):
        together.reactions_of("PRRC_1")
