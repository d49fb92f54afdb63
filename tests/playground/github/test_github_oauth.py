"""The App's sign-in: the page, the code, the token."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import ClientSession
from github import Auth, Github
from yarl import URL

from playground.github.app import App
from playground.github.grants import CODE_SECONDS
from playground.github.server import GitHubStandIn

BACK = "http://127.0.0.1:9/auth/callback?next=1"


class Clock:
    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def stand_in(tmp_path: Path, clock: Clock) -> AsyncIterator[GitHubStandIn]:
    app = App(name="Heddle <b>")
    async with GitHubStandIn(root=tmp_path / "github", app=app, clock=clock) as running:
        yield running


@pytest.fixture
async def session() -> AsyncIterator[ClientSession]:
    async with ClientSession() as opened:
        yield opened


def form(stand_in: GitHubStandIn, **more: str) -> dict[str, str]:
    known = {"client_id": stand_in.collaboration.client_id, "redirect_uri": BACK, "state": "s&1"}
    return {**known, "answer": "yes", **more}


async def decide(stand_in: GitHubStandIn, session: ClientSession, **more: str) -> tuple[int, URL]:
    """What the answer on the page leads to."""
    async with session.post(
        f"{stand_in.url}/login/oauth/authorize",
        data=form(stand_in, **more),
        headers={"Origin": stand_in.url},
        allow_redirects=False,
    ) as response:
        return response.status, URL(response.headers.get("Location", ""))


async def trade(stand_in: GitHubStandIn, session: ClientSession, **values: str) -> dict[str, str]:
    known = {
        "client_id": stand_in.collaboration.client_id,
        "client_secret": stand_in.collaboration.client_secret,
    }
    async with session.post(
        f"{stand_in.url}/login/oauth/access_token",
        data={**known, **values},
        headers={"Accept": "application/json"},
    ) as response:
        assert response.status == 200
        answer: dict[str, str] = await response.json()
        return answer


async def test_page_asks_the_person(stand_in: GitHubStandIn, session: ClientSession) -> None:
    address = f"{stand_in.url}/login/oauth/authorize"
    query = {key: value for key, value in form(stand_in).items() if key != "answer"}
    async with session.get(address, params={**query, "state": '"><script>'}) as response:
        page = await response.text()
        assert response.status == 200
        assert "<strong>ada</strong>" in page
        assert "Authorize Heddle &lt;b&gt;" in page
        assert "<script>" not in page
        assert "http://127.0.0.1:9" in response.headers["Content-Security-Policy"]
        assert "no-store" in response.headers["Cache-Control"]
    for wrong in ({"client_id": "other"}, {"redirect_uri": "javascript:alert(1)"}, {"redirect_uri": "/x"}):
        async with session.get(address, params={**query, **wrong}) as response:
            assert response.status == 404, wrong
    # A page elsewhere can't press the button.
    async with session.post(address, data=form(stand_in), headers={"Origin": "http://evil.test"}) as response:
        assert response.status == 403
    async with session.post(address, data=form(stand_in)) as response:
        assert response.status == 403


async def test_code_is_traded_once(stand_in: GitHubStandIn, session: ClientSession) -> None:
    status, back = await decide(stand_in, session)
    assert status == 302
    assert (back.with_query(None), back.query["next"], back.query["state"]) == (
        URL(BACK).with_query(None),
        "1",
        "s&1",
    )
    answer = await trade(stand_in, session, code=back.query["code"])
    assert answer == {"access_token": answer["access_token"], "token_type": "bearer", "scope": ""}
    assert answer["access_token"].startswith("ghu_")

    def login() -> str:
        client = Github(auth=Auth.Token(answer["access_token"]), base_url=stand_in.api_url, retry=None)
        with client:
            return client.get_user().login

    assert await asyncio.to_thread(login) == "ada"
    again = await trade(stand_in, session, code=back.query["code"])
    assert again["error"] == "bad_verification_code"


async def test_pygithub_trades_too(stand_in: GitHubStandIn, session: ClientSession) -> None:
    _, back = await decide(stand_in, session)
    together = stand_in.collaboration

    def work() -> str:
        with Github(base_url=stand_in.api_url, retry=None) as client:
            app = client.get_oauth_application(together.client_id, together.client_secret)
            return app.get_access_token(back.query["code"]).token

    assert (await asyncio.to_thread(work)).startswith("ghu_")


async def test_what_is_refused(stand_in: GitHubStandIn, session: ClientSession, clock: Clock) -> None:
    status, back = await decide(stand_in, session, answer="no")
    assert (status, back.query["error"], back.query["state"]) == (302, "access_denied", "s&1")
    assert "code" not in back.query

    async def code() -> str:
        return (await decide(stand_in, session))[1].query["code"]

    wrong = await trade(stand_in, session, code=await code(), client_secret="wrong")
    assert wrong["error"] == "incorrect_client_credentials"
    other = await trade(stand_in, session, code=await code(), redirect_uri="http://127.0.0.1:9/")
    assert other["error"] == "redirect_uri_mismatch"
    assert (await trade(stand_in, session))["error"] == "bad_verification_code"
    in_time, too_late = await code(), await code()
    clock.now += CODE_SECONDS - 1
    assert "access_token" in await trade(stand_in, session, code=in_time)
    clock.now += 1
    assert (await trade(stand_in, session, code=too_late))["error"] == "bad_verification_code"
    async with session.post(f"{stand_in.url}/login/oauth/access_token", data={"code": "x"}) as response:
        assert response.content_type == "application/x-www-form-urlencoded"
        assert (await response.text()).startswith("error=incorrect_client_credentials")


async def test_deleted_account_gets_no_token(stand_in: GitHubStandIn, session: ClientSession) -> None:
    _, back = await decide(stand_in, session)
    stand_in.collaboration.delete_account("ada")
    answer = await trade(stand_in, session, code=back.query["code"])
    assert answer["error"] == "bad_verification_code"
