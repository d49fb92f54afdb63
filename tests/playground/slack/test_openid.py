"""Signing in with the Slack of the playground, as a browser and an app do it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any

import aiohttp
import jwt
import pytest
from slack_sdk.web.async_client import AsyncWebClient
from yarl import URL

from playground.slack.server import SlackStandIn

BACK = "https://heddle.example/sign-in/slack/callback"


@pytest.fixture
async def browser() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


def query(slack: SlackStandIn, **changed: str) -> dict[str, str]:
    return {
        "response_type": "code",
        "scope": "openid profile",
        "client_id": slack.client_id,
        "state": "the state",
        "nonce": "the nonce",
        "team": slack.team_id,
        "redirect_uri": BACK,
    } | changed


def origin(slack: SlackStandIn) -> str:
    return slack.url.rstrip("/")


async def choose(
    slack: SlackStandIn, browser: aiohttp.ClientSession, user: str = "ada", **changed: str
) -> URL:
    """Press a person's button; where the browser is sent."""
    form = query(slack, **changed) | {"user": slack.state.person(user).id if user else ""}
    where = f"{slack.url}openid/connect/authorize"
    async with browser.post(
        where, data=form, headers={"Origin": origin(slack)}, allow_redirects=False
    ) as answer:
        assert answer.status == 302
        return URL(answer.headers["Location"])


async def trade(slack: SlackStandIn, code: str, **changed: str) -> Mapping[str, Any]:
    """Trade a code as an app does."""
    given = {
        "client_id": slack.client_id,
        "client_secret": slack.client_secret,
        "code": code,
        "redirect_uri": BACK,
    } | changed
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{slack.api_url}openid.connect.token", data=given) as answer,
    ):
        assert answer.status == 200
        said: dict[str, Any] = await answer.json()
        return said


async def test_page_offers_every_person_and_no_bot(
    slack: SlackStandIn, browser: aiohttp.ClientSession
) -> None:
    where = URL(f"{slack.url}openid/connect/authorize").with_query(query(slack, state='"><b>'))
    async with browser.get(where) as answer:
        page = await answer.text()
    assert answer.status == 200
    for name in ("Ada Park", "Grace Lindqvist", "Linus Okafor", "https://heddle.example"):
        assert name in page
    assert f'value="{slack.bot_user_id}"' not in page
    assert 'value="&#34;&gt;&lt;b&gt;"' in page
    assert "form-action 'self' https://heddle.example;" in answer.headers["Content-Security-Policy"]
    assert answer.headers["Referrer-Policy"] == "same-origin"


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({"client_id": "another"}, 404),
        ({"redirect_uri": ""}, 404),
        ({"redirect_uri": "javascript:alert(1)"}, 404),
        ({"scope": "profile"}, 400),
        ({"scope": "openid chat:write"}, 400),
        ({"response_type": "token"}, 400),
    ],
)
async def test_wrong_sign_in_is_refused(
    slack: SlackStandIn, browser: aiohttp.ClientSession, changed: dict[str, str], status: int
) -> None:
    where = URL(f"{slack.url}openid/connect/authorize").with_query(query(slack, **changed))
    async with browser.get(where) as answer:
        assert answer.status == status


async def test_code_brings_a_token_that_names_the_person(
    slack: SlackStandIn, browser: aiohttp.ClientSession
) -> None:
    back = await choose(slack, browser, "grace")
    assert str(back).startswith(BACK)
    assert back.query["state"] == "the state"
    said = await trade(slack, back.query["code"])
    async with browser.get(f"{slack.url}openid/connect/keys") as answer:
        keys = jwt.PyJWKSet.from_dict(await answer.json())
    token = said["id_token"]
    claims = jwt.decode(
        token,
        keys[jwt.get_unverified_header(token)["kid"]],
        algorithms=["RS256"],
        audience=slack.client_id,
        issuer=origin(slack),
    )
    assert claims["nonce"] == "the nonce"
    assert claims["https://slack.com/team_id"] == slack.team_id
    assert claims["https://slack.com/user_id"] == slack.state.person("grace").id
    assert claims["name"] == "Grace Lindqvist"
    assert (await trade(slack, back.query["code"]))["error"] == "invalid_code"  # once
    assert [call.method for call in slack.calls] == ["openid.connect.token"] * 2
    assert all("client_secret" not in call.args for call in slack.calls)


async def test_name_is_told_for_its_scope_only(slack: SlackStandIn, browser: aiohttp.ClientSession) -> None:
    back = await choose(slack, browser, scope="openid", nonce="")
    token = (await trade(slack, back.query["code"]))["id_token"]
    claims = jwt.decode(token, options={"verify_signature": False})
    assert "name" not in claims
    assert "nonce" not in claims


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"client_id": "another"}, "invalid_client_id"),
        ({"client_secret": "wrong"}, "bad_client_secret"),
        ({"client_secret": "é"}, "bad_client_secret"),
        ({"code": "guessed"}, "invalid_code"),
        ({"redirect_uri": "https://evil.example/"}, "bad_redirect_uri"),
        ({"grant_type": "refresh_token"}, "invalid_grant_type"),
    ],
)
async def test_wrong_trade_is_refused(
    slack: SlackStandIn, browser: aiohttp.ClientSession, changed: dict[str, str], error: str
) -> None:
    back = await choose(slack, browser)
    given = {"code": back.query["code"]} | changed
    said = await trade(slack, **given)
    assert (said["ok"], said["error"]) == (False, error)


async def test_code_expires(
    slack: SlackStandIn, browser: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    back, now = await choose(slack, browser), slack.state.clock()
    monkeypatch.setattr(slack.state, "clock", lambda: now + 601)
    assert (await trade(slack, back.query["code"]))["error"] == "invalid_code"


async def test_cancel_is_told(slack: SlackStandIn, browser: aiohttp.ClientSession) -> None:
    back = await choose(slack, browser, "")
    assert dict(back.query) == {"error": "access_denied", "state": "the state"}


async def test_only_the_page_itself_signs_in(slack: SlackStandIn, browser: aiohttp.ClientSession) -> None:
    where, form = f"{slack.url}openid/connect/authorize", query(slack) | {"user": slack.person.id}
    for headers in ({}, {"Origin": "https://evil.example"}, {"Origin": "null"}):
        async with browser.post(where, data=form, headers=headers, allow_redirects=False) as answer:
            assert answer.status == 403
    async with browser.get(where, params=query(slack), headers={"Host": "evil.example"}) as answer:
        assert answer.status == 403


async def test_token_fails_on_demand(slack: SlackStandIn, browser: aiohttp.ClientSession) -> None:
    back = await choose(slack, browser)
    slack.fail("openid.connect.token", "internal_error")
    assert (await trade(slack, back.query["code"]))["error"] == "internal_error"
    assert (await trade(slack, back.query["code"]))["ok"] is True


async def test_members_come_in_pages(slack: SlackStandIn) -> None:
    client = AsyncWebClient(token=slack.bot_token, base_url=slack.api_url)
    channel, found, cursor = slack.state.channel("heddle-demo"), set[str](), ""
    while True:
        answer = await client.conversations_members(channel=channel.id, limit=3, cursor=cursor)
        assert len(answer["members"]) <= 3
        found |= set(answer["members"])
        cursor = answer["response_metadata"]["next_cursor"]
        if not cursor:
            break
    assert found == channel.members
