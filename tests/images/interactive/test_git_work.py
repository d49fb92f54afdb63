"""What a close would lose, on real git."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from headless.guard import Guard
from headless.preparation import Preparation, Prepared
from headless.stop import Stop
from interactive import neutral
from interactive.work import check

from tests.images.headless.conftest import _own_git, place
from tests.images.headless.places import BRANCH, Place, git
from tests.images.interactive.git_places import Desk, make_desk, write_order

__all__ = ["_own_git", "place"]


@pytest.fixture
async def desk(place: Place) -> Desk:
    place.push_file("folder/file.txt", "file\n")
    return await make_desk(place)


async def found(desk: Desk) -> dict[str, Any]:
    before = desk.snapshot()
    answer: dict[str, Any] = await check(desk.run)
    assert answer["answered"], answer
    assert desk.snapshot() == before
    assert not list(desk.run.folder.glob(f"{neutral.PREFIX}*"))
    return answer


async def loose(desk: Desk) -> dict[str, list[str]]:
    answer = await found(desk)
    assert answer["uncommitted"] == []
    return {entry["where"]: entry["subjects"] for entry in answer["loose"]}


SAFE: dict[str, object] = {"answered": True, "uncommitted": [], "more": 0, "loose": [], "reason": ""}


async def test_a_new_workspace_has_nothing_to_lose(desk: Desk) -> None:
    assert await found(desk) == SAFE


async def test_what_is_pushed_is_safe_wherever_the_remote_has_it(desk: Desk) -> None:
    desk.commit()
    desk.git("branch", "same")
    desk.git("tag", "v1")
    desk.git("checkout", "--quiet", "--detach")
    desk.push("HEAD:refs/heads/another/name")
    assert await found(desk) == SAFE


async def test_every_kind_of_change_is_named(desk: Desk) -> None:
    for name in ("gone", "moved", "staged", "changed", "mode"):
        desk.write(name, f"{name}\n")
    desk.commit()
    desk.push()
    (desk.path / "gone").unlink()
    desk.git("mv", "moved", "elsewhere")
    desk.write("staged", "other\n")
    desk.git("add", "staged")
    desk.write("staged", "staged\n")  # as it is in the commit
    desk.write("changed", "CHANGED\n")
    (desk.path / "mode").chmod(0o755)
    desk.write("new/größe \n.txt")
    desk.write("hidden.log")
    answer = await found(desk)
    assert answer["uncommitted"] == sorted(
        ["gone", "moved", "elsewhere", "staged", "changed", "mode", "new/größe \n.txt"]
    )


async def test_a_hundred_paths_are_named_and_the_rest_counted(desk: Desk) -> None:
    for number in range(130):
        desk.write(f"new/{number}")
    answer = await found(desk)
    assert (len(answer["uncommitted"]), answer["more"]) == (100, 30)


async def test_commits_on_any_branch_count(desk: Desk) -> None:
    desk.git("checkout", "--quiet", "-b", "other")
    for number in range(7):
        desk.commit(f"{number}", subject=f"Commit {number}")
    desk.git("checkout", "--quiet", BRANCH)
    answer = await found(desk)
    subjects = [f"Commit {number}" for number in (6, 5, 4, 3, 2)]
    assert answer["loose"] == [{"where": "other", "commits": 7, "subjects": subjects}]


async def test_tags_detached_heads_and_other_refs_count(desk: Desk) -> None:
    desk.git("checkout", "--quiet", "--detach")
    desk.commit("tagged", subject="Tagged")
    desk.git("tag", "-a", "-m", "A tag", "v1")
    desk.git("tag", "-a", "-m", "A tag of a tag", "v2", "v1")
    desk.git("checkout", "--quiet", "--detach", BRANCH)
    desk.commit("detached", subject="Detached")
    desk.git("notes", "add", "-m", "A note", "HEAD")
    subjects = await loose(desk)
    assert subjects.pop("refs/notes/commits")
    assert subjects == {"tag v1": ["Tagged"], "tag v2": ["Tagged"], "HEAD": ["Detached"]}


async def test_a_tag_of_a_file_counts_until_the_remote_has_it(desk: Desk) -> None:
    (desk.place.root / "blob").write_text("only here\n")
    desk.git("tag", "blob", desk.git("hash-object", "-w", str(desk.place.root / "blob")))
    assert await loose(desk) == {"tag blob": []}
    desk.push("refs/tags/blob")
    assert await found(desk) == SAFE


async def test_tags_of_the_remote_count_as_had(desk: Desk) -> None:
    desk.commit()
    desk.git("tag", "release")
    desk.push("refs/tags/release")
    assert await found(desk) == SAFE


async def test_every_stash_counts(desk: Desk) -> None:
    for word in ("one", "two"):
        desk.write("greeting.txt", f"{word}\n")
        desk.write(f"{word}.txt")
        desk.git("stash", "push", "--quiet", "--include-untracked", "-m", word)
    assert await loose(desk) == {"stash@{0}": [f"On {BRANCH}: two"], "stash@{1}": [f"On {BRANCH}: one"]}


async def test_other_work_trees_count(desk: Desk) -> None:
    desk.git("worktree", "add", "--quiet", "--detach", "../tree")
    desk.git("worktree", "add", "--quiet", "-b", "inner", "wt")
    tree = desk.place.workspace / "tree"
    (tree / "greeting.txt").write_text("hello\n")
    (desk.path / "wt" / "new.txt").write_text("new\n")
    assert (await found(desk))["uncommitted"] == ["../tree/greeting.txt", "wt/new.txt"]
    git(tree, "commit", "--quiet", "--all", "-m", "There")
    (desk.path / "wt" / "new.txt").unlink()
    assert await loose(desk) == {"HEAD (../tree)": ["There"]}
    subprocess.run(["rm", "-r", str(tree)], check=True)
    assert await loose(desk) == {"HEAD (.git/worktrees/tree)": ["There"]}


@pytest.mark.parametrize("operation", ["merge", "rebase", "cherry-pick", "revert", "stash"])
async def test_a_conflict_is_uncommitted_work(desk: Desk, operation: str) -> None:
    desk.commit("greeting.txt", "one\n")
    desk.git("checkout", "--quiet", "-b", "two", "HEAD~")
    desk.commit("greeting.txt", "two\n")
    desk.push(BRANCH, "two")
    words = {
        "merge": ["merge", BRANCH],
        "rebase": ["rebase", BRANCH],
        "cherry-pick": ["cherry-pick", BRANCH],
        "revert": ["revert", "--no-edit", BRANCH],
        "stash": ["stash", "pop"],
    }
    if operation == "stash":
        desk.write("greeting.txt", "three\n")
        desk.git("stash")
        desk.git("checkout", "--quiet", BRANCH)
    with pytest.raises(subprocess.CalledProcessError):
        desk.git(*words[operation])
    answer = await found(desk)
    assert answer["uncommitted"] == ["greeting.txt"]
    assert [entry["where"] for entry in answer["loose"]] == [
        "stash@{0}" if operation == "stash" else f"{operation} in progress"
    ]


async def test_a_bisect_and_an_empty_merge_show_as_such(desk: Desk) -> None:
    desk.git("bisect", "start")
    assert await loose(desk) == {"bisect in progress": []}
    desk.git("bisect", "reset")
    desk.place.push_file("theirs", "theirs\n")
    desk.git("fetch", "--quiet", "origin")
    desk.git("merge", "--quiet", "--no-commit", "--no-ff", "-s", "ours", "origin/main")
    assert await loose(desk) == {"merge in progress": []}


async def test_what_a_rebase_has_put_aside_counts(desk: Desk) -> None:
    desk.commit("greeting.txt", "one\n")
    desk.push()
    desk.git("checkout", "--quiet", "-b", "two", "HEAD~")
    desk.commit("greeting.txt", "two\n")
    desk.push("two")
    desk.write("folder/file.txt", "put aside\n")
    with pytest.raises(subprocess.CalledProcessError):
        desk.git("rebase", "--autostash", BRANCH)
    answer = await found(desk)
    subjects = [subject for entry in answer["loose"] for subject in entry["subjects"]]
    assert "On two: autostash" in subjects


async def test_repositories_inside_are_never_passed_over(desk: Desk) -> None:
    for name in ("empty", "full", "folder", "deep/down"):
        (desk.path / name).mkdir(parents=True, exist_ok=True)
        git(desk.path / name, "init", "--quiet")
    git(desk.path / "full", "commit", "--quiet", "--allow-empty", "-m", "Inside")
    assert (await found(desk))["uncommitted"] == ["deep/down/", "empty/", "folder/.git/", "full/"]


async def with_submodule(desk: Desk) -> Path:
    sub = desk.place.root / "sub.git"
    git(desk.place.root, "clone", "--quiet", "--bare", str(desk.place.remote), str(sub))
    desk.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(sub), "sub")
    desk.git("commit", "--quiet", "-m", "A submodule")
    desk.push()
    return desk.path / "sub"


async def test_submodules_count(desk: Desk) -> None:
    sub = await with_submodule(desk)
    assert await found(desk) == SAFE
    (sub / "new").write_text("new\n")
    git(sub, "config", "status.showUntrackedFiles", "no")
    assert (await found(desk))["uncommitted"] == ["sub"]
    git(sub, "add", "new")
    git(sub, "commit", "--quiet", "-m", "Inside")
    answer = await found(desk)
    assert answer["uncommitted"] == ["sub"]
    assert answer["loose"] == [{"where": "submodule sub", "commits": 1, "subjects": ["Inside"]}]
    desk.git("commit", "--quiet", "--all", "-m", "Moved")
    desk.push()
    assert await loose(desk) == {"submodule sub": ["Inside"]}
    git(sub, "push", "--quiet", "origin", "HEAD:refs/heads/new")
    assert await found(desk) == SAFE
    desk.git("submodule", "deinit", "--quiet", "--all")
    assert await found(desk) == SAFE
    (desk.path / "sub" / "lost").write_text("lost\n")
    assert (await found(desk))["uncommitted"] == ["sub/"]


async def test_what_is_hidden_and_not_there_is_no_change(desk: Desk) -> None:
    desk.git("sparse-checkout", "set", "nothing")
    assert not (desk.path / "folder").exists()
    assert await found(desk) == SAFE
    desk.git("sparse-checkout", "set", "--sparse-index", "nothing")
    assert await found(desk) == SAFE


# What Heddle itself has put there.


async def test_files_of_set_up_are_no_work(place: Place) -> None:
    place.push_file(".heddle/setup.sh", "mkdir built; echo x > built/x; echo y > 'y [1].txt'\n")
    desk = await make_desk(place)
    preparation = Preparation(desk.run, neutral.NeutralGit(desk.path, desk.run.author))
    assert await preparation.carry_out(Stop()) is Prepared.DONE
    assert (desk.path / "built" / "x").exists()
    assert await found(desk) == SAFE


async def test_foreign_configuration_is_nobodys_change(place: Place) -> None:
    place.push_file("CLAUDE.md", "base\n")
    place.push_file(".claude/settings.json", "{}\n")
    place.push_file("CLAUDE.md", "theirs\n", BRANCH)
    place.push_file(".mcp.json", "theirs\n", BRANCH)
    git(place.other, "rm", "-r", "--quiet", ".claude")
    git(place.other, "commit", "--quiet", "-m", "Without")
    git(place.other, "push", "--quiet", "origin", f"HEAD:refs/heads/{BRANCH}")
    place.refresh_mirror()
    desk = await make_desk(place, untrusted=True)
    await Guard(neutral.NeutralGit(desk.path, desk.run.author), desk.run).apply()
    assert (desk.path / "CLAUDE.md").read_text() == "base\n"
    assert await found(desk) == SAFE
    desk.git("update-index", "--skip-worktree", "greeting.txt")
    desk.write("greeting.txt", "hello\n")
    desk.write("AGENTS.md", "new\n")
    assert (await found(desk))["uncommitted"] == ["AGENTS.md", "greeting.txt"]


async def test_a_branch_from_a_fork_is_known_to_the_remote(place: Place) -> None:
    place.push_pull("theirs.txt", "theirs\n")
    desk = await make_desk(place, start="refs/pull/7/head")
    assert (desk.path / "theirs.txt").exists()
    assert await found(desk) == SAFE


# What can't be answered.


async def test_no_clone_at_all_is_safe(place: Place) -> None:
    run = write_order(place)
    assert await check(run) == SAFE
    (place.workspace / "base").write_text("1" * 40)
    (place.workspace / "repository.partial").mkdir()
    assert await check(run) == SAFE


async def doubted(desk: Desk) -> str:
    answer: dict[str, Any] = await check(desk.run)
    assert not answer["answered"]
    assert answer["reason"]
    return str(answer["reason"])


async def test_a_repository_that_is_gone_is_no_answer(desk: Desk) -> None:
    desk.path.rename(desk.place.workspace / "moved")
    assert "not in its place" in await doubted(desk)


async def test_a_remote_out_of_reach_is_no_answer(desk: Desk) -> None:
    desk.place.remote.rename(desk.place.root / "away.git")
    assert "The remote could not be asked" in await doubted(desk)


async def test_a_remote_that_says_nothing_is_no_answer(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    silent = tmp_path / "silent"
    silent.write_text("#!/bin/sh\nexec sleep 60\n")
    silent.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    (tmp_path / "bin").mkdir()
    silent.rename(tmp_path / "bin" / "ssh")
    monkeypatch.setattr(neutral, "FETCH_LIMIT", 0.3)
    begun = time.monotonic()
    answer: dict[str, Any] = await check(write_order(desk.place, remote="ssh://nowhere.invalid/x"))
    assert "no answer within" in answer["reason"]
    assert time.monotonic() - begun < 20


def damage_config(desk: Desk) -> None:
    (desk.path / ".git" / "config").write_text("[core\n")


def damage_head(desk: Desk) -> None:
    (desk.path / ".git" / "HEAD").write_text("nonsense\n")


def damage_index(desk: Desk) -> None:
    (desk.path / ".git" / "index").write_bytes(b"nonsense")


def damage_ref(desk: Desk) -> None:
    (desk.path / ".git" / "refs" / "heads" / "broken").write_text("nonsense\n")


def damage_commit(desk: Desk) -> None:
    head = desk.commit()
    (desk.path / ".git" / "objects" / head[:2] / head[2:]).unlink()


def damage_objects(desk: Desk) -> None:
    (desk.path / ".git" / "objects" / "info" / "alternates").unlink()


def damage_everything(desk: Desk) -> None:
    (desk.path / ".git").rename(desk.place.workspace / "dot-git")


DAMAGES = [
    damage_config,
    damage_head,
    damage_index,
    damage_ref,
    damage_commit,
    damage_objects,
    damage_everything,
]


@pytest.mark.parametrize("damage", DAMAGES)
async def test_a_damaged_repository_is_no_answer(desk: Desk, damage: Callable[[Desk], None]) -> None:
    damage(desk)
    await doubted(desk)


async def test_locks_that_a_killed_git_has_left_are_not_in_the_way(desk: Desk) -> None:
    folder = desk.path / ".git"
    for name in ("index.lock", "HEAD.lock", "packed-refs.lock", "config.lock"):
        (folder / name).touch()
    assert await check(desk.run) == SAFE
    desk.write("new.txt")
    assert (await check(desk.run))["uncommitted"] == ["new.txt"]


async def test_an_unborn_branch_is_looked_at_too(desk: Desk) -> None:
    desk.git("checkout", "--quiet", "--orphan", "new")
    assert (await found(desk))["uncommitted"] == [".gitignore", "folder/file.txt", "greeting.txt"]


async def test_an_order_that_is_missing_is_no_answer(desk: Desk) -> None:
    (desk.run.folder / "order.json").unlink()
    assert desk.asked("check")["answered"] is False


async def test_names_in_no_encoding_are_told_all_the_same(desk: Desk) -> None:
    Path(os.fsdecode(os.fsencode(desk.path) + b"/\xff.txt")).write_text("x\n")
    assert desk.asked("check")["uncommitted"] == ["\ufffd.txt"]


async def test_many_branches_are_answered_at_once(desk: Desk) -> None:
    desk.commit()
    head = desk.git("rev-parse", "HEAD")
    given = "".join(f"create refs/heads/many/{number} {head}\n" for number in range(1500))
    subprocess.run(["git", "update-ref", "--stdin"], cwd=desk.path, input=given.encode(), check=True)
    answer: dict[str, Any] = await check(desk.run)
    assert len(answer["loose"]) == 1501
