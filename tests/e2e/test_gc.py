"""`heddle gc` beside a Heddle that serves, and one data folder for each Heddle."""

from __future__ import annotations

import asyncio
import json
import os
import time
from pathlib import Path

from tests.e2e.conftest import MakeScene
from tests.e2e.scene import Scene
from tests.e2e.test_cli import heddle

NAME = "0123456789ab.log"


def old_log(folder: Path) -> Path:
    """The log of a run that ended long ago."""
    log = folder / "data" / "logs" / NAME
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_text("done\n")
    old = time.time() - 100 * 86400
    os.utime(log, (old, old))
    return log


async def gone(log: Path) -> None:
    async with asyncio.timeout(120):
        while log.exists():
            await asyncio.sleep(0.2)


async def test_looks_and_asks_while_heddle_serves(make_scene: MakeScene) -> None:
    scene: Scene = await make_scene(start=False)
    town = scene.town
    log = old_log(town.folder)
    await town.start_heddle()
    await gone(log)  # by the clean-up at its start; the next one is an hour away
    old_log(town.folder)

    code, output, errors = await heddle("gc", "--dry-run", folder=town.folder, **town.environment)
    assert code == 0, errors
    assert NAME in output
    code, output, errors = await heddle("gc", "--dry-run", "--json", folder=town.folder, **town.environment)
    assert code == 0, errors
    told = json.loads(output)
    assert [one["name"] for one in told["removals"] if one["kind"] == "log"] == [NAME]
    assert log.exists()

    code, output, errors = await heddle("gc", folder=town.folder, **town.environment)
    assert (code, errors) == (0, "")
    assert "within a minute" in output
    await gone(log)

    assert town.heddle is not None
    await town.heddle.stop()
    old_log(town.folder)
    code, output, errors = await heddle("gc", folder=town.folder, **town.environment)
    assert (code, errors) == (0, "")
    assert NAME in output
    assert not log.exists()


async def test_second_heddle_on_a_data_folder_is_refused(make_scene: MakeScene) -> None:
    scene: Scene = await make_scene()
    town = scene.town
    assert town.heddle is not None
    pid = town.heddle.pid
    code, _, errors = await heddle("serve", folder=town.folder, **town.environment)
    assert code == 2
    assert f"Another Heddle (process {pid}) works with the data folder" in errors
    assert "Traceback" not in errors
    assert town.heddle.running
    await town.heddle.kill()
    await town.heddle.start()
