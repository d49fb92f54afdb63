"""The repository of an interactive workspace, on real git."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from headless import clone
from headless.session import known_session
from headless.stop import Stop
from interactive import forwarder, order
from interactive.journal import Journal
from interactive.repository import Repository

from tests.images.headless.conftest import _own_git, place
from tests.images.headless.places import BRANCH, Place

__all__ = ["_own_git", "place"]


@pytest.fixture(autouse=True)
def _forwarder_listens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = tmp_path / "tcp"
    table.write_text("   0: 0100007F:0C38 00000000:0000 0A 00000000:00000000\n")
    monkeypatch.setattr(forwarder, "TABLE", table)


def write_order(place: Place, opening: str = "opening-1", **changes: object) -> Path:
    folder = place.workspace / "interactive"
    folder.mkdir(exist_ok=True)
    settings: dict[str, object] = {
        "run_id": opening,
        "branch": BRANCH,
        "base": "main",
        "remote": str(place.remote),
        "mirror": str(place.mirror),
        "resume": None,
        "author": {"name": "Heddle", "email": "heddle@example.com"},
        "trailers": [],
        "start": None,
        "untrusted": False,
        "time_limit": 0,
        "message_id": "",
        **changes,
    }
    (folder / "order.json").write_text(json.dumps(settings))
    return folder


async def prepare(place: Place, opening: str = "opening-1", **changes: object) -> list[dict[str, object]]:
    """One start; what its journal says, without the times."""
    folder = write_order(place, opening, **changes)
    with Journal(folder / "journal.jsonl") as journal:
        await Repository(order.read(folder), journal).prepare(Stop())
    lines = [json.loads(line) for line in (folder / "journal.jsonl").read_text().splitlines()]
    return [{key: value for key, value in line.items() if key != "at"} for line in lines]


CLONE = {"event": "phase", "phase": "clone"}
SETUP = {"event": "phase", "phase": "setup"}


def test_an_order_is_a_run_in_the_volume_without_an_end(place: Place) -> None:
    run = order.read(write_order(place))
    assert (run.workspace, run.time_limit, run.run_id) == (place.workspace, math.inf, "opening-1")


async def test_a_new_workspace_is_cloned_and_a_restart_does_nothing(place: Place) -> None:
    assert await prepare(place) == [CLONE]
    assert place.git("symbolic-ref", "--short", "HEAD") == BRANCH
    assert place.git("config", "remote.origin.url") == str(place.remote)
    config = (place.repository / ".git" / "config").stat().st_ino
    assert await prepare(place) == []
    assert (place.repository / ".git" / "config").stat().st_ino == config, "not even connected again"


async def test_a_lock_of_a_git_that_was_killed_is_gone_at_the_next_start(place: Place) -> None:
    await prepare(place)
    lock = place.repository / ".git" / "index.lock"
    lock.touch()
    await prepare(place)
    assert not lock.exists()


async def test_a_changed_order_is_connected_again(place: Place) -> None:
    await prepare(place)
    assert await prepare(place, author={"name": "Other", "email": "other@example.com"}) == []
    assert place.git("config", "--local", "user.name") == "Other"


async def test_another_opening_takes_over_what_others_pushed(place: Place) -> None:
    await prepare(place)
    place.push_file("new.txt", "new\n", BRANCH)
    assert await prepare(place) == []
    assert not (place.repository / "new.txt").exists()
    assert await prepare(place, "opening-2") == [CLONE]
    assert (place.repository / "new.txt").exists()


async def test_a_missing_base_is_said(place: Place) -> None:
    with pytest.raises(clone.BaseMissing):
        await prepare(place, base="nowhere")


async def test_set_up_runs_once_and_its_failure_is_a_warning_at_each_start(place: Place) -> None:
    place.push_file(".heddle/setup.sh", "echo run >> ../count; echo it is broken; exit 3\n")
    warning = {"event": "warning", "output": "it is broken\n"}
    assert await prepare(place) == [CLONE, SETUP, warning]
    assert await prepare(place) == [warning]
    assert (place.workspace / "count").read_text() == "run\n"
    assert await prepare(place, "opening-2") == [CLONE, SETUP, warning]


async def test_set_up_that_works_is_not_repeated(place: Place) -> None:
    place.push_file(".heddle/setup.sh", "echo run >> ../count\n")
    assert await prepare(place) == [CLONE, SETUP]
    assert await prepare(place, "opening-2") == [CLONE]
    assert (place.workspace / "count").read_text() == "run\n"


SESSION = "13b5acf8-3b4b-41fa-b66f-b2b2ba41a780"


@pytest.mark.parametrize(
    ("transcript", "expected"),
    [('{"type":"user"}\n', SESSION), ('{"type":"summary"}\n', "ordered"), (None, "ordered")],
)
def test_a_session_counts_once_something_was_said_in_it(
    place: Place, tmp_path: Path, transcript: str | None, expected: str
) -> None:
    run = order.read(write_order(place, resume="ordered"))
    (place.workspace / "session").write_text(f"{SESSION}\n")
    folder = str(place.repository).replace("/", "-").replace("_", "-").replace(".", "-")
    if transcript is not None:
        projects = tmp_path / "home" / ".claude" / "projects" / folder
        projects.mkdir(parents=True)
        (projects / f"{SESSION}.jsonl").write_text(transcript)
    assert known_session(run, tmp_path / "home") == expected


def test_no_record_is_no_error(place: Place, tmp_path: Path) -> None:
    assert known_session(order.read(write_order(place)), tmp_path) is None
