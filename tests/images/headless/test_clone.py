from __future__ import annotations

import os
import shutil

import pytest
from headless import clone
from headless.git import Git

from tests.images.headless.places import BRANCH, Place, git


async def test_a_new_branch_starts_at_the_base(place: Place, inside: Git) -> None:
    run = place.order()
    await clone.create(run)
    await clone.connect(inside, run)
    assert await inside.branch() == BRANCH
    assert await clone.base_of(inside, run) == place.remote_head("main")
    assert place.git("status", "--porcelain", "--ignored") == ""
    assert place.git("status").splitlines() == [
        f"On branch {BRANCH}",
        "nothing to commit, working tree clean",
    ]
    assert place.git("remote", "get-url", "origin") == run.remote
    assert place.git("config", "--local", "user.email") == "heddle@example.com"
    assert not (place.workspace / "repository.partial").exists()


async def test_an_existing_branch_is_gone_on_with(place: Place, inside: Git) -> None:
    theirs = place.push_file("more.txt", "more\n", BRANCH)
    run = place.order()
    await clone.create(run)
    assert place.git("rev-parse", "HEAD") == theirs
    assert await clone.base_of(inside, run) == theirs


async def test_a_new_branch_starts_at_a_pull_request(place: Place, inside: Git) -> None:
    theirs = place.push_pull("fork.txt", "fork\n")
    run = place.order(start="refs/pull/7/head")
    await clone.create(run)
    assert (await inside.branch(), place.git("rev-parse", "HEAD")) == (BRANCH, theirs)
    assert await clone.base_of(inside, run) == theirs
    assert place.git("status", "--porcelain") == ""
    assert place.git("count-objects") == "0 objects, 0 kilobytes"


@pytest.mark.parametrize("start", ["refs/heads/main", "refs/tags/v1"])
async def test_any_ref_of_the_mirror_can_be_the_start(place: Place, start: str) -> None:
    place.push_file("more.txt", "more\n")
    git(place.mirror, "-c", "tag.gpgSign=false", "tag", "-m", "One", "v1", "main~1")
    await clone.create(place.order(start=start, base="main"))
    assert (place.repository / "more.txt").exists() is (start == "refs/heads/main")


async def test_an_existing_branch_goes_before_the_start(place: Place) -> None:
    place.push_pull("fork.txt", "fork\n")
    theirs = place.push_file("more.txt", "more\n", BRANCH)
    await clone.create(place.order(start="refs/pull/7/head"))
    assert place.git("rev-parse", "HEAD") == theirs


async def test_a_missing_start_is_named(place: Place) -> None:
    with pytest.raises(clone.BaseMissing, match="refs/pull/404/head is not in the repository"):
        await clone.create(place.order(start="refs/pull/404/head"))
    assert not clone.is_cloned(place.order())


async def test_a_start_that_is_no_ref_is_a_failed_clone(place: Place) -> None:
    with pytest.raises(clone.CloneFailed):
        await clone.create(place.order(start="--upload-pack=touch x:"))


async def test_a_later_run_takes_over_what_the_pull_request_has_new(place: Place, inside: Git) -> None:
    place.push_pull("fork.txt", "fork\n")
    await clone.create(place.order(start="refs/pull/7/head"))
    theirs = place.push_pull("fork.txt", "more\n")
    run = place.order(start="refs/pull/7/head")
    await clone.connect(inside, run)
    await clone.refresh(inside, run)
    assert place.git("rev-parse", "HEAD") == theirs
    assert await clone.base_of(inside, run) == theirs, "what they add is no work of the workspace"


async def test_a_pull_request_that_was_rewritten_is_taken_over_when_nothing_was_added(
    place: Place, inside: Git
) -> None:
    theirs = place.push_file("more.txt", "more\n", BRANCH)
    run = place.order()
    await clone.create(run)
    await clone.connect(inside, run)
    git(place.other, "commit", "--quiet", "--amend", "-m", "Another subject")
    git(place.other, "push", "--quiet", "--force", "origin", f"HEAD:refs/heads/{BRANCH}")
    await clone.refresh(inside, run)
    rewritten = place.remote_head()
    assert rewritten != theirs
    assert place.git("rev-parse", "HEAD") == await clone.base_of(inside, run) == rewritten


async def test_a_branch_that_was_rewritten_stays_where_work_would_be_lost(place: Place, inside: Git) -> None:
    place.push_file("more.txt", "more\n", BRANCH)
    run = place.order()
    await clone.create(run)
    await clone.connect(inside, run)
    place.git("commit", "--quiet", "--allow-empty", "-m", "Work")
    work = place.git("rev-parse", "HEAD")
    git(place.other, "commit", "--quiet", "--amend", "-m", "Another subject")
    git(place.other, "push", "--quiet", "--force", "origin", f"HEAD:refs/heads/{BRANCH}")
    await clone.refresh(inside, run)
    assert place.git("rev-parse", "HEAD") == work
    assert place.git("branch", "--show-current") == BRANCH


async def test_a_missing_mirror_does_not_keep_a_later_run_from_going_on(place: Place, inside: Git) -> None:
    place.push_pull("fork.txt", "fork\n")
    await clone.create(place.order(start="refs/pull/7/head"))
    git(place.mirror, "update-ref", "-d", "refs/pull/7/head")
    run = place.order(start="refs/pull/7/head")
    await clone.connect(inside, run)
    await clone.refresh(inside, run)
    assert place.git("status", "--porcelain") == ""


async def test_a_workspace_from_before_starts_were_recorded_counts_from_its_base(
    place: Place, inside: Git
) -> None:
    start = place.remote_head("main")
    place.push_file("more.txt", "more\n", BRANCH)
    run = place.order()
    await clone.create(run)
    (place.workspace / "base").unlink()
    assert await clone.base_of(inside, run) == start


async def test_a_plain_push_and_pull_work_for_claude(place: Place, inside: Git) -> None:
    run = place.order()
    await clone.create(run)
    await clone.connect(inside, run)
    (place.repository / "new.txt").write_text("new\n")
    place.git("add", "new.txt")
    place.git("commit", "--quiet", "-m", "New")
    place.git("push", "--quiet")
    assert place.remote_head() == place.git("rev-parse", "HEAD")


async def test_no_object_is_copied(place: Place) -> None:
    await clone.create(place.order())
    assert place.git("count-objects") == "0 objects, 0 kilobytes"


async def test_a_leftover_of_a_killed_clone_is_replaced(place: Place) -> None:
    (place.workspace / "repository.partial" / ".git").mkdir(parents=True)
    await clone.create(place.order())
    assert (place.repository / "greeting.txt").exists()


async def test_a_missing_base_is_named(place: Place) -> None:
    with pytest.raises(clone.BaseMissing, match="develop"):
        await clone.create(place.order(base="develop"))
    assert not clone.is_cloned(place.order())


async def test_an_empty_repository_has_no_base(place: Place) -> None:
    shutil.rmtree(place.mirror)
    git(place.root, "init", "--quiet", "--bare", "mirror")
    with pytest.raises(clone.BaseMissing):
        await clone.create(place.order())


async def test_a_missing_mirror_is_a_failed_clone(place: Place) -> None:
    with pytest.raises(clone.CloneFailed, match="does not exist"):
        await clone.create(place.order(mirror=str(place.root / "nowhere")))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
async def test_a_mirror_of_another_owner_is_taken(place: Place) -> None:
    for path in (place.mirror, *place.mirror.rglob("*")):
        os.chown(path, 4711, 4711)
    await clone.create(place.order())
    assert (place.repository / "greeting.txt").exists()


async def test_a_later_run_keeps_uncommitted_work(place: Place, inside: Git) -> None:
    await clone.create(place.order())
    (place.repository / "greeting.txt").write_text("half done\n")
    run = place.order()
    theirs = place.push_file("more.txt", "more\n", BRANCH)
    await clone.connect(inside, run)
    await clone.refresh(inside, run)
    assert (place.repository / "greeting.txt").read_text() == "half done\n"
    assert place.git("rev-parse", f"origin/{BRANCH}") == theirs
    assert place.git("rev-parse", "HEAD") != theirs


async def test_a_later_run_takes_over_what_others_pushed(place: Place, inside: Git) -> None:
    await clone.create(place.order())
    theirs = place.push_file("more.txt", "more\n", BRANCH)
    run = place.order()
    await clone.connect(inside, run)
    await clone.refresh(inside, run)
    assert place.git("rev-parse", "HEAD") == theirs


async def test_a_later_run_comes_back_to_the_branch_only_when_nothing_is_open(
    place: Place, inside: Git
) -> None:
    run = place.order()
    await clone.create(run)
    place.git("checkout", "--quiet", "-b", "elsewhere")
    (place.repository / "greeting.txt").write_text("half done\n")
    await clone.refresh(inside, run)
    assert await inside.branch() == "elsewhere"
    place.git("checkout", "--quiet", "greeting.txt")
    await clone.refresh(inside, run)
    assert await inside.branch() == BRANCH


async def test_the_base_stays_when_the_base_branch_moves(place: Place, inside: Git) -> None:
    run = place.order()
    await clone.create(run)
    await clone.connect(inside, run)
    base = await clone.base_of(inside, run)
    place.push_file("news.txt", "news\n")
    place.git("fetch", "--quiet", "origin")
    place.git("merge", "--quiet", "origin/main")
    assert await clone.base_of(inside, place.order()) == base
