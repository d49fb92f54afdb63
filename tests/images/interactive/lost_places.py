"""A workspace whose volume is lost and that is started again, and everything that its user would miss."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

from headless.stop import Stop
from interactive.checkpoint import checkpoint
from interactive.journal import Journal
from interactive.repository import Repository

from tests.images.headless.places import Place, git
from tests.images.interactive.git_places import Desk, write_order

HIDDEN = "refs/heddle/checkpoints/w1"


async def start(place: Place, **changes: object) -> tuple[Desk, dict[str, Any]]:
    """One start of the container; the desk, and what the journal says was restored."""
    run = write_order(place, checkpoint=HIDDEN, **changes)
    with Journal(run.folder / "journal.jsonl") as journal:
        await Repository(run, journal).prepare(Stop())
    lines = [json.loads(line) for line in (run.folder / "journal.jsonl").read_text().splitlines()]
    return Desk(place, run), next((line for line in lines if line["event"] == "restored"), {})


def lose(desk: Desk) -> None:
    """The volume is gone, and an empty one in its place."""
    place = desk.place
    place.workspace.rename(place.root / f"lost-{len(list(place.root.glob('lost-*')))}")
    place.workspace.mkdir()


async def saved(desk: Desk, **expected: object) -> dict[str, Any]:
    """A checkpoint, which must not change anything that is the user's."""
    before, files = desk.snapshot(), raw(desk)
    answer: dict[str, Any] = await checkpoint(desk.run, HIDDEN)
    assert answer["reason"] == ""
    assert (desk.snapshot(), raw(desk)) == (before, files)
    assert {name: answer[name] for name in expected} == expected
    if answer["head"]:
        assert at_remote(desk) == answer["head"]
        git(desk.place.remote, "fsck", "--strict")
    return answer


def at_remote(desk: Desk) -> str:
    return git(desk.place.root, "ls-remote", str(desk.place.remote), HIDDEN).partition("\t")[0]


def raw(desk: Desk) -> dict[str, bytes]:
    """What git keeps for the user, byte by byte."""
    folder = desk.path / ".git"
    names = [path for path in folder.rglob("*") if path.is_file() and "objects" not in path.parts]
    return {str(path.relative_to(folder)): path.read_bytes() for path in names}


def view(desk: Desk, path: Path | None = None) -> dict[str, object]:
    """Everything that a user would miss."""
    place = path or desk.path

    def ask(*arguments: str) -> str:
        return git(place, *arguments)

    found: dict[str, object] = {
        "head": _head(place),
        "branches": ask("for-each-ref", "--format=%(refname) %(objectname)", "refs/heads", "refs/tags"),
        "stashes": ask("stash", "list", "--format=%H %gs"),
        "staged": ask("ls-files", "-s"),
        "status": ask("status", "--porcelain", "--untracked-files=all"),
    }
    for name in filter(None, ask("ls-files", "-z", "--cached", "--others", "--exclude-standard").split("\0")):
        file = place / name
        if file.is_symlink():
            found[f"file {name}"] = ("link", os.readlink(file))
        elif file.is_file():
            found[f"file {name}"] = (bool(file.stat().st_mode & 0o100), file.read_bytes())
    return found


def _head(place: Path) -> str:
    try:
        return git(place, "symbolic-ref", "HEAD")
    except subprocess.CalledProcessError:  # it is detached
        return git(place, "rev-parse", "HEAD")
