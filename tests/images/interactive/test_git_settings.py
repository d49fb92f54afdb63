"""Nothing that a user has set hides work from a check, and nobody but the remote is believed, on real git."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from interactive.work import check

from tests.images.headless.conftest import _own_git, place
from tests.images.headless.places import BRANCH, Place, git
from tests.images.interactive.git_places import Desk, make_desk

__all__ = ["_own_git", "place"]


@pytest.fixture
async def desk(place: Place) -> Desk:
    place.push_file("folder/file.txt", "file\n")
    return await make_desk(place)


def fsmonitor(desk: Desk) -> None:
    script = desk.place.root / "monitor"
    script.write_text("#!/bin/sh\nprintf 'token\\0'\n")
    script.chmod(0o755)
    desk.git("config", "core.fsmonitor", str(script))
    desk.git("status")


def lying_filter(desk: Desk) -> None:
    desk.write(".gitattributes", "* filter=lie\n")
    desk.git("config", "filter.lie.clean", "git show HEAD:%f")
    desk.git("add", ".gitattributes")
    desk.git("commit", "--quiet", "-m", "Attributes")
    desk.push()


def excludes(desk: Desk) -> None:
    (desk.place.root / "everything").write_text("*\n")
    desk.git("config", "core.excludesFile", str(desk.place.root / "everything"))
    settings = Path(os.environ["HOME"]) / ".config" / "git"
    settings.mkdir(parents=True)
    (settings / "ignore").write_text("*\n")


def global_settings(desk: Desk) -> None:
    git(desk.path, "config", "--global", "status.showUntrackedFiles", "no")
    git(desk.path, "config", "--global", f"url.{desk.path}.insteadOf", str(desk.place.remote))


def other_work_tree(desk: Desk) -> None:
    desk.git("worktree", "add", "--quiet", "--detach", "../clean")
    desk.git("config", "core.worktree", str(desk.place.workspace / "clean"))


def marks(*flags: str) -> Callable[[Desk], None]:
    def mark(desk: Desk) -> None:
        for flag in flags:
            desk.git("update-index", flag, "greeting.txt")

    return mark


def setting(name: str, value: str) -> Callable[[Desk], None]:
    return lambda desk: (desk.git("config", name, value), None)[1]


def split_index(desk: Desk) -> None:
    desk.git("config", "core.splitIndex", "true")
    desk.git("update-index", "--split-index")
    desk.commit("one.txt")
    desk.push()


HABITS: dict[str, Callable[[Desk], None]] = {
    "fsmonitor": fsmonitor,
    "filter": lying_filter,
    "excludes": excludes,
    "global": global_settings,
    "assumed": marks("--assume-unchanged"),
    "skipped": marks("--skip-worktree"),
    "both": marks("--assume-unchanged", "--skip-worktree"),
    "untracked": setting("status.showUntrackedFiles", "no"),
    "alias": setting("alias.status", "!true"),
    "pager": setting("core.pager", "true"),
    "untracked cache": setting("core.untrackedCache", "true"),
    "bare": setting("core.bare", "true"),
    "stat": setting("core.checkStat", "minimal"),
    "mode": setting("core.fileMode", "false"),
    "submodules": setting("diff.ignoreSubmodules", "all"),
    "split": split_index,
}


@pytest.mark.parametrize("habit", HABITS)
async def test_settings_hide_no_changes(desk: Desk, habit: str) -> None:
    HABITS[habit](desk)
    desk.write("greeting.txt", "HELO\n")
    desk.write("new.txt")
    answer: dict[str, Any] = await check(desk.run)
    assert answer["answered"], answer
    assert {"greeting.txt", "new.txt"} <= set(answer["uncommitted"])


async def test_a_work_tree_elsewhere_hides_no_changes(desk: Desk) -> None:
    other_work_tree(desk)
    desk.write("new.txt")
    (desk.place.workspace / "clean" / "newer.txt").write_text("x\n")
    answer: dict[str, Any] = await check(desk.run)
    assert {"new.txt", "../clean/newer.txt"} <= set(answer["uncommitted"])


def fake_tracking(desk: Desk) -> None:
    desk.git("update-ref", f"refs/remotes/origin/{BRANCH}", "HEAD")


def fake_origin(desk: Desk) -> None:
    git(desk.place.root, "clone", "--quiet", "--bare", str(desk.path), "fake.git")
    desk.git("config", "remote.origin.url", str(desk.place.root / "fake.git"))


def instead_of(desk: Desk) -> None:
    git(desk.place.root, "clone", "--quiet", "--bare", str(desk.path), "fake.git")
    desk.git("config", f"url.{desk.place.root / 'fake.git'}.insteadOf", str(desk.place.remote))


def private_ref(desk: Desk) -> None:
    desk.git("update-ref", "refs/heddle/remote/heads/main", "HEAD")
    desk.git("update-ref", "refs/start/x", "HEAD")


def replaced(desk: Desk) -> None:
    parent = desk.git("rev-parse", "HEAD~")
    desk.git("replace", "HEAD", parent)


def grafted(desk: Desk) -> None:
    head, parent = desk.git("rev-parse", "HEAD"), desk.git("rev-parse", "origin/main")
    (desk.path / ".git" / "info" / "grafts").write_text(f"{parent} {head}\n")


LIES: dict[str, Callable[[Desk], None]] = {
    "tracking": fake_tracking,
    "origin": fake_origin,
    "insteadOf": instead_of,
    "refs": private_ref,
    "replace": replaced,
    "grafts": grafted,
}


@pytest.mark.parametrize("lie", LIES)
async def test_nobody_is_believed_about_the_remote(desk: Desk, lie: str) -> None:
    desk.commit()
    LIES[lie](desk)
    answer: dict[str, Any] = await check(desk.run)
    assert BRANCH in [entry["where"] for entry in answer["loose"]]


async def test_the_environment_has_no_say(desk: Desk) -> None:
    desk.commit()
    desk.write("new.txt")
    other = desk.place.root / "somewhere"
    git(desk.place.root, "init", "--quiet", str(other))
    answer = desk.asked(
        "check",
        GIT_DIR=str(other / ".git"),
        GIT_WORK_TREE=str(other),
        GIT_INDEX_FILE=str(other / "index"),
        GIT_CONFIG_COUNT="1",
        GIT_CONFIG_KEY_0="status.showUntrackedFiles",
        GIT_CONFIG_VALUE_0="no",
    )
    assert answer["uncommitted"] == ["new.txt"]
    assert [entry["where"] for entry in answer["loose"]] == [BRANCH]
