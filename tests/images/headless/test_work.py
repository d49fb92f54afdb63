from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from headless import clone
from headless.difference import difference, numbers_of
from headless.git import Git
from headless.run import Run
from headless.work import SUBJECT_LIMIT, commit_message, save
from hypothesis import given
from hypothesis import strategies as st

from tests.images.headless.places import BRANCH, Place, git


@pytest.fixture
async def run(place: Place) -> Run:
    made = place.order()
    await clone.create(made)
    return made


def write(place: Place, name: str, text: str) -> None:
    (place.repository / name).write_text(text)


def commit(place: Place, name: str, text: str) -> None:
    write(place, name, text)
    place.git("add", "--all")
    place.git("commit", "--quiet", "-m", f"Change {name}")


def names(place: Place) -> list[str]:
    return place.git("ls-tree", "-r", "--name-only", "HEAD").splitlines()


async def test_everything_but_ignored_files_is_committed_once(place: Place, inside: Git, run: Run) -> None:
    write(place, "greeting.txt", "hello\n")
    write(place, "new.txt", "new\n")
    write(place, "debug.log", "noise\n")
    await save(inside, run)
    await save(inside, run)
    assert names(place) == [".gitignore", "greeting.txt", "new.txt"]
    assert place.git("rev-list", "--count", "origin/main..HEAD") == "1"
    assert place.git("log", "-1", "--format=%an <%ae>|%s|%(trailers)").strip() == (
        "Heddle <heddle@example.com>|Fix the greeting|Heddle-Conversation: acme/greeter#1"
    )


async def test_nothing_is_committed_when_nothing_changed(place: Place, inside: Git, run: Run) -> None:
    await save(inside, run)
    assert place.git("rev-parse", "HEAD") == place.git("rev-parse", "origin/main")


async def test_hooks_and_signing_do_not_keep_work_from_being_saved(
    place: Place, inside: Git, run: Run
) -> None:
    for name in ("pre-commit", "commit-msg", "prepare-commit-msg"):
        hook = place.repository / ".git" / "hooks" / name
        hook.write_text("#!/bin/sh\nexit 1\n")
        hook.chmod(0o755)
    place.git("config", "commit.gpgSign", "true")
    place.git("config", "user.signingKey", "missing")
    (place.repository / ".git" / "index.lock").touch()
    write(place, "new.txt", "new\n")
    await save(inside, run)
    assert "new.txt" in names(place)


async def test_work_on_a_detached_head_ends_up_on_the_branch(place: Place, inside: Git, run: Run) -> None:
    place.git("checkout", "--quiet", "--detach")
    commit(place, "new.txt", "new\n")
    write(place, "more.txt", "more\n")
    await save(inside, run)
    assert await inside.branch() == BRANCH
    assert {"new.txt", "more.txt"} <= set(names(place))


async def test_work_on_another_branch_ends_up_on_the_branch(place: Place, inside: Git, run: Run) -> None:
    place.git("checkout", "--quiet", "-b", "my-own-idea")
    commit(place, "new.txt", "new\n")
    await save(inside, run)
    assert await inside.branch() == BRANCH
    assert "new.txt" in names(place)


async def test_a_look_at_older_work_does_not_count(place: Place, inside: Git, run: Run) -> None:
    commit(place, "new.txt", "new\n")
    place.git("checkout", "--quiet", "--detach", "HEAD~1")
    write(place, "more.txt", "more\n")
    await save(inside, run)
    assert await inside.branch() == BRANCH
    assert {"new.txt", "more.txt"} <= set(names(place))


async def test_a_resolved_merge_is_concluded(place: Place, inside: Git, run: Run) -> None:
    conflicting(place)
    assert await inside.says("merge", "origin/main") is False
    write(place, "greeting.txt", "hello, world\n")  # resolved, not added
    await save(inside, run)
    assert place.git("rev-list", "--count", "--merges", "HEAD") == "1"
    assert (place.repository / "greeting.txt").read_text() == "hello, world\n"


async def test_an_unresolved_merge_is_undone_and_kept(place: Place, inside: Git, run: Run) -> None:
    conflicting(place)
    await inside.says("merge", "origin/main")
    write(place, "aside.txt", "aside\n")
    await save(inside, run)
    assert place.git("show", "HEAD:greeting.txt") == "hello"
    assert "<<<<<<<" in place.git("show", f"refs/heddle/{run.run_id}:greeting.txt")
    assert place.git("show", f"refs/heddle/{run.run_id}:aside.txt") == "aside"
    assert place.git("status", "--porcelain") == ""


async def test_an_unresolved_rebase_is_undone(place: Place, inside: Git, run: Run) -> None:
    conflicting(place)
    tip = place.git("rev-parse", "HEAD")
    await inside.says("rebase", "origin/main")
    await save(inside, run)
    assert await inside.branch() == BRANCH
    assert place.git("rev-parse", "HEAD") == tip


async def test_a_resolved_rebase_is_gone_on_with(place: Place, inside: Git, run: Run) -> None:
    conflicting(place)
    commit(place, "later.txt", "later\n")
    await inside.says("rebase", "origin/main")
    write(place, "greeting.txt", "hello, world\n")
    await save(inside, run)
    assert await inside.branch() == BRANCH
    assert place.git("rev-list", "--count", "origin/main..HEAD") == "2"
    assert "later.txt" in names(place)


async def test_an_unresolved_cherry_pick_is_undone(place: Place, inside: Git, run: Run) -> None:
    conflicting(place)
    tip = place.git("rev-parse", "HEAD")
    await inside.says("cherry-pick", "origin/main")
    await save(inside, run)
    assert place.git("rev-parse", "HEAD") == tip
    assert place.git("status", "--porcelain") == ""


async def test_a_clone_inside_the_repository_is_left_out(place: Place, inside: Git, run: Run) -> None:
    git(place.repository, "clone", "--quiet", str(place.remote), "vendored")
    write(place, "new.txt", "new\n")
    await save(inside, run)
    assert names(place) == [".gitignore", "greeting.txt", "new.txt"]


async def test_a_repository_without_commits_does_not_keep_the_rest_out(
    place: Place, inside: Git, run: Run
) -> None:
    git(place.repository, "init", "--quiet", "scratch")
    write(place, "greeting.txt", "hello\n")
    write(place, "new.txt", "new\n")
    await save(inside, run)
    assert names(place) == [".gitignore", "greeting.txt", "new.txt"]
    assert place.git("show", "HEAD:greeting.txt") == "hello"


async def test_the_difference_leaves_out_what_the_base_brought(place: Place, inside: Git, run: Run) -> None:
    base = await clone.base_of(inside, run)
    commit(place, "new.txt", "one\ntwo\n")
    place.push_file("news.txt", "news\n")
    place.git("fetch", "--quiet", str(place.remote), "main:refs/remotes/origin/main")
    place.git("merge", "--quiet", "origin/main")
    found = await difference(inside, run, base)
    assert (found.commits, found.files, found.insertions, found.deletions) == (2, 1, 2, 0)


async def others(place: Place, inside: Git) -> tuple[Run, str]:
    """A fresh workspace on a branch that has a commit of someone else's."""
    place.push_file("theirs.txt", "theirs\n", BRANCH)
    made = place.order()
    await clone.create(made)
    return made, await clone.base_of(inside, made)


async def test_commits_that_were_there_before_the_workspace_do_not_count(place: Place, inside: Git) -> None:
    made, base = await others(place, inside)
    found = await difference(inside, made, base)
    assert (found.commits, found.files) == (0, 0)
    commit(place, "new.txt", "one\ntwo\n")
    found = await difference(inside, made, base)
    assert (found.commits, found.files, found.insertions, found.deletions) == (1, 1, 2, 0)


@pytest.mark.parametrize("way", ["merge", "rebase"])
async def test_news_of_the_base_on_a_branch_of_others_do_not_count(
    place: Place, inside: Git, way: str
) -> None:
    made, base = await others(place, inside)
    commit(place, "new.txt", "one\ntwo\n")
    place.push_file("news.txt", "news\n")
    place.git("fetch", "--quiet", str(place.remote), "main:refs/remotes/origin/main")
    place.git(way, "--quiet", "origin/main")
    found = await difference(inside, made, base)
    # A rebase has made the others' commit anew.
    assert (found.commits, found.files, found.insertions, found.deletions) == (2, 1, 2, 0)


def test_numbers() -> None:
    assert numbers_of(" 3 files changed, 12 insertions(+), 1 deletion(-)") == (3, 12, 1)
    assert numbers_of(" 1 file changed, 1 deletion(-)") == (1, 0, 1)
    assert numbers_of("") == (0, 0, 0)


def conflicting(place: Place) -> None:
    """The branch and the base change the same line."""
    commit(place, "greeting.txt", "hello\n")
    place.push_file("greeting.txt", "hi\n")
    place.git("fetch", "--quiet", str(place.remote), "main:refs/remotes/origin/main")


@given(st.text(), st.lists(st.sampled_from(["A: b", "C: d"]), max_size=2))
def test_every_task_gives_a_subject(task: str, trailers: list[str]) -> None:
    message = commit_message(task, tuple(trailers))
    subject, _, rest = message.partition("\n")
    assert 0 < len(subject) <= SUBJECT_LIMIT
    assert not rest or rest.startswith("\n")
    assert message.endswith("\n".join(trailers) + "\n")


def test_a_long_first_line_is_cut_at_a_word_and_kept_in_the_body() -> None:
    line = "Make the greeting friendlier " * 5
    message = commit_message(f"# {line}\n\nDetails", ("Key: value",))
    subject, blank, body = message.split("\n", 2)
    assert subject == "Make the greeting friendlier Make the greeting friendlier Make the…"
    assert blank == ""
    assert body == f"# {line.strip()}\n\nDetails\n\nKey: value\n"


async def test_odd_names_are_committed_beside_what_can_not_be(place: Place, inside: Git, run: Run) -> None:
    git(place.repository, "init", "--quiet", "scratch")
    odd = [b" first", b"-dash", b"latin\xe9", b"line\nfeed"]
    for name in odd:
        Path(os.fsdecode(os.fsencode(place.repository) + b"/" + name)).touch()
    await save(inside, run)
    listed = subprocess.run(
        ["git", "ls-tree", "-r", "-z", "--name-only", "HEAD"],
        cwd=place.repository,
        capture_output=True,
        check=True,
    )
    assert set(odd) <= set(listed.stdout.split(b"\0"))
