"""The REST API, asked by PyGithub."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from github import BadCredentialsException, Github, GithubException, UnknownObjectException

from playground.github.access import Level, TokenKind
from playground.github.server import GitHubStandIn

Clients = Callable[[str | None], Github]
WIDGETS = "acme/widgets"


def refusal(work: Callable[[], object]) -> tuple[int, str]:
    """Status and all words of the refusal that the work must meet."""
    with pytest.raises(GithubException) as caught:
        work()
    return caught.value.status, str(caught.value.data)


async def test_repository_has_what_clients_read(stand_in: GitHubStandIn, clients: Clients) -> None:
    def work() -> None:
        found = clients(stand_in.token).get_repo("Acme/Widgets")
        assert (found.full_name, found.default_branch, found.private) == (WIDGETS, "main", False)
        assert found.permissions.push
        assert found.permissions.admin
        assert not found.archived
        assert found.clone_url == f"{stand_in.url}/{WIDGETS}.git"
        assert found.html_url == f"{stand_in.url}/{WIDGETS}"
        assert found.owner.login == "acme"
        assert found.owner.type == "Organization"
        assert found.pushed_at is not None
        assert found.pushed_at.tzinfo is not None
        assert found.description == "Things that turn"
        content = found.get_contents("src/widget.py")
        assert not isinstance(content, list)
        assert content.decoded_content == b"def turn() -> int:\n    return 1\n"
        folder = found.get_contents("")
        assert isinstance(folder, list)
        assert [entry.path for entry in folder] == ["src", "README.md"]

    await asyncio.to_thread(work)


async def test_user_and_permissions(stand_in: GitHubStandIn, clients: Clients) -> None:
    stand_in.set_permission(WIDGETS, "grace", Level.WRITE)
    stand_in.add_user("eve")

    def work() -> None:
        client = clients(stand_in.token)
        assert client.get_user().login == "ada"
        assert client.get_user("grace").login == "grace"
        found = client.get_repo(WIDGETS)
        assert found.get_collaborator_permission("grace") == "write"
        assert found.get_collaborator_permission("eve") == "read"
        assert found.get_collaborator_permission("ada") == "admin"
        with pytest.raises(UnknownObjectException):
            found.get_collaborator_permission("nobody")
        secret = client.get_repo("acme/secret")
        assert secret.get_collaborator_permission("eve") == "none"

    await asyncio.to_thread(work)


async def test_private_repository_is_hidden(stand_in: GitHubStandIn, clients: Clients) -> None:
    eve = stand_in.new_token("eve")

    def work() -> None:
        for token in (None, eve):
            with pytest.raises(UnknownObjectException):
                clients(token).get_repo("acme/secret")
        assert clients(None).get_repo(WIDGETS).full_name == WIDGETS
        with pytest.raises(BadCredentialsException):
            clients("ghp_wrong").get_repo(WIDGETS)
        status, words = refusal(
            lambda: clients(eve).get_repo(WIDGETS).create_git_ref("refs/heads/x", "0" * 40)
        )
        assert (status, "Must have push access" in words) == (403, True)
        status, words = refusal(lambda: clients(None).get_user().login)
        assert (status, "Requires authentication" in words) == (401, True)

    await asyncio.to_thread(work)
    kinds = {call.token for call in stand_in.calls}
    assert kinds == {TokenKind.NONE, TokenKind.PERSONAL, TokenKind.INVALID}
    assert stand_in.token not in repr(stand_in.calls)


async def test_branches_and_refs(stand_in: GitHubStandIn, clients: Clients) -> None:
    sha = await stand_in.branch_sha(WIDGETS, "main")
    assert sha is not None

    def work() -> None:
        found = clients(stand_in.token).get_repo(WIDGETS)
        made = found.create_git_ref("refs/heads/heddle/fix/a b".replace(" ", "-"), sha)
        assert made.object.sha == sha
        assert found.get_branch("heddle/fix/a-b").commit.sha == sha
        assert found.get_git_ref("heads/heddle/fix/a-b").object.sha == sha
        assert [branch.name for branch in found.get_branches()] == ["heddle/fix/a-b", "main"]
        assert [ref.ref for ref in found.get_git_matching_refs("heads/heddle/")] == [
            "refs/heads/heddle/fix/a-b"
        ]
        assert refusal(lambda: found.create_git_ref("refs/heads/main", sha))[1].count("already exists") == 1
        assert refusal(lambda: found.create_git_ref("refs/heads/new", "0" * 40))[0] == 422
        assert refusal(lambda: found.get_branch("heddle"))[0] == 404
        made.delete()
        assert refusal(lambda: found.get_git_ref("heads/heddle/fix/a-b").object)[0] == 404

    await asyncio.to_thread(work)


async def test_ref_updates_must_be_fast_forward(stand_in: GitHubStandIn, clients: Clients) -> None:
    first = await stand_in.branch_sha(WIDGETS, "main")
    second = await stand_in.commit(WIDGETS, {"a": "1"}, branch="topic")
    other = await stand_in.commit(WIDGETS, {"b": "1"}, branch="other")
    assert first is not None

    def work() -> None:
        ref = clients(stand_in.token).get_repo(WIDGETS).get_git_ref("heads/topic")
        assert "fast forward" in refusal(lambda: ref.edit(other))[1]
        ref.edit(other, force=True)
        assert ref.object.sha == other
        ref.edit(second, force=True)

    await asyncio.to_thread(work)
    assert await stand_in.branch_sha(WIDGETS, "topic") == second


async def test_comparison_and_commits(stand_in: GitHubStandIn, clients: Clients) -> None:
    await stand_in.commit(
        WIDGETS, {"src/widget.py": "def turn() -> int:\n    return 2\n"}, branch="feature/x"
    )
    await stand_in.commit(
        WIDGETS, {"new file.txt": "a\nb\n", "README.md": None}, branch="feature/x", message="Two"
    )
    await stand_in.commit(WIDGETS, {"elsewhere": "x"}, branch="main")

    def work() -> None:
        found = clients(stand_in.token).get_repo(WIDGETS)
        comparison = found.compare("main", "acme:feature/x")
        assert (comparison.status, comparison.ahead_by, comparison.behind_by) == ("diverged", 2, 1)
        assert comparison.total_commits == 2
        assert [commit.commit.message for commit in comparison.commits] == ["Update files", "Two"]
        shown = {file.filename: (file.status, file.additions, file.deletions) for file in comparison.files}
        assert shown == {
            "README.md": ("removed", 0, 3),
            "new file.txt": ("added", 2, 0),
            "src/widget.py": ("modified", 1, 1),
        }
        patch = next(file.patch for file in comparison.files if file.filename == "src/widget.py")
        assert patch == "@@ -1,2 +1,2 @@\n def turn() -> int:\n-    return 1\n+    return 2"
        commit = found.get_commit("feature/x")
        assert commit.stats.total == 5
        assert commit.author.login == "ada"
        assert commit.commit.author.date.tzinfo is not None
        assert [each.commit.message for each in found.get_commits(sha="feature/x")][:2] == [
            "Two",
            "Update files",
        ]
        assert refusal(lambda: found.compare("main", "nowhere").ahead_by)[0] == 404
        assert refusal(lambda: found.get_commit("nowhere").sha)[0] == 422

    await asyncio.to_thread(work)


async def test_pull_request_from_open_to_merge(stand_in: GitHubStandIn, clients: Clients) -> None:
    head = await stand_in.commit(WIDGETS, {"a.txt": "one\n"}, branch="heddle/a")

    def work() -> None:
        found = clients(stand_in.token).get_repo(WIDGETS)
        pull = found.create_pull(base="main", head="heddle/a", title="Add a", body="It **adds** a.")
        assert (pull.number, pull.state, pull.merged, pull.head.sha) == (1, "open", False, head)
        assert (pull.commits, pull.additions, pull.deletions, pull.changed_files) == (1, 1, 0, 1)
        assert pull.mergeable
        assert pull.mergeable_state == "clean"
        assert pull.user.login == "ada"
        assert pull.html_url == f"{stand_in.url}/{WIDGETS}/pull/1"
        assert pull.head.repo.full_name == WIDGETS
        assert [file.filename for file in pull.get_files()] == ["a.txt"]
        assert [commit.sha for commit in pull.get_commits()] == [head]
        assert [each.number for each in found.get_pulls(head="acme:heddle/a", base="main")] == [1]
        assert not list(found.get_pulls(head="acme:other"))
        assert not list(found.get_pulls(state="closed"))
        pull.edit(title="Add a file", body="Better.")
        assert (pull.title, found.get_pull(1).body) == ("Add a file", "Better.")
        pull.edit(state="closed")
        assert found.get_pull(1).closed_at is not None
        pull.edit(state="open")
        assert refusal(lambda: pull.merge(sha="0" * 40))[0] == 409
        merged = pull.merge()
        assert merged.merged
        again = found.get_pull(1)
        assert again.merged
        assert (again.state, again.merged_by.login) == ("closed", "ada")
        assert again.merge_commit_sha == merged.sha
        assert again.commits == 1
        assert refusal(lambda: again.merge())[0] == 405

    await asyncio.to_thread(work)
    assert await stand_in.file(WIDGETS, "main", "a.txt") == "one\n"
    assert (await stand_in.log(WIDGETS, "main"))[0].subject == "Merge pull request #1 from acme/heddle/a"
    assert [pull.state for pull in stand_in.pull_requests(WIDGETS)] == ["merged"]


async def test_pull_request_refusals(stand_in: GitHubStandIn, clients: Clients) -> None:
    sha = await stand_in.branch_sha(WIDGETS, "main")
    assert sha is not None
    await stand_in.commit(WIDGETS, {"a.txt": "one\n"}, branch="topic")

    def work() -> None:
        found = clients(stand_in.token).get_repo(WIDGETS)
        found.create_git_ref("refs/heads/same", sha)

        def attempt(head: str, base: str = "main") -> tuple[int, str]:
            return refusal(lambda: found.create_pull(base=base, head=head, title="T", body=""))

        status, words = attempt("same")
        assert status == 422
        assert "No commits between main and same" in words
        assert "'field': 'head'" in attempt("nowhere")[1]
        assert "'field': 'head'" in attempt("stranger:topic")[1]
        assert "'field': 'base'" in attempt("topic", "nowhere")[1]
        found.create_pull(base="main", head="topic", title="T", body="")
        assert "A pull request already exists for acme:topic." in attempt("topic")[1]
        assert refusal(lambda: found.get_pull(99).title)[0] == 404

    await asyncio.to_thread(work)


async def test_conflict_is_not_mergeable(stand_in: GitHubStandIn, clients: Clients) -> None:
    await stand_in.commit(WIDGETS, {"src/widget.py": "left\n"}, branch="left")
    await stand_in.commit(WIDGETS, {"src/widget.py": "right\n"})

    def work() -> None:
        found = clients(stand_in.token).get_repo(WIDGETS)
        pull = found.create_pull(base="main", head="left", title="T", body="")
        assert pull.mergeable is False
        assert pull.mergeable_state == "dirty"
        assert refusal(lambda: pull.merge())[0] == 405

    await asyncio.to_thread(work)


async def test_issues_comments_and_reactions(stand_in: GitHubStandIn, clients: Clients) -> None:
    eve = stand_in.new_token("eve")

    def work() -> None:
        found = clients(stand_in.token).get_repo(WIDGETS)
        issue = clients(eve).get_repo(WIDGETS).create_issue("It squeaks", body="Loudly.")
        assert (issue.number, issue.user.login, issue.state) == (1, "eve", "open")
        comment = found.get_issue(1).create_comment("/claude oil it")
        comment.edit("/claude oil it well")
        reaction = comment.create_reaction("eyes")
        assert reaction.content == "eyes"
        assert [each.content for each in comment.get_reactions()] == ["eyes"]
        assert comment.delete_reaction(reaction.id)
        assert refusal(lambda: comment.create_reaction("bored"))[0] == 422
        assert [each.body for each in found.get_issue(1).get_comments()] == ["/claude oil it well"]
        assert found.get_issue(1).comments == 1
        as_eve = clients(eve).get_repo(WIDGETS).get_issue(1)
        assert refusal(lambda: as_eve.get_comment(comment.id).edit("mine"))[0] == 403
        as_eve.edit(state="closed")
        assert not list(found.get_issues())
        assert [each.number for each in found.get_issues(state="all")] == [1]
        found.get_issue(1).add_to_labels("bug")
        assert [label.name for label in found.get_issue(1).labels] == ["bug"]
        assert found.get_issue(1).create_reaction("rocket").user.login == "ada"
        comment.delete()
        assert refusal(lambda: found.get_issue(1).get_comment(comment.id).body)[0] == 404
        assert refusal(lambda: found.create_issue(" "))[0] == 422

    await asyncio.to_thread(work)


async def test_lists_are_paged(stand_in: GitHubStandIn, clients: Clients) -> None:
    for number in range(35):
        stand_in.open_issue(WIDGETS, f"Issue {number + 1}")

    def work() -> None:
        client = clients(stand_in.token)
        numbers = [issue.number for issue in client.get_repo(WIDGETS).get_issues()]
        assert numbers == list(range(35, 0, -1))
        assert client.get_repo(WIDGETS).get_issues().totalCount == 35
        assert client.rate_limiting[1] == 5000

    await asyncio.to_thread(work)
    pages = [call.query for call in stand_in.calls if call.path.endswith("/issues")]
    assert any("page=2" in query for query in pages)


async def test_own_repositories_by_time_of_push(
    stand_in: GitHubStandIn, tmp_path: object, clients: Clients
) -> None:
    await stand_in.commit("acme/secret", {"x": "y"})

    def work() -> None:
        shown = [each.full_name for each in clients(stand_in.token).get_user().get_repos(sort="pushed")]
        assert shown == ["acme/secret", WIDGETS]

    await asyncio.to_thread(work)


async def test_archived_repository_is_read_only(stand_in: GitHubStandIn, clients: Clients) -> None:
    stand_in.archive(WIDGETS)

    def work() -> None:
        found = clients(stand_in.token).get_repo(WIDGETS)
        assert found.archived
        status, words = refusal(lambda: found.create_issue("x"))
        assert (status, "archived" in words) == (403, True)

    await asyncio.to_thread(work)


async def test_unknown_addresses_answer_as_github_does(stand_in: GitHubStandIn, clients: Clients) -> None:
    def work() -> None:
        requester = clients(stand_in.token).requester
        for method, path in (
            ("GET", "/nothing"),
            ("DELETE", "/user"),
            ("GET", "/repos/acme/widgets/nothing"),
        ):
            status, _, body = requester.requestJson(method, path)
            assert status == 404
            assert '"message": "Not Found"' in body
            assert "documentation_url" in body

    await asyncio.to_thread(work)


async def test_account_is_found_by_its_number(stand_in: GitHubStandIn, clients: Clients) -> None:
    def work() -> None:
        client = clients(stand_in.token)
        assert client.get_user_by_id(stand_in.user.id).login == stand_in.user.login
        with pytest.raises(UnknownObjectException):
            client.get_user_by_id(999_999)

    await asyncio.to_thread(work)
