from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[3] / "images" / "workspace"))  # where the image has /opt/heddle

from headless.git import Git
from headless.run import Author

from tests.images.headless.places import PRELUDE, Place, git


@pytest.fixture(autouse=True)
def _own_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting of the machine or of whoever runs the tests."""
    (tmp_path / "home").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("GIT_CONFIG_SYSTEM", os.devnull)
    monkeypatch.delenv("GIT_CONFIG_GLOBAL", raising=False)
    for name in ("GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    made = Place(tmp_path)
    made.workspace.mkdir()
    git(tmp_path, "init", "--quiet", "--bare", "--initial-branch=main", "remote.git")
    git(tmp_path, "clone", "--quiet", "remote.git", "other")
    (made.other / "greeting.txt").write_text("helo\n")
    (made.other / ".gitignore").write_text("*.log\n")
    git(made.other, "add", "--all")
    git(made.other, "commit", "--quiet", "-m", "Start")
    git(made.other, "push", "--quiet", "origin", "HEAD:refs/heads/main")
    git(tmp_path, "clone", "--quiet", "--mirror", "remote.git", "mirror")
    yield made
    for process in made.processes:
        if process.poll() is None:
            process.kill()
        process.communicate()


@pytest.fixture
def inside(place: Place) -> Git:
    return Git(place.repository, Author("Heddle", "heddle@example.com"))


@pytest.fixture
def claude(tmp_path: Path) -> Callable[[str], Path]:
    """Puts a stand-in on a path of its own and returns that path."""

    def make(body: str) -> Path:
        folder = tmp_path / "programs"
        folder.mkdir(exist_ok=True)
        program = folder / "claude"
        program.write_text(PRELUDE + body)
        program.chmod(0o755)
        return folder

    return make
