"""Buttons under Heddle's posts, from the platform through the Slack stand-in back to what a press says."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest
from slack_sdk.web.async_client import AsyncWebClient

from bot.conversations import Conversation, Conversations, Incoming, Message, MessageKind
from bot.platform import Button
from bot.schema import migrate
from bot.slack.deliveries import BUTTONS, CONTINUE, STOP, read
from bot.slack.platform import Slack
from bot.slack.thread import Thread
from orchestrator.database import Database
from orchestrator.report import Report, RunState
from playground.slack.server import SlackStandIn

CHANNEL = "#heddle-demo"
ROW = [Button(kind, f"subject of {kind}", kind.value.title()) for kind in BUTTONS.values()]


@dataclass(frozen=True, slots=True)
class Place:
    """A thread that Ada has begun, in the stand-in."""

    slack: SlackStandIn
    platform: Slack
    message: Message
    ts: str

    @property
    def conversation(self) -> Conversation:
        return self.message.conversation

    async def press(self, action_id: str, person: str = "grace") -> Incoming | None:
        """Press what is under the newest post; what Heddle reads of it."""
        post = self.slack.messages(CHANNEL, self.ts)[-1]
        delivery = await self.slack.press(person, CHANNEL, post.ts, action_id)
        return read(self.slack.delivery(delivery).payload, self.slack.bot_user_id)


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    database = Database(f"sqlite:///{tmp_path / 'heddle.db'}")
    await migrate(database)
    async with SlackStandIn() as slack, aiohttp.ClientSession() as session:
        client = AsyncWebClient(slack.bot_token, base_url=slack.api_url, session=session)
        ts = await slack.post("ada", CHANNEL, "hello")
        thread = Thread(slack.team_id, slack.state.channel(CHANNEL).id, ts)
        ada = slack.state.person("ada").id
        message = await Conversations(database).receive(
            Incoming("d", "slack", f"slack:{thread.channel}:{ts}", thread.address, ada, "hello", begins=True)
        )
        assert message is not None
        yield Place(slack, Slack(client, database, slack.bot_user_id), message, ts)
    await database.close()


@pytest.mark.parametrize("action_id", list(BUTTONS))
async def test_press_says_what_was_pressed_by_whom(place: Place, action_id: str) -> None:
    for _ in range(2):
        await place.platform.say(place.conversation, "answer:1", "Choose.", ROW)
    assert len(place.slack.messages(CHANNEL, place.ts)) == 2
    pressed = await place.press(action_id)
    assert pressed is not None
    kind = BUTTONS[action_id]
    assert (pressed.kind, pressed.subject) == (kind, f"subject of {kind}")
    assert pressed.address == place.conversation.address
    grace = place.slack.state.person("grace").id
    assert (pressed.author, pressed.data) == (grace, {"person": f"slack:{place.slack.team_id}:{grace}"})


@pytest.mark.parametrize("state", [RunState.WORKING, RunState.SUCCEEDED])
async def test_every_report_can_go_on_interactively(place: Place, state: RunState) -> None:
    report = Report("run-1", "Fix it", state, 0.0, ended_at=9.0 if state.ended else None)
    await place.platform.show(place.conversation, "report:run-1", report, "")
    pressed = await place.press(CONTINUE)
    assert pressed is not None
    assert (pressed.kind, pressed.subject) == (MessageKind.CONTINUE, "run-1")
    if state.ended:
        with pytest.raises(KeyError):
            await place.press(STOP)


async def test_what_is_for_one_person_reaches_nobody_else(place: Place) -> None:
    await place.platform.say(place.conversation, "answer:1", "Press the button.", ROW)
    await place.platform.tell(place.message, "[Open the workspace](http://127.0.0.1/x?ticket=t)")
    note = place.slack.messages(CHANNEL, place.ts)[-1]
    assert note.only_for == place.message.author
    assert "ticket=t" in note.shown


async def test_name_is_what_people_call_somebody(place: Place) -> None:
    assert await place.platform.name(place.message.author) == "ada"
