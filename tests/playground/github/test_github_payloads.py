"""What a webhook tells: each event with the fields that GitHub's documentation names."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import cast

import pytest
from github import Auth, Github, GithubException, GithubIntegration

from playground.github.access import Level
from playground.github.app import Installation
from playground.github.happenings import Happening
from playground.github.hub import Hub
from playground.github.payloads import payload
from playground.github.repositories import Repository
from playground.github.server import GitHubStandIn

WIDGETS, SECRET = "acme/widgets", "acme/secret"
NOWHERE = "http://127.0.0.1:1/"
Fields = Mapping[str, object]
Clients = Callable[[str | None], Github]

ALWAYS = "action repository organization sender installation"
ACCOUNT = "login id node_id avatar_url gravatar_id url html_url repos_url events_url organizations_url type site_admin"
ISSUE = (
    "url repository_url labels_url comments_url events_url html_url id node_id number title user labels state "
    "locked assignee assignees milestone comments created_at updated_at closed_at author_association "
    "active_lock_reason body reactions performed_via_github_app state_reason"
)
COMMENT = (
    "url html_url issue_url id node_id user created_at updated_at author_association body reactions "
    "performed_via_github_app"
)
SIMPLE_PULL = (
    "url id node_id html_url diff_url patch_url issue_url number state locked title user body created_at "
    "updated_at closed_at merged_at merge_commit_sha assignee assignees requested_reviewers requested_teams "
    "labels milestone draft commits_url review_comments_url review_comment_url comments_url statuses_url head "
    "base _links author_association auto_merge active_lock_reason"
)
PULL = SIMPLE_PULL + (
    " merged mergeable rebaseable mergeable_state merged_by comments review_comments maintainer_can_modify "
    "commits additions deletions changed_files"
)
REVIEW = (
    "id node_id user body commit_id submitted_at state html_url pull_request_url author_association _links"
)
REVIEW_COMMENT = (
    "url pull_request_review_id id node_id diff_hunk path commit_id original_commit_id user body created_at "
    "updated_at html_url pull_request_url author_association _links reactions line side"
)
CHECK_RUN = (
    "id node_id name head_sha external_id url html_url details_url status conclusion started_at completed_at "
    "output check_suite app pull_requests"
)
CHECK_SUITE = (
    "id node_id head_branch head_sha status conclusion url before after pull_requests app created_at updated_at "
    "latest_check_runs_count check_runs_url"
)
REPOSITORY = (
    "id node_id name full_name private owner html_url description fork url clone_url default_branch archived "
    "visibility created_at updated_at pushed_at"
)


@pytest.fixture
def told(stand_in: GitHubStandIn) -> GitHubStandIn:
    """The stand-in with a webhook that nobody hears; what it says is in the history all the same."""
    stand_in.webhook_url = NOWHERE
    return stand_in


def fields(value: object, names: str) -> Fields:
    """An object, which must have at least these fields."""
    assert isinstance(value, Mapping)
    assert set(names.split()) <= set(value), set(names.split()) - set(value)
    return cast("Fields", value)


async def payloads_of(stand_in: GitHubStandIn, *expected: str) -> list[Fields]:
    """The payloads of the expected events (`issues.opened`), which are all that there were."""
    await stand_in.wait_for(lambda: len(stand_in.deliveries) >= len(expected))
    assert [f"{each.event}.{each.action}" for each in stand_in.deliveries] == list(expected)
    found = [each.request.payload for each in stand_in.deliveries]
    for each, delivery in zip(found, stand_in.deliveries, strict=True):
        assert each["action"] == delivery.action
        fields(each, ALWAYS)
        repository = fields(each["repository"], REPOSITORY)
        assert "permissions" not in repository
        fields(repository["owner"], ACCOUNT)
        fields(each["sender"], ACCOUNT)
        assert fields(each["installation"], "id node_id")["id"] == delivery.installation_id
        assert fields(each["organization"], "login id node_id url description")["login"] == "acme"
    return found


def sender(each: Fields) -> object:
    return fields(each["sender"], ACCOUNT)["login"]


async def installation_token(stand_in: GitHubStandIn) -> str:
    key = await stand_in.app_private_key()

    def work() -> str:
        auth = Auth.AppAuth(stand_in.app_id, key)
        with GithubIntegration(auth=auth, base_url=stand_in.api_url, retry=None) as app:
            return app.get_access_token(app.get_repo_installation("acme", "widgets").id).token

    return await asyncio.to_thread(work)


async def test_issues(told: GitHubStandIn) -> None:
    told.open_issue(WIDGETS, "One", "first", author="grace", labels=["bug"])
    told.edit_issue(WIDGETS, 1, title="Two", body="second", by="ada")
    told.edit_issue(WIDGETS, 1, title="Two", body="second")  # nothing new: nothing to tell
    told.label(WIDGETS, 1, "heddle", by="ada")
    told.assign(WIDGETS, 1, "ada", by="grace")
    told.assign(WIDGETS, 1, "ada", by="grace")
    told.close(WIDGETS, 1, by="ada")
    opened, first, edited, labeled, assigned, closed = await payloads_of(
        told,
        "issues.opened",
        "issues.labeled",
        "issues.edited",
        "issues.labeled",
        "issues.assigned",
        "issues.closed",
    )
    issue = fields(opened["issue"], ISSUE)
    assert (issue["title"], issue["body"], issue["author_association"]) == ("One", "first", "NONE")
    fields(issue["user"], ACCOUNT)
    assert "pull_request" not in issue
    assert "changes" not in opened
    assert fields(first["label"], "id node_id name color default description url")["name"] == "bug"
    assert edited["changes"] == {"title": {"from": "One"}, "body": {"from": "first"}}
    assert [sender(each) for each in (opened, edited, assigned, closed)] == ["grace", "ada", "grace", "ada"]
    assert fields(labeled["label"], "name")["name"] == "heddle"
    assert fields(assigned["assignee"], ACCOUNT)["login"] == "ada"
    (assignee,) = cast("list[object]", fields(assigned["issue"], ISSUE)["assignees"])
    assert fields(assignee, ACCOUNT)["login"] == "ada"
    assert fields(closed["issue"], ISSUE)["state"] == "closed"


async def test_issues_over_the_api(told: GitHubStandIn, clients: Clients) -> None:
    told.add_user("grace")

    def work() -> None:
        issue = clients(told.token).get_repo(WIDGETS).create_issue("T", "B")
        issue.edit(body="C")
        issue.edit(state="closed")
        issue.edit(state="open")
        issue.add_to_labels("bug")
        issue.remove_from_labels("bug")
        with pytest.raises(GithubException):
            issue.remove_from_labels("bug")
        issue.add_to_assignees("grace", "nobody")
        assert [each.login for each in issue.assignees] == ["grace"]
        again = clients(None).get_repo(WIDGETS).get_issue(1)
        assert again.raw_data["assignee"]["login"] == "grace"
        issue.remove_from_assignees("grace")
        issue.edit(assignees=["ada"])

    await asyncio.to_thread(work)
    found = await payloads_of(
        told,
        "issues.opened",
        "issues.edited",
        "issues.closed",
        "issues.reopened",
        "issues.labeled",
        "issues.unlabeled",
        "issues.assigned",
        "issues.unassigned",
        "issues.assigned",
    )
    assert found[1]["changes"] == {"body": {"from": "B"}}
    assert all(sender(each) == "ada" for each in found)
    assert fields(found[5]["issue"], ISSUE)["labels"] == []


async def test_issue_comments(told: GitHubStandIn) -> None:
    told.set_role(WIDGETS, "grace", "maintain")
    told.open_issue(WIDGETS, "T", author="eve")
    comment = told.comment(WIDGETS, 1, "one", author="grace")
    changed = told.edit_comment(WIDGETS, comment.id, "two", author="ada")
    assert told.minimize_comment(WIDGETS, comment.id).minimized
    assert changed.edited_at is not None
    _, created, edited = await payloads_of(
        told, "issues.opened", "issue_comment.created", "issue_comment.edited"
    )
    shown = fields(created["comment"], COMMENT)
    assert (shown["body"], shown["author_association"]) == ("one", "MEMBER")
    assert shown["performed_via_github_app"] is None
    assert shown["updated_at"] == shown["created_at"]
    assert fields(created["issue"], ISSUE)["comments"] == 1
    again = fields(edited["comment"], COMMENT)
    assert edited["changes"] == {"body": {"from": "one"}}
    assert str(again["updated_at"]) > str(again["created_at"])
    assert (again["body"], sender(edited)) == ("two", "ada")
    assert fields(again["user"], ACCOUNT)["login"] == "grace"


async def test_comment_of_the_app_and_its_end(told: GitHubStandIn, clients: Clients) -> None:
    token = await installation_token(told)

    def work() -> None:
        issue = clients(token).get_repo(SECRET).create_issue("T")
        issue.create_comment("by a bot").delete()

    await asyncio.to_thread(work)
    opened, created, deleted = await payloads_of(
        told, "issues.opened", "issue_comment.created", "issue_comment.deleted"
    )
    for shown in (opened["issue"], created["comment"], deleted["comment"]):
        app = fields(fields(shown, "performed_via_github_app")["performed_via_github_app"], "id slug owner")
        assert (app["id"], app["slug"]) == (told.app_id, "heddle")
    assert fields(created["sender"], ACCOUNT)["type"] == "Bot"
    assert fields(deleted["comment"], COMMENT)["body"] == "by a bot"
    assert fields(deleted["issue"], ISSUE)["comments"] == 0


async def test_pull_requests(told: GitHubStandIn, clients: Clients) -> None:
    first = await told.commit(WIDGETS, {"a": "1\n2\n"}, branch="topic")
    await told.open_pull_request(WIDGETS, "T", "B", head="topic")
    second = await told.commit(WIDGETS, {"a": "1\n"}, branch="topic")

    def work() -> None:
        issue = clients(told.token).get_repo(WIDGETS).get_issue(1)
        issue.edit(title="U", body="C")
        issue.edit(state="closed")
        issue.edit(state="open")
        issue.add_to_labels("bug")

    await asyncio.to_thread(work)
    told.comment(WIDGETS, 1, "on a pull request")
    await told.merge(WIDGETS, 1)
    opened, pushed, edited, closed, reopened, labeled, commented, merged = await payloads_of(
        told,
        "pull_request.opened",
        "pull_request.synchronize",
        "pull_request.edited",
        "pull_request.closed",
        "pull_request.reopened",
        "pull_request.labeled",
        "issue_comment.created",
        "pull_request.closed",
    )
    pull = fields(opened["pull_request"], PULL)
    assert opened["number"] == 1
    assert (pull["commits"], pull["additions"], pull["changed_files"]) == (1, 2, 1)
    for side in ("head", "base"):
        end = fields(pull[side], "label ref sha user repo")
        fields(end["repo"], REPOSITORY)
    assert (pushed["before"], pushed["after"]) == (first, second)
    assert fields(pushed["pull_request"], PULL)["commits"] == 2
    assert fields(edited["changes"], "body")["body"] == {"from": "B"}
    assert not fields(closed["pull_request"], PULL)["merged"]
    assert fields(reopened["pull_request"], PULL)["state"] == "open"
    assert fields(labeled["label"], "name")["name"] == "bug"
    assert fields(
        fields(commented["issue"], ISSUE)["pull_request"], "url html_url diff_url patch_url merged_at"
    )
    done = fields(merged["pull_request"], PULL)
    assert done["merged"] is True
    assert fields(done["merged_by"], ACCOUNT)["login"] == "ada"


async def test_private_pull_request_names_its_repositories(told: GitHubStandIn) -> None:
    await told.commit(SECRET, {"a": "1\n"}, branch="topic")
    await told.open_pull_request(SECRET, "T", head="topic")
    (opened,) = await payloads_of(told, "pull_request.opened")
    pull = fields(opened["pull_request"], PULL)
    assert fields(fields(pull["head"], "repo")["repo"], REPOSITORY)["full_name"] == SECRET


async def test_reviews(told: GitHubStandIn, clients: Clients) -> None:
    sha = await told.commit(WIDGETS, {"a": "1\n2\n"}, branch="topic")
    await told.open_pull_request(WIDGETS, "T", head="topic")
    told.set_permission(WIDGETS, "grace", Level.WRITE)
    token = told.new_token("grace")

    def work() -> None:
        found = clients(token).get_repo(WIDGETS)
        review = found.get_pull(1).create_review(
            found.get_commit(sha),
            "please change",
            "REQUEST_CHANGES",
            [{"path": "a", "line": 2, "side": "RIGHT", "body": "this line"}],
        )
        review.edit("please change it")
        found.get_pull(1).get_review_comments()[0].edit("that line")

    await asyncio.to_thread(work)
    _, submitted, commented, edited, reworded = await payloads_of(
        told,
        "pull_request.opened",
        "pull_request_review.submitted",
        "pull_request_review_comment.created",
        "pull_request_review.edited",
        "pull_request_review_comment.edited",
    )
    review = fields(submitted["review"], REVIEW)
    assert (review["state"], review["body"], review["commit_id"]) == (
        "changes_requested",
        "please change",
        sha,
    )
    for each in (submitted, commented, edited, reworded):
        assert fields(each["pull_request"], SIMPLE_PULL)["number"] == 1
        assert sender(each) == "grace"
    comment = fields(commented["comment"], REVIEW_COMMENT)
    assert (comment["path"], comment["line"], comment["body"]) == ("a", 2, "this line")
    assert comment["pull_request_review_id"] == review["id"]
    assert edited["changes"] == {"body": {"from": "please change"}}
    assert reworded["changes"] == {"body": {"from": "this line"}}


async def test_checks_of_another_app(told: GitHubStandIn) -> None:
    sha = await told.commit(WIDGETS, {"a": "1\n"}, branch="topic")
    await told.open_pull_request(WIDGETS, "T", head="topic")
    build = told.add_check_run(WIDGETS, sha, "build", title="Building")
    test = told.add_check_run(WIDGETS, sha, "test", conclusion="success")
    told.complete_check_run(WIDGETS, build.id, "failure", summary="It broke", text="log")
    again = told.add_check_run(WIDGETS, sha, "build", conclusion="success")
    found = await payloads_of(
        told,
        "pull_request.opened",
        "check_run.created",
        "check_run.created",
        "check_run.completed",
        "check_run.completed",
        "check_suite.completed",
        "check_run.created",
        "check_run.completed",
        "check_suite.completed",
    )
    created, ended, completed, last = found[1], found[4], found[5], found[8]
    run = fields(created["check_run"], CHECK_RUN)
    assert (run["id"], run["status"], run["conclusion"]) == (build.id, "in_progress", None)
    app = fields(run["app"], "id slug node_id owner name")
    assert app["slug"] == "ci"
    assert app["id"] != told.app_id
    assert fields(created["sender"], ACCOUNT)["login"] == "ci[bot]"
    output = fields(fields(ended["check_run"], CHECK_RUN)["output"], "title summary text annotations_count")
    assert (output["title"], output["summary"], output["text"]) == ("Building", "It broke", "log")
    suite = fields(completed["check_suite"], CHECK_SUITE)
    assert (suite["head_sha"], suite["head_branch"], suite["conclusion"]) == (sha, "topic", "failure")
    assert fields(suite["app"], "id")["id"] == app["id"]
    assert fields(run["check_suite"], CHECK_SUITE)["id"] == suite["id"]
    (pull,) = cast("list[object]", suite["pull_requests"])
    shown = fields(pull, "id number url head base")
    assert shown["number"] == 1
    assert fields(shown["head"], "ref sha repo")["sha"] == sha
    assert fields(fields(shown["base"], "ref sha repo")["repo"], "id name url")["name"] == "widgets"
    assert (test.conclusion, again.conclusion) == ("success", "success")
    # The newer run of the same name is what counts.
    assert fields(last["check_suite"], CHECK_SUITE)["conclusion"] == "success"


async def test_checks_of_the_app_and_who_may_change_them(told: GitHubStandIn, clients: Clients) -> None:
    token = await installation_token(told)
    sha = await told.branch_sha(WIDGETS, "main")
    assert sha is not None
    other = told.add_check_run(WIDGETS, sha, "build")

    def work() -> None:
        found = clients(token).get_repo(WIDGETS)
        run = found.create_check_run("Heddle", sha, status="in_progress")
        run.edit(conclusion="success", output={"title": "T", "summary": "S"})
        run.edit(output={"title": "T2", "summary": "S"})
        with pytest.raises(GithubException) as caught:
            found.get_check_run(other.id).edit(conclusion="success")
        assert caught.value.status == 403
        suites = found.get_commit(sha).get_check_suites()
        assert {suite.app.slug: suite.status for suite in suites} == {
            "ci": "in_progress",
            "heddle": "completed",
        }
        assert {each.check_suite.id for each in found.get_commit(sha).get_check_runs()} == {
            suite.id for suite in suites
        }

    await asyncio.to_thread(work)
    found = await payloads_of(
        told, "check_run.created", "check_run.created", "check_run.completed", "check_suite.completed"
    )
    suite = fields(found[3]["check_suite"], CHECK_SUITE)
    assert fields(suite["app"], "id slug")["id"] == told.app_id
    assert (suite["head_branch"], suite["pull_requests"]) == ("main", [])
    nested = fields(fields(found[2]["check_run"], CHECK_RUN)["check_suite"], CHECK_SUITE)
    assert nested["head_branch"] == "main"


async def test_ping(told: GitHubStandIn) -> None:
    delivery = await told.ping()
    found = fields(delivery.request.payload, "zen hook_id hook")
    assert delivery.event == "ping"
    hook = fields(found["hook"], "type id name active events config app_id")
    assert (hook["type"], hook["app_id"]) == ("App", told.app_id)
    assert "secret" not in str(found).replace("'secret': '********'", "")
    assert told.webhook_secret not in str(found)


async def test_owner_is_a_person(told: GitHubStandIn) -> None:
    await told.create_repository("ada/own")
    told.open_issue("ada/own", "T")
    told.set_permission("ada/own", "grace", Level.WRITE)
    told.comment("ada/own", 1, "c", author="grace")
    await told.wait_for(lambda: len(told.deliveries) == 2)
    opened, commented = (each.request.payload for each in told.deliveries)
    assert "organization" not in opened
    assert fields(opened["issue"], ISSUE)["author_association"] == "OWNER"
    assert fields(commented["comment"], COMMENT)["author_association"] == "COLLABORATOR"


async def test_contributor(told: GitHubStandIn, clients: Clients) -> None:
    token = told.new_token("eve")
    await told.commit(WIDGETS, {"a": "1\n"}, branch="topic", author="eve")
    told.set_permission(WIDGETS, "eve", Level.WRITE)
    await asyncio.to_thread(
        lambda: clients(token).get_repo(WIDGETS).create_pull(base="main", head="topic", title="T", body="")
    )
    await told.merge(WIDGETS, 1)
    told.set_permission(WIDGETS, "eve", Level.NONE)
    comment = told.comment(WIDGETS, 1, "mine", author="eve")
    shown = await asyncio.to_thread(
        lambda: clients(None).get_repo(WIDGETS).get_issue(1).get_comment(comment.id).raw_data
    )
    assert shown["author_association"] == "CONTRIBUTOR"


async def test_a_happening_without_its_subject_is_an_error(tmp_path: Path) -> None:
    hub = Hub(root=tmp_path, app=None)
    ada = hub.add_account("ada")
    repository = Repository(
        id=1,
        owner=ada,
        name="own",
        path=tmp_path,
        private=False,
        default_branch="main",
        description="",
        created_at=0,
    )
    happening = Happening("check_run", "created", repository, ada)
    with pytest.raises(ValueError, match="check_run"):
        payload(hub, happening, Installation(2, ada, {}, 0))
