"""A remote, a mirror, a volume and the driver, all real, for the driver's tests."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from headless.run import Run

PROGRAMS = Path(__file__).parents[3] / "images" / "workspace"
BRANCH = "claude/fix-1"
SESSION = "5f0d2b5e-6a1c-4c7e-9b1c-333333333333"

# What a stand-in has at hand: `read()` is the next message, `say(...)` a line, `turn(...)` a whole answer.
PRELUDE = f"""#!{sys.executable}
import json, os, signal, subprocess, sys, time
SESSION = "{SESSION}"
def say(**line):
    print(json.dumps(dict(session_id=SESSION, **line)), flush=True)
def read():
    line = sys.stdin.readline()
    return json.loads(line) if line else None
def turn(message, result="done", **more):
    say(type="system", subtype="init")
    say(type="user", isReplay=True, uuid=message["uuid"], message=message["message"])
    say(**dict(dict(type="result", subtype="success", is_error=False, result=result, num_turns=1), **more))
"""


def git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", "-c", "user.name=Ann", "-c", "user.email=ann@example.com", *arguments],
        cwd=folder,
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout.strip()


@dataclass
class Place:
    """A remote, a mirror of it and a workspace's volume, all real; and someone else's clone of the remote."""

    root: Path
    runs: int = 0
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def remote(self) -> Path:
        return self.root / "remote.git"

    @property
    def mirror(self) -> Path:
        return self.root / "mirror"

    @property
    def workspace(self) -> Path:
        return self.root / "workspace"

    @property
    def repository(self) -> Path:
        return self.workspace / "repository"

    @property
    def other(self) -> Path:
        return self.root / "other"

    def git(self, *arguments: str) -> str:
        return git(self.repository, *arguments)

    def push_file(self, name: str, text: str, branch: str = "main") -> str:
        """Someone else commits a file and pushes it; the mirror is refreshed."""
        git(self.other, "fetch", "--quiet", "origin")
        known = subprocess.run(
            ["git", "rev-parse", "--verify", "--quiet", f"origin/{branch}"],
            cwd=self.other,
            capture_output=True,
        )
        start = f"origin/{branch}" if known.returncode == 0 else "origin/main"
        git(self.other, "checkout", "--quiet", "--no-track", "-B", branch, start)
        path = self.other / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        git(self.other, "add", "--all")
        git(self.other, "commit", "--quiet", "-m", f"Change {name}")
        git(self.other, "push", "--quiet", "origin", f"HEAD:refs/heads/{branch}")
        self.refresh_mirror()
        return git(self.other, "rev-parse", "HEAD")

    def refresh_mirror(self) -> None:
        git(self.mirror, "fetch", "--quiet", "--prune", "origin", "+refs/heads/*:refs/heads/*")

    def push_pull(self, name: str, text: str, ref: str = "refs/pull/7/head") -> str:
        """Someone commits a file in a fork, on top of what the pull request has so far; the mirror has it too."""
        known = subprocess.run(
            ["git", "fetch", "--quiet", "origin", ref], cwd=self.other, capture_output=True
        )
        start = "FETCH_HEAD" if known.returncode == 0 else "origin/main"
        git(self.other, "checkout", "--quiet", "--detach", start)
        (self.other / name).write_text(text)
        git(self.other, "add", "--all")
        git(self.other, "commit", "--quiet", "-m", f"Change {name}")
        git(self.other, "push", "--quiet", "origin", f"HEAD:{ref}")
        git(self.mirror, "fetch", "--quiet", "origin", f"+{ref}:{ref}")
        return git(self.other, "rev-parse", "HEAD")

    def remote_head(self, branch: str = BRANCH) -> str | None:
        found = git(self.root, "ls-remote", str(self.remote), f"refs/heads/{branch}")
        return found.split()[0] if found else None

    def order(self, task: str = "Fix the greeting", **changes: object) -> Run:
        """A run's folder as Heddle writes it."""
        self.runs += 1
        folder = (
            self.workspace / "runs" / f"run-{self.runs}-{secrets.token_hex(4)}"
        )  # no two in the whole system
        (folder / "inbox").mkdir(parents=True)
        order: dict[str, object] = {
            "run_id": folder.name,
            "repository": "acme/greeter",
            "branch": BRANCH,
            "base": "main",
            "remote": f"file://{self.remote}",
            "mirror": str(self.mirror),
            "resume": None,
            "time_limit": 60,
            "author": {"name": "Heddle", "email": "heddle@example.com"},
            "trailers": ["Heddle-Conversation: acme/greeter#1"],
            "message_id": f"message-{self.runs}",
            **changes,
        }
        (folder / "run.json").write_text(json.dumps(order))
        (folder / "task.md").write_text(task)
        return Run.read(folder)

    def start(self, run: Run, programs: Path | None = None) -> subprocess.Popen[bytes]:
        """The driver, as the container starts it; `programs` comes first on its PATH."""
        path = os.environ["PATH"]
        process = subprocess.Popen(
            [sys.executable, "-m", "headless", str(run.folder)],
            env={
                **os.environ,
                "PYTHONPATH": str(PROGRAMS),
                "PATH": f"{programs}{os.pathsep}{path}" if programs else path,
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self.processes.append(process)
        return process

    def drive(self, run: Run, programs: Path | None = None) -> list[dict[str, object]]:
        """Runs the driver to its end and returns the journal."""
        process = self.start(run, programs)
        output, _ = process.communicate(timeout=60)
        assert (process.returncode, output) == (0, b"")
        return journal_of(run)


def journal_of(run: Run) -> list[dict[str, object]]:
    return [json.loads(line) for line in (run.folder / "stdout.jsonl").read_bytes().splitlines()]


def own(journal: list[dict[str, object]]) -> list[dict[str, object]]:
    """The driver's lines."""
    return [line for line in journal if line["type"] == "heddle"]
