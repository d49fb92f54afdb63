"""A database on a full disk, under a run: when there is room again the run comes to its end by itself."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

from playground.model.answer import Gate
from playground.model.steps import Steps, stop, wait, write
from playground.town import REPOSITORY
from tests.e2e.scene import Scene
from tests.full_disk import empty, fill

TASK = "work-while-the-disk-fills"
SWEEP = 70.0  # seconds, at most, from one sweep to the next


async def test_run_ends_once_there_is_room_again(scene: Scene) -> None:
    gate = Gate()
    scene.model.add(TASK, Steps(wait(gate), write("made.txt", "made\n"), stop("Made.")))
    thread = await scene.mention(TASK)
    await gate.reached()
    database = Path(scene.town.folder / "data" / "heddle.db")
    fill(database)
    gate.open()
    async with asyncio.timeout(60):
        while _state(database) != "finishing":
            await asyncio.sleep(0.05)
        while "database or disk is full" not in scene.log():
            await asyncio.sleep(0.05)
    (before,) = scene.reports(thread)
    assert not before.text.startswith("Done")
    empty(database)
    report = await scene.ended(thread, seconds=SWEEP + 60)
    assert report.text.startswith("Done"), report.shown
    assert len(scene.reports(thread)) == 1
    (pull,) = scene.github.pull_requests(REPOSITORY)
    assert await scene.github.file(REPOSITORY, pull.head, "made.txt") == "made\n"


def _state(database: Path) -> str:
    with closing(sqlite3.connect(database)) as connection:
        return str(connection.execute("SELECT state FROM runs").fetchone()[0])
