"""A checkpoint has everything that the remote lacks, and the user does not notice, on real git."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from interactive import checkpoint as checkpoints
from interactive import forwarder
from interactive.checkpoint import checkpoint
from interactive.rescue import rescue
from interactive.snapshot import Limits
from interactive.work import NOT_RESTORED, check

from tests.images.headless.conftest import _own_git, place
from tests.images.headless.places import BRANCH, Place, git
from tests.images.interactive.git_places import REF, Desk, write_order
from tests.images.interactive.lost_places import HIDDEN, at_remote, lose, saved, start

__all__ = ["_own_git", "place"]


@pytest.fixture(autouse=True)
def _forwarder_listens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = tmp_path / "tcp"
    table.write_text("   0: 0100007F:0C38 00000000:0000 0A 00000000:00000000\n")
    monkeypatch.setattr(forwarder, "TABLE", table)


@pytest.fixture
async def desk(place: Place) -> Desk:
    made, restored = await start(place)
    assert restored == {}
    return made


async def test_nothing_to_save_pushes_nothing(desk: Desk) -> None:
    desk.write("ignored.log")
    assert await checkpoint(desk.run, HIDDEN) == checkpoints.NOTHING
    assert at_remote(desk) == ""


async def test_what_has_not_changed_is_not_pushed_again(desk: Desk) -> None:
    desk.write("new.txt")
    desk.commit("other.txt")
    desk.write("new.txt", "two\n")
    first = await saved(desk, unchanged=False)
    await asyncio.sleep(1.1)  # another second would give another commit
    assert (await saved(desk, unchanged=True))["head"] == first["head"]
    desk.write("new.txt", "three\n")
    assert (await saved(desk, unchanged=False))["head"] != first["head"]


async def test_unpushed_commits_are_not_sent_again(desk: Desk) -> None:
    git(desk.place.remote, "config", "receive.unpackLimit", "1")
    packs = desk.place.remote / "objects" / "pack"

    def received() -> int:
        return sum(path.stat().st_size for path in packs.glob("*.pack"))

    desk.commit("committed.bin", os.urandom(1_000_000).hex())
    desk.write("folder/small.txt")
    await saved(desk)
    first = received()
    assert first > 1_000_000
    for number in range(3):
        desk.write("folder/small.txt", f"{number}\n")
        await saved(desk, unchanged=False)
    assert received() - first < 10_000
    git(desk.place.remote, "update-ref", "-d", HIDDEN)
    git(desk.place.remote, "gc", "--quiet", "--prune=now")
    await saved(desk)  # all of it, when the remote has nothing any more


async def test_a_ref_that_was_removed_outside_is_pushed_again(desk: Desk) -> None:
    desk.write("new.txt")
    await saved(desk, unchanged=False)
    git(desk.place.remote, "update-ref", "-d", HIDDEN)
    await saved(desk, unchanged=False)


async def test_large_files_are_left_out_and_named(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoints, "LIMITS", Limits(file=1000, together=1500))
    desk.write("greeting.txt", "x" * 1001)
    desk.write("a.txt", "a" * 900)
    desk.write("b.txt", "b" * 901)
    desk.write("c.txt", "c")
    await saved(desk, left=["b.txt", "greeting.txt"])
    clone = desk.fresh()
    git(clone, "fetch", "--quiet", "origin", HIDDEN)
    assert git(clone, "show", "FETCH_HEAD:greeting.txt") == "helo"
    assert git(clone, "show", "FETCH_HEAD:a.txt") == "a" * 900


async def test_a_remote_that_is_away_is_said(desk: Desk) -> None:
    desk.write("new.txt")
    desk.place.remote.rename(desk.place.root / "away")
    answer = await checkpoint(desk.run, HIDDEN)
    assert answer["head"] == ""
    assert str(answer["reason"]).startswith("The remote could not be asked.")


async def test_what_is_on_the_remote_by_now_makes_the_last_checkpoint_stale(desk: Desk) -> None:
    desk.commit()
    head = (await saved(desk))["head"]
    desk.push()
    assert await checkpoint(desk.run, HIDDEN) == {**checkpoints.NOTHING, "stale": head}


async def test_a_volume_that_is_not_filled_yet_is_not_safe(desk: Desk) -> None:
    assert (await check(write_order(desk.place, checkpoint=HIDDEN)))["answered"]
    desk.commit()
    await saved(desk)
    lose(desk)
    run = write_order(desk.place, checkpoint=HIDDEN)
    answer = await check(run)
    assert (answer["answered"], answer["reason"]) == (False, NOT_RESTORED)
    assert (await rescue(run, REF))["reason"] == NOT_RESTORED
    assert (await checkpoint(run, HIDDEN))["reason"] == NOT_RESTORED


async def test_a_checkpoint_makes_nothing_safe(desk: Desk) -> None:
    desk.commit()
    await saved(desk)
    assert [entry["where"] for entry in (await check(desk.run))["loose"]] == [BRANCH]  # type: ignore[attr-defined]


async def test_the_command_says_it_as_json(desk: Desk) -> None:
    desk.write("new.txt")
    answer = desk.asked("checkpoint", HIDDEN)
    assert answer == {**checkpoints.NOTHING, "head": at_remote(desk)}
    assert desk.asked("checkpoint", HIDDEN)["unchanged"]


async def test_a_merged_and_deleted_branch_is_safe_when_its_pull_request_has_it(desk: Desk) -> None:
    desk.commit()
    desk.push(f"HEAD:refs/heads/{BRANCH}", "HEAD:refs/pull/7/head")
    git(desk.place.remote, "update-ref", "-d", f"refs/heads/{BRANCH}")
    desk.git("update-ref", "-d", f"refs/remotes/origin/{BRANCH}")
    assert (await check(desk.run))["loose"] != []
    also = ("refs/pull/7/head", "refs/pull/8/head")
    assert (await check(desk.run, also))["loose"] == []
    assert (await rescue(desk.run, REF, also))["head"] == ""
    assert (await checkpoint(desk.run, HIDDEN, also))["head"] == ""
    assert desk.asked("check", "--also", *also)["loose"] == []
    desk.commit("more.txt", subject="More")
    assert [entry["commits"] for entry in (await check(desk.run, also))["loose"]] == [1]  # type: ignore[attr-defined]


WRITER = r"""
import subprocess, sys, time, pathlib
git = lambda *words: subprocess.run(["git", "-c", "user.name=A", "-c", "user.email=a@b", *words], capture_output=True)
number = 0
while not pathlib.Path(sys.argv[1]).exists():
    number += 1
    with open("log.txt", "a") as file:
        file.write(f"{number}\n")
    pathlib.Path(f"d{number % 7}").mkdir(exist_ok=True)
    pathlib.Path(f"d{number % 7}/f{number % 11}").write_text(str(number))
    pathlib.Path(f"d{number % 5}/f{number % 3}").unlink(missing_ok=True)
    git("add", "--all")
    if number % 3 == 0:
        git("commit", "-m", f"Commit {number}")
    if number % 5 == 0:
        git("stash", "push", "--include-untracked")
    if number % 10 == 0:
        git("stash", "pop")
    if number % 7 == 0:
        git("branch", "-f", "side", "HEAD~1")
    if number % 9 == 0:
        git("commit", "--amend", "-m", "again")
"""


async def test_it_works_beside_somebody_who_writes_and_does_not_disturb_them(desk: Desk) -> None:
    end = desk.place.root / "end"
    desk.commit("base.txt")
    errors = desk.place.root / "errors"
    with errors.open("wb") as output:
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(end)], cwd=desk.path, stdout=output, stderr=output
        )
        try:
            deadline = time.monotonic() + 12
            answers = []
            while time.monotonic() < deadline:
                answers.append(await checkpoint(desk.run, HIDDEN))
        finally:
            end.touch()
            assert writer.wait(30) == 0, errors.read_text()
    assert len([answer for answer in answers if not answer["reason"]]) >= max(1, len(answers) * 3 // 4), (
        answers
    )
    assert all(answer["left"] == [] for answer in answers)
    assert not (desk.path / ".git" / "index.lock").exists()
    desk.git("fsck", "--strict")
    await saved(desk)
