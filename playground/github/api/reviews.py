"""Reviews of pull requests and their comments on lines."""

from __future__ import annotations

from collections.abc import Mapping

from playground.github.access import Level
from playground.github.api.issues import check_author
from playground.github.api.pulls import pull_of
from playground.github.api.reactions import reaction_json, reactions_json, removed
from playground.github.api.route import SIGNED_IN, ApiRequest, Json, Reply, Route, stamp
from playground.github.api.users import account_json, author_association
from playground.github.errors import Refusal, invalid, not_found
from playground.github.hub import Hub
from playground.github.issues import react
from playground.github.records import Review, ReviewComment, ReviewState
from playground.github.repositories import Repository
from playground.github.reviews import (
    COMMENT,
    REVIEW,
    DraftComment,
    add_review_comment,
    comments_of_pull,
    comments_of_review,
    delete_review_comment,
    edit_review,
    edit_review_comment,
    reply,
    reviews_of,
    set_reactions,
    submit_review,
)

EVENTS: Mapping[str, ReviewState] = {
    "APPROVE": ReviewState.APPROVED,
    "REQUEST_CHANGES": ReviewState.CHANGES_REQUESTED,
    "COMMENT": ReviewState.COMMENTED,
}
NO_DRAFTS = "This GitHub keeps no pending reviews: say which event submits it."
WHERE = [
    "line",
    "original_line",
    "side",
    "start_line",
    "original_start_line",
    "start_side",
    "subject_type",
    "reactions",
]
"""What GitHub leaves out where it lists the comments of one review."""


def review_json(hub: Hub, repository: Repository, review: Review, *, webhook: bool = False) -> Json:
    """A review as REST shows it; webhooks write its state in small letters."""
    page = f"{hub.url}/{repository.full_name}/pull/{review.pull}"
    html_url = f"{page}#pullrequestreview-{review.id}"
    pull_url = f"{hub.api_url}/repos/{repository.full_name}/pulls/{review.pull}"
    shown: dict[str, object] = {
        "id": review.id,
        "node_id": f"PRR_{review.id}",
        "user": account_json(hub, review.user),
        "body": review.body or None if webhook else review.body,
        "state": review.state.lower() if webhook else str(review.state),
        "html_url": html_url,
        "pull_request_url": pull_url,
        "_links": {"html": {"href": html_url}, "pull_request": {"href": pull_url}},
        "submitted_at": stamp(review.submitted_at),
        "commit_id": review.commit_id,
        "author_association": author_association(repository, review.user),
    }
    if webhook:
        shown["updated_at"] = stamp(review.edited_at or review.submitted_at)
    return shown


def review_comment_json(hub: Hub, repository: Repository, comment: ReviewComment) -> Json:
    """A comment on a line; `in_reply_to_id` is there only when it answers another one."""
    pulls = f"{hub.api_url}/repos/{repository.full_name}/pulls"
    url, pull_url = f"{pulls}/comments/{comment.id}", f"{pulls}/{comment.pull}"
    html_url = f"{hub.url}/{repository.full_name}/pull/{comment.pull}#discussion_r{comment.id}"
    shown: dict[str, object] = {
        "id": comment.id,
        "node_id": f"PRRC_{comment.id}",
        "url": url,
        "pull_request_review_id": comment.review,
        "diff_hunk": comment.diff_hunk,
        "path": comment.path,
        "commit_id": comment.commit_id,
        "original_commit_id": comment.commit_id,
        "user": account_json(hub, comment.user),
        "body": comment.body,
        "created_at": stamp(comment.created_at),
        "updated_at": stamp(comment.updated_at),
        "html_url": html_url,
        "pull_request_url": pull_url,
        "_links": {
            "self": {"href": url},
            "html": {"href": html_url},
            "pull_request": {"href": pull_url},
        },
        "author_association": author_association(repository, comment.user),
        "reactions": reactions_json(f"{url}/reactions", comment.reactions),
        "start_line": None,
        "original_start_line": None,
        "start_side": None,
        "line": comment.line,
        "original_line": comment.line,
        "side": "RIGHT",
        "subject_type": "line",
    }
    if comment.in_reply_to is not None:
        shown["in_reply_to_id"] = comment.in_reply_to
    return shown


def _review_of(request: ApiRequest) -> Review:
    review = request.repository.reviews.get(request.number("review"))
    if review is None or review.pull != pull_of(request).number:
        raise not_found()
    return review


def _comment_of(request: ApiRequest) -> ReviewComment:
    comment = request.repository.review_comments.get(request.number("comment"))
    if comment is None:
        raise not_found()
    return comment


def _draft(values: object) -> DraftComment:
    """A comment on a line out of a request's body. Raises Refusal (422)."""
    if not isinstance(values, dict):
        raise Refusal(422, "Invalid request.\n\nA comment is not an object.")
    path, line, body = values.get("path"), values.get("line"), values.get("body")
    if not isinstance(path, str):
        raise invalid(COMMENT, "path", "missing_field")
    if not isinstance(body, str):
        raise invalid(COMMENT, "body", "missing_field")
    if not isinstance(line, int) or isinstance(line, bool):
        raise invalid(COMMENT, "line", "missing_field")
    if values.get("side", "RIGHT") != "RIGHT":
        raise invalid(COMMENT, "side")
    return DraftComment(path, line, body)


async def list_reviews(request: ApiRequest) -> Reply:
    hub, repository = request.hub, request.repository
    reviews = reviews_of(repository, pull_of(request).number)
    return request.page([review_json(hub, repository, each) for each in reviews])


async def create_review(request: ApiRequest) -> Reply:
    event = request.body.text("event")
    if event is None:
        raise Refusal(422, NO_DRAFTS)
    if event not in EVENTS:
        raise invalid(REVIEW, "event")
    drafts = (await request.http.json()).get("comments") or []
    if not isinstance(drafts, list):
        raise invalid(REVIEW, "comments")
    review = await submit_review(
        request.hub,
        request.repository,
        pull_of(request).number,
        request.account,
        state=EVENTS[event],
        body=request.body.text("body") or "",
        comments=[_draft(each) for each in drafts],
        commit_id=request.body.text("commit_id"),
    )
    return Reply(review_json(request.hub, request.repository, review))


async def get_review(request: ApiRequest) -> Reply:
    return Reply(review_json(request.hub, request.repository, _review_of(request)))


async def change_review(request: ApiRequest) -> Reply:
    review = _review_of(request)
    check_author(request, review.user.id)
    text = request.body.needed_text("body", REVIEW)
    review = edit_review(request.hub, request.repository, review, text, request.account)
    return Reply(review_json(request.hub, request.repository, review))


async def list_comments_of_review(request: ApiRequest) -> Reply:
    hub, repository = request.hub, request.repository
    shown = [
        {
            name: value
            for name, value in review_comment_json(hub, repository, each).items()
            if name not in WHERE
        }
        for each in comments_of_review(repository, _review_of(request))
    ]
    return request.page(shown)


async def list_review_comments(request: ApiRequest) -> Reply:
    hub, repository = request.hub, request.repository
    since = request.query("since")
    comments = comments_of_pull(repository, pull_of(request).number)
    shown = [each for each in comments if (stamp(each.updated_at) or "") >= since]
    return request.page([review_comment_json(hub, repository, each) for each in shown])


async def create_review_comment(request: ApiRequest) -> Reply:
    hub, repository, number = request.hub, request.repository, pull_of(request).number
    values = await request.http.json()
    if (to := values.get("in_reply_to")) is not None:
        first = repository.review_comments.get(to) if isinstance(to, int) else None
        if first is None or first.pull != number:
            raise invalid(COMMENT, "in_reply_to")
        comment = reply(hub, repository, first, request.account, request.body.needed_text("body", COMMENT))
    else:
        commit = request.body.needed_text("commit_id", COMMENT)
        comment = await add_review_comment(
            hub, repository, number, request.account, _draft(values), commit_id=commit
        )
    return Reply(review_comment_json(hub, repository, comment), 201)


async def create_reply(request: ApiRequest) -> Reply:
    comment = _comment_of(request)
    if comment.pull != pull_of(request).number:
        raise not_found()
    text = request.body.needed_text("body", COMMENT)
    answer = reply(request.hub, request.repository, comment, request.account, text)
    return Reply(review_comment_json(request.hub, request.repository, answer), 201)


async def get_review_comment(request: ApiRequest) -> Reply:
    return Reply(review_comment_json(request.hub, request.repository, _comment_of(request)))


async def change_review_comment(request: ApiRequest) -> Reply:
    comment = _comment_of(request)
    check_author(request, comment.user.id)
    text = request.body.needed_text("body", COMMENT)
    comment = edit_review_comment(request.hub, request.repository, comment, text, request.account)
    return Reply(review_comment_json(request.hub, request.repository, comment))


async def remove_review_comment(request: ApiRequest) -> Reply:
    comment = _comment_of(request)
    check_author(request, comment.user.id)
    delete_review_comment(request.hub, request.repository, comment, request.account)
    return Reply(None, 204)


async def list_reactions(request: ApiRequest) -> Reply:
    return request.page([reaction_json(request.hub, each) for each in _comment_of(request).reactions])


async def add_reaction(request: ApiRequest) -> Reply:
    comment = _comment_of(request)
    content = request.body.needed_text("content", "Reaction")
    reactions, reaction, new = react(request.hub, comment.reactions, request.account, content)
    set_reactions(request.hub, request.repository, comment, reactions)
    return Reply(reaction_json(request.hub, reaction), 201 if new else 200)


async def remove_reaction(request: ApiRequest) -> Reply:
    comment = _comment_of(request)
    reactions = removed(comment.reactions, request.number("reaction"), request.account)
    set_reactions(request.hub, request.repository, comment, reactions)
    return Reply(None, 204)


def routes() -> tuple[Route, ...]:
    pulls = "/repos/{owner}/{repo}/pulls"
    pull, comment = f"{pulls}/{{number:\\d+}}", f"{pulls}/comments/{{comment:\\d+}}"
    review, reaction = f"{pull}/reviews/{{review:\\d+}}", f"{comment}/reactions/{{reaction:\\d+}}"
    name = "pull_requests"
    # Whoever sees a pull request may speak to it.
    speaking = (name, Level.WRITE, Level.READ, SIGNED_IN)
    return (
        Route("GET", f"{pull}/reviews", list_reviews, name),
        Route("POST", f"{pull}/reviews", create_review, *speaking),
        Route("GET", review, get_review, name),
        Route("PUT", review, change_review, *speaking),
        Route("GET", f"{review}/comments", list_comments_of_review, name),
        Route("GET", f"{pull}/comments", list_review_comments, name),
        Route("POST", f"{pull}/comments", create_review_comment, *speaking),
        Route("POST", f"{pull}/comments/{{comment:\\d+}}/replies", create_reply, *speaking),
        Route("GET", comment, get_review_comment, name),
        Route("PATCH", comment, change_review_comment, *speaking),
        Route("DELETE", comment, remove_review_comment, *speaking),
        Route("GET", f"{comment}/reactions", list_reactions, name),
        Route("POST", f"{comment}/reactions", add_reaction, *speaking),
        Route("DELETE", reaction, remove_reaction, *speaking),
    )
