"""What Heddle has open for itself gives way to people, who are told nothing of it."""

from __future__ import annotations

import pytest

from orchestrator.interactive.opening import QUIET, OpeningState
from tests.bot.stage import HOME, Stage


async def cleaned_up(stage: Stage) -> str:
    """A conversation that has a workspace, which Heddle has opened to clean it up: that opening's id."""
    await stage.ask(f"workspace repo:{HOME}")
    opening = await stage.opening()
    await stage.interactive.move(opening, OpeningState.HANDED_OVER)
    quiet = await stage.interactive.reopen(opening.workspace.id, f"{QUIET}{opening.workspace.id}:1", "")
    assert quiet.quiet
    return quiet.id


async def tasks(stage: Stage) -> list[str]:
    return [run.task for run in await stage.records.runs()]


@pytest.mark.parametrize("said", ["now fix it", "continue headless: now fix it"])
async def test_task_gets_the_workspace(stage: Stage, said: str) -> None:
    quiet = await cleaned_up(stage)
    message = await stage.ask(f"{said} repo:{HOME}")
    assert (await stage.interactive.store.opening(quiet)).state is OpeningState.HANDED_OVER
    assert await tasks(stage) == ["now fix it"]
    assert stage.replies(message) == []


async def test_close_that_has_begun_is_told(stage: Stage) -> None:
    quiet = await stage.interactive.store.opening(await cleaned_up(stage))
    await stage.interactive.move(quiet, OpeningState.CLOSING)
    message = await stage.ask(f"now fix it repo:{HOME}")
    assert await tasks(stage) == []
    (answer,) = stage.replies(message)
    assert "being closed" in answer


async def test_status_does_not_tell_of_it(stage: Stage) -> None:
    await cleaned_up(stage)
    message = await stage.ask("status")
    assert "opened it" not in (stage.answer(message) or "")
