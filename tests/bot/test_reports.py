"""Reports: newest wins, at a calm pace, final at the end, without secrets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from bot.conversations import Conversation, Conversations, Incoming
from bot.reports import Reports
from bot.schema import migrate
from orchestrator.database import Database
from orchestrator.redaction import Redactor
from orchestrator.report import Problem, Report, RunState, Todo, TodoStatus

SECRET = "ghp_" + "s" * 40
WORKING = Report(run_id="r1", task="t", state=RunState.WORKING, started_at=0.0)
DONE = replace(WORKING, state=RunState.SUCCEEDED, ended_at=9.0)
INTERVAL = 0.05


@dataclass
class Screen:
    """A platform that keeps what it is shown; fails while `broken`."""

    shown: list[Report] = field(default_factory=list)
    attached: list[Path] = field(default_factory=list)
    broken: bool = False
    news: asyncio.Event = field(default_factory=asyncio.Event)
    slow: float = 0.0

    async def show(self, conversation: Conversation, key: str, report: Report) -> None:
        await asyncio.sleep(self.slow)
        if self.broken:
            raise ConnectionError
        assert key == "report:r1"
        self.shown.append(report)
        self.news.set()

    async def attach(self, conversation: Conversation, key: str, log: Path) -> None:
        self.attached.append(log)


@dataclass
class Stage:
    reports: Reports
    screen: Screen
    conversation: str


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    database = Database(f"sqlite:///{tmp_path / 'heddle.db'}")
    await migrate(database)
    conversations = Conversations(database)
    message = await conversations.receive(Incoming("d", "screen", "s", "a", "u", "t", begins=True))
    assert message is not None
    screen = Screen()
    reports = Reports(
        conversations=conversations,
        platforms={"screen": screen},  # type: ignore[dict-item] # the part of a platform that reports use
        redact=Redactor([SECRET]),
        interval=INTERVAL,
    )
    yield Stage(reports, screen, message.conversation.id)
    await reports.close()
    await database.close()


async def test_burst_of_changes_is_few_edits_and_the_newest_wins(stage: Stage) -> None:
    loop = asyncio.get_running_loop()
    began = loop.time()
    for number in range(200):
        stage.reports.changed(stage.conversation, replace(WORKING, activity=str(number)))
        await asyncio.sleep(0.001)
    await stage.reports.ended(stage.conversation, DONE, None)
    edits = len(stage.screen.shown)
    assert edits <= (loop.time() - began) / INTERVAL + 3
    assert stage.screen.shown[-1].state is RunState.SUCCEEDED


async def test_nothing_is_shown_after_the_end(stage: Stage) -> None:
    stage.screen.slow = 0.05
    stage.reports.changed(stage.conversation, WORKING)
    await asyncio.sleep(0.01)  # an edit is under way
    await stage.reports.ended(stage.conversation, DONE, Path("log"))
    assert [report.state for report in stage.screen.shown] == [RunState.WORKING, RunState.SUCCEEDED]
    assert stage.screen.attached == [Path("log")]


async def test_platform_that_fails_in_between_is_no_harm(stage: Stage) -> None:
    stage.screen.broken = True
    stage.reports.changed(stage.conversation, WORKING)
    await asyncio.sleep(2 * INTERVAL)
    stage.screen.broken = False
    stage.reports.changed(stage.conversation, replace(WORKING, activity="on"))
    async with asyncio.timeout(5):
        await stage.screen.news.wait()
    assert stage.screen.shown[-1].activity == "on"


async def test_end_that_can_not_be_shown_is_the_callers_to_repeat(stage: Stage) -> None:
    stage.screen.broken = True
    with pytest.raises(ConnectionError):
        await stage.reports.ended(stage.conversation, DONE, None)
    stage.screen.broken = False
    await stage.reports.ended(stage.conversation, DONE, None)
    assert len(stage.screen.shown) == 1


async def test_secrets_are_removed_everywhere(stage: Stage) -> None:
    leaky = replace(
        DONE,
        task=SECRET,
        words=f"the token is {SECRET}",
        result=SECRET,
        activity=SECRET,
        todos=(Todo(SECRET, TodoStatus.PENDING),),
        problem=Problem(SECRET, SECRET, f"line\n{SECRET}"),
    )
    await stage.reports.ended(stage.conversation, leaky, None)
    assert SECRET not in repr(stage.screen.shown)
