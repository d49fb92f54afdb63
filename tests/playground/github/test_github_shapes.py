"""PyGithub checks the type of every field, but only when the field is read: so read them all."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from github import Auth, BadAttributeException, Github, GithubIntegration, UnknownObjectException

from playground.github.server import GitHubStandIn

WIDGETS = "acme/widgets"


def bad_fields(thing: object) -> list[str]:
    """The fields that PyGithub refuses to give out, or asks an address for that does not exist."""
    bad = []
    for name in dir(type(thing)):
        if name.startswith("_") or not isinstance(getattr(type(thing), name), property):
            continue
        try:
            getattr(thing, name)
        except (BadAttributeException, UnknownObjectException) as problem:
            bad.append(f"{type(thing).__name__}.{name}: {problem}")
    return bad


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # PyGithub's, for fields that have a newer name
async def test_every_field_has_the_type_that_pygithub_expects(
    stand_in: GitHubStandIn, clients: Callable[[str | None], Github]
) -> None:
    sha = await stand_in.commit(WIDGETS, {"a": "b"}, branch="topic")
    await stand_in.open_pull_request(WIDGETS, "T", head="topic")
    merged = await stand_in.commit(WIDGETS, {"c": "d"}, branch="done")
    await stand_in.open_pull_request(WIDGETS, "Done", head="done")
    await stand_in.merge(WIDGETS, 2)
    stand_in.open_issue(WIDGETS, "I", labels=["bug"])
    stand_in.comment(WIDGETS, 3, "hello")
    key = await stand_in.app_private_key()

    def work() -> list[str]:
        client = clients(stand_in.token)
        found = client.get_repo(WIDGETS)
        auth = Auth.AppAuth(stand_in.app_id, key)
        with GithubIntegration(auth=auth, base_url=stand_in.api_url, retry=None) as app:
            installation = app.get_repo_installation("acme", "widgets")
            token = app.get_access_token(installation.id).token
            run = (
                clients(token)
                .get_repo(WIDGETS)
                .create_check_run("Heddle", sha, output={"title": "T", "summary": "S"})
            )
            issue = found.get_issue(3)
            comment = issue.get_comments()[0]
            things = [
                client.get_user(),
                client.get_user("acme"),
                found,
                found.get_branch("topic"),
                found.get_commit(sha),
                found.get_commit(merged).commit,
                found.get_commit(sha).files[0],
                found.compare("main", "topic"),
                found.get_git_ref("heads/topic"),
                found.get_pull(1),
                found.get_pull(2),
                found.get_pull(1).head,
                issue,
                issue.labels[0],
                comment,
                comment.create_reaction("eyes"),
                run,
                run.output,
                app.get_app(),
                installation,
                app.get_access_token(installation.id),
                found.get_contents("README.md"),
            ]
            return [bad for thing in things for bad in bad_fields(thing)]

    assert await asyncio.to_thread(work) == []
