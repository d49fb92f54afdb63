"""What a workspace has brought, and its status at a glance, on real git."""

from __future__ import annotations

from pathlib import Path

import pytest
from interactive.neutral import Doubt
from interactive.status import look
from interactive.summary import NOTHING, summary

from tests.images.headless.conftest import _own_git, place
from tests.images.headless.places import BRANCH, Place
from tests.images.interactive.git_places import Desk, make_desk, write_order

__all__ = ["_own_git", "place"]


@pytest.fixture
async def desk(place: Place) -> Desk:
    return await make_desk(place)


async def test_a_summary_of_nothing(desk: Desk) -> None:
    answer = await summary(desk.run)
    assert answer == {**NOTHING, "head": desk.git("rev-parse", "HEAD"), "reason": ""}


async def test_a_workspace_without_a_clone_has_brought_nothing(place: Place) -> None:
    assert await summary(write_order(place)) == {**NOTHING, "reason": ""}


async def test_commits_come_newest_first_with_their_numbers(desk: Desk) -> None:
    for number in range(53):
        desk.commit("work.txt", f"{number}\n" * 2, f"Commit {number}")
    desk.git("rm", "--quiet", "greeting.txt")
    head = desk.commit("more.txt", "more\n", "The last")
    answer = await summary(desk.run)
    commits = answer.pop("commits")
    assert isinstance(commits, list)
    assert (commits[0], commits[1][8:], len(commits)) == (f"{head[:7]} The last", "Commit 52", 50)
    expected = {"more": 4, "files": 3, "insertions": 3, "deletions": 1, "head": head}
    assert answer == {**expected, "pushed": False, "reason": ""}
    desk.push()
    assert (await summary(desk.run))["pushed"] is True


async def test_the_branch_counts_wherever_head_is(desk: Desk) -> None:
    desk.commit()
    desk.git("checkout", "--quiet", "--detach", "HEAD~")
    assert len((await summary(desk.run))["commits"]) == 1  # type: ignore[arg-type]


async def test_news_of_the_base_is_nobodys_work(desk: Desk) -> None:
    desk.commit()
    desk.place.push_file("theirs.txt", "theirs\n")
    desk.git("fetch", "--quiet", "origin")
    desk.git("merge", "--quiet", "-m", "Merge", "origin/main")
    answer = await summary(desk.run)
    assert [line[8:] for line in answer["commits"]] == ["Merge", "Work"]  # type: ignore[attr-defined]
    assert (answer["files"], answer["insertions"]) == (1, 1)


async def test_a_remote_out_of_reach_leaves_the_commits(desk: Desk) -> None:
    desk.commit()
    desk.push()
    desk.place.remote.rename(desk.place.root / "away.git")
    answer = await summary(desk.run)
    assert (len(answer["commits"]), answer["pushed"]) == (1, False)  # type: ignore[arg-type]
    assert answer["reason"]


async def test_the_command_says_it_as_json(desk: Desk) -> None:
    head = desk.commit()
    answer = desk.asked("summary")
    assert answer["commits"] == [f"{head[:7]} Work"]


async def test_status_at_a_glance(desk: Desk) -> None:
    head = desk.git("rev-parse", "HEAD")
    assert await look(desk.path, "main") == {"branch": BRANCH, "head": head, "unpushed": 0, "changed": 0}
    desk.commit()
    head = desk.commit("two.txt")
    desk.write("new/one")
    desk.write("new/two")
    desk.write("greeting.txt", "x\n")
    assert await look(desk.path, "main") == {"branch": BRANCH, "head": head, "unpushed": 2, "changed": 2}
    desk.git("push", "--quiet", "origin", "HEAD")
    assert (await look(desk.path, "main"))["unpushed"] == 0
    desk.git("checkout", "--quiet", "--detach")
    assert (await look(desk.path, "main"))["branch"] == ""
    desk.git("checkout", "--quiet", "--orphan", "new")
    assert (await look(desk.path, "main"))["head"] == ""


async def test_status_takes_no_lock_and_writes_nothing(desk: Desk) -> None:
    (desk.path / ".git" / "index.lock").touch()
    (desk.path / "greeting.txt").touch()
    before = (desk.path / ".git" / "index").stat().st_mtime_ns
    assert (await look(desk.path, "main"))["changed"] == 0
    assert (desk.path / ".git" / "index").stat().st_mtime_ns == before


async def test_status_without_a_repository_is_in_doubt(tmp_path: Path) -> None:
    with pytest.raises(Doubt):
        await look(tmp_path, "main")
