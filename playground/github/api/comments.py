"""Comments on issues and pull requests, and their reactions."""

from __future__ import annotations

from dataclasses import replace

from playground.github.access import Level
from playground.github.api.installations import acting_app_json
from playground.github.api.issues import check_author, issue_of
from playground.github.api.reactions import reaction_json, reactions_json, removed
from playground.github.api.route import SIGNED_IN, ApiRequest, Json, Reply, Route, stamp
from playground.github.api.users import account_json, author_association
from playground.github.errors import not_found
from playground.github.hub import Hub
from playground.github.issues import add_comment, delete_comment, edit_comment, react
from playground.github.records import Comment
from playground.github.repositories import Repository


def comment_json(hub: Hub, repository: Repository, comment: Comment) -> Json:
    url = f"{hub.api_url}/repos/{repository.full_name}/issues"
    kind = "pull" if comment.issue in repository.pulls else "issues"
    return {
        "id": comment.id,
        "node_id": f"IC_{comment.id}",
        "url": f"{url}/comments/{comment.id}",
        "html_url": f"{hub.url}/{repository.full_name}/{kind}/{comment.issue}#issuecomment-{comment.id}",
        "issue_url": f"{url}/{comment.issue}",
        "body": comment.body,
        "user": account_json(hub, comment.user),
        "created_at": stamp(comment.created_at),
        "updated_at": stamp(comment.updated_at),
        "author_association": author_association(repository, comment.user),
        "performed_via_github_app": acting_app_json(hub, comment.user),
        "reactions": reactions_json(f"{url}/comments/{comment.id}/reactions", comment.reactions),
    }


def _comment_of(request: ApiRequest) -> Comment:
    comment = request.repository.comments.get(request.number("comment"))
    if comment is None:
        raise not_found()
    return comment


async def list_comments(request: ApiRequest) -> Reply:
    comments = request.repository.comments_of(issue_of(request).number)
    since = request.query("since")
    shown = [comment for comment in comments if (stamp(comment.updated_at) or "") >= since]
    return request.page([comment_json(request.hub, request.repository, comment) for comment in shown])


async def create_comment(request: ApiRequest) -> Reply:
    number = issue_of(request).number
    text = request.body.needed_text("body", "IssueComment")
    comment = add_comment(request.hub, request.repository, number, request.account, text)
    return Reply(comment_json(request.hub, request.repository, comment), 201)


async def get_comment(request: ApiRequest) -> Reply:
    return Reply(comment_json(request.hub, request.repository, _comment_of(request)))


async def change_comment(request: ApiRequest) -> Reply:
    comment = _comment_of(request)
    check_author(request, comment.user.id)
    text = request.body.needed_text("body", "IssueComment")
    comment = edit_comment(request.hub, request.repository, comment, text, by=request.account)
    return Reply(comment_json(request.hub, request.repository, comment))


async def remove_comment(request: ApiRequest) -> Reply:
    comment = _comment_of(request)
    check_author(request, comment.user.id)
    delete_comment(request.hub, request.repository, comment, by=request.account)
    return Reply(None, 204)


async def list_reactions(request: ApiRequest) -> Reply:
    return request.page([reaction_json(request.hub, each) for each in _comment_of(request).reactions])


async def add_reaction(request: ApiRequest) -> Reply:
    comment = _comment_of(request)
    content = request.body.needed_text("content", "Reaction")
    reactions, reaction, new = react(request.hub, comment.reactions, request.account, content)
    request.repository.comments[comment.id] = replace(comment, reactions=reactions)
    return Reply(reaction_json(request.hub, reaction), 201 if new else 200)


async def remove_reaction(request: ApiRequest) -> Reply:
    comment = _comment_of(request)
    reactions = removed(comment.reactions, request.number("reaction"), request.account)
    request.repository.comments[comment.id] = replace(comment, reactions=reactions)
    return Reply(None, 204)


def routes() -> tuple[Route, ...]:
    issues = "/repos/{owner}/{repo}/issues"
    comment = f"{issues}/comments/{{comment:\\d+}}"
    of_issue = f"{issues}/{{number:\\d+}}/comments"
    write, read = Level.WRITE, Level.READ
    return (
        Route("GET", of_issue, list_comments, "issues"),
        Route("POST", of_issue, create_comment, "issues", write, read, SIGNED_IN),
        Route("GET", comment, get_comment, "issues"),
        Route("PATCH", comment, change_comment, "issues", write, read, SIGNED_IN),
        Route("DELETE", comment, remove_comment, "issues", write, read, SIGNED_IN),
        Route("GET", f"{comment}/reactions", list_reactions, "issues"),
        Route("POST", f"{comment}/reactions", add_reaction, "issues", write, read, SIGNED_IN),
        Route(
            "DELETE",
            f"{comment}/reactions/{{reaction:\\d+}}",
            remove_reaction,
            "issues",
            write,
            read,
            SIGNED_IN,
        ),
    )
