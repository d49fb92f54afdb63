"""A rescue brings everything back, on real git."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from interactive.rescue import rescue
from interactive.work import check

from tests.images.headless.conftest import _own_git, place
from tests.images.headless.places import BRANCH, Place, git
from tests.images.interactive.git_places import REF, Desk, make_desk

__all__ = ["_own_git", "place"]


@pytest.fixture
async def desk(place: Place) -> Desk:
    place.push_file("folder/file.txt", "file\n")
    return await make_desk(place)


async def rescued(desk: Desk) -> Path:
    """A fresh clone with the rescue as FETCH_HEAD; nothing is left, and the workspace is as it was."""
    before = desk.snapshot()
    answer: dict[str, Any] = await rescue(desk.run, REF)
    assert (answer["left"], answer["reason"], answer["ref"]) == ([], "", REF)
    assert desk.snapshot() == before
    assert git(desk.place.remote, "rev-parse", REF) == answer["head"]
    git(desk.place.remote, "fsck", "--strict")
    return desk.fresh()


def parts(clone: Path) -> dict[str, str]:
    """What the message says of each parent, by its name."""
    message = git(clone, "log", "-1", "--format=%B", "FETCH_HEAD")
    return {f"FETCH_HEAD^{number}": what for number, what in re.findall(r"^\^(\d+)  (.*)$", message, re.M)}


def commands(clone: Path) -> list[str]:
    message = git(clone, "log", "-1", "--format=%B", "FETCH_HEAD")
    return re.findall(r"^    (git (?!fetch).*)$", message, re.M)


def files(clone: Path, revision: str = "FETCH_HEAD") -> set[str]:
    return set(filter(None, git(clone, "ls-tree", "-r", "-z", "--name-only", revision).split("\0")))


async def test_nothing_to_rescue_pushes_nothing(desk: Desk) -> None:
    assert await rescue(desk.run, REF) == {"head": "", "ref": REF, "left": [], "reason": ""}
    assert git(desk.place.root, "ls-remote", str(desk.place.remote), REF) == ""


async def test_files_come_back_as_they_were(desk: Desk) -> None:
    desk.write("greeting.txt", "changed\n")
    (desk.path / "folder" / "file.txt").unlink()
    desk.write("folder/file.txt/now/a/folder", "x\n")
    desk.write("größe \n.txt", "x\n").chmod(0o755)
    (desk.path / "link").symlink_to("greeting.txt")
    desk.write("build.log", "ignored\n")
    clone = await rescued(desk)
    expected = {".gitignore", "greeting.txt", "folder/file.txt/now/a/folder", "größe \n.txt", "link"}
    assert files(clone) == expected
    git(clone, "checkout", "--quiet", "FETCH_HEAD^1")
    assert (clone / "greeting.txt").read_text() == "changed\n"
    assert os.access(clone / "größe \n.txt", os.X_OK)
    assert (clone / "link").is_symlink()


async def test_what_was_staged_comes_back_beside_the_files(desk: Desk) -> None:
    desk.write("greeting.txt", "staged\n")
    desk.write("only-staged.txt", "x\n")
    desk.git("add", "--all")
    desk.write("greeting.txt", "in the file\n")
    (desk.path / "only-staged.txt").unlink()
    clone = await rescued(desk)
    assert git(clone, "show", "FETCH_HEAD^1:greeting.txt") == "in the file"
    assert git(clone, "show", "FETCH_HEAD^1^2:greeting.txt") == "staged"
    assert git(clone, "show", "FETCH_HEAD^1^2:only-staged.txt") == "x"
    assert "only-staged.txt" not in files(clone)


async def test_the_commands_in_the_message_bring_everything_back(desk: Desk) -> None:
    desk.git("checkout", "--quiet", "-b", "it's-{one}")
    one = desk.commit("one", subject="One")
    desk.git("branch", "same")
    desk.git("tag", "-a", "-m", "Two", "v2")
    desk.git("checkout", "--quiet", "--detach", BRANCH)
    desk.commit("detached", subject="Detached {x}")
    desk.write("greeting.txt", "stashed\n")
    desk.write("untracked", "stashed too\n")
    desk.git("stash", "push", "--quiet", "--include-untracked", "-m", "it's {stashed}")
    desk.write("new", "new\n")
    clone = await rescued(desk)
    names = list(parts(clone).values())
    assert names[0].startswith("the files as they were")
    assert any("branch same" in name and "it's-{one}" in name and "tag v2" in name for name in names)
    head = git(clone, "rev-parse", "FETCH_HEAD")
    for command in commands(clone):
        subprocess.run(command, shell=True, cwd=clone, check=True, capture_output=True)
    assert {git(clone, "rev-parse", name) for name in ("same", "it's-{one}", "v2")} == {one}
    assert git(clone, "stash", "list") == "stash@{0}: On (no branch): it's {stashed}"
    git(clone, "checkout", "--quiet", "--force", head)
    git(clone, "checkout", "--quiet", f"{head}~")
    git(clone, "stash", "pop")
    assert (clone / "untracked").read_text() == "stashed too\n"
    assert (clone / "greeting.txt").read_text() == "stashed\n"


async def test_files_in_conflict_are_taken_as_they_are(desk: Desk) -> None:
    desk.commit("greeting.txt", "one\n")
    desk.git("checkout", "--quiet", "-b", "two", "HEAD~")
    desk.commit("greeting.txt", "two\n")
    with pytest.raises(subprocess.CalledProcessError):
        desk.git("merge", BRANCH)
    clone = await rescued(desk)
    assert "<<<<<<<" in git(clone, "show", "FETCH_HEAD:greeting.txt")


async def test_other_work_trees_come_back(desk: Desk) -> None:
    desk.git("worktree", "add", "--quiet", "--detach", "../tree")
    (desk.place.workspace / "tree" / "there.txt").write_text("x\n")
    desk.write("here.txt")
    clone = await rescued(desk)
    assert "here.txt" in files(clone, "FETCH_HEAD^1")
    assert "there.txt" in files(clone, "FETCH_HEAD^2")


async def test_an_operation_alone_leaves_its_place(desk: Desk) -> None:
    desk.git("bisect", "start")
    clone = await rescued(desk)
    assert git(clone, "rev-parse", "FETCH_HEAD^1") == desk.git("rev-parse", "HEAD")


async def test_an_unborn_branch_comes_back(desk: Desk) -> None:
    desk.git("checkout", "--quiet", "--orphan", "new")
    desk.write("new.txt")
    assert "new.txt" in files(await rescued(desk))


async def test_a_second_rescue_keeps_the_first(desk: Desk) -> None:
    desk.write("one.txt")
    await rescued(desk)
    (desk.path / "one.txt").unlink()
    desk.write("two.txt")
    before = git(desk.place.remote, "rev-parse", REF)
    assert (await rescue(desk.run, REF))["reason"] == ""
    clone = desk.fresh("second")
    assert git(clone, "rev-parse", "FETCH_HEAD^2") == before
    assert "one.txt" in files(clone, "FETCH_HEAD^2")
    assert "two.txt" in files(clone)


async def test_a_rescue_makes_nothing_safe_that_only_a_branch_would(desk: Desk) -> None:
    desk.commit()
    await rescued(desk)
    assert [entry["where"] for entry in (await check(desk.run))["loose"]] == [BRANCH]  # type: ignore[attr-defined]


async def test_no_hook_runs_and_no_setting_counts(desk: Desk) -> None:
    hooks = desk.path / ".git" / "hooks"
    hooks.mkdir(exist_ok=True)
    for name in ("pre-push", "pre-commit", "reference-transaction", "post-index-change"):
        (hooks / name).write_text(f"#!/bin/sh\ntouch {desk.place.root}/hooked\nexit 1\n")
        (hooks / name).chmod(0o755)
    (desk.path / ".gitattributes").write_text("* filter=lose\n")
    desk.git("config", "filter.lose.clean", "true")
    desk.write("new.txt", "kept\n")
    (desk.place.root / "hooked").unlink(missing_ok=True)
    answer = await rescue(desk.run, REF)
    assert answer["reason"] == ""
    assert not (desk.place.root / "hooked").exists()
    assert git(desk.fresh(), "show", "FETCH_HEAD:new.txt") == "kept"


async def test_repositories_inside_are_said_to_be_left(desk: Desk) -> None:
    for name in ("empty", "full", "folder"):
        (desk.path / name).mkdir(exist_ok=True)
        git(desk.path / name, "init", "--quiet")
    git(desk.path / "full", "commit", "--quiet", "--allow-empty", "-m", "Inside")
    desk.write("new.txt")
    answer = await rescue(desk.run, REF)
    assert answer["left"] == ["empty/", "folder/.git/", "full/"]
    clone = desk.fresh()
    assert "new.txt" in files(clone)
    assert "'full/'" in git(clone, "log", "-1", "--format=%B", "FETCH_HEAD")


async def test_a_submodule_comes_along_only_when_its_remote_has_it(desk: Desk) -> None:
    source = desk.place.root / "sub.git"
    git(desk.place.root, "clone", "--quiet", "--bare", str(desk.place.remote), str(source))
    desk.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(source), "sub")
    desk.git("commit", "--quiet", "-m", "A submodule")
    desk.push()
    sub = desk.path / "sub"
    git(sub, "commit", "--quiet", "--allow-empty", "-m", "Inside")
    assert (await rescue(desk.run, REF))["left"] == ["sub"]
    git(sub, "push", "--quiet", "origin", "HEAD:refs/heads/inside")
    assert (await rescue(desk.run, REF))["left"] == []
    assert git(desk.fresh(), "rev-parse", "FETCH_HEAD:sub") == git(sub, "rev-parse", "HEAD")


async def test_what_is_no_commit_is_said_to_be_left(desk: Desk) -> None:
    desk.git("tag", "blob", desk.git("hash-object", "-w", str(desk.write("x.log", "only here"))))
    answer = await rescue(desk.run, REF)
    assert (answer["head"], answer["left"]) == ("", ["tag blob"])


async def test_a_refused_push_is_told_in_the_servers_words(desk: Desk) -> None:
    hook = desk.place.remote / "hooks" / "pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\necho 'GH013: secrets found'\nexit 1\n")
    hook.chmod(0o755)
    desk.write("new.txt")
    answer = await rescue(desk.run, REF)
    assert answer["head"] == ""
    assert "GH013: secrets found" in str(answer["reason"])


async def test_many_branches_come_back(desk: Desk) -> None:
    tree, parent = desk.git("rev-parse", "HEAD^{tree}"), desk.git("rev-parse", "HEAD")
    lines = []
    for number in range(600):
        lines.append(f"commit refs/heads/many/{number}\ncommitter A <a@b> {number} +0000\ndata 1\nx\n")
        lines.append(f"from {parent}\nM 100644 inline file\ndata 1\n{number % 10}\n")
    subprocess.run(
        ["git", "fast-import", "--quiet"], cwd=desk.path, input="".join(lines).encode(), check=True
    )
    assert tree
    heads = set(desk.git("for-each-ref", "--format=%(objectname)", "refs/heads/many").split())
    clone = await rescued(desk)
    assert heads <= set(git(clone, "log", "-1", "--format=%P", "FETCH_HEAD").split())


async def test_the_command_says_it_as_json(desk: Desk) -> None:
    desk.write("new.txt")
    answer = desk.asked("rescue", REF)
    assert answer == {"head": git(desk.place.remote, "rev-parse", REF), "ref": REF, "left": [], "reason": ""}
