"""Reports of runs: one post per run and conversation, kept up to date at a calm pace, final at the end."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

import structlog

from bot.conversations import Conversation, Conversations
from bot.platform import Platform
from orchestrator.report import Problem, Report, RunState, Todo

FIRST_PAUSE_SECONDS = 1.5  # between the first two edits of a report; the others come a little later each
TICK_SECONDS = 15.0  # after which a report is edited only to show the time
SPREAD_SECONDS = 1.5  # between two looks for conversations that were linked meanwhile

log = structlog.get_logger(__name__)


class CodeHost(Protocol):
    """What reports have to do with the place where the code is."""

    async def show(self, report: Report) -> None:
        """Show on the branch's commit that a run is at work on it, where the host can. Never raises."""
        ...

    async def end(self, report: Report, log: Path | None) -> None:
        """Show on the branch's commit how a run ended, where the host can. Never raises."""
        ...

    async def conversation_of(self, report: Report) -> Conversation | None:
        """The conversation of the report's pull request."""
        ...


@dataclass(slots=True)
class _Board:
    """Where a report is shown: one conversation."""

    conversation: Conversation
    news: asyncio.Event = field(default_factory=asyncio.Event)
    task: asyncio.Task[None] | None = None


@dataclass(slots=True)
class _Showing:
    conversation_id: str
    newest: Report
    ending: asyncio.Event = field(default_factory=asyncio.Event)
    boards: dict[str, _Board] = field(default_factory=dict)
    task: asyncio.Task[None] | None = None


class Reports:
    """The orchestrator's watcher: shows reports in a conversation and those linked with it, secrets removed.

    page: the address of the page of a run's workspace, by the run's id; empty where there is nothing to go to.
    """

    def __init__(
        self,
        *,
        conversations: Conversations,
        platforms: Mapping[str, Platform],
        code_host: CodeHost,
        redact: Callable[[str], str],
        page: Callable[[str], Awaitable[str]],
    ) -> None:
        self._page = page
        self._conversations = conversations
        self._platforms = platforms
        self._code_host = code_host
        self._redact = redact
        self._showings: dict[str, _Showing] = {}

    def changed(self, conversation_id: str, report: Report) -> None:
        showing = self._showings.get(report.run_id)
        if showing is None:
            showing = self._showings[report.run_id] = _Showing(conversation_id, report)
            showing.task = asyncio.create_task(self._spread(showing), name=f"report {report.run_id}")
        showing.newest = report
        for board in showing.boards.values():
            board.news.set()

    async def ended(
        self, conversation_id: str, report: Report, log: Path | None, message_ids: Sequence[str]
    ) -> None:
        await self._finish(report.run_id)
        shown, page = redacted(report, self._redact), await self._page(report.run_id)
        pull_request = await self._code_host.conversation_of(report)
        new = pull_request is not None and report.pull_request is not None and not report.pull_request.reused
        linked = await self._conversations.linked(conversation_id)
        for conversation in linked:
            if new and pull_request is not None and conversation.id == pull_request.id:
                continue  # the pull request's own text says it all
            platform = self._platforms[conversation.platform]
            await platform.show(conversation, f"report:{report.run_id}", shown, page)
            if log is not None:
                await platform.attach(conversation, f"log:{report.run_id}", log)
        # Where the thread has the file, the log is for those who can read the thread.
        filed = self._platforms[linked[0].platform].takes_files
        await self._code_host.end(shown, None if filed else log)
        for message_id in message_ids:
            message = await self._conversations.message(message_id)
            good = report.state in (RunState.SUCCEEDED, RunState.UNCHANGED)
            await self._platforms[message.conversation.platform].done(message, good=good)
        if new and pull_request is not None:
            await self._conversations.link(conversation_id, pull_request.id)

    async def close(self) -> None:
        """Stop showing; what is not shown yet is shown by the next process."""
        for run_id in list(self._showings):
            await self._finish(run_id)

    async def _finish(self, run_id: str) -> None:
        showing = self._showings.pop(run_id, None)
        if showing is None or showing.task is None:
            return
        showing.ending.set()
        for board in showing.boards.values():
            board.news.set()
        # Not cancelled: an edit that is under way could otherwise reach the platform after the last one.
        await showing.task

    async def _spread(self, showing: _Showing) -> None:
        """Keep a board in every conversation that watches, also in those that are linked meanwhile."""
        try:
            while not showing.ending.is_set():
                try:
                    await self._look_round(showing)
                    await self._code_host.show(redacted(showing.newest, self._redact))
                except Exception as error:  # the next round, or the end, sees to it all the same
                    log.warning("could not spread a report", run=showing.newest.run_id, error=repr(error))
                await _set_within(showing.ending, SPREAD_SECONDS)
        finally:
            tasks = [board.task for board in showing.boards.values() if board.task is not None]
            await asyncio.gather(*tasks)

    async def _look_round(self, showing: _Showing) -> None:
        for conversation in await self._conversations.linked(showing.conversation_id):
            if conversation.id not in showing.boards:
                board = showing.boards[conversation.id] = _Board(conversation)
                name = f"report {showing.newest.run_id} in {conversation.id}"
                board.task = asyncio.create_task(self._keep_showing(showing, board), name=name)

    async def _keep_showing(self, showing: _Showing, board: _Board) -> None:
        platform = self._platforms[board.conversation.platform]
        pause = 0.0
        while not showing.ending.is_set():
            # Most happens at the beginning, and people watch then.
            pause = min(platform.interval, pause + FIRST_PAUSE_SECONDS)
            board.news.clear()
            report = redacted(showing.newest, self._redact)
            try:
                page = await self._page(report.run_id)
                await platform.show(board.conversation, f"report:{report.run_id}", report, page)
            except Exception as error:  # the next edit, or the end, shows it all the same
                log.warning("could not show a report", run=report.run_id, error=repr(error))
            await _set_within(showing.ending, pause)
            await _set_within(board.news, TICK_SECONDS)


async def _set_within(event: asyncio.Event, seconds: float) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()


def redacted(report: Report, redact: Callable[[str], str]) -> Report:
    """A report without secrets."""
    problem = report.problem
    return replace(
        report,
        task=redact(report.task),
        todos=tuple(Todo(redact(todo.text), todo.status) for todo in report.todos),
        activity=redact(report.activity),
        words=redact(report.words),
        result=redact(report.result),
        problem=problem and Problem(redact(problem.what), redact(problem.todo), redact(problem.output)),
    )
