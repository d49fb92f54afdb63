"""The home directory of a volume that may be older than the image."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from interactive.home import COMMANDS, completed, prepare

PREPARED = Path(__file__).parents[3] / "images" / "workspace" / "home"
HOOK = "/opt/heddle/context"


def settings_of(home: Path) -> dict[str, object]:
    value = json.loads((home / ".claude" / "settings.json").read_text())
    assert isinstance(value, dict)
    return value


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / ".claude").mkdir()
    return tmp_path


def test_an_empty_home_gets_everything(home: Path) -> None:
    prepare(home, "main", PREPARED)
    assert settings_of(home) == json.loads((PREPARED / "settings.json").read_text())
    assert json.loads((home / ".claude.json").read_text())["hasCompletedOnboarding"]
    assert (home / ".bashrc").is_file()
    assert sorted(path.name for path in (home / ".claude" / "commands").iterdir()) == sorted(COMMANDS)


def test_what_people_have_set_stays(home: Path) -> None:
    mine = {
        "model": "opus",
        "skipDangerousModePermissionPrompt": False,
        "hooks": {"SessionStart": [{"hooks": [{"type": "command", "command": "mine"}]}], "Stop": []},
    }
    (home / ".claude" / "settings.json").write_text(json.dumps(mine))
    (home / ".bashrc").write_text("alias x=y\n")
    prepare(home, "main", PREPARED)
    found = settings_of(home)
    assert (found["model"], found["skipDangerousModePermissionPrompt"]) == ("opus", False)
    hooks = found["hooks"]
    assert isinstance(hooks, dict)
    assert [entry["hooks"][0]["command"] for entry in hooks["SessionStart"]] == ["mine", HOOK]
    assert hooks["Stop"] == []
    assert (home / ".bashrc").read_text() == "alias x=y\n"


def test_nothing_is_written_where_nothing_lacks(home: Path) -> None:
    prepare(home, "main", PREPARED)
    files = [path for path in home.rglob("*") if path.is_file()]
    before = {path: path.stat().st_ino for path in files}
    prepare(home, "main", PREPARED)
    assert {path: path.stat().st_ino for path in files} == before


def test_a_file_that_cannot_be_read_is_left_alone(home: Path) -> None:
    (home / ".claude.json").write_text("{ half")
    prepare(home, "main", PREPARED)
    assert (home / ".claude.json").read_text() == "{ half"


def test_the_commands_name_the_base_branch_and_are_the_images(home: Path) -> None:
    (home / ".claude" / "commands").mkdir()
    command = home / ".claude" / "commands" / "ai-merge-back.md"
    command.write_text("old")
    prepare(home, "release/2", PREPARED)
    text = command.read_text()
    assert "git merge origin/release/2" in text
    assert "@BASE@" not in text


def test_completing_goes_into_the_depth() -> None:
    known = {"projects": {"/other": {"a": 1}}}
    prepared = {"projects": {"/workspace/repository": {"hasTrustDialogAccepted": True}}}
    assert completed(known, prepared) == {"projects": {**known["projects"], **prepared["projects"]}}
