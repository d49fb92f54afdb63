"""The GraphQL API, asked by PyGithub's own client for it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, cast

import pytest
from aiohttp import ClientSession
from github import Auth, Github, GithubException, GithubIntegration, UnknownObjectException

from playground.github.graphql_schema import schema
from playground.github.records import ReviewState
from playground.github.reviews import DraftComment
from playground.github.server import GitHubStandIn

Clients = Callable[[str | None], Github]
Data = dict[str, Any]
WIDGETS, SECRET = "acme/widgets", "acme/secret"

WRITTEN = (
    "id databaseId body bodyHTML createdAt lastEditedAt isMinimized authorAssociation "
    "author { __typename login }"
)
THREAD = f"""
query($owner: String!, $name: String!, $number: Int!, $after: String) {{
  repository(owner: $owner, name: $name) {{
    nameWithOwner
    issueOrPullRequest(number: $number) {{
      __typename
      ... on Issue {{
        id number title url state body bodyHTML createdAt lastEditedAt authorAssociation
        author {{ __typename login }}
        labels(first: 10) {{ nodes {{ name }} }}
        comments(first: 2, after: $after) {{
          totalCount
          nodes {{ {WRITTEN} }}
          pageInfo {{ hasPreviousPage startCursor hasNextPage endCursor }}
        }}
      }}
      ... on PullRequest {{
        id number title url pullState: state headRefName headRefOid baseRefName isCrossRepository
        headRepository {{ nameWithOwner }}
        author {{ __typename login }}
        reviews(last: 10) {{
          nodes {{
            {WRITTEN} state submittedAt
            comments(first: 10) {{ nodes {{ {WRITTEN} path line originalLine diffHunk }} }}
          }}
        }}
      }}
    }}
  }}
}}
"""
ADD = """
mutation($input: AddReactionInput!) {
  addReaction(input: $input) { clientMutationId reaction { content user { login } } subject { id } }
}
"""
REMOVE = """
mutation($input: RemoveReactionInput!) { removeReaction(input: $input) { reaction { content } } }
"""


def run(client: Github, query: str, **variables: object) -> Data:
    """The `data` of an answer without errors."""
    _, answer = client.requester.graphql_query(query, dict(variables))
    return cast(Data, answer["data"])


def thread(client: Github, number: int, after: str | None = None, name: str = "widgets") -> Data:
    found = run(client, THREAD, owner="acme", name=name, number=number, after=after)
    return cast(Data, found["repository"]["issueOrPullRequest"])


async def installation_token(stand_in: GitHubStandIn, permissions: Mapping[str, str]) -> str:
    key = await stand_in.app_private_key()

    def work() -> str:
        auth = Auth.AppAuth(stand_in.app_id, key)
        with GithubIntegration(auth=auth, base_url=stand_in.api_url, retry=None) as app:
            found = app.get_repo_installation("acme", "widgets")
            return app.get_access_token(found.id, dict(permissions)).token

    return await asyncio.to_thread(work)


def test_schema_is_valid() -> None:
    names = schema().type_map
    assert {"Issue", "PullRequest", "IssueComment", "PullRequestReview", "Bot", "PageInfo"} <= set(names)


async def test_issue_with_its_comments(stand_in: GitHubStandIn, clients: Clients) -> None:
    issue = stand_in.open_issue(WIDGETS, "Squeak", "It *squeaks*.", author="eve", labels=["bug"])
    made = [stand_in.comment(WIDGETS, issue.number, f"Comment {each}") for each in range(3)]
    stand_in.edit_comment(WIDGETS, made[0].id, "Changed")
    stand_in.collaboration.minimize(WIDGETS, made[1].id)
    address = stand_in.collaboration.attach(b"picture")
    stand_in.comment(WIDGETS, issue.number, f"![shot]({address})")

    def work() -> tuple[Data, Data]:
        client = clients(stand_in.token)
        first = thread(client, issue.number)
        return first, thread(client, issue.number, str(first["comments"]["pageInfo"]["endCursor"]))

    first, second = await asyncio.to_thread(work)
    comments = first.pop("comments")
    created = first.pop("createdAt")
    assert str(created).endswith("Z")
    assert first == {
        "__typename": "Issue",
        "id": f"I_{issue.id}",
        "number": issue.number,
        "title": "Squeak",
        "url": f"{stand_in.url}/{WIDGETS}/issues/{issue.number}",
        "state": "OPEN",
        "body": "It *squeaks*.",
        "bodyHTML": "<p>It <em>squeaks</em>.</p>",
        "lastEditedAt": None,
        "authorAssociation": "NONE",
        "author": {"__typename": "User", "login": "eve"},
        "labels": {"nodes": [{"name": "bug"}]},
    }
    assert comments["totalCount"] == 4
    one, two = comments["nodes"]
    assert (one["id"], one["databaseId"], one["body"]) == (f"IC_{made[0].id}", made[0].id, "Changed")
    assert (one["lastEditedAt"] is None, two["lastEditedAt"] is None) == (False, True)
    assert (one["isMinimized"], two["isMinimized"]) == (False, True)
    assert one["author"] == {"__typename": "User", "login": "ada"}
    assert (comments["pageInfo"]["hasPreviousPage"], comments["pageInfo"]["hasNextPage"]) == (False, True)
    three, four = second["comments"]["nodes"]
    assert three["body"] == "Comment 2"
    assert f'src="{address}?jwt=' in str(four["bodyHTML"])
    assert "jwt" not in str(four["body"])
    assert not second["comments"]["pageInfo"]["hasNextPage"]


async def test_pull_request_with_its_reviews(stand_in: GitHubStandIn, clients: Clients) -> None:
    together = stand_in.collaboration
    number = await together.open_fork_pull_request(WIDGETS, "eve", "From outside", "", {"a.py": "1\n2\n"})
    review = await together.submit_review(
        WIDGETS,
        number,
        state=ReviewState.CHANGES_REQUESTED,
        body="**So**",
        comments=[DraftComment("a.py", 2, "Two?")],
    )
    (comment,) = together.review_comments(WIDGETS, number)
    together.edit_review_comment(WIDGETS, comment.id, "Two!")

    def ask() -> Data:
        return thread(clients(stand_in.token), number)

    found = await asyncio.to_thread(ask)
    (shown,) = found.pop("reviews")["nodes"]
    sha = await stand_in.branch_sha("eve/widgets", "patch-1")
    assert sha is not None
    assert found.pop("id")
    assert found == {
        "__typename": "PullRequest",
        "number": number,
        "title": "From outside",
        "url": f"{stand_in.url}/{WIDGETS}/pull/{number}",
        "pullState": "OPEN",
        "headRefName": "patch-1",
        "headRefOid": sha,
        "baseRefName": "main",
        "isCrossRepository": True,
        "headRepository": {"nameWithOwner": "eve/widgets"},
        "author": {"__typename": "User", "login": "eve"},
    }
    assert (shown["id"], shown["state"]) == (f"PRR_{review.id}", "CHANGES_REQUESTED")
    assert (shown["bodyHTML"], shown["lastEditedAt"]) == ("<p><strong>So</strong></p>", None)
    (line,) = shown["comments"]["nodes"]
    assert (line["id"], line["path"], line["line"]) == (f"PRRC_{comment.id}", "a.py", 2)
    assert (line["body"], line["originalLine"], line["lastEditedAt"] is None) == ("Two!", 2, False)
    assert line["diffHunk"] == "@@ -0,0 +1,2 @@\n+1\n+2"
    await stand_in.merge(WIDGETS, number)
    assert (await asyncio.to_thread(ask))["pullState"] == "MERGED"


async def test_bot_organization_and_deleted_author(stand_in: GitHubStandIn, clients: Clients) -> None:
    issue = stand_in.open_issue(WIDGETS, "By eve", author="eve")
    stand_in.comment(WIDGETS, issue.number, "And a comment", author="eve")
    token = await installation_token(stand_in, {"issues": "write"})

    def comment() -> Data:
        clients(token).get_repo(WIDGETS).get_issue(issue.number).create_comment("By the App")
        return thread(clients(stand_in.token), issue.number)

    def authors(found: Data) -> list[object]:
        nodes = found["comments"]["nodes"]
        return [found["author"], *(node["author"] for node in nodes)]

    eve = {"__typename": "User", "login": "eve"}
    bot = {"__typename": "Bot", "login": "heddle"}
    assert authors(await asyncio.to_thread(comment)) == [eve, eve, bot]
    eves = stand_in.new_token("eve")
    stand_in.collaboration.delete_account("eve")

    def after() -> list[object]:
        with pytest.raises(GithubException):
            clients(eves).get_user().login  # noqa: B018 (the request is what counts)
        assert clients(stand_in.token).get_repo(WIDGETS).get_issue(issue.number).user.login == "ghost"
        owner = run(
            clients(stand_in.token),
            '{ repository(owner: "acme", name: "widgets") { owner { __typename login } } }',
        )
        assert owner["repository"]["owner"] == {"__typename": "Organization", "login": "acme"}
        return authors(thread(clients(stand_in.token), issue.number))

    assert await asyncio.to_thread(after) == [None, None, bot]


async def test_reactions(stand_in: GitHubStandIn, clients: Clients) -> None:
    together = stand_in.collaboration
    issue = stand_in.open_issue(WIDGETS, "Squeak")
    comment = stand_in.comment(WIDGETS, issue.number, "Yes")
    number = await together.open_fork_pull_request(WIDGETS, "eve", "From outside", "", {"a.py": "1\n"})
    line = await together.review_comment(WIDGETS, number, "a.py", 1, "One")
    token = await installation_token(stand_in, {"issues": "write", "pull_requests": "write"})

    def work() -> None:
        client = clients(token)
        found = client.get_repo(WIDGETS)
        rest_issue, pull = found.get_issue(issue.number), found.get_pull(number)
        subjects = [
            str(rest_issue.raw_data["node_id"]),
            str(pull.raw_data["node_id"]),
            str(rest_issue.get_comment(comment.id).raw_data["node_id"]),
            str(pull.get_review_comment(line.id).raw_data["node_id"]),
            str(pull.get_reviews()[0].raw_data["node_id"]),
        ]
        for id in subjects:
            for _ in range(2):
                values = {"subjectId": id, "content": "EYES", "clientMutationId": "m"}
                added = run(client, ADD, input=values)["addReaction"]
                assert added == {
                    "clientMutationId": "m",
                    "reaction": {"content": "EYES", "user": {"login": "heddle"}},
                    "subject": {"id": id},
                }
            (kept,) = together.reactions_of(id)
            assert (kept.content, kept.user.login) == ("eyes", "heddle[bot]")
        for reactions in (
            rest_issue.get_reactions(),
            rest_issue.get_comment(comment.id).get_reactions(),
            pull.get_review_comment(line.id).get_reactions(),
            found.get_issue(number).get_reactions(),
        ):
            assert [each.content for each in reactions] == ["eyes"]
        for id in subjects:
            run(client, ADD, input={"subjectId": id, "content": "ROCKET"})
            run(client, REMOVE, input={"subjectId": id, "content": "EYES"})
            assert [each.content for each in together.reactions_of(id)] == ["rocket"]
            with pytest.raises(UnknownObjectException):
                run(client, REMOVE, input={"subjectId": id, "content": "EYES"})
        # What somebody else has added is not the App's to remove.
        run(clients(stand_in.token), ADD, input={"subjectId": subjects[0], "content": "HEART"})
        with pytest.raises(UnknownObjectException):
            run(client, REMOVE, input={"subjectId": subjects[0], "content": "HEART"})

    await asyncio.to_thread(work)


async def test_permissions(stand_in: GitHubStandIn, clients: Clients) -> None:
    issue = stand_in.open_issue(WIDGETS, "Squeak")
    await stand_in.commit(WIDGETS, {"a": "1"}, branch="topic")
    number = (await stand_in.open_pull_request(WIDGETS, "T", head="topic")).number
    hidden = stand_in.open_issue(SECRET, "Hidden")
    pulls = await installation_token(stand_in, {"pull_requests": "write"})
    reads = await installation_token(stand_in, {"issues": "read", "pull_requests": "read"})
    eve = stand_in.new_token("eve")

    def kind(work: Callable[[], object]) -> str:
        with pytest.raises(GithubException) as caught:
            work()
        (error,) = caught.value.data["errors"]
        return str(error["type"])

    def work() -> None:
        found = clients(stand_in.token).get_repo(WIDGETS)
        of_issue = {"subjectId": f"I_{issue.id}", "content": "EYES"}
        of_pull = {"subjectId": str(found.get_pull(number).raw_data["node_id"]), "content": "EYES"}
        of_hidden = {"subjectId": f"I_{hidden.id}", "content": "EYES"}
        assert run(clients(pulls), ADD, input=of_pull)["addReaction"]["subject"]["id"] == of_pull["subjectId"]
        assert kind(lambda: run(clients(pulls), ADD, input=of_issue)) == "FORBIDDEN"
        assert kind(lambda: run(clients(reads), ADD, input=of_issue)) == "FORBIDDEN"
        assert kind(lambda: run(clients(reads), ADD, input=of_pull)) == "FORBIDDEN"
        assert kind(lambda: thread(clients(pulls), issue.number)) == "FORBIDDEN"
        assert thread(clients(reads), issue.number)["title"] == "Squeak"
        # Whoever sees a repository may react; who does not see it learns nothing of it.
        assert run(clients(eve), ADD, input=of_issue)["addReaction"]
        assert kind(lambda: run(clients(eve), ADD, input=of_hidden)) == "NOT_FOUND"
        assert kind(lambda: thread(clients(eve), hidden.number, name="secret")) == "NOT_FOUND"
        assert thread(clients(stand_in.token), hidden.number, name="secret")["title"] == "Hidden"
        with pytest.raises(GithubException) as caught:
            thread(clients(None), issue.number)
        assert caught.value.status == 401

    await asyncio.to_thread(work)
    stand_in.archive(WIDGETS)
    values = {"subjectId": f"I_{issue.id}", "content": "HEART"}

    def add_to_archived() -> str:
        return kind(lambda: run(clients(stand_in.token), ADD, input=values))

    assert await asyncio.to_thread(add_to_archived) == "FORBIDDEN"


async def test_errors_as_github_answers_them(stand_in: GitHubStandIn) -> None:
    issue = stand_in.open_issue(WIDGETS, "Squeak")
    inside = 'repository(owner: "acme", name: "widgets")'
    cases: list[tuple[object, dict[str, object]]] = [
        (
            {"query": '{ repository(owner: "a", name: "b") { id } }'},
            {
                "data": {"repository": None},
                "type": "NOT_FOUND",
                "path": ["repository"],
                "message": "Could not resolve to a Repository with the name 'a/b'.",
            },
        ),
        (
            {"query": f"{{ {inside} {{ issueOrPullRequest(number: 9) {{ __typename }} }} }}"},
            {
                "data": {"repository": {"issueOrPullRequest": None}},
                "type": "NOT_FOUND",
                "path": ["repository", "issueOrPullRequest"],
                "message": "Could not resolve to an issue or pull request with the number of 9.",
            },
        ),
        (
            {"query": f"{{ {inside} {{ pullRequest(number: {issue.number}) {{ id }} }} }}"},
            {"data": {"repository": {"pullRequest": None}}, "type": "NOT_FOUND"},
        ),
        (
            {"query": '{ node(id: "IC_1") { id } }'},
            {
                "data": {"node": None},
                "type": "NOT_FOUND",
                "message": "Could not resolve to a node with the global id of 'IC_1'",
            },
        ),
        ({"query": "{ nothing }"}, {"data": "none at all"}),
        ({"query": "{ viewer {"}, {"data": "none at all"}),
        ({}, {"data": "none at all"}),
    ]
    headers = {"Authorization": f"bearer {stand_in.token}"}
    address = f"{stand_in.url}/api/graphql"
    async with ClientSession(headers=headers) as session:
        for asked, expected in cases:
            async with session.post(address, json=asked) as response:
                assert response.status == 200, asked
                answer = await response.json()
                assert answer.get("data", "none at all") == expected.pop("data"), asked
                (error,) = answer["errors"]
                assert {name: error[name] for name in expected} == expected
        async with session.post(address, data=b"{") as response:
            assert response.status == 400
        query = {
            "query": "query($id: ID!) { node(id: $id) { __typename ... on Issue { title } } }",
            "variables": {"id": f"I_{issue.id}"},
        }
        async with session.post(address, json=query) as response:
            answer = await response.json()
            assert answer == {"data": {"node": {"__typename": "Issue", "title": "Squeak"}}}
            assert response.headers["X-RateLimit-Resource"] == "graphql"
    async with (
        ClientSession(headers={"Authorization": "bearer wrong"}) as session,
        session.post(address, json={"query": "{ viewer { login } }"}) as response,
    ):
        assert response.status == 401
