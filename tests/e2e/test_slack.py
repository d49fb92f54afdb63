"""Slack's side end to end: bursts, ways of delivery, limits, questions and commands."""

from __future__ import annotations

import json
import time

import aiohttp
import pytest

from playground.model.steps import Steps, stop, write
from playground.slack.records import Channel, ChannelKind
from playground.slack.shapes import JsonObject
from playground.slack.webhooks import signed_headers
from playground.town import REPOSITORY
from tests.e2e.conftest import MakeScene
from tests.e2e.scene import CHANNEL, Scene

DELIVERIES = 200
DUPLICATES = 20
CHANNELS = 45


async def test_burst_is_acknowledged_and_handled_once(scene: Scene) -> None:
    state = scene.slack.state
    (template,) = [channel for channel in state.channels.values() if channel.name == "heddle-demo"]
    names = [f"burst-{number}" for number in range(CHANNELS)]
    for name in names:
        state.add_channel(
            Channel(state.new_id("C"), name, ChannelKind.CHANNEL, template.created, template.members)
        )
    before = len(scene.slack.deliveries)
    asked: list[tuple[str, str]] = []
    for number in range(90):  # each is delivered twice, as an app_mention and as a message
        name = names[number % CHANNELS]
        asked.append((name, await scene.slack.post("ada", name, "help", mention=True)))
    sent = list(scene.slack.deliveries)[before:]
    assert len(sent) == DELIVERIES - DUPLICATES
    repeated = [scene.slack.deliver(delivery.payload) for delivery in sent[:DUPLICATES]]
    ids = {delivery.id for delivery in sent} | set(repeated)

    await scene.until(lambda: ids <= set(scene.slack.acks), 30)  # how fast: scripts/bench burst
    await scene.until(lambda: all(scene.replies(ts, name) for name, ts in asked), 60)
    assert [len(scene.replies(ts, name)) for name, ts in asked] == [1] * len(asked)


async def test_events_over_http(make_scene: MakeScene) -> None:
    scene: Scene = await make_scene(http_events=True)
    assert await scene.slack.verify_events_url()
    thread = await scene.mention("fix the failing test")
    report = await scene.ended(thread)
    assert report.text.startswith("Done")
    assert scene.slack.connections == 0


@pytest.mark.parametrize("secret", ["another secret", ""])
async def test_wrong_signature_is_refused(make_scene: MakeScene, secret: str) -> None:
    scene: Scene = await make_scene(http_events=True)
    assert scene.town.heddle is not None
    thread = await scene.slack.post("ada", CHANNEL, "for later")
    event: JsonObject = {
        "type": "app_mention",
        "user": scene.slack.person.id,
        "text": "help",
        "ts": thread,
        "channel": "C1",
    }
    body = json.dumps(scene.slack.wrap(event)).encode()
    headers = signed_headers(secret, body, "application/json", time.time()) if secret else {}
    async with aiohttp.ClientSession() as session:
        address = f"{scene.town.heddle.address}/slack/events"
        async with session.post(address, data=body, headers=headers) as answer:
            assert answer.status == 401
    # Whatever came before the next mention has been handled before it.
    await scene.reply_to(await scene.mention("help", repository=None))
    assert scene.replies(thread) == []


async def test_rate_limits_delay_and_lose_nothing(make_scene: MakeScene) -> None:
    scene: Scene = await make_scene(enforce_limits=True)
    scene.slack.fail("chat.postMessage", "ratelimited", 429, times=2, retry_after=1)
    scene.slack.fail("chat.update", "ratelimited", 429, times=2, retry_after=1)
    thread = await scene.mention("fix the failing test")
    report = await scene.ended(thread)
    assert report.text.startswith("Done")
    assert len(scene.reports(thread)) == 1


async def test_lost_connection_is_opened_again(scene: Scene) -> None:
    await scene.until(lambda: scene.slack.connections)
    await scene.slack.disconnect("refresh_requested")
    await scene.until(lambda: scene.slack.connections, 30)
    thread = await scene.mention("help", repository=None)
    assert "pull request" in (await scene.reply_to(thread)).shown


async def test_slack_that_is_away_gets_the_end_when_it_is_back(scene: Scene) -> None:
    scene.model.add("unseen-work", Steps(write("unseen.txt", "x\n"), stop("Nobody saw it.")))
    thread = await scene.mention("unseen-work")
    await scene.until(lambda: scene.reports(thread))
    scene.slack.go_down()
    await scene.github.wait_for(lambda: bool(scene.github.pull_requests(REPOSITORY)), timeout=60)
    scene.slack.come_up()
    report = await scene.ended(thread)
    assert "Nobody saw it." in report.shown
    assert len(scene.reports(thread)) == 1


async def test_picker_asks_and_goes_on_when_answered(scene: Scene) -> None:
    thread = await scene.mention("fix the failing test", repository=None)
    question = await scene.reply_to(thread)
    assert question.action("choose_repository") is not None
    assert await scene.containers() == []
    await scene.slack.press("ada", CHANNEL, question.ts, "choose_repository", selected=REPOSITORY)
    report = await scene.ended(thread)
    assert report.text.startswith("Done")
    answered = scene.slack.message(CHANNEL, question.ts)
    assert answered.action("choose_repository") is None
    assert REPOSITORY in answered.shown


async def test_question_can_be_answered_by_a_reply(scene: Scene) -> None:
    thread = await scene.mention("fix the failing test", repository=None)
    await scene.reply_to(thread)
    await scene.slack.post("ada", CHANNEL, f"repo:{REPOSITORY}", thread_ts=thread)
    report = await scene.ended(thread)
    assert report.text.startswith("Done")


async def test_channel_default_is_used(scene: Scene) -> None:
    told = await scene.mention(f"use {REPOSITORY}", repository=None)
    assert REPOSITORY in (await scene.reply_to(told)).shown
    thread = await scene.mention("fix the failing test", repository=None)
    report = await scene.ended(thread)
    assert report.text.startswith("Done")


async def test_deployment_default_is_used_in_a_direct_message(make_scene: MakeScene) -> None:
    scene: Scene = await make_scene(settings={"HEDDLE_REPOSITORY": REPOSITORY})
    channel = scene.slack.direct.id
    thread = await scene.slack.post("ada", channel, "fix the failing test")
    report = await scene.ended(thread, channel=channel)
    assert report.text.startswith("Done")


@pytest.mark.parametrize("words", ["help", "Help!"])
async def test_help(scene: Scene, words: str) -> None:
    thread = await scene.mention(words, repository=None)
    assert "repo:owner/name" in (await scene.reply_to(thread)).shown


async def test_status_tells_of_the_thread(scene: Scene) -> None:
    thread = await scene.mention("fix the failing test")
    await scene.ended(thread)
    before = len(scene.replies(thread))
    await scene.slack.post("grace", CHANNEL, "status", thread_ts=thread)
    await scene.until(lambda: len(scene.replies(thread)) > before)
    answer = scene.replies(thread)[-1]
    assert "Done" in answer.shown
    assert "#1" in answer.shown


async def test_what_starts_nothing(scene: Scene) -> None:
    """Bots, edits, other people's threads and Heddle's own words."""
    other = scene.slack.add_person("robot", "Robot", bot=True)
    await scene.slack.post(other.id, CHANNEL, f"<@{scene.slack.bot_user_id}> fix the failing test")
    plain = await scene.slack.post("ada", CHANNEL, "we could fix the failing test")
    await scene.slack.post("grace", CHANNEL, "yes, fix it", thread_ts=plain)
    await scene.slack.edit("ada", CHANNEL, plain, f"<@{scene.slack.bot_user_id}> fix the failing test")
    marker = await scene.mention("help", repository=None)
    await scene.reply_to(marker)
    assert await scene.containers() == []
    assert [
        post for post in scene.slack.messages(CHANNEL) if post.bot_id and post.user == scene.slack.bot_user_id
    ] == []
    assert scene.replies(plain) == []
