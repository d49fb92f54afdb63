"""The GitHub App's way in: signed request, installation, narrowed token."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import jwt
import pytest
from github import Auth, BadCredentialsException, Github, GithubException, GithubIntegration

from playground.github.access import Level
from playground.github.app import App
from playground.github.server import GitHubStandIn

Clients = Callable[[str | None], Github]
WIDGETS, SECRET = "acme/widgets", "acme/secret"


@pytest.fixture
async def key(stand_in: GitHubStandIn) -> str:
    return await stand_in.app_private_key()


def integration(stand_in: GitHubStandIn, key: str) -> GithubIntegration:
    return GithubIntegration(
        auth=Auth.AppAuth(stand_in.app_id, key),
        base_url=stand_in.api_url,
        seconds_between_requests=0,
        seconds_between_writes=0,
        retry=None,
    )


def narrowed(stand_in: GitHubStandIn, key: str, body: dict[str, object]) -> dict[str, object]:
    """What the token endpoint answers, asked the way Heddle has to: PyGithub itself cannot narrow."""
    with integration(stand_in, key) as app:
        found = app.get_repo_installation("acme", "widgets")
        _, answer = app.requester.requestJsonAndCheck(
            "POST", f"/app/installations/{found.id}/access_tokens", input=body
        )
        assert isinstance(answer, dict)
        return answer


async def test_app_and_installations(stand_in: GitHubStandIn, key: str) -> None:
    def work() -> None:
        with integration(stand_in, key) as app:
            assert app.get_app().slug == "heddle"
            assert [each.account.login for each in app.get_installations() if each.account] == ["acme"]
            found = app.get_repo_installation("acme", "secret")
            assert found.app_id == stand_in.app_id
            with pytest.raises(GithubException) as caught:
                app.get_repo_installation("acme", "nothing")
            assert caught.value.status == 404
            client = app.get_github_for_installation(found.id)
            names = [each.full_name for each in found.get_repos()]
            assert names == [WIDGETS, SECRET]
            issue = client.get_repo(SECRET).create_issue("From the App")
            assert issue.user.login == "heddle[bot]"
            assert issue.user.type == "Bot"
            client.close()

    await asyncio.to_thread(work)


async def test_token_has_githubs_shape(stand_in: GitHubStandIn, key: str) -> None:
    answer = await asyncio.to_thread(narrowed, stand_in, key, {})
    token = str(answer["token"])
    assert token.startswith("ghs_")
    assert len(token) == 520
    assert token.count(".") == 2
    assert answer["repository_selection"] == "all"
    expires = time.mktime(time.strptime(str(answer["expires_at"]), "%Y-%m-%dT%H:%M:%SZ")) - time.timezone
    assert abs(expires - time.time() - 3600) < 60


async def test_narrowing_is_enforced(stand_in: GitHubStandIn, clients: Clients, key: str) -> None:
    body: dict[str, object] = {
        "repositories": ["widgets"],
        "permissions": {"contents": "read", "pull_requests": "write"},
    }
    sha = await stand_in.commit(WIDGETS, {"a": "b"}, branch="topic")

    def work() -> None:
        answer = narrowed(stand_in, key, body)
        assert answer["permissions"] == {"metadata": "read", "contents": "read", "pull_requests": "write"}
        client = clients(str(answer["token"]))
        found = client.get_repo(WIDGETS)
        assert not found.permissions.push
        with pytest.raises(GithubException) as caught:
            client.get_repo(SECRET)
        assert caught.value.status == 404
        pull = found.create_pull(base="main", head="topic", title="T", body="")
        assert pull.create_issue_comment("on a pull request").user.login == "heddle[bot]"
        for forbidden in (
            lambda: found.create_issue("no"),
            lambda: found.create_git_ref("refs/heads/no", sha),
            lambda: found.create_check_run("no", sha),
            lambda: client.get_user().login,
        ):
            with pytest.raises(GithubException) as caught:
                forbidden()
            assert caught.value.status == 403
            assert caught.value.data["message"] == "Resource not accessible by integration"

    await asyncio.to_thread(work)


async def test_more_than_granted_is_refused(stand_in: GitHubStandIn, key: str) -> None:
    bodies: tuple[dict[str, object], ...] = (
        {"permissions": {"administration": "write"}},
        {"permissions": {"contents": "admin"}},
        {"repositories": ["widgets", "nothing"]},
    )

    def work() -> None:
        for body in bodies:
            with pytest.raises(GithubException) as caught:
                narrowed(stand_in, key, body)
            assert caught.value.status == 422

    await asyncio.to_thread(work)


async def test_installation_of_selected_repositories(
    stand_in: GitHubStandIn, clients: Clients, key: str
) -> None:
    token = str((await asyncio.to_thread(narrowed, stand_in, key, {}))["token"])
    stand_in.install("acme", repositories=[WIDGETS])

    def work() -> None:
        with pytest.raises(GithubException) as caught:
            clients(token).get_repo(SECRET)
        assert caught.value.status == 404

    await asyncio.to_thread(work)
    stand_in.uninstall("acme")
    with pytest.raises(BadCredentialsException):
        await asyncio.to_thread(clients(token).get_repo, WIDGETS)


async def test_expired_tokens_are_bad_credentials(
    stand_in: GitHubStandIn, clients: Clients, key: str
) -> None:
    token = str((await asyncio.to_thread(narrowed, stand_in, key, {}))["token"])
    await asyncio.to_thread(clients(token).get_repo, WIDGETS)
    stand_in.expire_tokens()
    with pytest.raises(BadCredentialsException):
        await asyncio.to_thread(clients(token).get_repo, WIDGETS)
    await asyncio.to_thread(clients(stand_in.token).get_repo, WIDGETS)


@pytest.mark.parametrize(
    ("claims", "words"),
    [
        ({"iss": "1"}, "Issuer"),
        ({"exp": -1}, "'exp') must be"),
        ({"exp": 900}, "too far in the future"),
        ({"iat": 300}, "Issued at"),
        ({"exp": None}, "'exp') must be"),
    ],
)
async def test_signed_request_is_checked(
    stand_in: GitHubStandIn, key: str, claims: dict[str, int | str | None], words: str
) -> None:
    now = int(time.time())
    payload: dict[str, int | str] = {"iat": now, "exp": now + 300, "iss": str(stand_in.app_id)}
    for name, value in claims.items():
        if value is None:
            del payload[name]
        else:
            payload[name] = value if isinstance(value, str) else now + value
    token = jwt.encode(payload, key, algorithm="RS256")

    def work() -> None:
        with Github(auth=Auth.AppAuthToken(token), base_url=stand_in.api_url, retry=None) as client:
            status, _, body = client.requester.requestJson("GET", "/app")
        assert status == 401
        assert words in body

    await asyncio.to_thread(work)


async def test_another_key_is_refused(stand_in: GitHubStandIn, key: str, tmp_path: Path) -> None:
    stranger = GitHubStandIn(root=tmp_path / "stranger", app=App())
    foreign = await stranger.app_private_key()

    def work() -> None:
        with integration(stand_in, foreign) as app, pytest.raises(GithubException) as caught:
            app.get_app()
        assert caught.value.status == 401
        assert "could not be decoded" in str(caught.value.data)

    assert foreign != key
    await asyncio.to_thread(work)


async def test_check_runs(stand_in: GitHubStandIn, clients: Clients, key: str) -> None:
    sha = await stand_in.branch_sha(WIDGETS, "main")
    assert sha is not None

    def work() -> None:
        client = clients(str(narrowed(stand_in, key, {})["token"]))
        found = client.get_repo(WIDGETS)
        run = found.create_check_run(
            "Heddle", sha, status="in_progress", output={"title": "T", "summary": "S"}
        )
        assert run.status == "in_progress"
        assert not run.conclusion
        run.edit(conclusion="success", output={"title": "Done", "summary": "S"})
        again = found.get_check_run(run.id)
        assert (again.status, again.conclusion, again.output.title) == ("completed", "success", "Done")
        assert again.app.slug == "heddle"
        assert [each.name for each in found.get_commit("main").get_check_runs()] == ["Heddle"]
        assert [each.id for each in found.get_commit(sha).get_check_runs()] == [run.id]
        with pytest.raises(GithubException) as caught:
            clients(stand_in.token).get_repo(WIDGETS).create_check_run("x", sha)
        assert caught.value.status == 403

    await asyncio.to_thread(work)


async def test_app_with_fewer_permissions(tmp_path: Path, clients: Clients) -> None:
    app = App(permissions={"metadata": Level.READ, "issues": Level.READ})
    async with GitHubStandIn(root=tmp_path / "other", app=app) as other:
        await other.create_repository(WIDGETS, files={"a": "b"}, private=True)
        key = await other.app_private_key()

        def work() -> None:
            answer = narrowed(other, key, {})
            with Github(auth=Auth.Token(str(answer["token"])), base_url=other.api_url, retry=None) as client:
                found = client.get_repo(WIDGETS)
                assert not list(found.get_issues())
                with pytest.raises(GithubException) as caught:
                    found.get_branch("main")
                assert caught.value.status == 403

        await asyncio.to_thread(work)


async def test_without_an_app(tmp_path: Path) -> None:
    async with GitHubStandIn(root=tmp_path / "other", app=None) as other:
        await other.create_repository(WIDGETS)
        with pytest.raises(LookupError):
            await other.app_private_key()
