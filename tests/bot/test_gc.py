"""What `heddle gc` says, and what a deployment's settings mean for it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bot import gc
from bot.cleaning import retention_of
from bot.schema import migrate
from bot.settings import Settings, load
from orchestrator.cleaning.lock import DataLock
from orchestrator.cleaning.removals import DAY, Kept, Kind, Removal, Retention
from orchestrator.cleaning.workspace_rows import Marks
from orchestrator.database import Database

OUTCOME = gc.Outcome(
    [
        Removal(Kind.MIRROR, "acme/tally", 1_500_000_000, "too much"),
        Removal(Kind.ROWS, "deliveries", 20_000, "old", count=1_234),
    ],
    [Kept("volume", "heddle-\x1b[31m1[red]", 5_000_000, "at work")],
    ("A note.",),
    done=False,
)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load({"HEDDLE_DATA_DIR": str(tmp_path / "data"), "DOCKER_HOST": f"unix://{tmp_path}/no.sock"})


async def made(settings: Settings) -> Database:
    database = Database(settings.database)
    await migrate(database)
    return database


def test_retention_by_default() -> None:
    assert retention_of(load({})) == Retention()


def test_retention_as_set() -> None:
    settings = load(
        {
            "HEDDLE_KEEP_LOGS_DAYS": "1",
            "HEDDLE_KEEP_RESCUES_DAYS": "2",
            "HEDDLE_KEEP_ROWS_DAYS": "7",
            "HEDDLE_MIRRORS_GB": "0.5",
        }
    )
    assert retention_of(settings) == Retention(DAY, 2 * DAY, 7 * DAY, 500_000_000)


def test_table(capsys: pytest.CaptureFixture[str]) -> None:
    gc.show(OUTCOME, as_json=False)
    lines = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    assert lines[0].split() == ["kind", "what", "why", "how", "much"]
    assert lines[1].split() == ["mirror", "acme/tally", "too", "much", "1.5", "GB"]
    assert lines[2].split() == ["rows", "1234", "deliveries", "old", "20", "kB"]
    assert lines[3] == "May go: 1235, 1.5 GB in all."
    assert lines[6].split() == ["volume", "heddle-1[red]", "at", "work", "5.0", "MB"], (
        "nothing colours a screen"
    )
    assert lines[-1] == "A note."


def test_table_of_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    gc.show(gc.Outcome([], [], (), done=True), as_json=False)
    assert capsys.readouterr().out.strip() == "Removed: nothing, 0 B in all."


def test_json(capsys: pytest.CaptureFixture[str]) -> None:
    gc.show(OUTCOME, as_json=True)
    told = json.loads(capsys.readouterr().out)
    assert told["removals"][0]["kind"] == "mirror"
    assert told["removals"][1]["count"] == 1_234
    assert told["kept"][0]["what"] == "volume"
    assert told["notes"] == ["A note."]
    assert not told["done"]


async def test_no_database_yet(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(gc.CleaningRefused, match="no database"):
        await gc.clean(settings, dry_run=True)
    assert list(tmp_path.iterdir()) == [], "looking makes nothing"


async def test_database_of_another_version(settings: Settings) -> None:
    await Database(settings.database).close()
    Path(settings.database.removeprefix("sqlite:///")).touch()
    with pytest.raises(gc.CleaningRefused, match="another version"):
        await gc.clean(settings, dry_run=False)


async def test_file_that_is_no_database(settings: Settings) -> None:
    path = Path(settings.database.removeprefix("sqlite:///"))
    path.parent.mkdir()
    path.write_text("not a database, but longer than a header of one would be" * 20)
    with pytest.raises(gc.CleaningRefused, match="file is not a database"):
        await gc.clean(settings, dry_run=True)


async def test_without_docker_and_github_it_says_what_was_left_alone(settings: Settings) -> None:
    database = await made(settings)
    await database.close()
    for dry_run in (True, False):
        outcome = await gc.clean(settings, dry_run=dry_run)
        assert outcome.done is not dry_run
        assert "Docker doesn't answer" in outcome.notes[0]
        assert outcome.notes[1] == gc.NO_CODE_HOST


async def test_running_heddle_is_left_a_mark(settings: Settings) -> None:
    database = await made(settings)
    async with DataLock(settings.heddle_data_dir.absolute()).taken():
        outcome = await gc.clean(settings, dry_run=False)
        assert outcome.marked
        assert outcome.notes == (gc.LEFT_A_MARK,)
        looked = await gc.clean(settings, dry_run=True)
        assert not looked.marked
    assert await Marks(database).find("gc") is not None
    await database.close()
