"""The page's endpoints: what they do, and that no other site can make them do it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import aiohttp
import pytest
from slack_sdk.web.async_client import AsyncWebClient
from yarl import URL

from playground.slack.page import may_read, may_write
from playground.slack.rendering import view_file
from playground.slack.server import SlackStandIn
from playground.slack.shapes import JsonObject


@pytest.fixture
async def browser(slack: SlackStandIn) -> AsyncIterator[aiohttp.ClientSession]:
    origin = slack.url.rstrip("/")
    async with aiohttp.ClientSession(base_url=slack.url, headers={"Origin": origin}) as session:
        yield session


def test_only_the_pages_own_origin_may_write() -> None:
    hosts = frozenset({"127.0.0.1:80", "localhost:80"})
    assert may_read("LocalHost:80", hosts)
    assert not may_read("evil.example:80", hosts)
    assert may_write("localhost:80", "http://localhost:80", hosts)
    assert not may_write("localhost:80", "http://127.0.0.1:80", hosts)
    assert not may_write("localhost:80", "https://localhost:80", hosts)
    assert not may_write("localhost:80", "null", hosts)
    assert not may_write("localhost:80", "", hosts)
    assert not may_write("evil.example:80", "http://evil.example:80", hosts)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("page/post", {"channel": "CHANNEL", "text": "injected"}),
        ("page/press", {"channel": "CHANNEL", "ts": "TS", "action_id": "a"}),
        ("page/react", {"channel": "CHANNEL", "ts": "TS", "name": "eyes"}),
    ],
)
@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": ""},
        {"Host": "evil.example", "Origin": "http://evil.example"},
        {"Content-Type": "text/plain"},
    ],
)
async def test_other_sites_can_do_nothing(
    slack: SlackStandIn,
    browser: aiohttp.ClientSession,
    path: str,
    body: dict[str, str],
    headers: dict[str, str],
) -> None:
    ts = await slack.post("grace", "general", "hi")
    channel = slack.state.channel("general").id
    filled = {key: {"CHANNEL": channel, "TS": ts}.get(value, value) for key, value in body.items()}
    async with browser.post(path, json=filled, headers=headers) as answer:
        assert answer.status in (403, 415)
    assert [(m.text, m.reactions) for m in slack.messages("general")] == [("hi", ())]


async def test_the_page_and_its_policy(slack: SlackStandIn, browser: aiohttp.ClientSession) -> None:
    async with browser.get("/") as answer:
        html = await answer.text()
        policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "<style" not in html
    assert " style=" not in html
    assert "Ada Park" in html
    async with browser.get("/", headers={"Host": "evil.example"}) as answer:
        assert answer.status == 403
    for name in ("page.js", "page.css", "morph.js"):
        async with browser.get(f"/static/{name}") as answer:
            assert answer.status == 200


async def test_the_notice_is_escaped() -> None:
    async with (
        SlackStandIn(notice="Scripted <model>", links=[("A & B", "http://127.0.0.1:1/?a=1&b=2")]) as slack,
        aiohttp.ClientSession() as session,
        session.get(slack.url) as answer,
    ):
        html = await answer.text()
    assert "Scripted &lt;model&gt;" in html
    assert 'href="http://127.0.0.1:1/?a=1&amp;b=2"' in html


async def test_what_a_person_sends(slack: SlackStandIn, browser: aiohttp.ClientSession) -> None:
    channel = slack.state.channel("general").id
    async with browser.post("page/post", json={"channel": channel, "text": "@heddle is 1 < 2?"}) as answer:
        ts = (await answer.json())["ts"]
    assert slack.message(channel, ts).text == f"<@{slack.bot_user_id}> is 1 &lt; 2?"
    assert [d.payload["type"] for d in slack.deliveries] == ["event_callback"] * 2
    async with browser.post("page/post", json={"channel": channel, "text": "yes", "thread_ts": ts}) as answer:
        assert answer.status == 200
    assert [m.text for m in slack.messages(channel, ts)][1:] == ["yes"]
    async with browser.get(f"page/channels/{channel}") as answer:
        shown = (await answer.json())["messages"]
    assert [(m["ts"], m["thread"]) for m in shown][0] == (ts, None)
    assert "is 1 &lt; 2?" in shown[0]["html"]
    for body in (
        {"channel": channel, "text": " "},
        {"channel": "C0", "text": "x"},
        {"channel": channel, "text": "x", "thread_ts": "1.000001"},
        {"channel": channel, "text": "x" * 12_001},
    ):
        async with browser.post("page/post", json=body) as answer:
            assert answer.status in (400, 404)
            assert (await answer.json())["error"]
    async with browser.post("page/post", data="{", headers={"Content-Type": "application/json"}) as answer:
        assert answer.status == 404


async def test_a_press_that_nobody_takes_is_told(
    slack: SlackStandIn, client: AsyncWebClient, browser: aiohttp.ClientSession
) -> None:
    element: JsonObject = {"type": "button", "action_id": "go", "text": {"type": "plain_text", "text": "Go"}}
    posted = await client.chat_postMessage(
        channel="general", text="x", blocks=[{"type": "actions", "elements": [element]}]
    )
    body = {"channel": posted["channel"], "ts": posted["ts"], "action_id": "go"}
    async with browser.post("page/press", json=body) as answer:
        assert answer.status == 502
        assert "Is it running?" in (await answer.json())["error"]


async def test_others_ephemeral_messages_and_channels_stay_hidden(
    slack: SlackStandIn, client: AsyncWebClient, browser: aiohttp.ClientSession
) -> None:
    channel = slack.state.channel("general").id
    await client.chat_postEphemeral(channel=channel, user=slack.state.person("grace").id, text="for Grace")
    await client.chat_postEphemeral(channel=channel, user=slack.person.id, text="for Ada")
    async with browser.get(f"page/channels/{channel}") as answer:
        html = "".join(m["html"] for m in (await answer.json())["messages"])
    assert "for Ada" in html
    assert "for Grace" not in html
    opened = await client.conversations_open(users=slack.state.person("grace").id)
    async with browser.get(f"page/channels/{opened['channel']['id']}") as answer:
        assert answer.status == 404


async def test_files_are_downloaded_not_run(slack: SlackStandIn, browser: aiohttp.ClientSession) -> None:
    await slack.post("ada", "general", "see", files={"x.html": b"<script>1</script>", "p.png": b"\x89PNG"})
    by_name = {file.name: file for file in slack.files.values()}
    async with browser.get(f"page/files/{by_name['x.html'].id}/x.html") as answer:
        assert answer.headers["Content-Disposition"].startswith("attachment")
        assert answer.content_type == "application/octet-stream"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert await answer.read() == b"<script>1</script>"
    async with browser.get(f"page/files/{by_name['p.png'].id}/p.png") as answer:
        assert (answer.content_type, answer.headers["Content-Disposition"][:6]) == ("image/png", "inline")


async def test_slacks_own_links_lead_to_the_message(
    slack: SlackStandIn, browser: aiohttp.ClientSession
) -> None:
    async with browser.get("archives/C1/p1700000000123456", allow_redirects=False) as answer:
        assert (answer.status, URL(answer.headers["Location"]).fragment) == (302, "C1/1700000000.123456")


async def test_changes_arrive_as_events(slack: SlackStandIn, browser: aiohttp.ClientSession) -> None:
    async with browser.get("page/stream") as stream:
        assert await stream.content.readline() == b"event: ready\n"
        await slack.post("grace", "general", "live!")
        lines = [await stream.content.readline() for _ in range(5)]
    assert b"event: message\n" in lines
    assert any(b"live!" in line for line in lines)


@pytest.mark.parametrize("headers", [{"Origin": "http://evil.example"}, {"Sec-Fetch-Site": "cross-site"}])
async def test_no_web_page_may_speak_for_the_app(slack: SlackStandIn, headers: dict[str, str]) -> None:
    form = {"token": slack.bot_token, "channel": "general", "text": "injected"}
    async with aiohttp.ClientSession() as session:
        async with session.post(f"{slack.api_url}chat.postMessage", data=form, headers=headers) as answer:
            assert answer.status == 403
        async with session.get(f"{slack.api_url}chat.postMessage", params=form, headers=headers) as answer:
            assert answer.status == 403
    assert slack.messages("general") == []


@pytest.mark.parametrize(
    ("name", "content", "preview"),
    [
        ("a.log", b"one\ntwo", "one\ntwo"),
        ("b.ts", "grüße".encode(), "grüße"),  # a name that says video
        ("c.bin", b"\x00\x01", ""),
        ("d.txt", b"\xff\xfe", ""),
        ("e.png", b"text", ""),
        ("f.txt", ("x" * 65_535 + "ü").encode(), "x" * 65_535),  # cut within a character
    ],
)
async def test_previews_of_text_only(slack: SlackStandIn, name: str, content: bytes, preview: str) -> None:
    await slack.post("ada", "general", "see", files={name: content})
    (file,) = slack.files.values()
    assert view_file(file).preview == preview
