"""Reading volumes and remotes past Heddle."""

from __future__ import annotations

import subprocess
from pathlib import Path

from playground.chaos import evidence
from playground.chaos.ledger import Held


def git(folder: Path, *command: str) -> None:
    subprocess.run(
        ["git", "-C", folder, "-c", "user.name=a", "-c", "user.email=a@b", *command],
        check=True,
        capture_output=True,
    )


def repository(folder: Path) -> Path:
    folder.mkdir(parents=True)
    git(folder, "init", "--quiet", "--initial-branch=main")
    for number in (1, 2):
        (folder / evidence.FILE).write_text("".join(f"{each}\n" for each in range(1, number + 1)))
        git(folder, "add", ".")
        git(folder, "commit", "--quiet", "--message", f"line {number}")
    return folder


async def test_a_volume_has_lines_and_commits(tmp_path: Path) -> None:
    found = repository(tmp_path / "volume" / "repository")
    (found / evidence.FILE).write_text("1\n2\n3\nx4\n5")
    held = await evidence.in_volume(tmp_path / "volume", tmp_path / "mirror")
    assert held == Held(frozenset({1, 2, 3}), frozenset({1, 2}))


async def test_a_volume_that_is_gone_has_nothing(tmp_path: Path) -> None:
    assert not await evidence.in_volume(tmp_path / "volume", tmp_path / "mirror")


async def test_hidden_refs_are_read_too(tmp_path: Path) -> None:
    found = repository(tmp_path / "remote")
    git(found, "update-ref", "refs/heddle/checkpoints/w", "HEAD")
    git(found, "update-ref", "refs/heads/heddle/x", "HEAD~1")
    names = evidence.refs_of("w", "heddle/x")
    assert await evidence.on_remote(found, names[:1]) == Held(frozenset({1}), frozenset({1}))
    assert await evidence.on_remote(found, names) == Held(frozenset({1, 2}), frozenset({1, 2}))
    assert not await evidence.on_remote(found, ["refs/heads/none"])
