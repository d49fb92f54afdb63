"""The workspace's slash commands as the demo's model does them: with the files of the image, on real git."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

import playground
from playground.model.commands import Change, changes, commit_changes, groups, merge_back, subject
from playground.model.demo import DemoScript, job_for
from tests.playground.model.loop import Loop, RealTools

SAMPLE = Path(playground.__file__).parent / "sample"
COMMANDS = Path(__file__).parents[3] / "images/workspace/home/commands"
BRANCH = "heddle/work"
ADDRESS = "https://git.example/acme/tally/pull/7"


def command(name: str) -> str:
    """What Claude Code sends to the model for the command."""
    text = (COMMANDS / f"{name}.md").read_text().replace("@BASE@", "main").replace("$ARGUMENTS", "")
    return text.partition("---\n")[2].partition("---\n")[2].strip()


COMMIT, MERGE = command("commit-changes"), command("ai-merge-back")


def git(folder: Path, *arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True, text=True).stdout


@pytest.fixture
def remote(tmp_path: Path) -> Path:
    """The repository on the code host, with the sample on its base branch."""
    first = tmp_path / "first"
    shutil.copytree(SAMPLE, first, ignore=shutil.ignore_patterns("__pycache__"))
    git(tmp_path, "init", "-q", "--bare", "-b", "main", "remote.git")
    git(first, "init", "-q", "-b", "main")
    commit(first, "Start")
    git(first, "remote", "add", "origin", str(tmp_path / "remote.git"))
    git(first, "push", "-q", "origin", "main")
    return tmp_path / "remote.git"


@pytest.fixture
def sample(tmp_path: Path, remote: Path) -> Path:
    """A workspace's clone on a branch of its own."""
    git(tmp_path, "clone", "-q", str(remote), "tally")
    folder = tmp_path / "tally"
    git(folder, "config", "user.name", "Demo")
    git(folder, "config", "user.email", "demo@example.com")
    git(folder, "switch", "-q", "-c", BRANCH)
    return folder


@pytest.fixture
def elsewhere(tmp_path: Path, remote: Path) -> Path:
    """Another person's clone, on the base branch."""
    git(tmp_path, "clone", "-q", str(remote), "elsewhere")
    return tmp_path / "elsewhere"


@pytest.fixture
def loop(sample: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Loop:
    """`heddle-pull-request` is there and writes down that it was called."""
    programs = tmp_path / "programs"
    programs.mkdir()
    offer(programs, f"echo called >>{tmp_path}/calls; echo {ADDRESS}")
    monkeypatch.setenv("PATH", f"{programs}:/usr/local/bin:/usr/bin:/bin")
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    return Loop(DemoScript(), RealTools(sample), directory=str(sample))


def offer(programs: Path, script: str) -> None:
    program = programs / "heddle-pull-request"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)


def commit(folder: Path, words: str) -> None:
    git(folder, "add", "-A")
    git(folder, "-c", "user.name=A", "-c", "user.email=a@example.com", "commit", "-q", "-m", words)


def subjects(folder: Path, ref: str) -> list[str]:
    return git(folder, "log", "--format=%s", ref).splitlines()


def test_the_commands_are_recognised_by_their_texts() -> None:
    assert job_for(COMMIT) is commit_changes
    assert job_for(MERGE) is merge_back
    assert job_for("/commit-changes") is commit_changes
    assert job_for("/ai-merge-back please") is merge_back
    assert job_for("commit what you did to the failing test") not in (commit_changes, merge_back)


def test_a_fix_is_committed_and_pushed(loop: Loop, sample: Path, remote: Path) -> None:
    loop.ask("fix the failing test")
    told = loop.ask(COMMIT)
    assert "Put words with equal counts in alphabetical order" in told
    assert f"`{BRANCH}` is pushed" in told
    assert subjects(remote, BRANCH) == ["Put words with equal counts in alphabetical order", "Start"]
    assert git(sample, "status", "--short") == ""
    assert subjects(remote, "main") == ["Start"]


def test_nothing_to_commit_is_said_and_what_is_committed_is_pushed(
    loop: Loop, sample: Path, remote: Path
) -> None:
    (sample / "tally" / "more.py").write_text("MORE = 1\n")
    commit(sample, "Add more")
    told = loop.ask(COMMIT)
    assert "nothing to commit" in told
    assert subjects(remote, BRANCH) == ["Add more", "Start"]


def test_commits_are_sensible_and_leave_out_what_does_not_belong(
    loop: Loop, sample: Path, remote: Path
) -> None:
    (sample / "tally" / "a b's.py").write_text("A = 1\n")
    (sample / "tests" / "test_a.py").write_text("B = 1\n")
    (sample / "NOTES.md").write_text("- a note\n")
    (sample / ".env").write_text("TOKEN=1\n")
    (sample / "debug.log").write_text("noise\n")
    told = loop.ask(COMMIT)
    assert subjects(remote, BRANCH) == ["Note what was asked for", "Add tally/a b's.py", "Start"]
    files = git(remote, "ls-tree", "-r", "--name-only", BRANCH)
    assert "a b's.py" in files
    assert "tests/test_a.py" in files
    assert ".env" not in files
    assert "debug.log" not in files
    assert "Left out" in told
    assert "`.env`" in told


def test_a_failing_commit_is_reported_and_nothing_pushed(loop: Loop, sample: Path, remote: Path) -> None:
    hook = sample / ".git" / "hooks" / "pre-commit"
    hook.write_text("#!/bin/sh\necho not today\nexit 1\n")
    hook.chmod(0o755)
    (sample / "a.py").write_text("A = 1\n")
    assert "not today" in loop.ask(COMMIT)
    assert git(remote, "branch", "--format=%(refname:short)").split() == ["main"]


def test_what_the_remote_has_besides_is_merged_before_the_push(
    loop: Loop, sample: Path, remote: Path, elsewhere: Path
) -> None:
    git(sample, "push", "-q", "origin", "HEAD")
    git(elsewhere, "fetch", "-q")
    git(elsewhere, "switch", "-q", BRANCH)
    (elsewhere / "theirs.py").write_text("T = 1\n")
    commit(elsewhere, "Add theirs")
    git(elsewhere, "push", "-q", "origin", "HEAD")
    (sample / "ours.py").write_text("O = 1\n")
    told = loop.ask(COMMIT)
    assert "with what the remote had besides" in told
    assert {"Add theirs", "Add ours.py"} <= set(subjects(remote, BRANCH))


def test_a_refused_push_is_reported(loop: Loop, sample: Path, remote: Path) -> None:
    hook = remote / "hooks" / "pre-receive"
    hook.write_text("#!/bin/sh\necho {no} pushes\nexit 1\n")
    hook.chmod(0o755)
    (sample / "a.py").write_text("A = 1\n")
    told = loop.ask(COMMIT)
    assert "failed" in told
    assert "{no} pushes" in told
    assert "is pushed" not in told


def test_merging_back_brings_the_base_in_and_opens_the_pull_request(
    loop: Loop, sample: Path, remote: Path, elsewhere: Path, tmp_path: Path
) -> None:
    (elsewhere / "theirs.txt").write_text("theirs\n")
    commit(elsewhere, "Add theirs")
    git(elsewhere, "push", "-q", "origin", "main")
    loop.ask("fix the failing test")
    told = loop.ask(MERGE)
    assert ADDRESS in told
    assert "`main` is merged" in told
    assert "All tests pass" in told
    assert (tmp_path / "calls").read_text() == "called\n"
    assert git(remote, "show", f"{BRANCH}:theirs.txt") == "theirs\n"
    assert subjects(remote, "main") == ["Add theirs", "Start"]
    said = [str(use.input["command"]) for use in loop.calls("Bash")]
    order = [
        "git fetch origin",
        "git merge --no-edit origin/main",
        "git push origin HEAD",
        "heddle-pull-request",
    ]
    assert [line for line in said if line in order] == order
    assert not any("--force" in line for line in said)


def test_a_test_that_failed_before_is_told_and_no_obstacle(loop: Loop, sample: Path) -> None:
    (sample / "docs").mkdir()
    (sample / "docs" / "a.md").write_text("# A\n")
    told = loop.ask(MERGE)
    assert ADDRESS in told
    assert "failed before my change and still does" in told


def test_a_merge_that_breaks_the_tests_is_not_pushed(
    loop: Loop, sample: Path, remote: Path, elsewhere: Path, tmp_path: Path
) -> None:
    loop.ask("fix the failing test")
    (elsewhere / "tests" / "test_new.py").write_text(
        "import unittest\n\n\nclass New(unittest.TestCase):\n    def test_new(self):\n        self.fail()\n"
    )
    commit(elsewhere, "Add a test that fails")
    git(elsewhere, "push", "-q", "origin", "main")
    told = loop.ask(MERGE)
    assert "test_new" in told
    assert "opened no pull request" in told
    assert not (tmp_path / "calls").exists()
    assert git(remote, "branch", "--format=%(refname:short)").split() == ["main"]


def test_a_contradiction_is_left_to_a_person(
    loop: Loop, sample: Path, elsewhere: Path, tmp_path: Path
) -> None:
    (elsewhere / "README.md").write_text("theirs\n")
    commit(elsewhere, "Change the README")
    git(elsewhere, "push", "-q", "origin", "main")
    (sample / "README.md").write_text("ours\n")
    told = loop.ask(MERGE)
    assert "`README.md`" in told
    assert "for a person to decide" in told
    assert (sample / ".git" / "MERGE_HEAD").exists()
    assert not (tmp_path / "calls").exists()


def test_entries_of_a_list_are_kept_from_both_sides(
    loop: Loop, sample: Path, remote: Path, elsewhere: Path
) -> None:
    (elsewhere / "NOTES.md").write_text("# Notes\n\n- theirs\n")
    commit(elsewhere, "Note theirs")
    git(elsewhere, "push", "-q", "origin", "main")
    loop.ask("make it faster")
    told = loop.ask(MERGE)
    assert ADDRESS in told
    notes = git(remote, "show", f"{BRANCH}:NOTES.md")
    assert "- theirs\n" in notes
    assert "- make it faster\n" in notes
    assert "<<<" not in notes
    assert "===" not in notes


def test_a_refused_pull_request_is_told_in_its_words(loop: Loop, sample: Path, tmp_path: Path) -> None:
    offer(tmp_path / "programs", "echo Heddle: not today >&2; exit 1")
    (sample / "a.py").write_text("A = 1\n")
    told = loop.ask(MERGE)
    assert "without a pull request" in told
    assert "Heddle: not today" in told


def test_changes_are_read_from_git() -> None:
    status = (
        '## main...origin/main [ahead 1]\n M a.py\nMM b.py\n?? "c \\"d.py"\nR  old.py -> new.py\n'
        'D  gone.py\n?? "\\001odd"\n'
    )
    assert changes(status) == (
        Change("M", "a.py"),
        Change("M", "b.py"),
        Change("A", 'c "d.py'),
        Change("R", "new.py"),
        Change("D", "gone.py"),
    )
    assert changes("## No commits yet on main\n") == ()


def test_subjects_are_in_the_imperative() -> None:
    assert subject((Change("A", "a.py"), Change("A", "tests/test_a.py")), "") == "Add a.py"
    assert subject((Change("D", "a.py"), Change("D", "b.py")), "") == "Remove a.py and b.py"
    assert subject((Change("M", "a.py"), Change("A", "b.py"), Change("A", "c.py")), "") == (
        "Change a.py and 2 other files"
    )
    assert subject((Change("M", "tests/test_a.py"),), "") == "Change tests/test_a.py"
    assert groups((Change("M", "README.md"),)) == ((Change("M", "README.md"),),)
