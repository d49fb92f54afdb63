from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from headless import clone
from headless.git import Git
from headless.push import Pushed, judge, push
from headless.run import Run

from tests.images.headless.places import BRANCH, Place, git


@pytest.fixture
async def run(place: Place) -> Run:
    made = place.order()
    await clone.create(made)
    await clone.connect(Git(place.repository, made.author), made)
    return made


def commit(place: Place, name: str = "new.txt", text: str = "new\n") -> str:
    (place.repository / name).write_text(text)
    place.git("add", "--all")
    place.git("commit", "--quiet", "-m", f"Change {name}")
    return place.git("rev-parse", "HEAD")


async def test_head_goes_to_the_branch_wherever_it_is(place: Place, inside: Git, run: Run) -> None:
    place.git("checkout", "--quiet", "--detach")
    head = commit(place)
    assert (await push(inside, run)).pushed is Pushed.DONE
    assert place.remote_head() == head
    assert (await push(inside, run)).pushed is Pushed.DONE


async def test_work_goes_on_top_of_what_others_pushed(place: Place, inside: Git, run: Run) -> None:
    commit(place)
    theirs = place.push_file("theirs.txt", "theirs\n", BRANCH)
    assert (await push(inside, run)).pushed is Pushed.DONE
    assert place.remote_head() == place.git("rev-parse", "HEAD")
    assert place.git("rev-parse", "HEAD~1") == theirs


async def test_a_conflict_leaves_both_sides_as_they_are(place: Place, inside: Git, run: Run) -> None:
    head = commit(place, "greeting.txt", "hello\n")
    theirs = place.push_file("greeting.txt", "hi\n", BRANCH)
    result = await push(inside, run)
    assert result.pushed is Pushed.CONFLICT
    assert "greeting.txt" in result.output
    assert place.remote_head() == theirs
    assert place.git("rev-parse", "HEAD") == head
    assert place.git("status", "--porcelain") == ""


async def test_a_branch_that_was_rewritten_on_purpose_is_replaced(
    place: Place, inside: Git, run: Run
) -> None:
    commit(place)
    assert (await push(inside, run)).pushed is Pushed.DONE
    place.push_file("greeting.txt", "hello\n")
    place.git("fetch", "--quiet", "origin")
    place.git("rebase", "--quiet", "origin/main")
    assert (await push(inside, run)).pushed is Pushed.DONE
    assert place.remote_head() == place.git("rev-parse", "HEAD")
    assert place.git("rev-list", "--count", "origin/main..HEAD") == "1"


async def test_a_rewritten_branch_never_replaces_commits_of_others(
    place: Place, inside: Git, run: Run
) -> None:
    commit(place)
    await push(inside, run)
    theirs = place.push_file("theirs.txt", "theirs\n", BRANCH)
    place.git("commit", "--quiet", "--amend", "-m", "Another subject")
    await push(inside, run)
    git(place.remote, "merge-base", "--is-ancestor", theirs, f"refs/heads/{BRANCH}")


async def test_a_refusal_is_told_in_the_servers_words(place: Place, inside: Git, run: Run) -> None:
    hook = place.remote / "hooks" / "pre-receive"
    hook.write_text("#!/bin/sh\necho 'GH013: secrets found'\nexit 1\n")
    hook.chmod(0o755)
    commit(place)
    result = await push(inside, run)
    assert result.pushed is Pushed.REFUSED
    assert "GH013: secrets found" in result.output


async def test_a_remote_out_of_reach_is_tried_again_until_it_is_back(
    place: Place, inside: Git, run: Run
) -> None:
    head = commit(place)
    away = place.root / "away.git"
    place.remote.rename(away)
    pushing = asyncio.create_task(push(inside, run, patience=20))
    await asyncio.sleep(0.1)
    assert not pushing.done()
    away.rename(place.remote)
    assert (await pushing).pushed is Pushed.DONE
    assert place.remote_head() == head


async def test_a_remote_that_stays_out_of_reach_is_given_up(
    place: Place, inside: Git, run: Run, tmp_path: Path
) -> None:
    commit(place)
    place.remote.rename(tmp_path / "away.git")
    result = await push(inside, run, patience=0.6)
    assert result.pushed is Pushed.UNREACHABLE
    assert result.output


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        (" ! [rejected]  HEAD -> x (non-fast-forward)", Pushed.BEHIND),
        (" ! [rejected]  HEAD -> x (fetch first)", Pushed.BEHIND),
        (" ! [remote rejected] HEAD -> x (protected branch hook declined)", Pushed.REFUSED),
        (" ! [remote rejected] HEAD -> x (cannot lock ref 'refs/heads/x')", Pushed.UNREACHABLE),
        ("fatal: unable to access 'u': The requested URL returned error: 403", Pushed.REFUSED),
        ("fatal: unable to access 'u': The requested URL returned error: 502", Pushed.UNREACHABLE),
        ("fatal: unable to access 'u': Failed to connect to 127.0.0.1 port 3128", Pushed.UNREACHABLE),
        ("fatal: the remote end hung up unexpectedly", Pushed.UNREACHABLE),
    ],
)
def test_what_git_says(output: str, expected: Pushed) -> None:
    assert judge(1, output) is expected
    assert judge(0, output) is Pushed.DONE


@pytest.mark.parametrize("status", [429, 500, 502, 503])
def test_a_code_host_that_is_away_behind_the_gateway_is_asked_again(status: int) -> None:
    said = (
        f"remote: Heddle: github.com answered with status {status}. Try again in a minute.\n"
        " ! [remote rejected] HEAD -> b (Heddle: not pushed, see the lines above)\n"
    )
    assert judge(1, said) is Pushed.UNREACHABLE
    assert judge(1, said.replace(str(status), "403")) is Pushed.REFUSED
