"""Reports of runs: one post per run, kept up to date at a calm pace, final at the end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import structlog

from bot.conversations import Conversations
from bot.platform import Platform
from orchestrator.report import Problem, Report, Todo

INTERVAL_SECONDS = 1.5  # between two edits of one report
TICK_SECONDS = 15.0  # after which a report is edited only to show the time

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Showing:
    conversation_id: str
    newest: Report
    news: asyncio.Event = field(default_factory=asyncio.Event)
    ending: asyncio.Event = field(default_factory=asyncio.Event)
    task: asyncio.Task[None] | None = None


class Reports:
    """The orchestrator's watcher: shows reports in conversations, secrets removed."""

    def __init__(
        self,
        *,
        conversations: Conversations,
        platforms: Mapping[str, Platform],
        redact: Callable[[str], str],
        interval: float = INTERVAL_SECONDS,
    ) -> None:
        self._conversations = conversations
        self._platforms = platforms
        self._redact = redact
        self._interval = interval
        self._showings: dict[str, _Showing] = {}

    def changed(self, conversation_id: str, report: Report) -> None:
        showing = self._showings.get(report.run_id)
        if showing is None:
            showing = self._showings[report.run_id] = _Showing(conversation_id, report)
            showing.task = asyncio.create_task(self._keep_showing(showing), name=f"report {report.run_id}")
        showing.newest = report
        showing.news.set()

    async def ended(self, conversation_id: str, report: Report, log: Path | None) -> None:
        await self._finish(report.run_id)
        conversation = await self._conversations.conversation(conversation_id)
        platform = self._platforms[conversation.platform]
        await platform.show(conversation, f"report:{report.run_id}", redacted(report, self._redact))
        if log is not None:
            await platform.attach(conversation, f"log:{report.run_id}", log)

    async def close(self) -> None:
        """Stop showing; what is not shown yet is shown by the next process."""
        for run_id in list(self._showings):
            await self._finish(run_id)

    async def _finish(self, run_id: str) -> None:
        showing = self._showings.pop(run_id, None)
        if showing is None or showing.task is None:
            return
        showing.ending.set()
        showing.news.set()
        # Not cancelled: an edit that is under way could otherwise reach the platform after the last one.
        await showing.task

    async def _keep_showing(self, showing: _Showing) -> None:
        conversation = await self._conversations.conversation(showing.conversation_id)
        platform = self._platforms[conversation.platform]
        while not showing.ending.is_set():
            showing.news.clear()
            report = showing.newest
            try:
                await platform.show(conversation, f"report:{report.run_id}", redacted(report, self._redact))
            except Exception as error:  # the next edit, or the end, shows it all the same
                log.warning("could not show a report", run=report.run_id, error=repr(error))
            await _set_within(showing.ending, self._interval)
            await _set_within(showing.news, TICK_SECONDS)


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
