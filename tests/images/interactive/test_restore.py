"""A lost volume comes back from its checkpoint as it was, on real git."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from interactive import forwarder, known
from interactive.checkpoint import checkpoint
from interactive.work import check

from tests.images.headless.conftest import _own_git, place
from tests.images.headless.places import BRANCH, Place, git
from tests.images.interactive.git_places import Desk
from tests.images.interactive.lost_places import HIDDEN, at_remote, lose, saved, start, view

__all__ = ["_own_git", "place"]


@pytest.fixture(autouse=True)
def _forwarder_listens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = tmp_path / "tcp"
    table.write_text("   0: 0100007F:0C38 00000000:0000 0A 00000000:00000000\n")
    monkeypatch.setattr(forwarder, "TABLE", table)


@pytest.fixture
async def desk(place: Place) -> Desk:
    for name in ("folder/file.txt", "folder/other.txt", "old name.txt"):
        place.push_file(name, f"{name} and its text\n" * 20)
    made, _ = await start(place)
    return made


def uncommitted(desk: Desk) -> None:
    desk.write("greeting.txt", "changed\n")
    desk.write("größe \n.txt", "untracked\n").chmod(0o755)
    desk.write("deep/er/new.txt")
    (desk.path / "link").symlink_to("greeting.txt")
    (desk.path / "folder" / "other.txt").unlink()
    (desk.path / "folder" / "file.txt").chmod(0o755)
    desk.write("kept.log", "ignored\n")


def staged_and_not(desk: Desk) -> None:
    desk.write("greeting.txt", "staged\n")
    desk.write("new.txt", "staged\n")
    desk.write("only-staged.txt")
    desk.git("add", "--all")
    desk.write("greeting.txt", "in the file\n")
    desk.write("untracked.txt")
    (desk.path / "only-staged.txt").unlink()


def all_staged(desk: Desk) -> None:
    desk.git("mv", "old name.txt", "new name.txt")
    desk.git("rm", "--quiet", "folder/other.txt")
    desk.write("new.txt")
    desk.git("add", "--all")


def staged_and_taken_back(desk: Desk) -> None:
    desk.write("greeting.txt", "staged\n")
    desk.git("add", "--all")
    desk.write("greeting.txt", "helo\n")


def file_for_folder(desk: Desk) -> None:
    (desk.path / "folder" / "file.txt").unlink()
    (desk.path / "folder" / "other.txt").unlink()
    (desk.path / "folder").rmdir()
    desk.write("folder", "a file now\n")
    (desk.path / "greeting.txt").unlink()
    desk.write("greeting.txt/now/a/folder")


def branches(desk: Desk) -> None:
    desk.commit("one")
    desk.git("checkout", "--quiet", "-b", "it's-{one}")
    desk.commit("two")
    desk.git("branch", "feature/größe")
    desk.git("branch", "old", "HEAD~2")
    desk.write("uncommitted.txt")


def detached(desk: Desk) -> None:
    desk.git("checkout", "--quiet", "--detach")
    desk.commit("detached.txt")
    desk.write("greeting.txt", "changed\n")


def unborn(desk: Desk) -> None:
    desk.git("checkout", "--quiet", "--orphan", "fresh")
    desk.git("rm", "--quiet", "--cached", "greeting.txt")
    desk.write("new.txt")


def stashes(desk: Desk) -> None:
    desk.write("greeting.txt", "first\n")
    desk.git("stash", "push", "--quiet", "-m", "it's {first}")
    desk.write("greeting.txt", "second\n")
    desk.git("add", "--all")
    desk.write("untracked", "stashed too\n")
    desk.git("stash", "push", "--quiet", "--include-untracked")


def tags(desk: Desk) -> None:
    desk.git("tag", "light")
    desk.commit()
    desk.git("tag", "-a", "-m", "Größe\n\nmore", "v1/x")
    desk.git("tag", "-a", "-m", "Of a tag", "v2", "v1/x")


def amended(desk: Desk) -> None:
    desk.commit()
    desk.push()
    desk.git("commit", "--quiet", "--amend", "-m", "Other words")
    desk.write("new.txt")


def emptied(desk: Desk) -> None:
    desk.git("rm", "-r", "--quiet", ".")


@pytest.mark.parametrize(
    "work",
    [
        *(
            uncommitted,
            staged_and_not,
            all_staged,
            staged_and_taken_back,
            file_for_folder,
            branches,
            detached,
        ),
        *(unborn, stashes, tags, amended, emptied),
    ],
)
async def test_everything_comes_back(desk: Desk, work: Callable[[Desk], None]) -> None:
    work(desk)
    before = view(desk)
    base = (desk.place.workspace / "base").read_text()
    head = (await saved(desk, left=[]))["head"]
    lose(desk)
    again, restored = await start(desk.place)
    assert (restored["commit"], restored["left"], restored["reason"]) == (head, [], "")
    assert (restored["beside"], restored["stashed"]) == ([], False)
    assert 0 <= restored["at"] - restored["saved_at"] < 60
    assert view(again) == before
    assert (desk.place.workspace / "base").read_text() == base
    assert not again.git("for-each-ref", "refs/heddle")
    again.git("fsck", "--strict")
    # And it is in no doubt what the next checkpoint is about.
    await saved(again)
    assert view(again) == before
    _, repeated = await start(desk.place)
    assert repeated == {}


async def test_what_is_ignored_does_not_come_back(desk: Desk) -> None:
    uncommitted(desk)
    await saved(desk)
    lose(desk)
    again, _ = await start(desk.place)
    assert not (again.path / "kept.log").exists()


async def test_a_rebase_leaves_its_commits_and_files(desk: Desk) -> None:
    desk.commit("greeting.txt", "one\n", "One")
    desk.git("checkout", "--quiet", "-b", "two", "HEAD~")
    desk.commit("greeting.txt", "two\n", "Two")
    with pytest.raises(subprocess.CalledProcessError):
        desk.git("rebase", BRANCH)
    before = view(desk)
    await saved(desk, left=[])
    lose(desk)
    again, restored = await start(desk.place)
    assert restored["left"] == [
        "rebase in progress: its commits and files are here, the operation itself is not"
    ]
    assert restored["reason"] == ""
    after = view(again)
    assert {name: after[name] for name in ("head", "branches")} == {
        name: before[name] for name in ("head", "branches")
    }
    assert "<<<<<<<" in (again.path / "greeting.txt").read_text()


async def test_other_work_trees_come_back(desk: Desk) -> None:
    tree = desk.place.workspace / "tree"
    desk.git("worktree", "add", "--quiet", "-b", "beside", str(tree))
    (tree / "there.txt").write_text("x\n")
    git(tree, "add", "--all")
    (tree / "greeting.txt").write_text("there\n")
    desk.git("worktree", "add", "--quiet", "--detach", str(desk.path / "inside"))
    (desk.path / "inside" / "here.txt").write_text("x\n")
    desk.write("new.txt")
    places = (desk.path, tree, desk.path / "inside")
    before = [view(desk, path) for path in places]
    await saved(desk, left=[])
    lose(desk)
    again, restored = await start(desk.place)
    assert (restored["left"], restored["reason"]) == ([], "")
    assert [view(again, path) for path in places] == before


async def test_a_branch_that_has_moved_on_keeps_what_is_newer(desk: Desk) -> None:
    desk.commit("mine.txt")
    desk.write("greeting.txt", "not committed\n")
    desk.write("new.txt", "new\n")
    await saved(desk)
    desk.git("stash", "push", "--quiet", "--include-untracked")
    newest = desk.commit("later.txt")
    desk.push()
    lose(desk)
    again, restored = await start(desk.place)
    assert again.git("rev-parse", "HEAD") == newest
    assert (restored["stashed"], restored["beside"], restored["reason"]) == (True, [], "")
    again.git("stash", "pop")
    assert (again.path / "greeting.txt").read_text() == "not committed\n"
    assert (again.path / "new.txt").read_text() == "new\n"


async def test_work_that_was_committed_and_pushed_since_is_not_kept_twice(desk: Desk) -> None:
    desk.write("greeting.txt", "later committed\n")
    await saved(desk)
    desk.git("commit", "--quiet", "--all", "-m", "Committed")
    desk.push()
    before = view(desk)
    lose(desk)
    again, restored = await start(desk.place)
    assert view(again) == before
    assert restored["stashed"] is False


async def test_a_branch_that_went_another_way_is_kept_beside(desk: Desk) -> None:
    mine = desk.commit("mine.txt")
    await saved(desk)
    theirs = desk.place.push_file("theirs.txt", "theirs\n", BRANCH)
    lose(desk)
    again, restored = await start(desk.place)
    assert restored["beside"] == [f"restored/{BRANCH}"]
    assert again.git("rev-parse", "HEAD", f"restored/{BRANCH}").split() == [theirs, mine]
    assert again.git("status", "--porcelain") == ""
    assert [entry["where"] for entry in (await check(again.run))["loose"]] == [f"restored/{BRANCH}"]  # type: ignore[attr-defined]


async def test_a_checkpoint_that_could_not_be_had_is_neither_forgotten_nor_overwritten(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = desk.commit("mine.txt")
    await saved(desk)
    lose(desk)
    away = desk.place.root / "away"
    desk.place.remote.rename(away)
    again, restored = await start(desk.place)
    assert (restored["commit"], bool(restored["reason"])) == ("", True)
    assert (await check(again.run))["answered"] is False
    away.rename(desk.place.remote)
    head = at_remote(again)
    answer: dict[str, Any] = await check(again.run)
    branch = known.KEPT_AT.format(commit=head).removeprefix("refs/heads/")
    assert [entry["where"] for entry in answer["loose"]] == [branch]
    again.write("new.txt")
    await checkpoint(again.run, HIDDEN)
    lose(again)
    third, _ = await start(desk.place)
    assert mine in third.git("rev-list", branch).split()
    assert (third.path / "new.txt").exists()


async def test_what_cannot_be_put_back_stays_as_a_branch(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = desk.commit("mine.txt")
    tree = desk.place.root / "outside"
    desk.git("worktree", "add", "--quiet", "--detach", str(tree))
    (tree / "there.txt").write_text("there\n")
    head = (await saved(desk))["head"]
    lose(desk)
    again, restored = await start(desk.place)
    assert again.git("rev-parse", "HEAD") == mine
    assert restored["left"] == ["work tree ../../outside"]
    (branch,) = restored["beside"]
    assert again.git("rev-parse", branch) == head
    assert "outside of the workspace" in restored["reason"]


@pytest.mark.parametrize(
    "message", ["Anything", 'x\n\nheddle-checkpoint 1\n{"base": 1}', "x\n\nheddle-checkpoint 1\n["]
)
async def test_what_is_no_checkpoint_does_not_keep_a_workspace_from_starting(
    desk: Desk, message: str
) -> None:
    git(desk.place.other, "commit", "--quiet", "--allow-empty", "-m", message)
    git(desk.place.other, "push", "--quiet", "origin", f"HEAD:{HIDDEN}")
    lose(desk)
    again, restored = await start(desk.place)
    assert restored["reason"]
    assert len(restored["beside"]) == 1
    assert again.git("symbolic-ref", "--short", "HEAD") == BRANCH


async def test_a_restore_that_was_interrupted_is_done_again(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    branches(desk)
    stashes(desk)
    desk.write("new.txt")
    before = view(desk)
    await saved(desk)
    lose(desk)

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, contextlib.suppress(KeyboardInterrupt):
        patch.setattr(known, "write", die)
        await start(desk.place)
    again, restored = await start(desk.place)
    assert restored["reason"] == ""
    assert view(again) == before
