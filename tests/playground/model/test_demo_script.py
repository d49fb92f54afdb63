from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import playground
from playground.model.answer import Answer
from playground.model.conversation import Conversation, Message, Role, Text
from playground.model.demo import NO_TOOLS, DemoScript, job_for, note_it
from playground.model.errands import FINE, acknowledge, explain, look_on, run_tests
from playground.model.jobs import Job, add_shout, failed_tests, fix_tests, rename, write_docs
from tests.playground.model.loop import WORK_TOOLS, Loop, RealTools

SAMPLE = Path(playground.__file__).parent / "sample"
TIE = "tests.test_words.Top.test_ties_come_in_alphabetical_order"


@pytest.fixture
def sample(tmp_path: Path) -> Path:
    """A clone of the sample repository, as a run gets it."""
    folder = tmp_path / "tally"
    shutil.copytree(SAMPLE, folder, ignore=shutil.ignore_patterns("__pycache__"))
    git(folder, "init", "-q", "-b", "main")
    git(folder, "config", "user.name", "Demo")
    git(folder, "config", "user.email", "demo@example.com")
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "Start")
    return folder


@pytest.fixture
def loop(sample: Path) -> Loop:
    return Loop(DemoScript(), RealTools(sample), directory=str(sample))


def git(folder: Path, *arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True, text=True).stdout


def run_unittest(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-B", "-m", "unittest"], cwd=folder, capture_output=True, text=True, check=False
    )


def test_the_sample_has_exactly_one_failing_test(sample: Path) -> None:
    done = run_unittest(sample)
    assert failed_tests(done.stderr) == (TIE,)
    assert "Ran 10 tests" in done.stderr


def test_fix_the_failing_test(loop: Loop, sample: Path) -> None:
    summary = loop.ask("Please fix the failing test")
    assert summary.endswith("All tests pass.")
    assert run_unittest(sample).returncode == 0
    assert git(sample, "status", "--short").split() == ["M", "tally/words.py"]


def test_fixing_twice_changes_nothing_the_second_time(loop: Loop, sample: Path) -> None:
    loop.ask("fix the failing test")
    before = git(sample, "diff")
    assert "changed nothing" in loop.ask("fix the failing test")
    assert git(sample, "diff") == before


def test_another_bug_is_not_pretended_to_be_fixed(loop: Loop, sample: Path) -> None:
    words = sample / "tally" / "words.py"
    words.write_text(words.read_text().replace("reverse=True", "reverse=False"))
    summary = loop.ask("fix the failing tests")
    assert "don't recognise" in summary
    assert TIE in summary
    assert "FAILED" in summary


def test_add_shout_commits_and_tells_of_the_test_that_failed_before(loop: Loop, sample: Path) -> None:
    summary = loop.ask("add a --shout option")
    assert "GO    2  ########" in summary
    assert f"`{TIE}` failed before my change and still does" in summary
    assert git(sample, "status", "--short") == ""
    assert git(sample, "log", "-1", "--format=%s") == "Add a --shout option\n"
    assert "test_shouting" in git(sample, "show", "HEAD")
    assert "there already" in loop.ask("add a --shout option")


def test_a_commit_that_fails_is_reported(loop: Loop, sample: Path) -> None:
    hook = sample / ".git" / "hooks" / "pre-commit"
    hook.write_text("#!/bin/sh\necho not today\nexit 1\n")
    hook.chmod(0o755)
    assert "not today" in loop.ask("add a --shout option")


def test_rename_leaves_options_and_attributes_alone(loop: Loop, sample: Path) -> None:
    summary = loop.ask("rename the function `top` to `most_common`")
    assert "`top` is now `most_common`" in summary
    command = (sample / "tally" / "__main__.py").read_text()
    assert "draw(most_common(count(text, options.ignore), options.top))" in command
    assert '"--top"' in command
    assert failed_tests(run_unittest(sample).stderr) == (TIE,)


@pytest.mark.parametrize(
    ("prompt", "words"),
    [
        ("rename things", "both names"),
        ("rename `nosuch` to `x1`", "There is no"),
        ("rename `top` to `count`", "already"),
    ],
)
def test_renamings_that_cannot_be_done(loop: Loop, sample: Path, prompt: str, words: str) -> None:
    assert words in loop.ask(prompt)
    assert git(sample, "status", "--short") == ""


def test_write_docs_twice(loop: Loop, sample: Path) -> None:
    loop.ask("write docs for the command line")
    page = (sample / "docs" / "usage.md").read_text()
    assert "--ignore WORD" in page
    loop.ask("write the docs again")
    assert (sample / "docs" / "usage.md").read_text() == page


def test_explaining_changes_nothing(loop: Loop, sample: Path) -> None:
    answer = loop.ask("What does this project do?")
    assert answer.startswith("Counts the words of a text")
    assert "Start" in answer
    assert git(sample, "status", "--short") == ""


def test_what_is_not_understood_is_noted(loop: Loop, sample: Path) -> None:
    assert "scripted model" in loop.ask("-- make it $(faster)\nplease")
    loop.ask("and prettier")
    notes = (sample / "NOTES.md").read_text()
    assert notes.endswith("\n- -- make it $(faster) please\n- and prettier\n")
    assert notes.count("# Notes") == 1


def test_steered_tasks_are_done_in_the_same_turn(loop: Loop, sample: Path) -> None:
    summary = loop.ask("fix the failing test", steered=[(0, "write docs too"), (2, "thanks")])
    assert "alphabetical order again" in summary
    assert "## Documentation" in summary
    assert summary.endswith(FINE)
    assert (sample / "docs" / "usage.md").exists()


def test_in_another_repository_it_says_so(tmp_path: Path) -> None:
    (tmp_path / "readme.txt").write_text("nothing here")
    loop = Loop(DemoScript(), RealTools(tmp_path), directory=str(tmp_path))
    before = sorted(tmp_path.iterdir())
    assert "Nothing changed" in loop.ask("add a --shout option")
    assert "wrote nothing" in loop.ask("write docs")
    assert "changed nothing" in loop.ask("fix the bug")
    assert sorted(tmp_path.iterdir()) == before


def test_what_somebody_runs_themselves_is_looked_at_only(loop: Loop, sample: Path) -> None:
    told = loop.ask("<bash-input>git status</bash-input>\n\n<bash-stdout>clean</bash-stdout>")
    assert told.startswith("I see what `git status` printed")
    assert not loop.calls("Bash")


def test_without_tools_it_only_talks() -> None:
    conversation = Conversation("m", (Message(Role.USER, (Text("fix the failing test"),)),))
    assert DemoScript().answer(conversation) == Answer((Text(NO_TOOLS),))


def test_pace_delays_answers() -> None:
    conversation = Conversation("m", (Message(Role.USER, (Text("run the tests"),)),), WORK_TOOLS)
    answer = DemoScript(pace=2).answer(conversation)
    assert isinstance(answer, Answer)
    assert (answer.pauses, answer.pace) == ((2,), 0.1)


@pytest.mark.parametrize(
    ("prompt", "job"),
    [
        ("Fix the failing test.", fix_tests),
        ("one test fails, can you look?", fix_tests),
        ("Add a --shout option", add_shout),
        ("rename top to best", rename),
        ("write docs for tally", write_docs),
        ("run the tests again", run_tests),
        ("What does this do?", explain),
        ("thanks!", acknowledge),
        ("<bash-input>run the tests</bash-input>\n\n<bash-stdout>FAILED</bash-stdout>", look_on),
        ("make it faster", note_it),
        ("thanks, and translate it to French while you are at it, would you?", note_it),
    ],
)
def test_which_job_a_prompt_means(prompt: str, job: Job) -> None:
    assert job_for(prompt) is job
