"""Signing in and out over HTTP, by both platforms, and everything that must not sign anybody in."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jwt
import pytest
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from yarl import URL

from tests.web.sign_in.scene import (
    CLIENT_ID,
    KEYS,
    NAME,
    TEAM,
    TOKEN,
    USER,
    WORKSPACE,
    Place,
    is_page,
    placed,
)

PERSON = f"slack:{TEAM}:{USER}"
CODE = f"/code/{WORKSPACE}"


async def test_slack_signs_in_and_leads_back(place: Place) -> None:
    browser = place.browser()
    shown = await browser.sign_in("slack", CODE)
    assert (shown.status, shown.url.path, shown.url.query_string) == (200, CODE, "")
    who = await browser.who()
    assert who is not None
    assert (who["id"], who["name"], who["login"], who["workspace"]) == (PERSON, NAME, None, None)
    (asked,) = place.slack.asked
    assert asked["scope"] == "openid profile"
    assert asked["response_type"] == "code"
    assert asked["team"] == TEAM
    assert asked["redirect_uri"] == f"{place.address}/sign-in/slack/callback"
    assert len(asked["state"]) >= 43
    assert asked["nonce"] != asked["state"]


async def test_github_signs_in_and_leads_back(place: Place) -> None:
    browser = place.browser()
    shown = await browser.sign_in("github", CODE)
    assert shown.url.path == CODE
    who = await browser.who()
    assert who is not None
    assert (who["id"], who["name"], who["login"]) == (f"github:{2**33}", "ada", "ada")


async def test_choice_has_a_button_for_each_way(place: Place) -> None:
    shown = await place.browser().get(f"/sign-in?next={CODE}")
    is_page(shown, 200, "Sign in with Slack", "Sign in with GitHub")
    assert f'href="/sign-in/slack?next={CODE}"' in shown.text
    assert "Set-Cookie" not in shown.headers


async def test_one_way_is_one_button_and_the_other_is_not_there(tmp_path: Path) -> None:
    async with placed(tmp_path, ("github",)) as place:
        browser = place.browser()
        shown = await browser.get("/sign-in")
        is_page(shown, 200, "Sign in with GitHub")
        assert "Slack" not in shown.text
        assert (await browser.get("/sign-in/slack")).status == 404
        assert (await browser.get("/sign-in/slack/callback?code=c&state=s")).status == 404


async def test_no_way_says_where_to_press(tmp_path: Path) -> None:
    async with placed(tmp_path, ()) as place:
        is_page(await place.browser().get(f"/sign-in?next={CODE}"), 200, "<strong>Open workspace</strong>")


async def test_somebody_who_is_signed_in_is_not_asked_again(place: Place) -> None:
    browser = place.browser()
    done = await browser.sign_in()
    is_page(done, 200, "You are signed in", "Ada &lt;b&gt;Park")
    assert (await browser.get(f"/sign-in?next={CODE}")).url.path == CODE


TRICKS = [
    "//evil.example",
    "///evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "https://evil.example",
    "https:evil.example",
    "/%2F%2Fevil.example",
    "%2F%2Fevil.example",
    "/%5Cevil.example",
    "/code/../../evil",
    "/code/%2e%2e/x",
    "/code//evil",
    "/code/x%0d%0aSet-Cookie:%20a=b",
    "/%09/evil.example",
    "javascript:alert(1)",
    "/code/x?to=//evil.example",
    "/code/x%23@evil.example",
    "code/x",
    "/.evil",
    "/@evil.example",
    "/" + "a" * 2_000,
    "%00",
]


@pytest.mark.parametrize("trick", TRICKS)
async def test_next_leads_nowhere_else(place: Place, trick: str) -> None:
    trick = trick.replace("\\", "%5C")
    browser = place.browser()
    begun = await browser.get(f"/sign-in/slack?next={trick}", follow=False)
    back = await browser.get(begun.headers["Location"], follow=False)
    entered = await browser.get(back.headers["Location"], follow=False)
    assert (entered.status, entered.headers["Location"]) == (303, "/sign-in")
    assert "evil" not in (await place.browser().get(f"/sign-in?next={trick}")).text
    left = await browser.post("/sign-out", {"next": trick}, follow=False)
    assert left.headers["Location"] == "/sign-in"


async def test_cookies_are_kept_from_scripts_and_other_sites(place: Place) -> None:
    browser = place.browser()
    begun = await browser.get("/sign-in/slack", follow=False)
    back = await browser.get(begun.headers["Location"], follow=False)
    entered = await browser.get(back.headers["Location"], follow=False)
    (flow,) = begun.cookies
    assert {"HttpOnly", "SameSite=Lax", "Path=/sign-in", "Max-Age=600"} <= set(flow.split("; "))
    session, gone = sorted(entered.cookies, key=lambda cookie: "heddle_sign_in" in cookie)
    assert {"HttpOnly", "SameSite=Lax", "Path=/"} <= set(session.split("; "))
    assert "Secure" not in session  # plain HTTP on loopback
    assert "Max-Age=0" in gone
    assert entered.headers["Cache-Control"] == "no-store"
    assert URL(begun.headers["Location"]).query["state"] not in flow


async def test_public_address_decides_path_and_secure(place: Place) -> None:
    browser, served = place.browser(), place.address
    place.address = "https://example.org/heddle"
    begun = await browser.get(f"{served}/sign-in/slack?next=/heddle{CODE}", follow=False)
    assert {"Secure", "Path=/heddle/sign-in"} <= set(begun.cookies[0].split("; "))
    back = URL(begun.headers["Location"]).query["redirect_uri"]
    assert back == "https://example.org/heddle/sign-in/slack/callback"
    value = re.match(r"heddle_sign_in=([^;]+)", begun.cookies[0])
    assert value is not None
    returned = await browser.get(begun.headers["Location"], follow=False)
    where = f"{served}/sign-in/slack/callback?{URL(returned.headers['Location']).query_string}"
    cookie = {"Cookie": f"heddle_sign_in={value[1]}"}
    async with browser.session.get(where, headers=cookie, allow_redirects=False) as entered:
        assert entered.headers["Location"] == f"/heddle{CODE}"
        session = next(c for c in entered.headers.getall("Set-Cookie") if c.startswith("heddle_session"))
        assert {"Secure", "Path=/heddle/", "HttpOnly", "SameSite=Lax"} <= set(session.split("; "))


async def test_callback_belongs_to_the_browser_that_began(place: Place) -> None:
    """Mallory gets Ada's browser to finish what Mallory began, so that Ada would work as Mallory."""
    mallory, ada = place.browser(), place.browser()
    back = await mallory.callback()
    is_page(await ada.get(back), 403, "This browser didn’t start this")
    assert await ada.who() is None
    assert len(place.slack.codes) == 1  # the code was not even traded
    of_ada = await ada.callback()
    is_page(await ada.get(back), 403)
    for state in ("", "é", of_ada.query["state"][:-1], of_ada.query["state"] + "x"):
        is_page(await ada.get(of_ada.update_query(state=state)), 403)
    assert await ada.who() is None


async def test_code_of_somebody_elses_sign_in_has_another_nonce(place: Place) -> None:
    mallory, ada = place.browser(), place.browser()
    of_mallory, of_ada = await mallory.callback(), await ada.callback()
    mixed = of_ada.update_query(code=of_mallory.query["code"])
    is_page(await ada.get(mixed), 400, "“nonce_mismatch”")
    assert await ada.who() is None


async def test_callback_works_once(place: Place) -> None:
    browser = place.browser()
    back = await browser.callback()
    assert (await browser.get(back)).status == 200
    is_page(await browser.get(back), 403)


async def test_way_back_of_the_other_platform_is_refused(place: Place) -> None:
    browser = place.browser()
    back = await browser.callback("github")
    is_page(await browser.get(back.with_path("/sign-in/slack/callback", keep_query=True)), 403)
    assert await browser.who() is None


async def test_denied_is_told_with_a_way_forward(place: Place) -> None:
    browser = place.browser()
    back = await browser.callback("slack", CODE)
    denied = back.with_query(error="access_denied", state=back.query["state"])
    shown = await browser.get(denied)
    is_page(shown, 403, "You aren’t signed in", f"/sign-in/slack?next={CODE}")
    is_page(await place.browser().get(denied), 403, "This browser didn’t start this")
    assert await browser.who() is None


@pytest.mark.parametrize(("error", "said"), [("server_error", "“server_error”"), ("<b>x</b>", "“error”")])
async def test_refusal_is_named_but_not_repeated(place: Place, error: str, said: str) -> None:
    browser = place.browser()
    back = await browser.callback()
    wrong = back.with_query(error=error, state=back.query["state"])
    is_page(await browser.get(wrong), 400, said)


async def test_other_team_is_turned_away(place: Place) -> None:
    place.slack.claims["https://slack.com/team_id"] = "T0OTHER"
    browser = place.browser()
    is_page(await browser.sign_in(), 403, "another Slack workspace", "Sign in with Slack")
    assert await browser.who() is None


def unsigned(claims: dict[str, Any], _key: RSAPrivateKey) -> str:
    return jwt.encode(claims, "", algorithm="none", headers={"kid": "one"})


def by_secret(claims: dict[str, Any], _key: RSAPrivateKey) -> str:
    return jwt.encode(claims, "x" * 32, algorithm="HS256", headers={"kid": "one"})


def by_another(claims: dict[str, Any], _key: RSAPrivateKey) -> str:
    key = generate_private_key(65537, 2048)
    return jwt.encode(claims, key, algorithm="RS256", headers={"kid": "one"})


def of_unknown_key(claims: dict[str, Any], key: RSAPrivateKey) -> str:
    return jwt.encode(claims, key, algorithm="RS256", headers={"kid": "two"})


def without_key(claims: dict[str, Any], key: RSAPrivateKey) -> str:
    return jwt.encode(claims, key, algorithm="RS256")


def no_token(_claims: dict[str, Any], _key: RSAPrivateKey) -> str:
    return "nonsense"


@pytest.mark.parametrize("signs", [unsigned, by_secret, by_another, of_unknown_key, without_key, no_token])
async def test_token_that_slack_did_not_sign_is_worth_nothing(
    place: Place, signs: Callable[[dict[str, Any], RSAPrivateKey], str]
) -> None:
    place.slack.signs = signs
    browser = place.browser()
    is_page(await browser.sign_in(), 502, "Slack didn’t answer")
    assert await browser.who() is None


@pytest.mark.parametrize(
    ("claims", "status"),
    [
        ({"aud": "another-app"}, 502),
        ({"aud": None}, 502),
        ({"iss": "https://evil.example"}, 502),
        ({"exp": 1_000}, 502),
        ({"exp": None}, 502),
        ({"iat": 2**40}, 502),
        ({"nonce": None}, 502),
        ({"nonce": "another"}, 400),
        ({"nonce": ""}, 400),
        ({"nonce": 7}, 400),
        ({"https://slack.com/user_id": None}, 502),
        ({"https://slack.com/user_id": "U1:T2"}, 502),
        ({"https://slack.com/user_id": 7}, 502),
        ({"https://slack.com/team_id": None}, 403),
        ({"https://slack.com/team_id": [TEAM]}, 403),
    ],
)
async def test_token_must_be_whole_fresh_and_for_heddle(
    place: Place, claims: dict[str, object], status: int
) -> None:
    place.slack.claims = claims
    browser = place.browser()
    is_page(await browser.sign_in(), status)
    assert await browser.who() is None


async def test_person_without_a_name_goes_by_their_id(place: Place) -> None:
    place.slack.claims["name"] = None
    browser = place.browser()
    await browser.sign_in()
    who = await browser.who()
    assert who is not None
    assert who["name"] == USER


@pytest.mark.parametrize("path", [TOKEN, KEYS])
@pytest.mark.parametrize(
    "answer",
    [
        lambda: web.Response(status=503),
        lambda: web.Response(text="<html>", content_type="text/html"),
        lambda: web.json_response(["x"]),
        lambda: web.json_response({"ok": True, "id_token": 7, "keys": []}),
        lambda: web.Response(status=307, headers={"Location": "/elsewhere"}),
    ],
)
async def test_slack_that_makes_no_sense_is_told(
    place: Place, path: str, answer: Callable[[], web.Response]
) -> None:
    place.slack.answers[path] = answer
    browser = place.browser()
    is_page(await browser.sign_in(), 502, "Slack didn’t answer", "Sign in with GitHub")
    assert await browser.who() is None


async def test_slack_that_refuses_is_named(place: Place) -> None:
    place.slack.answers[TOKEN] = lambda: web.json_response({"ok": False, "error": "bad_client_secret"})
    is_page(await place.browser().sign_in(), 400, "Slack said “bad_client_secret”")


async def test_github_that_refuses_or_names_nobody_signs_nobody_in(place: Place) -> None:
    browser = place.browser()
    place.github.refuses = "bad_verification_code"
    is_page(await browser.sign_in("github"), 400, "GitHub said “bad_verification_code”")
    place.github.refuses, place.github.account = "", {"id": "7", "login": "ada"}
    is_page(await browser.sign_in("github"), 502, "GitHub didn’t answer")
    assert await browser.who() is None


async def test_secrets_are_in_no_log_and_no_page(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    browser = place.browser()
    shown = await browser.sign_in()
    place.slack.signs = by_another
    failed = await place.browser().sign_in()
    cookies = [cookie.value for cookie in browser.session.cookie_jar]
    printed = capsys.readouterr()
    for text in (shown.text, failed.text, printed.out, printed.err):
        assert CLIENT_ID not in text
        assert "eyJ" not in text
        assert not any(value in text for value in cookies if value)


async def test_begun_sign_in_survives_a_restart(place: Place) -> None:
    browser = place.browser()
    back = await browser.callback("slack", CODE)
    await place.restart()
    assert (await browser.get(back)).url.path == CODE


async def test_sign_out_asks_then_ends_everything_in_the_browser(place: Place) -> None:
    browser = place.browser()
    await browser.sign_in()
    who = await browser.who()
    assert who is not None
    stolen = next(cookie.value for cookie in browser.session.cookie_jar if cookie.key == "heddle_session")
    asking = await browser.get(f"/sign-out?next={CODE}")
    is_page(asking, 200, "Ada &lt;b&gt;Park", f'value="{CODE}"')
    assert asking.headers["Referrer-Policy"] == "same-origin"  # or a browser sends `Origin: null`
    assert await browser.who() == who  # looking at the page changes nothing
    left = await browser.post("/sign-out", {"next": CODE}, follow=False)
    assert (left.status, left.headers["Location"]) == (303, f"/sign-in?next={CODE}")
    assert place.revoked == [who["hash"]]
    assert await browser.who() is None
    async with browser.session.get(
        f"{place.address}/who/{WORKSPACE}", headers={"Cookie": f"heddle_session={stolen}"}
    ) as answer:
        assert answer.status == 401


@pytest.mark.parametrize(
    "origin", [None, "null", "https://evil.example", "http://127.0.0.1", "http://127.0.0.1:1"]
)
async def test_other_sites_sign_nobody_out(place: Place, origin: str | None) -> None:
    browser = place.browser()
    await browser.sign_in()
    is_page(await browser.post("/sign-out", {}, origin=origin), 403, "Nothing was changed")
    assert await browser.who() is not None
    assert place.revoked == []


async def test_sign_out_without_a_session_does_no_harm(place: Place) -> None:
    shown = await place.browser().post("/sign-out", {}, follow=False)
    assert (shown.status, place.revoked) == (303, [])
