"""An interactive workspace's repository with its remote, both real, and the questions that Heddle asks it."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from headless import clone
from headless.run import Run
from interactive import order

from tests.images.headless.places import BRANCH, PROGRAMS, Place, git

REF = "refs/heddle/rescue/w1"


@dataclass(frozen=True)
class Desk:
    """The workspace as its user has it."""

    place: Place
    run: Run

    @property
    def path(self) -> Path:
        return self.place.repository

    def git(self, *arguments: str) -> str:
        return git(self.path, *arguments)

    def write(self, name: str, text: str = "text\n") -> Path:
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def commit(self, name: str = "work.txt", text: str = "work\n", subject: str = "Work") -> str:
        self.write(name, text)
        self.git("add", "--all")
        self.git("commit", "--quiet", "-m", subject)
        return self.git("rev-parse", "HEAD")

    def push(self, *specs: str) -> None:
        self.git("push", "--quiet", str(self.place.remote), *(specs or (f"HEAD:refs/heads/{BRANCH}",)))

    def fresh(self, name: str = "fresh") -> Path:
        """A clone by somebody else, with the rescue ref as FETCH_HEAD when there is one."""
        folder = self.place.root / name
        git(self.place.root, "clone", "--quiet", str(self.place.remote), str(folder))
        if git(self.place.root, "ls-remote", str(self.place.remote), REF):
            git(folder, "fetch", "--quiet", "origin", REF)
        return folder

    def asked(self, *words: str, **environment: str) -> dict[str, Any]:
        """The answer of the command itself, in a process of its own."""
        done = subprocess.run(
            [sys.executable, "-m", "interactive.git_cli", *words, "--workspace", str(self.place.workspace)],
            env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(PROGRAMS), **environment},
            capture_output=True,
            cwd="/",
        )
        assert (done.returncode, done.stderr) == (0, b"")
        answer: dict[str, Any] = json.loads(done.stdout)
        return answer

    def snapshot(self) -> dict[str, str]:
        """What must not change when the repository is only looked at."""
        asked = {
            "refs": ("for-each-ref",),
            "status": ("status", "--porcelain"),
            "stash": ("stash", "list"),
            "index": ("ls-files", "-v", "-s"),
            "config": ("config", "--local", "--list"),
            "worktrees": ("worktree", "list"),
        }
        found = {name: self.git(*arguments) for name, arguments in asked.items()}
        head = self.path / ".git" / "FETCH_HEAD"
        objects = sorted(str(path) for path in (self.path / ".git" / "objects").rglob("*"))
        return {**found, "fetched": head.read_text() if head.exists() else "", "objects": "\n".join(objects)}


def write_order(place: Place, **changes: object) -> Run:
    folder = place.workspace / "interactive"
    folder.mkdir(exist_ok=True)
    settings: dict[str, object] = {
        "run_id": "opening-1",
        "branch": BRANCH,
        "base": "main",
        "remote": str(place.remote),
        "mirror": str(place.mirror),
        "resume": None,
        "author": {"name": "Heddle", "email": "heddle@example.com"},
        "trailers": [],
        "start": None,
        "untrusted": False,
        "time_limit": 0,
        "message_id": "",
        **changes,
    }
    (folder / "order.json").write_text(json.dumps(settings))
    return order.read(folder)


async def make_desk(place: Place, **changes: object) -> Desk:
    run = write_order(place, **changes)
    await clone.create(run)
    await clone.connect(clone.repository_of(run), run)
    return Desk(place, run)
