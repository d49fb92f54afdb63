"""What a page is told as it happens."""

from __future__ import annotations

import asyncio
import time

import aiohttp
import pytest

from orchestrator.interactive.opening import OpeningState, Progress, Status, Step, Terminal
from orchestrator.recovery.history import Move
from orchestrator.recovery.states import WorkspaceState
from orchestrator.report import Problem
from tests.web.code.stage import ADA, MOVE, OPENING, Stage, told
from web.code import events
from web.code.api import WATCH


async def first(stream: aiohttp.StreamReader) -> dict[str, object]:
    """What every stream begins with, in any order."""
    return dict([await told(stream) for _ in range(3)])


async def test_page_is_told_where_it_stands_and_every_change(stage: Stage) -> None:
    async with stage.events() as stream:
        said = await first(stream)
        assert said["terminals"] == [
            {"name": "claude", "title": "Claude Code"},
            {"name": "shell-1", "title": "Looms"},
        ]
        progress = said["progress"]
        assert isinstance(progress, dict)
        assert abs(progress.pop("now") - time.time()) < 10
        assert progress == {"state": "open", "steps": [], "problem": None, "status": None, "warning": ""}

        stage.interactive.progress.set(
            Progress(
                OpeningState.FAILED,
                (Step("clone", 1.0, 2.5), Step("setup", 2.5)),
                Problem("It can’t.", "Try again.", "a\nb"),
                Status("heddle/weave", "a" * 40, 2, 1),
                "line\nline",
            )
        )
        name, data = await told(stream)
        assert name == "progress"
        assert isinstance(data, dict)
        assert data["state"] == "failed"
        assert data["steps"] == [
            {"name": "clone", "started_at": 1.0, "ended_at": 2.5},
            {"name": "setup", "started_at": 2.5, "ended_at": None},
        ]
        assert data["problem"] == {"what": "It can’t.", "todo": "Try again.", "output": "a\nb"}
        assert data["status"] == {"branch": "heddle/weave", "head": "a" * 40, "unpushed": 2, "changed": 1}
        assert data["warning"] == "line\nline"

        stage.interactive.tabs.set([Terminal("claude", "Claude Code")])
        assert await told(stream) == ("terminals", [{"name": "claude", "title": "Claude Code"}])


async def test_page_is_told_where_its_workspace_is_and_how_it_came_there(stage: Stage) -> None:
    token = await stage.watches.create(OPENING, ADA)
    async with stage.events() as stream, stage.events(f"{WATCH}/{token}") as watching:
        said, seen = (await first(stream))["state"], (await first(watching))["state"]
        assert isinstance(said, dict)
        assert isinstance(seen, dict)
        assert abs(said.pop("now") - time.time()) < 10
        assert said == {
            "state": "running",
            "moves": [
                {"at": 5.0, "before": "starting", "after": "running", "reason": "its terminals answer"}
            ],
        }
        assert (seen["state"], seen["moves"]) == ("running", []), "reasons name people"
        move = Move(9.0, WorkspaceState.RUNNING, WorkspaceState.CLOSING, "Ada closes it")
        stage.interactive.moves.set((WorkspaceState.CLOSING, [move, MOVE]))
        name, data = await told(stream)
        assert name == "state"
        assert isinstance(data, dict)
        assert [each["reason"] for each in data["moves"]] == ["Ada closes it", "its terminals answer"]
        assert "Ada" not in str(await told(watching))


def test_no_text_ends_an_event_early() -> None:
    wire = events.event("progress", {"warning": "a\n\nevent: evil\ndata: {}\r\u2028"})
    assert wire.count(b"\n") == 3
    assert wire.endswith(b"\n\n")
    assert b"\r" not in wire


async def test_silence_is_broken_and_who_may_no_longer_be_there_is_told(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "SILENCE_SECONDS", 0.05)
    async with stage.events() as stream:
        await first(stream)
        assert await told(stream) == ("", None)
        assert await told(stream) == ("", None)
        stage.doorkeeper.refused.add(ADA.id)
        while (said := await told(stream))[0] == "":
            pass
        assert said == ("signed_out", {})
        assert await told(stream) == ("end", None)


async def test_news_do_not_keep_somebody_who_may_no_longer_be_there(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A workspace in which something happens all the time is never silent."""
    monkeypatch.setattr(events, "SILENCE_SECONDS", 0.2)

    async def chatter() -> None:
        number = 0
        while True:
            number += 1
            stage.interactive.progress.set(Progress(OpeningState.OPEN, warning=str(number)))
            await asyncio.sleep(0.05)

    async with stage.events() as stream:
        await first(stream)
        talking = asyncio.create_task(chatter())
        stage.doorkeeper.refused.add(ADA.id)
        try:
            async with asyncio.timeout(5):
                while (await told(stream))[0] != "signed_out":
                    pass
        finally:
            talking.cancel()


async def test_link_to_watch_that_is_taken_back_ends_its_stream(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "SILENCE_SECONDS", 0.05)
    token = await stage.watches.create(OPENING, ADA)
    stage.cookie = ""
    async with stage.events(f"{WATCH}/{token}") as stream:
        await first(stream)
        await stage.watches.revoke(OPENING.workspace.id)
        while (said := await told(stream))[0] == "":
            pass
        assert said == ("signed_out", {})


async def test_page_that_goes_away_leaves_nothing_behind(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    async with stage.events() as stream:
        await first(stream)
        assert stage.interactive.progress.watched
    async with asyncio.timeout(10):
        number = 0
        while stage.interactive.progress.watched or stage.interactive.tabs.watched:
            number += 1
            stage.interactive.progress.set(Progress(OpeningState.OPEN, warning=str(number)))
            await asyncio.sleep(0.01)
    assert caplog.records == []


async def test_streams_end_with_heddle(stage: Stage) -> None:
    async with stage.events() as stream:
        await first(stream)
        await stage.code.close()
        assert await told(stream) == ("end", None)
