"""The trailer on commits that nobody of Heddle's makes."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from headless.trailers import HOOK, sign_commits

LINK = "Heddle-Conversation: https://example.org/acme/tally/issues/3#it's"


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    git(tmp_path, "init", "--quiet")
    return tmp_path


def git(folder: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=Claude", "-c", "user.email=claude@example.org")
    command = ["git", *identity, *arguments]
    return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout


def message_of(folder: Path) -> str:
    return git(folder, "log", "-1", "--format=%B").strip()


def test_commit_carries_the_trailer(repository: Path) -> None:
    sign_commits(repository / ".git", [LINK])
    git(repository, "commit", "--quiet", "--allow-empty", "-m", "Fix it\n\nBecause.")
    assert message_of(repository) == f"Fix it\n\nBecause.\n\n{LINK}"
    git(repository, "commit", "--quiet", "--amend", "--allow-empty", "--no-edit")
    assert message_of(repository).count("Heddle-Conversation") == 1


def test_next_run_brings_its_own(repository: Path) -> None:
    sign_commits(repository / ".git", [LINK])
    sign_commits(repository / ".git", ["Heddle-Conversation: https://example.org/2"])
    git(repository, "commit", "--quiet", "--allow-empty", "-m", "Fix it")
    assert message_of(repository) == "Fix it\n\nHeddle-Conversation: https://example.org/2"
    sign_commits(repository / ".git", [])
    git(repository, "commit", "--quiet", "--allow-empty", "-m", "Plain")
    assert message_of(repository) == "Plain"


def test_hook_of_somebody_else_stays(repository: Path) -> None:
    hook = repository / ".git" / HOOK
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\nexit 0\n")
    sign_commits(repository / ".git", [LINK])
    assert hook.read_text() == "#!/bin/sh\nexit 0\n"
    hook.unlink()
    hook.symlink_to(repository / "elsewhere")
    sign_commits(repository / ".git", [LINK])
    assert not (repository / "elsewhere").exists()
