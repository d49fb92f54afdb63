"""The Web API, called by slack_sdk's own client."""

from __future__ import annotations

import json

import aiohttp
import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from playground.slack.api import DEFAULT_SCOPES
from playground.slack.server import SlackStandIn

SECTION = [{"type": "section", "text": {"type": "mrkdwn", "text": "hello"}}]


@pytest.fixture
def channel(slack: SlackStandIn) -> str:
    return slack.state.channel("heddle-demo").id


def error_of(raised: pytest.ExceptionInfo[SlackApiError]) -> str:
    return str(raised.value.response["error"])


async def test_who_am_i(slack: SlackStandIn, client: AsyncWebClient) -> None:
    answer = await client.auth_test()
    assert (answer["user_id"], answer["team_id"]) == (slack.bot_user_id, slack.team_id)
    info = await client.users_info(user=slack.bot_user_id)
    assert info["user"]["is_bot"]
    assert info["user"]["profile"]["api_app_id"] == slack.app_id
    members = (await client.users_list())["members"]
    assert {member["name"] for member in members} == {"heddle", "ada", "grace", "linus"}


async def test_post_update_and_delete(slack: SlackStandIn, client: AsyncWebClient, channel: str) -> None:
    posted = await client.chat_postMessage(
        channel=channel,
        text="first",
        blocks=SECTION,
        metadata={"event_type": "run", "event_payload": {"id": "7"}},
    )
    ts = posted["ts"]
    assert posted["message"]["bot_id"] == slack.bot.bot_id
    assert posted["message"]["app_id"] == slack.app_id
    assert posted["message"]["blocks"][0]["block_id"]
    # Blocks that are not given are kept, an empty list removes them: both as in Slack.
    await client.chat_update(channel=channel, ts=ts, text="second")
    assert slack.message(channel, ts).shown == "hello"
    updated = await client.chat_update(channel=channel, ts=ts, text="third", blocks=[])
    assert updated["message"]["edited"]["user"] == slack.bot_user_id
    message = slack.message(channel, ts)
    assert (message.shown, message.edited) == ("third", 2)
    assert [version.text for version in message.versions] == ["first", "second", "third"]
    assert message.metadata == {"event_type": "run", "event_payload": {"id": "7"}}
    await client.chat_delete(channel=channel, ts=ts)
    assert slack.messages(channel) == []


async def test_a_thread_in_pages(slack: SlackStandIn, client: AsyncWebClient, channel: str) -> None:
    parent = await slack.post("ada", channel, "the task")
    sent = [parent]
    for number in range(7):
        answer = await client.chat_postMessage(
            channel=channel,
            thread_ts=parent,
            text=f"reply {number}",
            metadata={"event_type": "n", "event_payload": {"number": number}},
        )
        sent.append(answer["ts"])
    seen: list[str] = []
    async for page in await client.conversations_replies(channel=channel, ts=parent, limit=3):
        assert len(page["messages"]) <= 3
        assert all("metadata" not in message for message in page["messages"])
        seen += [message["ts"] for message in page["messages"]]
    assert seen == sent
    first = (await client.conversations_replies(channel=channel, ts=parent))["messages"][0]
    assert (first["reply_count"], first["latest_reply"], first["thread_ts"]) == (7, sent[-1], parent)
    some = await client.conversations_replies(
        channel=channel, ts=parent, oldest=sent[3], latest=sent[5], inclusive=True, include_all_metadata=True
    )
    assert [message["ts"] for message in some["messages"]] == [parent, *sent[3:6]]
    assert some["messages"][1]["metadata"]["event_payload"] == {"number": 2}
    some = await client.conversations_replies(channel=channel, ts=parent, oldest=sent[3], latest=sent[5])
    assert [message["ts"] for message in some["messages"]] == [parent, sent[4]]


async def test_history_is_newest_first_without_replies(
    slack: SlackStandIn, client: AsyncWebClient, channel: str
) -> None:
    sent = [await slack.post("ada", channel, f"m{number}") for number in range(5)]
    await client.chat_postMessage(channel=channel, thread_ts=sent[0], text="a reply")
    seen: list[str] = []
    async for page in await client.conversations_history(channel=channel, limit=2):
        seen += [message["ts"] for message in page["messages"]]
    assert seen == sent[::-1]


async def test_a_reply_to_a_reply_joins_its_thread(
    slack: SlackStandIn, client: AsyncWebClient, channel: str
) -> None:
    parent = await slack.post("ada", channel, "parent")
    reply = await slack.post("grace", channel, "reply", thread_ts=parent)
    answer = await client.chat_postMessage(channel=channel, thread_ts=reply, text="deeper")
    assert answer["message"]["thread_ts"] == parent
    assert [m.text for m in slack.messages(channel, parent)] == ["parent", "reply", "deeper"]


async def test_reactions(slack: SlackStandIn, client: AsyncWebClient, channel: str) -> None:
    ts = await slack.post("ada", channel, "hi")
    await client.reactions_add(channel=channel, timestamp=ts, name="eyes")
    await slack.react("grace", channel, ts, "eyes")
    with pytest.raises(SlackApiError) as raised:
        await client.reactions_add(channel=channel, timestamp=ts, name="eyes")
    assert error_of(raised) == "already_reacted"
    reactions = (await client.reactions_get(channel=channel, timestamp=ts))["message"]["reactions"]
    assert [(one["name"], one["count"]) for one in reactions] == [("eyes", 2)]
    await client.reactions_remove(channel=channel, timestamp=ts, name="eyes")
    with pytest.raises(SlackApiError) as raised:
        await client.reactions_remove(channel=channel, timestamp=ts, name="eyes")
    assert error_of(raised) == "no_reaction"


async def test_channels(slack: SlackStandIn, client: AsyncWebClient) -> None:
    listed = await client.conversations_list(types="public_channel,private_channel")
    assert {one["name"] for one in listed["channels"]} == {"general", "heddle-demo", "heddle-private"}
    private = slack.state.channel("heddle-private").id
    assert (await client.conversations_info(channel=private))["channel"]["is_private"]
    opened = await client.conversations_open(users=slack.person.id)
    assert opened["channel"]["id"] == slack.direct.id
    other = slack.state.person("grace").id
    posted = await client.chat_postMessage(channel=other, text="a direct message")
    assert (await client.conversations_open(users=other))["channel"]["id"] == posted["channel"]
    slack.leave("heddle", private)
    with pytest.raises(SlackApiError) as raised:
        await client.conversations_info(channel=private)
    assert error_of(raised) == "channel_not_found"


async def test_upload_in_a_thread(slack: SlackStandIn, client: AsyncWebClient, channel: str) -> None:
    parent = await slack.post("ada", channel, "log please")
    content = "line\n" * 1000
    answer = await client.files_upload_v2(
        channel=channel, thread_ts=parent, filename="run.log", content=content, initial_comment="Here"
    )
    reply = slack.messages(channel, parent)[1]
    assert reply.text == "Here"
    assert [file.content for file in reply.files] == [content.encode()]
    assert slack.files[answer["file"]["id"]].name == "run.log"
    async with aiohttp.ClientSession() as session:
        url = answer["file"]["url_private"]
        async with session.get(url, headers={"Authorization": f"Bearer {slack.bot_token}"}) as got:
            assert await got.text() == content
        async with session.get(url) as refused:
            assert refused.status == 403
        announced = await client.files_getUploadURLExternal(filename="a.txt", length=5)
        async with session.post(announced["upload_url"], data=b"1234") as short:
            assert short.status == 400


async def test_only_one_person_sees_an_ephemeral_message(
    slack: SlackStandIn, client: AsyncWebClient, channel: str
) -> None:
    await client.chat_postEphemeral(channel=channel, user=slack.person.id, text="psst")
    assert [m.only_for for m in slack.messages(channel)] == [slack.person.id]
    assert (await client.conversations_history(channel=channel))["messages"] == []


async def test_permalinks_lead_to_the_page(slack: SlackStandIn, client: AsyncWebClient, channel: str) -> None:
    ts = await slack.post("ada", channel, "hi")
    link = (await client.chat_getPermalink(channel=channel, message_ts=ts))["permalink"]
    assert link == f"{slack.url}#{channel}/{ts}"


REFUSALS = [
    ("chat.postMessage", {"channel": "C0NOWHERE", "text": "x"}, "channel_not_found"),
    ("chat.postMessage", {"channel": "general"}, "no_text"),
    ("chat.postMessage", {"channel": "general", "text": ""}, "no_text"),
    ("chat.postMessage", {"channel": "general", "text": "x" * 40_001}, "msg_too_long"),
    ("chat.postMessage", {"channel": "general", "text": "x", "thread_ts": "1.000001"}, "thread_not_found"),
    ("chat.postMessage", {"channel": "general", "text": "x", "blocks": "[{"}, "invalid_blocks_format"),
    ("chat.postMessage", {"channel": "general", "blocks": '[{"type": "x"}]'}, "invalid_blocks"),
    ("chat.postMessage", {"channel": "general", "text": "x", "metadata": "{"}, "invalid_metadata_format"),
    (
        "chat.postMessage",
        {"channel": "general", "text": "x", "metadata": '{"a": 1}'},
        "invalid_metadata_schema",
    ),
    ("chat.postMessage", {"channel": "general", "text": "x", "attachments": "[{}]"}, "invalid_attachments"),
    ("chat.update", {"channel": "CHANNEL", "ts": "1.000001", "text": "x"}, "message_not_found"),
    ("chat.update", {"channel": "CHANNEL", "ts": "TS", "text": "x"}, "cant_update_message"),
    ("chat.delete", {"channel": "CHANNEL", "ts": "TS"}, "cant_delete_message"),
    ("reactions.add", {"channel": "CHANNEL", "timestamp": "1.000001", "name": "eyes"}, "message_not_found"),
    ("reactions.add", {"channel": "CHANNEL", "timestamp": "TS", "name": "no such!"}, "invalid_name"),
    ("conversations.replies", {"channel": "CHANNEL", "ts": "1.000001"}, "thread_not_found"),
    ("conversations.replies", {"channel": "CHANNEL"}, "invalid_arguments"),
    ("conversations.history", {"channel": "CHANNEL", "cursor": "nonsense"}, "invalid_cursor"),
    ("conversations.history", {"channel": "CHANNEL", "limit": "0"}, "invalid_limit"),
    ("conversations.open", {"users": "U0NOBODY"}, "user_not_found"),
    ("conversations.list", {"types": "secret"}, "invalid_types"),
    ("users.info", {"user": "U0NOBODY"}, "user_not_found"),
    ("team.info", {}, "missing_scope"),
    ("apps.connections.open", {}, "not_allowed_token_type"),
    ("views.open", {}, "unknown_method"),
]


@pytest.mark.parametrize(("method", "args", "error"), REFUSALS)
async def test_refusals(
    slack: SlackStandIn, client: AsyncWebClient, channel: str, method: str, args: dict[str, str], error: str
) -> None:
    ts = await slack.post("ada", channel, "hi")
    filled = {key: {"CHANNEL": channel, "TS": ts}.get(value, value) for key, value in args.items()}
    with pytest.raises(SlackApiError) as raised:
        await client.api_call(method, data=filled)
    assert error_of(raised) == error
    assert slack.calls[-1].answer["error"] == error
    assert not slack.calls[-1].ok


async def test_updated_text_may_be_4000_characters(client: AsyncWebClient, channel: str) -> None:
    ts = (await client.chat_postMessage(channel=channel, text="x" * 40_000))["ts"]
    await client.chat_update(channel=channel, ts=ts, text="x" * 4_000)
    with pytest.raises(SlackApiError) as raised:
        await client.chat_update(channel=channel, ts=ts, text="x" * 4_001)
    assert error_of(raised) == "msg_too_long"


async def test_wrong_blocks_are_named(client: AsyncWebClient, channel: str) -> None:
    blocks = [{"type": "section", "text": {"type": "mrkdwn", "text": "x" * 3001}}]
    with pytest.raises(SlackApiError) as raised:
        await client.chat_postMessage(channel=channel, text="x", blocks=blocks)
    answer = raised.value.response
    message = "must be less than 3001 characters [json-pointer:/blocks/0/text/text]"
    assert (answer["error"], answer["errors"]) == ("invalid_blocks", [message])
    assert answer["response_metadata"]["messages"] == [f"[ERROR] {message}"]


async def test_tokens_and_scopes() -> None:
    scopes = DEFAULT_SCOPES - {"chat:write", "groups:history"}
    async with SlackStandIn(scopes=scopes) as slack:
        client = AsyncWebClient(token=slack.bot_token, base_url=slack.api_url)
        with pytest.raises(SlackApiError) as raised:
            await client.chat_postMessage(channel="general", text="x")
        answer = raised.value.response
        assert (answer["error"], answer["needed"]) == ("missing_scope", "chat:write")
        assert answer["provided"].split(",") == sorted(scopes)
        with pytest.raises(SlackApiError, match=r"groups:history"):
            await client.conversations_history(channel=slack.state.channel("heddle-private").id)
        await client.conversations_history(channel=slack.state.channel("general").id)
        for token, error in ((None, "not_authed"), ("xoxb-other", "invalid_auth")):
            with pytest.raises(SlackApiError) as raised:
                await AsyncWebClient(token=token, base_url=slack.api_url).auth_test()
            assert error_of(raised) == error


@pytest.mark.parametrize(
    ("content_type", "body", "error"),
    [
        ("application/json", "{", "invalid_json"),
        ("application/json", "[]", "json_not_object"),
        ("text/plain", "text=x", "invalid_post_type"),
        ("application/json", '{"channel": "general", "text": "x"}', None),
        ("application/x-www-form-urlencoded", "channel=general&text=x", None),
    ],
)
async def test_bodies(slack: SlackStandIn, content_type: str, body: str, error: str | None) -> None:
    headers = {"Authorization": f"Bearer {slack.bot_token}", "Content-Type": content_type}
    url = f"{slack.api_url}chat.postMessage"
    async with aiohttp.ClientSession() as session, session.post(url, data=body, headers=headers) as got:
        answer = await got.json()
    assert (got.status, answer.get("error")) == (200, error)


async def test_the_token_may_be_in_the_body_and_is_never_logged(slack: SlackStandIn) -> None:
    async with aiohttp.ClientSession() as session:
        form = {"token": slack.bot_token, "channel": "general", "text": "x"}
        async with session.post(f"{slack.api_url}chat.postMessage", data=form) as got:
            assert (await got.json())["ok"]
    assert slack.calls[-1].ok
    assert slack.bot_token not in json.dumps(slack.calls[-1].args)


async def test_limits() -> None:
    async with SlackStandIn(enforce_limits=True) as slack:
        client = AsyncWebClient(token=slack.bot_token, base_url=slack.api_url)
        for _ in range(3):
            await client.chat_postMessage(channel="general", text="x")
        with pytest.raises(SlackApiError) as raised:
            await client.chat_postMessage(channel="general", text="x")
        answer = raised.value.response
        assert (answer.status_code, answer["error"]) == (429, "ratelimited")
        assert 1 <= int(answer.headers["Retry-After"]) <= 3
        await client.chat_postMessage(channel="heddle-demo", text="another channel")
        assert slack.calls[-2].status == 429


async def test_faults_on_demand(slack: SlackStandIn, client: AsyncWebClient) -> None:
    slack.fail("chat.postMessage", status=429, error="ratelimited", retry_after=7)
    slack.fail("chat.postMessage", error="fatal_error", times=2)
    errors = []
    for _ in range(3):
        with pytest.raises(SlackApiError) as raised:
            await client.chat_postMessage(channel="general", text="x")
        errors.append(error_of(raised))
    assert errors == ["ratelimited", "fatal_error", "fatal_error"]
    await client.chat_postMessage(channel="general", text="x")
    assert [m.text for m in slack.messages("general")] == ["x"]


async def test_down_and_up(slack: SlackStandIn, client: AsyncWebClient) -> None:
    slack.go_down()
    with pytest.raises(SlackApiError) as raised:
        await client.auth_test()
    assert raised.value.response.status_code == 503
    slack.go_down(refuse=True)
    with pytest.raises(aiohttp.ClientConnectionError):
        await AsyncWebClient(token="x", base_url=slack.api_url, retry_handlers=[]).auth_test()
    slack.come_up()
    assert (await client.auth_test())["ok"]


async def test_waiting_says_what_happened_instead(slack: SlackStandIn, client: AsyncWebClient) -> None:
    await client.chat_postMessage(channel="general", text="the only message")
    with pytest.raises(TimeoutError, match=r"chat\.postMessage ok.*the only message"):
        await slack.wait_for(lambda: len(slack.messages("general")) > 1, timeout=0.05)
