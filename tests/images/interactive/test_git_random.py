"""Whatever people do in a repository: what a check calls safe is on the remote, and a rescue brings everything back."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from interactive.rescue import rescue
from interactive.work import check

from tests.images.headless.conftest import _own_git
from tests.images.headless.places import BRANCH, Place, git
from tests.images.interactive.git_places import REF, Desk, make_desk

__all__ = ["_own_git"]

NAMES = st.sampled_from(["greeting.txt", "a", "a/b", "new.txt", "ignored.log"])
TEXTS = st.sampled_from(["helo\n", "one\n", "two\n"])
BRANCHES = st.sampled_from([BRANCH, "other", "main"])

OPERATIONS = st.one_of(
    st.tuples(st.just("write"), NAMES, TEXTS),
    st.tuples(st.just("remove"), NAMES),
    st.tuples(st.just("stage"), NAMES),
    st.tuples(st.sampled_from(["--assume-unchanged", "--skip-worktree"]), NAMES),
    st.tuples(st.just("switch"), BRANCHES),
    st.tuples(st.just("push"), BRANCHES),
    st.sampled_from([("commit",), ("stash",), ("pop",), ("detach",), ("tag",), ("fake",), ("back",)]),
)


def operate(desk: Desk, number: int, operation: tuple[str, ...]) -> None:
    """One thing that a person does; what git refuses does not happen."""
    path = desk.path / operation[1] if len(operation) > 1 else desk.path
    commands: dict[str, list[list[str]]] = {
        "stage": [["add", "--force", "--", *operation[1:]]],
        "--assume-unchanged": [["update-index", *operation]],
        "--skip-worktree": [["update-index", *operation]],
        "switch": [["checkout", "-B", operation[-1]] if number % 2 else ["checkout", operation[-1]]],
        "push": [["push", str(desk.place.remote), f"HEAD:refs/heads/{operation[-1]}"]],
        "commit": [["add", "--all"], ["commit", "-m", f"Commit {number}"]],
        "stash": [["stash", "push", "--include-untracked"]],
        "pop": [["stash", "pop"]],
        "detach": [["checkout", "--detach"]],
        "tag": [["tag", f"tag-{number}"]],
        "fake": [["update-ref", f"refs/remotes/origin/{BRANCH}", "HEAD"]],
        "back": [["reset", "--hard", "HEAD~"]],
    }
    with contextlib.suppress(OSError, subprocess.CalledProcessError):
        if operation[0] == "write":
            path.parent.mkdir(exist_ok=True)
            path.write_text(operation[2])
        elif operation[0] == "remove":
            path.unlink()
        for command in commands.get(operation[0], []):
            desk.git(*command)


def holdings(desk: Desk) -> tuple[set[str], dict[str, bytes]]:
    """The commits that a user of the repository would miss, and the files that git does not ignore."""
    tips = desk.git("for-each-ref", "--format=%(objectname)", "refs/heads", "refs/tags").split()
    stashes = desk.git("stash", "list", "--format=%H").split()
    commits = {*tips, *stashes, desk.git("rev-parse", "HEAD")}
    found = {}
    for path in desk.path.rglob("*"):
        name = str(path.relative_to(desk.path))
        if path.is_file() and not name.startswith(".git/"):
            ignored = subprocess.run(
                ["git", "check-ignore", "--quiet", "--no-index", name], cwd=desk.path
            ).returncode
            if ignored or desk.git("ls-files", "--", name):
                found[name] = path.read_bytes()
    return commits, found


def contents(clone: Path, revision: str) -> dict[str, bytes]:
    names = filter(None, git(clone, "ls-tree", "-r", "-z", "--name-only", revision).split("\0"))
    shown = {name: ["git", "show", f"{revision}:{name}"] for name in names}
    return {
        name: subprocess.run(words, cwd=clone, capture_output=True).stdout for name, words in shown.items()
    }


def reachable(clone: Path, *where: str) -> set[str]:
    return set(git(clone, "rev-list", *where).split())


@pytest.mark.usefixtures("_own_git")
@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck), database=None)
@given(operations=st.lists(OPERATIONS, min_size=2, max_size=9))
def test_nothing_is_lost(operations: list[tuple[str, ...]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(lose_nothing(Path(folder), operations))


async def lose_nothing(root: Path, operations: list[tuple[str, ...]]) -> None:
    place = prepared(root)
    desk = await make_desk(place)
    for number, operation in enumerate(operations):
        operate(desk, number, operation)
    commits, files = holdings(desk)
    before = desk.snapshot()
    head = desk.git("rev-parse", "HEAD")
    answer: dict[str, Any] = await check(desk.run)
    assert answer["answered"], answer
    safe = not answer["uncommitted"] and not answer["loose"]
    if safe:
        clone = desk.fresh()
        assert commits <= reachable(clone, "--all")
        # A hidden file that is not there is no loss; everything that is there has to be in the commit.
        assert files.items() <= contents(clone, head).items()
    done: dict[str, Any] = await rescue(desk.run, REF)
    assert (done["reason"], done["left"]) == ("", [])
    assert bool(done["head"]) is not safe
    assert desk.snapshot() == before
    if not safe:
        clone = desk.fresh("after")
        assert commits <= reachable(clone, "--all", "FETCH_HEAD")
        revision = "FETCH_HEAD" if answer["uncommitted"] else head
        assert files.items() <= contents(clone, revision).items()


def prepared(root: Path) -> Place:
    place = Place(root)
    place.workspace.mkdir()
    git(root, "init", "--quiet", "--bare", "--initial-branch=main", "remote.git")
    git(root, "clone", "--quiet", "remote.git", "other")
    (place.other / "greeting.txt").write_text("helo\n")
    (place.other / ".gitignore").write_text("*.log\n")
    git(place.other, "add", "--all")
    git(place.other, "commit", "--quiet", "-m", "Start")
    git(place.other, "push", "--quiet", "origin", "HEAD:refs/heads/main")
    git(root, "clone", "--quiet", "--mirror", "remote.git", "mirror")
    return place
