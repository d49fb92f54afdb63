"""Reports: newest wins, at a calm pace, final at the end, without secrets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from bot.conversations import Conversation, Conversations, Incoming, Message
from bot.reports import Reports
from bot.schema import migrate
from orchestrator.database import Database
from orchestrator.redaction import Redactor
from orchestrator.report import Problem, PullRequest, Report, RunState, Todo, TodoStatus

SECRET = "ghp_" + "s" * 40
WORKING = Report(run_id="r1", task="t", state=RunState.WORKING, started_at=0.0)
DONE = replace(WORKING, state=RunState.SUCCEEDED, ended_at=9.0)
INTERVAL = 0.05


async def _page(run_id: str) -> str:
    return f"https://heddle.example.org/{run_id}"


@dataclass
class Screen:
    """A platform that keeps what it is shown; fails while `broken`."""

    interval = INTERVAL
    takes_files = True
    shown: list[Report] = field(default_factory=list)
    attached: list[Path] = field(default_factory=list)
    broken: bool = False
    news: asyncio.Event = field(default_factory=asyncio.Event)
    slow: float = 0.0
    begun: asyncio.Event = field(default_factory=asyncio.Event)
    places: list[str] = field(default_factory=list)
    done_with: list[tuple[str, bool]] = field(default_factory=list)

    async def done(self, message: Message, *, good: bool) -> None:
        self.done_with.append((message.id, good))

    async def show(self, conversation: Conversation, key: str, report: Report, page: str) -> None:
        self.begun.set()
        await asyncio.sleep(self.slow)
        if self.broken:
            raise ConnectionError
        assert (key, page) == ("report:r1", "https://heddle.example.org/r1")
        self.shown.append(report)
        self.places.append(conversation.address)
        self.news.set()

    async def attach(self, conversation: Conversation, key: str, log: Path) -> None:
        self.attached.append(log)


@dataclass
class Host:
    """A code host that keeps what it is shown; `conversations` finds the one of a pull request."""

    conversations: Conversations
    ended: list[Report] = field(default_factory=list)

    async def show(self, report: Report) -> None:
        pass

    async def end(self, report: Report, log: Path | None) -> None:
        self.ended.append(report)

    async def conversation_of(self, report: Report) -> Conversation | None:
        if report.pull_request is None:
            return None
        return await self.conversations.ensure("screen", f"pull {report.pull_request.number}", None)


@dataclass
class Stage:
    reports: Reports
    screen: Screen
    conversation: str
    message: str
    conversations: Conversations
    host: Host


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    database = Database(f"sqlite:///{tmp_path / 'heddle.db'}")
    await migrate(database)
    conversations = Conversations(database)
    message = await conversations.receive(Incoming("d", "screen", "s", "a", "u", "t", begins=True))
    assert message is not None
    screen, host = Screen(), Host(conversations)
    reports = Reports(
        conversations=conversations,
        platforms={"screen": screen},  # type: ignore[dict-item] # the part of a platform that reports use
        code_host=host,
        redact=Redactor([SECRET]),
        page=_page,
    )
    yield Stage(reports, screen, message.conversation.id, message.id, conversations, host)
    await reports.close()
    await database.close()


async def test_burst_of_changes_is_few_edits_and_the_newest_wins(stage: Stage) -> None:
    loop = asyncio.get_running_loop()
    began = loop.time()
    for number in range(200):
        stage.reports.changed(stage.conversation, replace(WORKING, activity=str(number)))
        await asyncio.sleep(0.001)
    await stage.reports.ended(stage.conversation, DONE, None, [])
    edits = len(stage.screen.shown)
    assert edits <= (loop.time() - began) / INTERVAL + 3
    assert stage.screen.shown[-1].state is RunState.SUCCEEDED


async def test_nothing_is_shown_after_the_end(stage: Stage) -> None:
    stage.screen.slow = 0.05
    stage.reports.changed(stage.conversation, WORKING)
    await stage.screen.begun.wait()  # an edit is under way
    await stage.reports.ended(stage.conversation, DONE, Path("log"), [])
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
        await stage.reports.ended(stage.conversation, DONE, None, [])
    stage.screen.broken = False
    await stage.reports.ended(stage.conversation, DONE, None, [])
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
    await stage.reports.ended(stage.conversation, leaky, None, [])
    assert SECRET not in repr(stage.screen.shown)


async def test_linked_conversations_watch_the_same_run(stage: Stage) -> None:
    other = await stage.conversations.ensure("screen", "other", None)
    stage.reports.changed(stage.conversation, WORKING)
    async with asyncio.timeout(5):
        await stage.screen.news.wait()
    await stage.conversations.link(stage.conversation, other.id)  # while the run works
    async with asyncio.timeout(10):
        while "other" not in stage.screen.places:
            stage.screen.news.clear()
            await stage.screen.news.wait()
    stage.screen.places.clear()
    await stage.reports.ended(stage.conversation, DONE, Path("log"), [])
    assert stage.screen.places == ["a", "other"]
    assert len(stage.screen.attached) == 2


async def test_conversation_that_was_unlinked_is_shown_no_more(stage: Stage) -> None:
    other = await stage.conversations.ensure("screen", "other", None)
    await stage.conversations.link(stage.conversation, other.id)
    await stage.conversations.unlink(other.id)
    await stage.reports.ended(stage.conversation, DONE, None, [])
    assert stage.screen.places == ["a"]


async def test_new_pull_request_is_linked_and_not_told_of_itself(stage: Stage) -> None:
    opened = replace(DONE, pull_request=PullRequest(7, "https://example.org/7"))
    for _ in range(2):  # a step that is repeated
        await stage.reports.ended(stage.conversation, opened, None, [])
    linked = await stage.conversations.linked(stage.conversation)
    assert [conversation.address for conversation in linked] == ["a", "pull 7"]
    assert set(stage.screen.places) == {"a"}
    again = replace(opened, run_id="r1", pull_request=PullRequest(7, "https://example.org/7", reused=True))
    await stage.reports.ended(stage.conversation, again, None, [])
    assert stage.screen.places[-2:] == ["a", "pull 7"]


async def test_authors_hear_how_it_ended(stage: Stage) -> None:
    await stage.reports.ended(stage.conversation, DONE, None, [stage.message])
    failed = replace(DONE, state=RunState.FAILED)
    await stage.reports.ended(stage.conversation, failed, None, [stage.message])
    assert stage.screen.done_with == [(stage.message, True), (stage.message, False)]
    assert [report.state for report in stage.host.ended] == [RunState.SUCCEEDED, RunState.FAILED]
